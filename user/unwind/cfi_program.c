/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/cfi_program.h"

#include <elf.h>
#include <errno.h>

enum {
	DW_CFA_nop = 0x00,
	DW_CFA_set_loc = 0x01,
	DW_CFA_advance_loc1 = 0x02,
	DW_CFA_advance_loc2 = 0x03,
	DW_CFA_advance_loc4 = 0x04,
	DW_CFA_offset_extended = 0x05,
	DW_CFA_restore_extended = 0x06,
	DW_CFA_undefined = 0x07,
	DW_CFA_same_value = 0x08,
	DW_CFA_register = 0x09,
	DW_CFA_remember_state = 0x0a,
	DW_CFA_restore_state = 0x0b,
	DW_CFA_def_cfa = 0x0c,
	DW_CFA_def_cfa_register = 0x0d,
	DW_CFA_def_cfa_offset = 0x0e,
	DW_CFA_def_cfa_expression = 0x0f,
	DW_CFA_expression = 0x10,
	DW_CFA_offset_extended_sf = 0x11,
	DW_CFA_def_cfa_sf = 0x12,
	DW_CFA_def_cfa_offset_sf = 0x13,
	DW_CFA_val_offset = 0x14,
	DW_CFA_val_offset_sf = 0x15,
	DW_CFA_val_expression = 0x16,
	DW_CFA_AARCH64_negate_ra_state_with_pc = 0x2c,
	DW_CFA_AARCH64_negate_ra_state = 0x2d, /* signed or not: the walker strips signatures */
	DW_CFA_GNU_args_size = 0x2e,
	DW_CFA_GNU_negative_offset_extended = 0x2f,
	DW_CFA_advance_loc = 0x40, /* the low six bits are the operand of these three */
	DW_CFA_offset = 0x80,
	DW_CFA_restore = 0xc0,
};

/* One run over instructions, of a CIE (no rows) or an FDE. */
struct run {
	struct cfi_program *program;
	const struct cfi_fde *fde;
	struct bytes in;
	uint64_t location;
	cfi_row_fn *row; /* NULL in a CIE */
	void *context;
};

/* Products of hostile numbers wrap instead of being undefined. */
static int64_t scaled(const struct run *run, uint64_t factor)
{
	return (int64_t)(factor * (uint64_t)run->fde->cie.data_alignment);
}

static struct cfi_rule *rule_of(
	const struct cfi_program *program, struct cfi_state *state, uint64_t number)
{
	if (program->machine == EM_AARCH64)
		return number == ARM64_FP   ? &state->bp
		       : number == ARM64_LR ? &state->return_address
					    : NULL;
	return number == X86_RBP   ? &state->bp
	       : number == X86_RBX ? &state->bx
	       : number == X86_RIP ? &state->return_address
				   : NULL;
}

static void set_rule(struct run *run, uint64_t number, enum cfi_how how, int64_t offset)
{
	struct cfi_rule *rule = rule_of(run->program, &run->program->state, number);

	if (rule)
		*rule = (struct cfi_rule){.how = how, .offset = offset};
}

static void restore_rule(struct run *run, uint64_t number)
{
	struct cfi_rule *rule = rule_of(run->program, &run->program->state, number);
	struct cfi_rule *initial = rule_of(run->program, &run->program->initial, number);

	if (rule)
		*rule = *initial;
}

static void set_expression(struct run *run, uint64_t number, enum cfi_how how)
{
	struct cfi_rule *rule = rule_of(run->program, &run->program->state, number);
	uint64_t size = bytes__uleb(&run->in);
	const uint8_t *bytes = bytes__take(&run->in, size);

	if (rule && bytes)
		*rule = (struct cfi_rule){.how = how, .expression = bytes, .expression_size = size};
}

static void set_cfa(struct run *run, uint64_t number, int64_t offset)
{
	run->program->state.cfa = (struct cfi_cfa){.register_number = number, .offset = offset};
}

static void set_cfa_expression(struct run *run)
{
	uint64_t size = bytes__uleb(&run->in);
	const uint8_t *bytes = bytes__take(&run->in, size);

	run->program->state.cfa =
		(struct cfi_cfa){.expression = bytes, .expression_size = bytes ? size : 0};
}

static int advance_to(struct run *run, uint64_t location)
{
	int err;

	if (!run->row || location < run->location || location > run->fde->end)
		return -EBADMSG;
	if (location == run->location)
		return 0;
	err = run->row(run->context, run->location, &run->program->state);
	run->location = location;
	return err;
}

static int advance(struct run *run, uint64_t delta)
{
	uint64_t step;

	if (__builtin_mul_overflow(delta, run->fde->cie.code_alignment, &step) ||
		step > run->fde->end - run->location)
		return -EBADMSG;
	return advance_to(run, run->location + step);
}

static int remember(struct cfi_program *program)
{
	if (program->remembered_count == CFI_MAX_REMEMBERED)
		return -EBADMSG;
	program->remembered[program->remembered_count++] = program->state;
	return 0;
}

static int recall(struct cfi_program *program)
{
	if (!program->remembered_count)
		return -EBADMSG;
	program->state = program->remembered[--program->remembered_count];
	return 0;
}

/* The instructions that move the location or the stack of states. */
static int run_location(struct run *run, uint8_t op)
{
	switch (op) {
	case DW_CFA_set_loc:
		/* Only absolute: nothing writes it, and an encoded one would need the section. */
		if (run->fde->cie.pointer_encoding & 0x7f)
			return -EBADMSG;
		return advance_to(run, bytes__u64(&run->in));
	case DW_CFA_advance_loc1:
		return advance(run, bytes__u8(&run->in));
	case DW_CFA_advance_loc2:
		return advance(run, bytes__u16(&run->in));
	case DW_CFA_advance_loc4:
		return advance(run, bytes__u32(&run->in));
	case DW_CFA_remember_state:
		return remember(run->program);
	case DW_CFA_restore_state:
		return recall(run->program);
	case DW_CFA_GNU_args_size:
		bytes__uleb(&run->in);
		return 0;
	case DW_CFA_nop:
	case DW_CFA_AARCH64_negate_ra_state:
	case DW_CFA_AARCH64_negate_ra_state_with_pc:
		return 0;
	}
	return -EBADMSG;
}

