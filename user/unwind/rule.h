/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Packs a row's state into the 32 bits of a rule (bpf/unwind.h), and the rare one that does not fit
 * into a list of larger rules. The expressions that compilers, linkers and libraries really use are
 * recognized by their bytes; no expression is evaluated.
 */
#ifndef MEMTRACE_UNWIND_RULE_H
#define MEMTRACE_UNWIND_RULE_H

#include "base/vec.h"
#include "unwind.h"
#include "unwind/cfi_program.h"

/* Why a row's rule cannot be followed (UNWIND_BAD), or only in part. Counted per table. */
enum rule_defect {
	RULE_CFA_REGISTER = 0, /* CFA in a register that calls do not preserve */
	RULE_CFA_EXPRESSION,   /* an expression of a shape that is not known */
	RULE_RETURN_ADDRESS,   /* return address elsewhere than below the CFA */
	RULE_TOO_MANY_RARE,    /* more distinct rare rules than a table may have */
	RULE_LOST_REGISTER,    /* followed, but rbp or rbx was saved in a way that is not known */
	RULE_DEFECT_COUNT,
};

typedef VEC(struct unwind_rare) unwind_rare_vec;

struct rule_packer {
	uint16_t machine;
	unwind_rare_vec rare; /* distinct; freed by the owner */
	uint64_t defects[RULE_DEFECT_COUNT];
};

/* The rule for @state, which is inside a function whose CIE has (or not) the mark 'S'. */
uint32_t rule_packer__pack(
	struct rule_packer *packer, const struct cfi_state *state, bool is_signal_frame);

/* The rule behind the call of C on another stack by Go's runtime: see UNWIND_GO_G. */
uint32_t rule_packer__pack_go_switch(struct rule_packer *packer);

#endif
