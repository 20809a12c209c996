/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a worker that reads names answers: it may be anything once a target's file has broken it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "symbols/names_wire.h"
#include "symbols/names_worker.h"

static size_t touched;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct symbol_frame frames[NAMES_MAX_FRAMES];
	int count = names_worker__read(data, size, frames);

	for (int i = 0; i < count; i++) {
		touched += frames[i].function ? strlen(frames[i].function) : 0;
		touched += frames[i].file ? strlen(frames[i].file) : 0;
	}
	return 0;
}
