/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* All cases that need nothing but C and assembly; built in many ways (Makefile). */
#include "known_stack.h"
#include "shapes.h"

int main(void)
{
	KNOWN(main);

	known_stack__open_gate();
	run_shapes();
	run_signals();
#ifdef __x86_64__ /* the others are written in its assembly */
	run_asm();
#endif
	known_stack__close_gate();
	return 0;
}
