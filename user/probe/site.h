/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where in a function to put its entry probe. The kernel emulates a few instructions (x86-64: push,
 * nop, relative jumps and calls) and single-steps all others out of line, at ten times the cost. So
 * from the entry walk forward over instructions that leave the needed argument registers, the stack
 * pointer and control flow alone, and take the first one that is emulated; never go past a place
 * that the function may jump back to, as the probe must be met exactly once per call. If there is
 * none: the entry. At the chosen site the stack and those arguments are still as the caller left
 * them, so return probes and `*rsp` work as at the entry.
 */
#ifndef MEMTRACE_PROBE_SITE_H
#define MEMTRACE_PROBE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/insn.h"

/* As many as the BPF programs can read (probe.h). */
#define SITE_ARGUMENTS 6

/* What a probe needs to find at its site. */
struct site_needs {
	uint8_t arguments; /* bit n: the program reads argument n */
	/*
	 * No return is probed and no return address read: it does not matter if the stack pointer
	 * has moved down by the function's own frame.
	 */
	bool entry_only;
};

struct chosen_site {
	uint32_t offset; /* bytes from the function's first instruction */
	bool emulated;	 /* the cheap kind */
	/* Which argument register holds argument n there: n itself unless it was copied on the way.
	 */
	uint8_t argument_in[SITE_ARGUMENTS];
	char reason[64]; /* for -v: "je, emulated"; "entry: mov changes the call's state" */
};

/*
 * Chooses the site in the function whose @available bytes of @code run at @address. @size is the
 * function's length in bytes, 0 where the symbol does not say: then nothing rules out a jump back,
 * and the entry is taken. Cannot fail: the entry is always possible.
 */
struct chosen_site site__choose(struct decoder *decoder, const uint8_t *code, size_t available,
	size_t size, uint64_t address, struct site_needs needs);

#endif
