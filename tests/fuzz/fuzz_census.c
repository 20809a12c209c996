/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as a heap: a sound image that the input writes into, where and what it likes, is walked
 * to an end; blocks ascend and do not overlap, pages that are not present are never read, and the
 * account adds up.
 */
#include <stdlib.h>

#include "../unit/census_image.h"
#include "census/census.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct patch {
	uint16_t where; /* of 8 bytes */
	uint8_t target; /* which range; or, above them, a page's state */
	uint8_t how;
	uint32_t value;
};

static uint64_t make_value(const struct patch *patch)
{
	switch (patch->how % 5) {
	case 0:
		return patch->value;
	case 1:
		return FAKE_BRK + patch->value % FAKE_BRK_SIZE / 8 * 8;
	case 2:
		return FAKE_ANON + patch->value % FAKE_ANON_SIZE / 8 * 8;
	case 3:
		return FAKE_DATA + patch->value % FAKE_DATA_SIZE / 8 * 8;
	}
	return (uint64_t)patch->value << 32 | patch->value;
}

static void apply(struct fake *fake, const struct patch *patch)
{
	struct census_range *range = &fake->ranges[patch->target % FAKE_RANGES];
	uint64_t at = range->start + patch->where * 8ull % (range->end - range->start);

	if (patch->target / FAKE_RANGES % 16 == 15)
		fake__set_page(fake, at, patch->how % 3);
	else
		fake__put(fake, at, make_value(patch));
}

static void fill(struct fake *fake)
{
	static const uint16_t sizes[] = {0x290, 0x20, 0x40, 0x30, 0x500, 0x20, 0x300, 0x90};

	fake__begin(fake);
	for (size_t i = 0; i < 64; i++)
		fake__chunk(fake, sizes[i % 8], i % 8 == 4);
	fake__end(fake);
	fake->thread.thread_pointer = FAKE_ANON + 8 * CENSUS_PAGE;
}

static void check(const struct fake *fake, const struct census *census)
{
	const struct census_blocks *blocks = &census->survey.blocks;
	uint64_t sum = 0, end = 0;

	for (size_t i = 0; i < blocks->size; i++) {
		if (blocks->data[i].address < end)
			abort();
		end = blocks->data[i].address + blocks->data[i].size - 8;
	}
	for (enum account_part part = 0; part < ACCOUNT_PARTS; part++)
		sum += census->account.parts[part];
	if (sum != census->account.resident || fake->wrong_reads)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake fake;
	struct census_options options = {.looks = 1};
	struct census census;
	struct error err;

	fill(&fake);
	for (size_t at = 0; at + sizeof(struct patch) <= size; at += sizeof(struct patch)) {
		struct patch patch;

		memcpy(&patch, data + at, sizeof(patch));
		apply(&fake, &patch);
	}
	if (!census__take(&fake.image, &options, &census, &err))
		check(&fake, &census);
	census__free(&census);
	fake__free(&fake);
	return 0;
}
