/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/rule.h"

#include <elf.h>

#include "unwind/address_expression.h"

#define SIGNAL_PC_OFFSET 168 /* x86-64: rip in the signal frame, see unwind_step.h */

/*
 * The linker's rule for .plt: rsp + n + ((rip & 15) >= t) << 3, in these very bytes (binutils
 * bfd/elfxx-x86; t is 11, with IBT 10 or 9, with MPX 5).
 */
static bool match_plt(const struct cfi_cfa *cfa, uint32_t *rule)
{
	static const uint8_t shape[] = {0x77, 0, 0x80, 0x00, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22};
	const uint8_t *bytes = cfa->expression;
	unsigned int slots, threshold;

	if (cfa->expression_size != sizeof(shape))
		return false;
	for (size_t i = 0; i < sizeof(shape); i++)
		if (shape[i] && bytes[i] != shape[i])
			return false;
	slots = bytes[1] / 8;
	threshold = bytes[6] - 0x30; /* DW_OP_lit0 */
	if (bytes[1] & 7 || bytes[1] >= 64 || threshold > 15 || bytes[3])
		return false;
	*rule = unwind_rule(UNWIND_PLT, 0, 0, threshold << 8 | slots);
	return true;
}

/*
 * *@slot = k if the register was saved at CFA-8k, 0 if it was not saved at all. False: it takes
 * more than a slot number.
 */
static bool slot_of(
	struct rule_packer *packer, const struct cfi_rule *rule, uint32_t max, uint32_t *slot)
{
	*slot = 0;
	switch (rule->how) {
	case CFI_SAME:
	case CFI_UNDEFINED:
		return true;
	case CFI_OFFSET:
		if (rule->offset >= 0 || rule->offset < -8 * (int64_t)max || rule->offset & 7)
			return false;
		*slot = -rule->offset / 8;
		return true;
	case CFI_EXPRESSION:
		return false;
	default:
		packer->defects[RULE_LOST_REGISTER]++;
		return true;
	}
}

/* The register of a rare rule; 0 if it is none that is followed. */
static int32_t base_of(uint64_t register_number)
{
	return register_number == X86_RSP   ? UNWIND_SP
	       : register_number == X86_RBP ? UNWIND_BP
	       : register_number == X86_RBX ? UNWIND_BX
					    : 0;
}

static bool fits_s32(int64_t value)
{
	return value > INT32_MIN && value <= INT32_MAX;
}

static uint32_t pack_bad(struct rule_packer *packer, enum rule_defect defect)
{
	packer->defects[defect]++;
	return UNWIND_BAD;
}

/* Where a register was saved, for a rare rule: @offset from @base, which is 0 for the CFA. */
static void place_register(
	struct rule_packer *packer, const struct cfi_rule *rule, int32_t *base, int32_t *offset)
{
	struct address_expression at;

	*base = 0;
	*offset = UNWIND_NOT_SAVED;
	if (rule->how == CFI_SAME || rule->how == CFI_UNDEFINED)
		return;
	if (rule->how == CFI_OFFSET && fits_s32(rule->offset)) {
		*offset = rule->offset;
	} else if (rule->how == CFI_EXPRESSION &&
		   address_expression__read(rule->expression, rule->expression_size, &at) &&
		   !at.derefs && fits_s32(at.a) && base_of(at.register_number)) {
		*base = base_of(at.register_number);
		*offset = at.a;
	} else {
		packer->defects[RULE_LOST_REGISTER]++;
	}
}

static uint32_t add_rare(struct rule_packer *packer, const struct unwind_rare *rare)
{
	uint32_t i = 0;

	vec_for_each (known, &packer->rare) {
		if (!memcmp(known, rare, sizeof(*rare)))
			return unwind_rule(UNWIND_RARE, 0, 0, i);
		i++;
	}
	if (i == UNWIND_MAX_RARE || vec_push(&packer->rare, *rare))
		return pack_bad(packer, RULE_TOO_MANY_RARE);
	return unwind_rule(UNWIND_RARE, 0, 0, i);
}

