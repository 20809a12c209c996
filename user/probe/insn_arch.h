/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What differs between machines in decoding; one table per architecture, used by insn.c alone. */
#ifndef MEMTRACE_PROBE_INSN_ARCH_H
#define MEMTRACE_PROBE_INSN_ARCH_H

#include <capstone/capstone.h>

#include "probe/insn.h"

#define ROLE_NONE (-1)
#define ROLE_FRAME (-2) /* stack pointer or link register */

struct insn_arch {
	cs_arch arch;
	cs_mode mode;
	/* Fills flow, target, slot, emulated, writes_memory, is_wide_nop. */
	void (*describe)(const cs_insn *insn, struct instruction *out);
	/* What a register is to a probe: its index in a cookie, ROLE_FRAME or ROLE_NONE. */
	int (*role_of)(unsigned int reg);
	/* Whether it is one of the plain instructions whose register lists are known to be whole.
	 */
	bool (*is_plain)(const cs_insn *insn);
	uint64_t (*read_stub)(
		struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address);
};

static inline bool insn_has_group(const cs_insn *insn, uint8_t group)
{
	for (int i = 0; i < insn->detail->groups_count; i++)
		if (insn->detail->groups[i] == group)
			return true;
	return false;
}

extern const struct insn_arch insn_arch_x86_64;
extern const struct insn_arch insn_arch_arm64;

#endif
