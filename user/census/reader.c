/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/reader.h"

#include <errno.h>
#include <stdlib.h>

int reader__init(struct census_reader *reader, const struct census_memory *memory, size_t capacity)
{
	*reader = (struct census_reader){
		.memory = memory,
		.capacity = capacity,
		.window = capacity,
		.data = malloc(capacity),
		.states = malloc(capacity / CENSUS_PAGE),
		.limit = UINT64_MAX,
	};
	if (reader->data && reader->states)
		return 0;
	reader__free(reader);
	return -ENOMEM;
}

void reader__free(struct census_reader *reader)
{
	free(reader->data);
	free(reader->states);
	reader->data = reader->states = NULL;
	reader->size = 0;
}

/* Reads pages [@first, @behind) of the window, all present a moment ago. */
static void load_run(struct census_reader *reader, size_t first, size_t behind)
{
	uint8_t *to = reader->data + first * CENSUS_PAGE;
	size_t wanted = (behind - first) * CENSUS_PAGE;
	long got = reader->memory->read(
		reader->memory->context, reader->start + first * CENSUS_PAGE, to, wanted);

	if (got == -ESRCH)
		reader->failed = got;
	got = got < 0 ? 0 : got / CENSUS_PAGE * CENSUS_PAGE;
	reader->read_bytes += got;
	memset(to + got, 0, wanted - got);
	for (size_t i = first + got / CENSUS_PAGE; i < behind; i++)
		reader->states[i] = PAGE_ABSENT;
}

void reader__distrust(struct census_reader *reader)
{
	reader__drop(reader);
	reader->window = reader->capacity < READER_WARY ? reader->capacity : READER_WARY;
}

void reader__load(struct census_reader *reader, uint64_t address)
{
	uint64_t start = page_floor(address), left = reader->limit - start;
	size_t pages, i = 0;

	pages = left < reader->window ? (left + CENSUS_PAGE - 1) / CENSUS_PAGE
				      : reader->window / CENSUS_PAGE;
	reader->window =
		reader->window * 2 < reader->capacity ? reader->window * 2 : reader->capacity;
	reader->start = start;
	reader->size = 0;
	if (reader->failed || start >= reader->limit)
		return;
	reader->failed =
		reader->memory->pages(reader->memory->context, start, pages, reader->states);
	if (reader->failed)
		return;
	while (i < pages) {
		size_t first = i;
		uint8_t state = reader->states[i];

		while (i < pages && reader->states[i] == state)
			i++;
		if (state == PAGE_PRESENT)
			load_run(reader, first, i);
		else
			memset(reader->data + first * CENSUS_PAGE, 0, (i - first) * CENSUS_PAGE);
	}
	reader->size = pages * CENSUS_PAGE;
	if (reader->size > left)
		reader->size = left;
}

bool reader__is_present(const struct census_reader *reader, uint64_t address, size_t size)
{
	size_t first = (address - reader->start) / CENSUS_PAGE;
	size_t last = (address + size - 1 - reader->start) / CENSUS_PAGE;

	for (size_t i = first; i <= last; i++)
		if (reader->states[i] != PAGE_PRESENT)
			return false;
	return true;
}

bool reader__copy(struct census_reader *reader, uint64_t address, void *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		uint64_t from = address + done;
		size_t part = CENSUS_PAGE - from % CENSUS_PAGE;
		const void *at;

		if (part > size - done)
			part = size - done;
		at = reader__at(reader, from, part);
		if (!at)
			return false;
		memcpy((uint8_t *)to + done, at, part);
		done += part;
	}
	return true;
}
