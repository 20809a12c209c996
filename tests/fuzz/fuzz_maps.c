/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as /proc/PID/maps: what comes out is sorted, terminated, and found again. */
#include <stdlib.h>
#include <string.h>

#include "process/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maps maps;
	uint64_t last_end = 0;

	if (maps__parse((const char *)data, size, &maps))
		return 0;
	for (size_t i = 0; i < maps.size; i++) {
		const struct mapping *m = &maps.data[i];

		if (m->start < last_end || m->end <= m->start || strlen(m->path) > size ||
			maps__find(&maps, m->start) != m || maps__find(&maps, m->end - 1) != m)
			abort();
		last_end = m->end;
	}
	maps__free(&maps);
	return 0;
}