static uint32_t pack_rare(struct rule_packer *packer, const struct cfi_state *state,
	const struct address_expression *cfa)
{
	struct unwind_rare rare = {.base = base_of(cfa->register_number),
		.cfa_offset = cfa->a,
		.derefs = cfa->derefs,
		.cfa_after = cfa->b,
		.return_offset = state->return_address.offset};

	if (!rare.base)
		return pack_bad(packer, RULE_CFA_REGISTER);
	if (!fits_s32(cfa->a) || !fits_s32(cfa->b) || cfa->derefs > UNWIND_MAX_DEREFS)
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	place_register(packer, &state->bp, &rare.bp_base, &rare.bp_offset);
	place_register(packer, &state->bx, &rare.bx_base, &rare.bx_offset);
	return add_rare(packer, &rare);
}

/* arm64: x29 and lr at offsets from the CFA. */
static uint32_t pack_rare_arm64(
	struct rule_packer *packer, enum unwind_kind base, const struct cfi_state *state)
{
	struct unwind_rare rare = {.base = base, .cfa_offset = state->cfa.offset};

	if (!fits_s32(state->cfa.offset))
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	place_register(packer, &state->bp, &rare.bp_base, &rare.bp_offset);
	place_register(packer, &state->return_address, &rare.bx_base, &rare.bx_offset);
	return add_rare(packer, &rare);
}

/* CFA = register + offset, with rbp and rbx saved at offsets from it. */
static uint32_t pack_register(struct rule_packer *packer, const struct cfi_state *state,
	const struct address_expression *cfa)
{
	uint64_t defects = packer->defects[RULE_LOST_REGISTER];
	uint32_t kind = base_of(cfa->register_number), bp, bx;
	bool fits;

	if (!kind)
		return pack_bad(packer, RULE_CFA_REGISTER);
	fits = slot_of(packer, &state->bp, UNWIND_SLOT_MAX, &bp);
	fits &= slot_of(packer, &state->bx, UNWIND_SLOT_MAX, &bx);
	if (fits && state->return_address.offset == -8 && cfa->a >= 0 && !(cfa->a & 7) &&
		cfa->a / 8 <= (int64_t)UNWIND_OFFSET_MAX)
		return unwind_rule(kind, bp, bx, cfa->a / 8);
	packer->defects[RULE_LOST_REGISTER] = defects; /* counted again */
	return pack_rare(packer, state, cfa);
}

/*
 * gcc's stack realignment: the prologue keeps the incoming stack pointer at rbp+a, and registers
 * are saved at expressions of rbp, as their distance from the CFA is not constant. True if rbp is
 * at *rbp and rbx not saved or @*bx slots below rbp.
 */
static bool match_drap(const struct cfi_state *state, uint32_t *bx)
{
	struct address_expression at;

	*bx = 0;
	if (state->bp.how != CFI_EXPRESSION ||
		!address_expression__read(state->bp.expression, state->bp.expression_size, &at) ||
		at.derefs || at.b || at.register_number != X86_RBP || at.a)
		return false;
	if (state->bx.how != CFI_EXPRESSION)
		return state->bx.how == CFI_SAME;
	if (!address_expression__read(state->bx.expression, state->bx.expression_size, &at) ||
		at.derefs || at.b || at.register_number != X86_RBP || at.a >= 0 || at.a & 7 ||
		at.a < -8 * (int64_t)UNWIND_SLOT_MAX)
		return false;
	*bx = -at.a / 8;
	return true;
}

/* CFA = *(register + a) + b. */
static uint32_t pack_deref(struct rule_packer *packer, const struct cfi_state *state,
	const struct address_expression *cfa)
{
	uint64_t defects = packer->defects[RULE_LOST_REGISTER];
	uint32_t kind = UNWIND_DEREF_SP, bp, bx, packed;
	int64_t a = cfa->a / 8 + UNWIND_DEREF_BIAS;

	if (cfa->a & 7 || cfa->b & 7 || a < 0 || a >= 2 * UNWIND_DEREF_BIAS || cfa->b < 0 ||
		cfa->b / 8 > UNWIND_DEREF_B_MAX || cfa->derefs > 1 ||
		state->return_address.offset != -8)
		return pack_rare(packer, state, cfa);
	packed = a << 8 | cfa->b / 8;
	if (cfa->register_number == X86_RBP) {
		if (match_drap(state, &bx))
			return unwind_rule(UNWIND_DRAP, 0, bx, packed);
		kind = UNWIND_DEREF_BP;
	} else if (cfa->register_number != X86_RSP) {
		return pack_rare(packer, state, cfa);
	}
	if (slot_of(packer, &state->bp, UNWIND_SLOT_MAX, &bp) &&
		slot_of(packer, &state->bx, UNWIND_SLOT_MAX, &bx))
		return unwind_rule(kind, bp, bx, packed);
	packer->defects[RULE_LOST_REGISTER] = defects;
	return pack_rare(packer, state, cfa);
}

