/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/frame_symbols.h"

/* All names but the last, which is the function's. */
static void copy_inlined(
	struct lock_frame *frame, const struct symbol_frames *symbols, inlined_arrays *arrays)
{
	size_t count = symbols->count - 1;
	struct lock_inlined *copies = calloc(count, sizeof(*copies));

	if (!copies || vec_push(arrays, copies)) {
		free(copies);
		return;
	}
	for (size_t i = 0; i < count; i++)
		copies[i] = (struct lock_inlined){symbols->frames[i].function,
			symbols->frames[i].file, symbols->frames[i].line};
	frame->inlined = copies;
	frame->inlined_count = count;
}

void frame_symbols__set(
	struct lock_frame *frame, const struct symbol_frames *symbols, inlined_arrays *arrays)
{
	const struct symbol_frame *function;

	if (!symbols->count)
		return;
	function = &symbols->frames[symbols->count - 1];
	frame->function = function->function;
	frame->function_offset = function->function_offset;
	frame->file = function->file;
	frame->line = function->line;
	if (symbols->count > 1)
		copy_inlined(frame, symbols, arrays);
}

void inlined_arrays__free(inlined_arrays *arrays)
{
	vec_for_each (array, arrays)
		free(*array);
	vec_free(arrays);
}
