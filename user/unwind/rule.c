#include "unwind/rule.h"

#include <elf.h>

enum {
	DW_OP_deref = 0x06,
	DW_OP_plus_uconst = 0x23,
	DW_OP_breg0 = 0x70,
	DW_OP_breg31 = 0x8f,
};

#define SIGNAL_PC_OFFSET 168 /* x86-64: rip in the signal frame, see unwind_step.h */

const char *rule_defect__name(enum rule_defect defect)
{
	static const char *const names[] = {
		[RULE_CFA_REGISTER] = "CFA in a scratch register",
		[RULE_CFA_EXPRESSION] = "unknown CFA expression",
		[RULE_RETURN_ADDRESS] = "unusual return address",
		[RULE_TOO_MANY_RARE] = "too many rare rules",
		[RULE_LOST_REGISTER] = "lost rbp or rbx",
	};

	return defect < RULE_DEFECT_COUNT ? names[defect] : "?";
}

/* bregN a [deref] [plus_uconst b]: register + a, or *(register + a) + b. */
struct address_expression {
	uint64_t register_number;
	int64_t a;
	bool deref;
	uint64_t b;
};

static bool match_address(const uint8_t *bytes, size_t size, struct address_expression *out)
{
	struct reader r = {.at = bytes, .end = bytes + size};
	uint8_t op = reader__u8(&r);

	*out = (struct address_expression){0};
	if (op < DW_OP_breg0 || op > DW_OP_breg31)
		return false;
	out->register_number = op - DW_OP_breg0;
	out->a = reader__sleb(&r);
	if (reader__left(&r) && *r.at == DW_OP_deref) {
		reader__u8(&r);
		out->deref = true;
	}
	if (reader__left(&r) && *r.at == DW_OP_plus_uconst) {
		reader__u8(&r);
		out->b = reader__uleb(&r);
	}
	return !r.bad && !reader__left(&r);
}

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
	default:
		packer->defects[RULE_LOST_REGISTER]++;
		return true;
	}
}

static int32_t rare_offset(const struct cfi_rule *rule)
{
	return rule->how == CFI_OFFSET ? rule->offset : UNWIND_NOT_SAVED;
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

static uint32_t pack_rare(struct rule_packer *packer, enum unwind_kind base, int64_t offset,
	const struct cfi_rule *bp, const struct cfi_rule *bx)
{
	struct unwind_rare rare = {.base = base};
	uint32_t i = 0;

	if (!fits_s32(offset) || (bp->how == CFI_OFFSET && !fits_s32(bp->offset)) ||
		(bx->how == CFI_OFFSET && !fits_s32(bx->offset)))
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	rare.cfa_offset = offset;
	rare.bp_offset = rare_offset(bp);
	rare.bx_offset = rare_offset(bx);
	vec_for_each (known, &packer->rare) {
		if (!memcmp(known, &rare, sizeof(rare)))
			return unwind_rule(UNWIND_RARE, 0, 0, i);
		i++;
	}
	if (i == UNWIND_MAX_RARE || vec_push(&packer->rare, rare))
		return pack_bad(packer, RULE_TOO_MANY_RARE);
	return unwind_rule(UNWIND_RARE, 0, 0, i);
}

/* CFA = register + offset, with rbp and rbx saved at offsets from it. */
static uint32_t pack_register(
	struct rule_packer *packer, const struct cfi_state *state, uint64_t number, int64_t offset)
{
	uint32_t bp, bx;
	bool fits;
	enum unwind_kind kind = number == X86_RSP   ? UNWIND_SP
				: number == X86_RBP ? UNWIND_BP
				: number == X86_RBX ? UNWIND_BX
						    : UNWIND_BAD;

	if (kind == UNWIND_BAD)
		return pack_bad(packer, RULE_CFA_REGISTER);
	fits = slot_of(packer, &state->bp, UNWIND_SLOT_MAX, &bp);
	fits &= slot_of(packer, &state->bx, UNWIND_SLOT_MAX, &bx);
	if (!fits || offset < 0 || offset & 7 || offset / 8 > (int64_t)UNWIND_OFFSET_MAX)
		return pack_rare(packer, kind, offset, &state->bp, &state->bx);
	return unwind_rule(kind, bp, bx, offset / 8);
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
		!match_address(state->bp.expression, state->bp.expression_size, &at) || at.deref ||
		at.b || at.register_number != X86_RBP || at.a)
		return false;
	if (state->bx.how != CFI_EXPRESSION)
		return state->bx.how == CFI_SAME;
	if (!match_address(state->bx.expression, state->bx.expression_size, &at) || at.deref ||
		at.b || at.register_number != X86_RBP || at.a >= 0 || at.a & 7 ||
		at.a < -8 * (int64_t)UNWIND_SLOT_MAX)
		return false;
	*bx = -at.a / 8;
	return true;
}

