/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * One machine instruction as the choice of a probe site needs to know it: how control goes on, what
 * it touches, and whether the kernel emulates it under a uprobe or must single-step it out of line
 * (an order of magnitude slower). x86-64 and arm64 code can be read on either machine.
 */
#ifndef MEMTRACE_PROBE_INSN_H
#define MEMTRACE_PROBE_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum instruction_flow {
	FLOW_NEXT = 0, /* the next instruction follows */
	FLOW_BRANCH,   /* conditional: `target` or the next one */
	FLOW_CALL,     /* `target` (0: through a register or memory), then the next one */
	FLOW_JUMP,     /* `target` (0: through a register or memory) */
	FLOW_RETURN,
	FLOW_TRAP, /* ud2, hlt, brk: control does not go on */
};

struct instruction {
	uint64_t address;
	uint8_t length;
	uint8_t flow; /* enum instruction_flow */
	bool emulated;
	bool is_plain; /* well known: the two below tell all, and the next instruction follows */
	bool changes_frame;	   /* the stack pointer or (arm64) the link register */
	uint8_t arguments_written; /* bit n: register n changes, as cookies number them (probe.h) */
	bool writes_memory;	   /* other than by pushing */
	bool is_wide_nop; /* x86-64: longer than one byte; emulated by newer kernels only */
	int8_t copied_to, copied_from; /* of a copy between such registers; else -1 */
	uint64_t target;	       /* of a direct branch, call or jump; else 0 */
	uint64_t slot; /* address of the pointer that a jump or call reads; 0 if not known */
	char mnemonic[16];
};

struct decoder;

/*
 * Opens a decoder for ELF machine @machine (EM_X86_64, EM_AARCH64). @wide_nops: the kernel emulates
 * multi-byte nops (x86-64; features.h finds out). NULL with @error set: -ENOTSUP for another
 * machine, -ENOMEM. The caller frees it with decoder__free. Not for use by two threads at once.
 */
struct decoder *decoder__new(int machine, bool wide_nops, struct error *error);
void decoder__free(struct decoder *decoder);

/*
 * Decodes the instruction at the start of the @size bytes of @code, which run at @address. Returns
 * false if they are none (or cut short).
 */
bool decoder__read(struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address,
	struct instruction *out);

/*
 * The pointer that a stub of a procedure linkage table jumps through: @code is what a direct call
 * leads to. x86-64: [endbr64] [bnd] jmp *slot(%rip); arm64: adrp x16; ldr x17, [x16, #n]; ... br
 * x17. Returns the slot's address, or 0 if this is not such a stub.
 */
uint64_t decoder__read_stub(
	struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address);

#endif
