/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as a recording. The fuzzer cannot guess checksums, so the input is given twice: as a
 * file, and as the payloads of frames (a byte of type, two of length, the bytes) that are sealed
 * here. Whatever it holds, the replay ends, and its heap adds up.
 */
#include <stdlib.h>
#include <string.h>

#include "stream/recording_frame.h"
#include "stream/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The identity that heap.h promises. */
static void check_heap(const struct heap *heap)
{
	struct heap_totals totals;
	uint64_t count = 0;
	size_t sites;
	const struct site *site = heap__sites(heap, &sites);

	heap__totals(heap, &totals);
	for (size_t i = 0; i < sites; i++)
		count += site[i].live_count;
	if (count != totals.live_count)
		abort();
}

static void replay_bytes(const void *data, size_t size)
{
	struct replay_options options = {0};
	struct replay replay;
	struct error err = {0};
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;

	if (!file)
		return;
	if (!replay__run(&replay, file, "fuzz", &options, &err))
		check_heap(replay.heap);
	else if (!err.message[0])
		abort();
	replay__free(&replay);
	fclose(file);
}

static void seal_and_replay(const uint8_t *data, size_t size)
{
	struct recording_head head = frame__make_head();
	struct frame_writer *writer = frame_writer__new();
	char *bytes = NULL;
	size_t total = 0;
	FILE *file = open_memstream(&bytes, &total);

	if (!file || !writer)
		abort();
	fwrite(&head, sizeof(head), 1, file);
	while (size >= 3) {
		size_t length = data[1] | data[2] << 8;
		const uint8_t *frame;
		long sealed;

		if (length > size - 3)
			length = size - 3;
		sealed = frame_writer__seal(writer, data[0] % 8, 0, data + 3, length, &frame);
		if (sealed < 0)
			abort();
		fwrite(frame, sealed, 1, file);
		data += 3 + length;
		size -= 3 + length;
	}
	fclose(file);
	replay_bytes(bytes, total);
	free(bytes);
	frame_writer__free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	replay_bytes(data, size);
	seal_and_replay(data, size);
	return 0;
}
