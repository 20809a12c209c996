/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#ifndef SHAPES_H
#define SHAPES_H

void run_shapes(void);	/* shapes.c: frames as compilers make them */
void run_signals(void); /* signals.c: signal frames, stacks of signals and threads */
void run_asm(void);	/* asm_frames.S: frames described by hand */

void recurse(int depth);

#endif
