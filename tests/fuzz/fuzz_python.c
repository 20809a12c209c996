/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as the memory of a Python process: thread states, frames, code objects, line tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "python/frames.h"
#include "python/line_table.h"

/* Memory wraps around: so that pointers made of any bytes lead somewhere. */
#define BASE 0x1000
#define WALKED 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
	const uint8_t *data;
	size_t size;
};

static int read_image(void *context, uint64_t address, void *to, size_t size)
{
	const struct image *image = context;

	if (size > image->size || address < BASE)
		return -EFAULT;
	address = (address - BASE) % image->size;
	if (address > image->size - size)
		return -EFAULT;
	memcpy(to, image->data + address, size);
	return 0;
}

static void read_process(const struct python_layout *layout, struct image *image)
{
	struct python_process process = {.layout = layout,
		.memory = {read_image, image},
		.space = layout->walk,
		.runtime = BASE};
	struct python_frames *frames = python_frames__new();
	struct python_place places[WALKED];
	python_threads threads = {0};
	struct python_gil gil;
	size_t count = python_stack__walk(&process, BASE, places, WALKED);

	if (count > WALKED)
		abort();
	for (size_t i = 0; i < count; i++) {
		uint32_t number = python_frames__resolve(frames, &process, 1, &places[i]);

		if (!python_frames__get(frames, number))
			abort();
	}
	python_threads__list(&process, &threads);
	python_gil__read(&process, BASE, &gil);
	vec_free(&threads);
	python_frames__free(frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image = {data + 1, size - 1};
	int minor;

	if (size < 2)
		return 0;
	minor = PYTHON_OLDEST_MINOR + data[0] % (PYTHON_NEWEST_MINOR + 1 - PYTHON_OLDEST_MINOR);
	for (uint32_t offset = 0; offset < 64; offset += 2)
		line_table__find(minor, image.data, image.size, 1, offset);
	read_process(python_layout__find(minor), &image);
	return 0;
}
