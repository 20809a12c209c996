/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as a perf-PID.map, and any string as a mangled name. */
#include <stdlib.h>
#include <string.h>

#include "symbols/demangle.h"
#include "symbols/jit_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_jit_map(const char *text, size_t size)
{
	struct jit_map map;
	ssize_t used;
	uint64_t start;

	jit_map__init(&map, -1, 1, 0, NULL);
	used = jit_map__parse(&map, text, size);
	if (used > (ssize_t)size || (used > 0 && text[used - 1] != '\n'))
		abort();
	for (size_t i = 0; i < map.ranges.ranges.size; i++)
		if (!jit_map__find(&map, map.ranges.ranges.data[i].start, &start))
			abort();
	jit_map__free(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	if (text[0] == '_')
		free(demangle__symbol(text));
	else
		parse_jit_map(text, size);
	free(text);
	return 0;
}
