/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * arm64. What the kernel simulates under a uprobe: arm_probe_decode_insn in
 * arch/arm64/kernel/probes/decode-insn.c (Linux 6.12; nop is left out as it came with 6.13).
 * Registers: AAPCS64 6.1.1, arguments in x0-x7, link register x30.
 */
#include <string.h>

#include "probe/insn_arch.h"

static int role_of(unsigned int reg)
{
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X5)
		return reg - ARM64_REG_X0;
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W5)
		return reg - ARM64_REG_W0;
	if (reg == ARM64_REG_SP || reg == ARM64_REG_WSP || reg == ARM64_REG_LR ||
		reg == ARM64_REG_W30)
		return ROLE_FRAME;
	return ROLE_NONE;
}

static uint32_t word_of(const cs_insn *insn)
{
	uint32_t word = 0;

	memcpy(&word, insn->bytes, insn->size < sizeof(word) ? insn->size : sizeof(word));
	return word;
}

/* Hints: nop, yield and bti change nothing; the pointer authentication ones change x30. */
static bool is_harmless_hint(uint32_t word)
{
	uint32_t number = word >> 5 & 0x7f;

	return number <= 1 || (number >= 0x20 && number <= 0x26 && !(number & 1));
}

/* A list of what may be stepped over, as for x86-64; loads with write-back are left out. */
static bool is_plain(const cs_insn *insn)
{
	uint32_t word = word_of(insn);

	if ((word & 0xfffff01f) == 0xd503201f)
		return is_harmless_hint(word);
	switch (insn->id) {
	case ARM64_INS_ADD:
	case ARM64_INS_AND:
	case ARM64_INS_CMN:
	case ARM64_INS_CMP:
	case ARM64_INS_CSEL:
	case ARM64_INS_CSET:
	case ARM64_INS_EOR:
	case ARM64_INS_LDR:
	case ARM64_INS_LSL:
	case ARM64_INS_LSR:
	case ARM64_INS_MOV:
	case ARM64_INS_MOVK:
	case ARM64_INS_MOVN:
	case ARM64_INS_MOVZ:
	case ARM64_INS_MRS:
	case ARM64_INS_NEG:
	case ARM64_INS_ORR:
	case ARM64_INS_SUB:
	case ARM64_INS_TST:
	case ARM64_INS_UBFX:
		return !insn->detail->arm64.writeback;
	default:
		return false;
	}
}

static bool is_emulated(uint32_t word)
{
	return (word & 0x7c000000) == 0x14000000 || /* b, bl */
	       (word & 0xff000010) == 0x54000000 || /* b.cond */
	       (word & 0x7e000000) == 0x34000000 || /* cbz, cbnz */
	       (word & 0x7e000000) == 0x36000000 || /* tbz, tbnz */
	       (word & 0x1f000000) == 0x10000000 || /* adr, adrp */
	       (word & 0xfffffc1f) == 0xd61f0000 || /* br */
	       (word & 0xfffffc1f) == 0xd63f0000 || /* blr */
	       (word & 0xfffffc1f) == 0xd65f0000 || /* ret */
	       (word & 0xbf000000) == 0x18000000 || /* ldr (literal) */
	       (word & 0xff000000) == 0x98000000;   /* ldrsw (literal) */
}

static enum instruction_flow flow_of(const cs_insn *insn, uint32_t word)
{
	if ((word & 0xfffffc1f) == 0xd65f0000 || insn->id == ARM64_INS_ERET)
		return FLOW_RETURN;
	if (insn->id == ARM64_INS_BL || insn->id == ARM64_INS_BLR)
		return FLOW_CALL;
	if ((word & 0xfc000000) == 0x14000000 || insn->id == ARM64_INS_BR)
		return FLOW_JUMP;
	if (insn->id == ARM64_INS_BRK || insn->id == ARM64_INS_HLT || !(word & 0xffff0000))
		return FLOW_TRAP;
	if ((word & 0xff000010) == 0x54000000 || (word & 0x7e000000) == 0x34000000 ||
		(word & 0x7e000000) == 0x36000000)
		return FLOW_BRANCH;
	/* Authenticated branches (braa, retab...) and anything else that jumps: unknown target. */
	return insn_has_group(insn, ARM64_GRP_JUMP) ? FLOW_JUMP : FLOW_NEXT;
}

static void describe(const cs_insn *insn, struct instruction *out)
{
	const cs_arm64 *arm64 = &insn->detail->arm64;
	uint32_t word = word_of(insn);

	out->flow = flow_of(insn, word);
	out->emulated = is_emulated(word);
	/* mov xd, xm is orr xd, xzr, xm */
	if ((word & 0xffe0ffe0) == 0xaa0003e0 && (word & 0x1f) < 6 && (word >> 16 & 0x1f) < 6) {
		out->copied_to = word & 0x1f;
		out->copied_from = word >> 16 & 0x1f;
	}
	/* Loads and stores: bit 27 set, bit 25 clear; of the plain forms bit 22 means load. */
	out->writes_memory = (word & 0x0a000000) == 0x08000000 && !(word & 1 << 22);
	if (out->flow != FLOW_BRANCH && out->flow != FLOW_CALL && out->flow != FLOW_JUMP)
		return;
	for (int i = 0; i < arm64->op_count; i++)
		if (arm64->operands[i].type == ARM64_OP_IMM)
			out->target = arm64->operands[i].imm; /* the last: tbz has a bit number */
}

static uint64_t read_stub(
	struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address)
{
	uint32_t words[3];
	int64_t pages;
	uint64_t scaled;
	size_t bti = size >= 4 && !memcmp(code, "\x5f\x24\x03\xd5", 4) ? 4 : 0;

	if (size < bti + sizeof(words))
		return 0;
	memcpy(words, code + bti, sizeof(words));
	address += bti;
	/* adrp x16, page */
	if ((words[0] & 0x9f00001f) != 0x90000010)
		return 0;
	/* ldr x17, [x16, #scaled] */
	if ((words[1] & 0xffc003ff) != 0xf9400211)
		return 0;
	pages = (int64_t)((uint64_t)(words[0] >> 5 & 0x7ffff) << 45) >> 43;
	pages |= words[0] >> 29 & 3;
	scaled = (words[1] >> 10 & 0xfff) * 8;
	return (address & ~0xfffull) + ((uint64_t)pages << 12) + scaled;
}

const struct insn_arch insn_arch_arm64 = {
	.arch = CS_ARCH_ARM64,
	.mode = CS_MODE_ARM,
	.describe = describe,
	.role_of = role_of,
	.is_plain = is_plain,
	.read_stub = read_stub,
};
