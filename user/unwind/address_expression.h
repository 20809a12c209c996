/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * DWARF expressions that compute an address from one register, as frame information has them:
 * register + a, or *(register + a) + b, or **(register + a) + b and so on. They are not evaluated
 * but brought into that form (DWARF 5, 2.5.1).
 */
#ifndef MEMTRACE_UNWIND_ADDRESS_EXPRESSION_H
#define MEMTRACE_UNWIND_ADDRESS_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_expression {
	uint64_t register_number;
	int64_t a;
	int derefs; /* how often; without, b is 0 */
	int64_t b;
};

/* False for an expression that does more than that, or is malformed. */
bool address_expression__read(
	const uint8_t *bytes, size_t size, struct address_expression *expression);

#endif
