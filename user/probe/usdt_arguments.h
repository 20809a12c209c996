/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The arguments of a statically defined probe, as its note has them: words of the compiler's own
 * assembly, separated by spaces, each SIZE@OPERAND with a negative size for signed values
 * (SystemTap, "User Space Probe Implementation"). On x86-64 $5, %rax, -8(%rbp), 8(%rax,%rbx,4); on
 * arm64 5, x0, w3, sp, [x0], [sp, 16].
 */
#ifndef MEMTRACE_PROBE_USDT_ARGUMENTS_H
#define MEMTRACE_PROBE_USDT_ARGUMENTS_H

#include <stddef.h>

#include "usdt_places.h"

/*
 * Reads the first @wanted of the arguments in @text, of code for @machine (EM_X86_64, EM_AARCH64).
 * How many there are of them, or -EINVAL: one is not written as above; -ENOTSUP: it is where
 * memtrace cannot read it (a vector register, a symbol, another machine).
 */
int usdt_arguments__parse(
	const char *text, unsigned int machine, struct usdt_argument *arguments, size_t wanted);

#endif
