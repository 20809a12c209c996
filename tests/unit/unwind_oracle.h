/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * libdw as judge: evaluates what it says about a frame over made-up registers and memory, so that
 * a rule of ours can be compared by what it does and not by how it is written.
 */
#ifndef TEST_UNWIND_ORACLE_H
#define TEST_UNWIND_ORACLE_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct oracle_registers {
	uint64_t pc, sp, bp, bx;
};

/* Made-up memory: each word differs, is aligned, and lies above every made-up stack pointer. */
static inline uint64_t oracle_memory(uint64_t address)
{
	return 0x7f0000000000ull + (hash_mix(address) & 0xfffffff8);
}

#define ORACLE_STACK 64

struct oracle_machine {
	uint64_t stack[ORACLE_STACK];
	size_t depth;
	uint64_t cfa;
	bool failed;
};

static inline void oracle_push(struct oracle_machine *m, uint64_t value)
{
	if (m->depth == ORACLE_STACK)
		m->failed = true;
	else
		m->stack[m->depth++] = value;
}

static inline uint64_t oracle_pop(struct oracle_machine *m)
{
	if (m->depth)
		return m->stack[--m->depth];
	m->failed = true;
	return 0;
}

static inline uint64_t oracle_register(
	struct oracle_machine *m, const struct oracle_registers *r, unsigned int number)
{
	if (number == 3)
		return r->bx;
	if (number == 6)
		return r->bp;
	if (number == 7)
		return r->sp;
	if (number == 16)
		return r->pc;
	m->failed = true; /* a register that is not followed */
	return 0;
}

static inline void oracle_binary(struct oracle_machine *m, unsigned int op)
{
	uint64_t b = oracle_pop(m), a = oracle_pop(m);

	switch (op) {
	case DW_OP_plus:
		return oracle_push(m, a + b);
	case DW_OP_minus:
		return oracle_push(m, a - b);
	case DW_OP_mul:
		return oracle_push(m, a * b);
	case DW_OP_and:
		return oracle_push(m, a & b);
	case DW_OP_shl:
		return oracle_push(m, a << (b & 63));
	case DW_OP_ge:
		return oracle_push(m, (int64_t)a >= (int64_t)b);
	}
	m->failed = true;
}

static inline void oracle_run(struct oracle_machine *m, const struct oracle_registers *r,
	const Dwarf_Op *ops, size_t count)
{
	for (size_t i = 0; i < count && !m->failed; i++) {
		unsigned int op = ops[i].atom;

		if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
			oracle_push(m, op - DW_OP_lit0);
		else if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
			oracle_push(m, oracle_register(m, r, op - DW_OP_breg0) + ops[i].number);
		else if (op == DW_OP_bregx)
			oracle_push(m, oracle_register(m, r, ops[i].number) + ops[i].number2);
		else if (op == DW_OP_call_frame_cfa)
			oracle_push(m, m->cfa);
		else if (op == DW_OP_plus_uconst)
			oracle_push(m, oracle_pop(m) + ops[i].number);
		else if (op == DW_OP_deref)
			oracle_push(m, oracle_memory(oracle_pop(m)));
		else
			oracle_binary(m, op);
	}
}

enum oracle_verdict { ORACLE_KNOWN, ORACLE_OUTERMOST, ORACLE_UNKNOWN };

/* The caller's value of a register: false if libdw cannot say either. */
static inline bool oracle_caller_register(Dwarf_Frame *frame, const struct oracle_registers *r,
	uint64_t cfa, int number, uint64_t current, uint64_t *value)
{
	struct oracle_machine m = {.cfa = cfa};
	Dwarf_Op room[3], *ops;
	size_t count;

	if (dwarf_frame_register(frame, number, room, &ops, &count))
		return false;
	if (!count) {
		*value = current; /* same value; or undefined, which we do not tell apart */
		return true;
	}
	if (ops[count - 1].atom == DW_OP_stack_value || ops[0].atom == DW_OP_regx)
		return false;
	oracle_run(&m, r, ops, count);
	*value = oracle_memory(oracle_pop(&m));
	return !m.failed;
}

/* The caller's registers of a frame at r->pc, by libdw. */
static inline enum oracle_verdict oracle_unwind(
	Dwarf_Frame *frame, const struct oracle_registers *r, struct oracle_registers *caller)
{
	struct oracle_machine m = {0};
	Dwarf_Op room[3], *ops;
	size_t count;

	if (dwarf_frame_register(frame, 16, room, &ops, &count))
		return ORACLE_UNKNOWN;
	if (!count && ops == room)
		return ORACLE_OUTERMOST;
	if (dwarf_frame_cfa(frame, &ops, &count))
		return ORACLE_UNKNOWN;
	oracle_run(&m, r, ops, count);
	caller->sp = oracle_pop(&m);
	if (m.failed || m.depth ||
		!oracle_caller_register(frame, r, caller->sp, 16, 0, &caller->pc) ||
		!oracle_caller_register(frame, r, caller->sp, 6, r->bp, &caller->bp) ||
		!oracle_caller_register(frame, r, caller->sp, 3, r->bx, &caller->bx))
		return ORACLE_UNKNOWN;
	return ORACLE_KNOWN;
}

#endif