static uint32_t pack_deref(struct rule_packer *packer, const struct cfi_state *state,
	const struct address_expression *cfa)
{
	enum unwind_kind kind = UNWIND_DEREF_SP;
	uint32_t bp = 0, bx, packed;
	int64_t a = cfa->a / 8 + UNWIND_DEREF_BIAS;

	if (cfa->a & 7 || cfa->b & 7 || a < 0 || a >= 2 * UNWIND_DEREF_BIAS ||
		cfa->b / 8 > UNWIND_DEREF_B_MAX)
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	packed = a << 8 | cfa->b / 8;
	if (cfa->register_number == X86_RBP) {
		if (match_drap(state, &bx))
			return unwind_rule(UNWIND_DRAP, 0, bx, packed);
		kind = UNWIND_DEREF_BP;
	} else if (cfa->register_number != X86_RSP) {
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	}
	if (!slot_of(packer, &state->bp, UNWIND_SLOT_MAX, &bp) ||
		!slot_of(packer, &state->bx, UNWIND_SLOT_MAX, &bx))
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	return unwind_rule(kind, bp, bx, packed);
}

/* A signal frame whose interrupted pc is where the kernel puts it. */
static bool is_kernel_signal_frame(const struct cfi_state *state)
{
	struct address_expression at;

	return state->return_address.how == CFI_EXPRESSION &&
	       match_address(state->return_address.expression,
		       state->return_address.expression_size, &at) &&
	       at.register_number == X86_RSP && at.a == SIGNAL_PC_OFFSET && !at.deref && !at.b;
}

static uint32_t pack_x86_64(
	struct rule_packer *packer, const struct cfi_state *state, bool is_signal_frame)
{
	const struct cfi_rule *ra = &state->return_address;
	struct address_expression at;
	uint32_t rule;

	if (ra->how == CFI_UNDEFINED)
		return UNWIND_END;
	if (is_signal_frame && is_kernel_signal_frame(state))
		return UNWIND_SIGNAL;
	if (ra->how != CFI_OFFSET || ra->offset != -8)
		return pack_bad(packer, RULE_RETURN_ADDRESS);
	if (!state->cfa.expression)
		return pack_register(packer, state, state->cfa.register_number, state->cfa.offset);
	if (match_plt(&state->cfa, &rule))
		return rule;
	if (!match_address(state->cfa.expression, state->cfa.expression_size, &at))
		return pack_bad(packer, RULE_CFA_EXPRESSION);
	if (at.deref)
		return pack_deref(packer, state, &at);
	return pack_register(packer, state, at.register_number, (int64_t)((uint64_t)at.a + at.b));
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
		return pack_rare(packer, kind, cfa->offset, fp, ra);
	return unwind_rule_arm64(kind, record, cfa->offset / 8);
}

uint32_t rule_packer__pack(
	struct rule_packer *packer, const struct cfi_state *state, bool is_signal_frame)
{
	if (packer->machine == EM_AARCH64)
		return pack_arm64(packer, state, is_signal_frame);
	return pack_x86_64(packer, state, is_signal_frame);
}