/* A signal frame whose interrupted pc is where the kernel puts it. */
static bool is_kernel_signal_frame(const struct cfi_state *state)
{
	struct address_expression at;

	return state->return_address.how == CFI_EXPRESSION &&
	       address_expression__read(state->return_address.expression,
		       state->return_address.expression_size, &at) &&
	       at.register_number == X86_RSP && at.a == SIGNAL_PC_OFFSET && !at.derefs && !at.b;
}

static uint32_t pack_x86_64(
	struct rule_packer *packer, const struct cfi_state *state, bool is_signal_frame)
{
	const struct cfi_rule *ra = &state->return_address;
	struct address_expression at = {0};
	uint32_t rule;

	if (ra->how == CFI_UNDEFINED)
		return UNWIND_END;
	if (is_signal_frame && is_kernel_signal_frame(state))
		return UNWIND_SIGNAL;
	if (ra->how != CFI_OFFSET || !fits_s32(ra->offset))
		return pack_bad(packer, RULE_RETURN_ADDRESS);
	if (!state->cfa.expression) {
		at.register_number = state->cfa.register_number;
		at.a = state->cfa.offset;
		return pack_register(packer, state, &at);
	}
	if (ra->offset == -8 && match_plt(&state->cfa, &rule))
		return rule;
	if (!address_expression__read(state->cfa.expression, state->cfa.expression_size, &at))
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	return at.derefs ? pack_deref(packer, state, &at) : pack_register(packer, state, &at);
}

static uint32_t pack_arm64(
	struct rule_packer *packer, const struct cfi_state *state, bool is_signal_frame)
{
	const struct cfi_rule *ra = &state->return_address, *fp = &state->bp;
	const struct cfi_cfa *cfa = &state->cfa;
	enum unwind_kind kind = cfa->register_number == ARM64_SP ? UNWIND_SP : UNWIND_BP;
	uint32_t record;

	if (ra->how == CFI_UNDEFINED)
		return UNWIND_END;
	if (is_signal_frame)
		return UNWIND_SIGNAL;
	if (cfa->expression)
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	if (cfa->register_number != ARM64_SP && cfa->register_number != ARM64_FP)
		return pack_bad(packer, RULE_CFA_REGISTER);
	if (ra->how != CFI_SAME && ra->how != CFI_OFFSET)
		return pack_bad(packer, RULE_RETURN_ADDRESS);
	if (!slot_of(packer, fp, UNWIND_RECORD_MAX, &record) || fp->how != ra->how ||
		(fp->how == CFI_OFFSET && ra->offset != fp->offset + 8) || cfa->offset < 0 ||
		cfa->offset & 7 || cfa->offset / 8 > (int64_t)UNWIND_OFFSET_MAX)
		return pack_rare_arm64(packer, kind, state);
	return unwind_rule_arm64(kind, record, cfa->offset / 8);
}

uint32_t rule_packer__pack(
	struct rule_packer *packer, const struct cfi_state *state, bool is_signal_frame)
{
	if (packer->machine == EM_AARCH64)
		return pack_arm64(packer, state, is_signal_frame);
	return pack_x86_64(packer, state, is_signal_frame);
}

uint32_t rule_packer__pack_go_switch(struct rule_packer *packer)
{
	const struct unwind_rare rare = {.base = UNWIND_SP,
		.bp_offset = UNWIND_NOT_SAVED,
		.bx_offset = UNWIND_NOT_SAVED,
		.go_switch = 1};

	return add_rare(packer, &rare);
}
