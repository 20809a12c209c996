/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A frame of a lock's stack gets the names that the symbolizer gives. */
#ifndef MEMTRACE_BLOCKED_FRAME_SYMBOLS_H
#define MEMTRACE_BLOCKED_FRAME_SYMBOLS_H

#include "base/vec.h"
#include "locks/snapshot.h"
#include "symbols/symbolizer.h"

/* Arrays that frames refer to. */
typedef VEC(struct lock_inlined *) inlined_arrays;

/*
 * Sets the function, its place in the source and the calls inlined into it, which @arrays keep. If
 * memory is short the frame has its function still. Nothing where @symbols are none.
 */
void frame_symbols__set(
	struct lock_frame *frame, const struct symbol_frames *symbols, inlined_arrays *arrays);

void inlined_arrays__free(inlined_arrays *arrays);

#endif
