/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Runs the instructions of an FDE (DWARF 5, 6.4.2) and hands out one row per change of location.
 * Only the registers that unwinding needs are followed.
 */
#ifndef MEMTRACE_UNWIND_CFI_PROGRAM_H
#define MEMTRACE_UNWIND_CFI_PROGRAM_H

#include "unwind/cfi.h"

/* DWARF register numbers: psABI AMD64 figure 3.36; AADWARF64 4.1. */
enum { X86_RBX = 3, X86_RBP = 6, X86_RSP = 7, X86_RIP = 16 };
enum { ARM64_FP = 29, ARM64_LR = 30, ARM64_SP = 31 };

enum cfi_how {
	CFI_SAME = 0,	/* not saved: the caller's value is still in the register */
	CFI_UNDEFINED,	/* lost; for the return address: there is no caller */
	CFI_OFFSET,	/* saved at *(CFA + offset) */
	CFI_EXPRESSION, /* saved at *(expression) */
	CFI_REGISTER,	/* in register `offset` */
	CFI_OTHER,	/* a value rule */
};

struct cfi_rule {
	enum cfi_how how;
	int64_t offset;
	const uint8_t *expression;
	size_t expression_size;
};

/* CFA = register + offset, or an expression (if not NULL). */
struct cfi_cfa {
	uint64_t register_number;
	int64_t offset;
	const uint8_t *expression;
	size_t expression_size;
};

struct cfi_state {
	struct cfi_cfa cfa;
	struct cfi_rule bp;		/* rbp; x29 */
	struct cfi_rule bx;		/* rbx; unused on arm64 */
	struct cfi_rule return_address; /* rip; x30 */
};

/* remember_state may nest; compilers make 1 or 2 levels, hand-written code a few more. */
#define CFI_MAX_REMEMBERED 32

/* One machine's interpreter, kept for all FDEs of a section: it keeps the last CIE's state. */
struct cfi_program {
	uint16_t machine;
	/* Bytes of instructions that may still be run, so that hostile input ends in bounded time.
	 */
	uint64_t budget;
	size_t cie_offset;
	bool initial_valid;
	struct cfi_state initial; /* after the CIE's instructions */
	struct cfi_state state;
	struct cfi_state remembered[CFI_MAX_REMEMBERED];
	size_t remembered_count;
};

/*
 * Called with the state that holds from @start (vaddr) up to the next row; NULL: nothing is known
 * from there on, as the instructions make no sense. Nonzero stops.
 */
typedef int cfi_row_fn(void *context, uint64_t start, const struct cfi_state *state);

/*
 * Runs @fde: rows in ascending order, the first one at its start, none at or after its end. 0,
 * -EBADMSG if the instructions cannot be understood (the rows so far were right, the last has no
 * state), -E2BIG if the budget is used up, or what @row returned.
 */
int cfi_program__run(
	struct cfi_program *program, const struct cfi_fde *fde, cfi_row_fn *row, void *context);

#endif
