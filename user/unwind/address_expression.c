/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/address_expression.h"

#include "base/bytes.h"

enum {
	DW_OP_deref = 0x06,
	DW_OP_const1u = 0x08,
	DW_OP_const1s = 0x09,
	DW_OP_const2u = 0x0a,
	DW_OP_const2s = 0x0b,
	DW_OP_const4u = 0x0c,
	DW_OP_const4s = 0x0d,
	DW_OP_constu = 0x10,
	DW_OP_consts = 0x11,
	DW_OP_minus = 0x1c,
	DW_OP_plus = 0x22,
	DW_OP_plus_uconst = 0x23,
	DW_OP_lit0 = 0x30,
	DW_OP_lit31 = 0x4f,
	DW_OP_breg0 = 0x70,
	DW_OP_breg31 = 0x8f,
	DW_OP_nop = 0x96,
};

/* A register and a number, and one more. */
#define MAX_VALUES 4
/* No frame needs more: the walker follows three. */
#define MAX_DEREFS 8

/* A number (in a), or an address. */
struct value {
	bool is_address;
	struct address_expression address;
};

struct evaluation {
	struct value values[MAX_VALUES];
	size_t count;
};

static bool push(struct evaluation *e, struct value value)
{
	if (e->count == MAX_VALUES)
		return false;
	e->values[e->count++] = value;
	return true;
}

static bool push_number(struct evaluation *e, int64_t number)
{
	return push(e, (struct value){.address.a = number});
}

/* Sums of hostile numbers wrap instead of being undefined. */
static void add(struct value *value, uint64_t number)
{
	int64_t *sum = value->address.derefs ? &value->address.b : &value->address.a;

	*sum = (int64_t)((uint64_t)*sum + number);
}

/* The two topmost values become their sum: of an address and a number, or of two numbers. */
static bool add_top(struct evaluation *e, bool is_minus)
{
	struct value right, *left;

	if (e->count < 2)
		return false;
	right = e->values[--e->count];
	left = &e->values[e->count - 1];
	if (right.is_address && (left->is_address || is_minus))
		return false;
	if (right.is_address) {
		add(&right, left->address.a);
		*left = right;
		return true;
	}
	add(left, is_minus ? -(uint64_t)right.address.a : (uint64_t)right.address.a);
	return true;
}

static bool deref_top(struct evaluation *e)
{
	struct value *top = e->count ? &e->values[e->count - 1] : NULL;

	if (!top || !top->is_address || top->address.b || top->address.derefs == MAX_DEREFS)
		return false;
	top->address.derefs++;
	return true;
}

/* The constants; false if @op is none. */
static bool read_number(struct bytes *r, uint8_t op, int64_t *number)
{
	switch (op) {
	case DW_OP_const1u:
		*number = bytes__u8(r);
		return true;
	case DW_OP_const1s:
		*number = (int8_t)bytes__u8(r);
		return true;
	case DW_OP_const2u:
		*number = bytes__u16(r);
		return true;
	case DW_OP_const2s:
		*number = bytes__s16(r);
		return true;
	case DW_OP_const4u:
		*number = bytes__u32(r);
		return true;
	case DW_OP_const4s:
		*number = bytes__s32(r);
		return true;
	case DW_OP_constu:
		*number = bytes__uleb(r);
		return true;
	case DW_OP_consts:
		*number = bytes__sleb(r);
		return true;
	}
	*number = op - DW_OP_lit0;
	return op >= DW_OP_lit0 && op <= DW_OP_lit31;
}

static bool run_operation(struct evaluation *e, struct bytes *r, uint8_t op)
{
	struct value value = {.is_address = true};
	int64_t number;

	if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
		value.address.register_number = op - DW_OP_breg0;
		value.address.a = bytes__sleb(r);
		return push(e, value);
	}
	if (read_number(r, op, &number))
		return push_number(e, number);
	switch (op) {
	case DW_OP_deref:
		return deref_top(e);
	case DW_OP_plus:
		return add_top(e, false);
	case DW_OP_minus:
		return add_top(e, true);
	case DW_OP_plus_uconst:
		return push_number(e, bytes__uleb(r)) && add_top(e, false);
	}
	return op == DW_OP_nop;
}

bool address_expression__read(
	const uint8_t *bytes, size_t size, struct address_expression *expression)
{
	struct bytes r = {.at = bytes, .end = bytes + size};
	struct evaluation e = {.count = 0};

	while (bytes__left(&r))
		if (!run_operation(&e, &r, bytes__u8(&r)) || r.bad)
			return false;
	if (e.count != 1 || !e.values[0].is_address)
		return false;
	*expression = e.values[0].address;
	return true;
}
