/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * x86-64. What the kernel emulates under a uprobe: push_setup_ops and branch_setup_ops in
 * arch/x86/kernel/uprobes.c (Linux 6.18). Registers: System V psABI 3.2.3.
 */
#include <string.h>

#include "probe.h"
#include "probe/insn_arch.h"

static int role_of(unsigned int reg)
{
	switch (reg) {
	case X86_REG_RDI:
	case X86_REG_EDI:
	case X86_REG_DI:
	case X86_REG_DIL:
		return 0;
	case X86_REG_RSI:
	case X86_REG_ESI:
	case X86_REG_SI:
	case X86_REG_SIL:
		return 1;
	case X86_REG_RDX:
	case X86_REG_EDX:
	case X86_REG_DX:
	case X86_REG_DL:
	case X86_REG_DH:
		return 2;
	case X86_REG_RCX:
	case X86_REG_ECX:
	case X86_REG_CX:
	case X86_REG_CL:
	case X86_REG_CH:
		return 3;
	case X86_REG_R8:
	case X86_REG_R8D:
	case X86_REG_R8W:
	case X86_REG_R8B:
		return 4;
	case X86_REG_R9:
	case X86_REG_R9D:
	case X86_REG_R9W:
	case X86_REG_R9B:
		return 5;
	case X86_REG_RAX:
	case X86_REG_EAX:
	case X86_REG_AX:
	case X86_REG_AL:
	case X86_REG_AH:
		return PROBE_RAX;
	case X86_REG_RSP:
	case X86_REG_ESP:
	case X86_REG_SP:
	case X86_REG_SPL:
		return ROLE_FRAME;
	default:
		return ROLE_NONE;
	}
}

/*
 * A list of what may be stepped over rather than of what may not: an instruction that nobody
 * thought of then costs a slower probe, not a wrong one.
 */
static bool is_plain(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_ADD:
	case X86_INS_AND:
	case X86_INS_BT:
	case X86_INS_CMOVA:
	case X86_INS_CMOVAE:
	case X86_INS_CMOVB:
	case X86_INS_CMOVBE:
	case X86_INS_CMOVE:
	case X86_INS_CMOVNE:
	case X86_INS_CMOVS:
	case X86_INS_CMOVNS:
	case X86_INS_CMP:
	case X86_INS_DEC:
	case X86_INS_ENDBR64:
	case X86_INS_INC:
	case X86_INS_LEA:
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
	case X86_INS_MOVZX:
	case X86_INS_NEG:
	case X86_INS_NOP:
	case X86_INS_NOT:
	case X86_INS_OR:
	case X86_INS_SAR:
	case X86_INS_SHL:
	case X86_INS_SHR:
	case X86_INS_SUB:
	case X86_INS_TEST:
	case X86_INS_XOR:
		return true;
	default:
		return false;
	}
}

static size_t prefix_length(const cs_insn *insn)
{
	size_t n = 0;

	while (n < insn->size && insn->bytes[n] &&
		strchr("\x66\x67\xf2\xf3\x2e\x36\x3e\x26\x64\x65", insn->bytes[n]))
		n++;
	return n;
}

static bool is_near_branch(const uint8_t *opcode, size_t size)
{
	if (opcode[0] >= 0x70 && opcode[0] <= 0x7f)
		return true;
	if (size > 1 && opcode[0] == 0x0f && opcode[1] >= 0x80 && opcode[1] <= 0x8f)
		return true;
	return opcode[0] == 0xeb || opcode[0] == 0xe9 || opcode[0] == 0xe8;
}

/* push reg, 1-byte nop, relative jmp, call and jcc. A branch under a 0x66 prefix is refused. */
static bool is_emulated(const cs_insn *insn)
{
	size_t prefixes = prefix_length(insn);
	const uint8_t *opcode = insn->bytes + prefixes;
	size_t size = insn->size - prefixes;

	if (!size)
		return false;
	if (!prefixes && size == 1 && opcode[0] >= 0x50 && opcode[0] <= 0x57)
		return true;
	if (!prefixes && size == 2 && opcode[0] == 0x41 && opcode[1] >= 0x50 && opcode[1] <= 0x57)
		return true;
	if (size == 1 && opcode[0] == 0x90)
		return insn->id == X86_INS_NOP;
	return is_near_branch(opcode, size) && !memchr(insn->bytes, 0x66, prefixes);
}

static enum instruction_flow flow_of(const cs_insn *insn)
{
	if (insn->id == X86_INS_UD2 || insn->id == X86_INS_HLT || insn->id == X86_INS_INT3)
		return FLOW_TRAP;
	if (insn_has_group(insn, X86_GRP_CALL))
		return FLOW_CALL;
	if (insn_has_group(insn, X86_GRP_RET) || insn_has_group(insn, X86_GRP_IRET))
		return FLOW_RETURN;
	if (insn->id == X86_INS_JMP || insn->id == X86_INS_LJMP)
		return FLOW_JUMP;
	if (insn_has_group(insn, X86_GRP_JUMP) || insn->id == X86_INS_LOOP ||
		insn->id == X86_INS_LOOPE || insn->id == X86_INS_LOOPNE ||
		insn->id == X86_INS_XBEGIN)
		return FLOW_BRANCH;
	return FLOW_NEXT;
}

static void describe_copy(const cs_x86_op *operands, struct instruction *out)
{
	if (operands[0].type != X86_OP_REG || operands[1].type != X86_OP_REG ||
		operands[0].size != 8)
		return;
	out->copied_to = role_of(operands[0].reg);
	out->copied_from = role_of(operands[1].reg);
}

static void describe(const cs_insn *insn, struct instruction *out)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *first = x86->op_count ? &x86->operands[0] : NULL;

	out->flow = flow_of(insn);
	out->emulated = is_emulated(insn);
	if (insn->id == X86_INS_MOV && x86->op_count == 2)
		describe_copy(x86->operands, out);
	out->is_wide_nop = insn->id == X86_INS_NOP && insn->size > 1;
	for (int i = 0; i < x86->op_count; i++)
		if (x86->operands[i].type == X86_OP_MEM && x86->operands[i].access & CS_AC_WRITE)
			out->writes_memory = true;
	if (out->flow == FLOW_NEXT || !first)
		return;
	if (first->type == X86_OP_IMM)
		out->target = first->imm;
	else if (first->type == X86_OP_MEM && first->mem.base == X86_REG_RIP)
		out->slot = insn->address + insn->size + first->mem.disp;
}

static uint64_t read_stub(
	struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address)
{
	struct instruction insn;

	if (!decoder__read(decoder, code, size, address, &insn))
		return 0;
	if (!strcmp(insn.mnemonic, "endbr64") &&
		!decoder__read(decoder, code + insn.length, size - insn.length,
			address + insn.length, &insn))
		return 0;
	return insn.flow == FLOW_JUMP ? insn.slot : 0;
}

const struct insn_arch insn_arch_x86_64 = {
	.arch = CS_ARCH_X86,
	.mode = CS_MODE_64,
	.describe = describe,
	.role_of = role_of,
	.is_plain = is_plain,
	.read_stub = read_stub,
};