/* The instructions that define the CFA. False: it is none of them. */
static bool run_cfa(struct run *run, uint8_t op)
{
	struct cfi_cfa *cfa = &run->program->state.cfa;
	uint64_t number;

	switch (op) {
	case DW_CFA_def_cfa:
		number = bytes__uleb(&run->in);
		set_cfa(run, number, bytes__uleb(&run->in));
		return true;
	case DW_CFA_def_cfa_sf:
		number = bytes__uleb(&run->in);
		set_cfa(run, number, scaled(run, bytes__sleb(&run->in)));
		return true;
	case DW_CFA_def_cfa_register:
		set_cfa(run, bytes__uleb(&run->in), cfa->offset);
		return true;
	case DW_CFA_def_cfa_offset:
		set_cfa(run, cfa->register_number, bytes__uleb(&run->in));
		return true;
	case DW_CFA_def_cfa_offset_sf:
		set_cfa(run, cfa->register_number, scaled(run, bytes__sleb(&run->in)));
		return true;
	case DW_CFA_def_cfa_expression:
		set_cfa_expression(run);
		return true;
	}
	return false;
}

/* The instructions that say where a register was saved; their first operand is its number. */
static bool run_register(struct run *run, uint8_t op)
{
	struct bytes *in = &run->in;
	uint64_t number;

	if ((op < DW_CFA_offset_extended || op > DW_CFA_register) &&
		(op < DW_CFA_expression || op > DW_CFA_val_expression) &&
		op != DW_CFA_GNU_negative_offset_extended)
		return false;
	number = bytes__uleb(in);
	switch (op) {
	case DW_CFA_offset_extended:
		set_rule(run, number, CFI_OFFSET, scaled(run, bytes__uleb(in)));
		break;
	case DW_CFA_offset_extended_sf:
		set_rule(run, number, CFI_OFFSET, scaled(run, bytes__sleb(in)));
		break;
	case DW_CFA_GNU_negative_offset_extended:
		set_rule(run, number, CFI_OFFSET, -(uint64_t)scaled(run, bytes__uleb(in)));
		break;
	case DW_CFA_restore_extended:
		restore_rule(run, number);
		break;
	case DW_CFA_undefined:
		set_rule(run, number, CFI_UNDEFINED, 0);
		break;
	case DW_CFA_same_value:
		set_rule(run, number, CFI_SAME, 0);
		break;
	case DW_CFA_register:
		set_rule(run, number, CFI_REGISTER, bytes__uleb(in));
		break;
	case DW_CFA_expression:
		set_expression(run, number, CFI_EXPRESSION);
		break;
	case DW_CFA_val_expression:
		set_expression(run, number, CFI_OTHER);
		break;
	default: /* val_offset, val_offset_sf: how many bytes an operand has is all that matters */
		bytes__uleb(in);
		set_rule(run, number, CFI_OTHER, 0);
	}
	return true;
}

static int run_instruction(struct run *run)
{
	uint8_t op = bytes__u8(&run->in);

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(run, op & 0x3f);
	case DW_CFA_offset:
		set_rule(run, op & 0x3f, CFI_OFFSET, scaled(run, bytes__uleb(&run->in)));
		return 0;
	case DW_CFA_restore:
		restore_rule(run, op & 0x3f);
		return 0;
	}
	if (op == DW_CFA_def_cfa_sf || op == DW_CFA_def_cfa_offset_sf)
		return run_cfa(run, op), 0;
	if (run_register(run, op) || run_cfa(run, op))
		return 0;
	return run_location(run, op);
}

static int run_instructions(struct run *run, const uint8_t *bytes, size_t size)
{
	int err;

	if (size > run->program->budget)
		return -E2BIG;
	run->program->budget -= size;
	run->in = (struct bytes){.at = bytes, .end = bytes + size};
	while (run->in.at < run->in.end) {
		err = run_instruction(run);
		if (err)
			return err;
	}
	return run->in.bad ? -EBADMSG : 0;
}

/* The state that all FDEs of a CIE start from. */
static int run_cie(struct cfi_program *program, const struct cfi_fde *fde)
{
	struct run run = {.program = program, .fde = fde};
	int err;

	if (program->initial_valid && program->cie_offset == fde->cie.offset)
		return 0;
	program->initial = program->state = (struct cfi_state){0};
	program->remembered_count = 0;
	err = run_instructions(&run, fde->cie.instructions, fde->cie.instructions_size);
	program->initial = program->state;
	program->cie_offset = fde->cie.offset;
	program->initial_valid = !err;
	return err;
}

int cfi_program__run(
	struct cfi_program *program, const struct cfi_fde *fde, cfi_row_fn *row, void *context)
{
	struct run run = {
		.program = program,
		.fde = fde,
		.location = fde->start,
		.row = row,
		.context = context,
	};
	int err, last;

	err = run_cie(program, fde);
	if (!err) {
		program->state = program->initial;
		program->remembered_count = 0;
		err = run_instructions(&run, fde->instructions, fde->instructions_size);
	}
	if (run.location >= fde->end || (err && err != -EBADMSG))
		return err;
	last = row(context, run.location, err ? NULL : &program->state);
	return err ? err : last;
}
