/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Expressions of frame information, brought into the form that the walker follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unwind/address_expression.h"

#define READ(expression, ...)                                    \
	address_expression__read((const uint8_t[]){__VA_ARGS__}, \
		sizeof((const uint8_t[]){__VA_ARGS__}), expression)

static void expect(
	const struct address_expression *e, uint64_t number, int64_t a, int derefs, int64_t b)
{
	assert_int_equal(e->register_number, number);
	assert_int_equal(e->a, a);
	assert_int_equal(e->derefs, derefs);
	assert_int_equal(e->b, b);
}

static void test_numbers_add_up_before_and_behind_a_deref(void **state)
{
	struct address_expression e;

	assert_true(READ(&e, 0x77, 8));
	expect(&e, 7, 8, 0, 0);
	/* breg7 8; plus_uconst 16; deref; lit8; plus */
	assert_true(READ(&e, 0x77, 8, 0x23, 16, 0x06, 0x38, 0x22));
	expect(&e, 7, 24, 1, 8);
	/* breg6 -16; deref; deref; const1s -8; plus */
	assert_true(READ(&e, 0x76, 0x70, 0x06, 0x06, 0x09, 0xf8, 0x22));
	expect(&e, 6, -16, 2, -8);
	/* lit24; breg3 0; plus; const2u 0x100; minus */
	assert_true(READ(&e, 0x48, 0x73, 0, 0x22, 0x0a, 0, 1, 0x1c));
	expect(&e, 3, 24 - 0x100, 0, 0);
}

static void test_what_is_no_address_of_one_register_is_refused(void **state)
{
	struct address_expression e;

	assert_false(address_expression__read(NULL, 0, &e));
	assert_false(READ(&e, 0x38));				 /* a number */
	assert_false(READ(&e, 0x77, 0, 0x76, 0, 0x22));		 /* two registers */
	assert_false(READ(&e, 0x38, 0x77, 0, 0x1c));		 /* number - register */
	assert_false(READ(&e, 0x77, 0, 0x38));			 /* two values are left */
	assert_false(READ(&e, 0x77, 0, 0x06, 0x38, 0x22, 0x06)); /* *(*(r) + 8) */
	assert_false(READ(&e, 0x77, 0, 0x1a));			 /* and */
	assert_false(READ(&e, 0x22));				 /* nothing to add */
	assert_false(READ(&e, 0x06));
}

static void test_a_cut_expression_is_refused(void **state)
{
	struct address_expression e;

	assert_false(READ(&e, 0x77));
	assert_false(READ(&e, 0x77, 0x80));
	assert_false(READ(&e, 0x77, 0, 0x0c, 1, 2));
}

static void test_hostile_numbers_wrap(void **state)
{
	struct address_expression e;

	/* breg7 0; plus_uconst 2^63 - 1, twice */
	assert_true(READ(&e, 0x77, 0, 0x23, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
		0x23, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f));
	expect(&e, 7, -2, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_add_up_before_and_behind_a_deref),
		cmocka_unit_test(test_what_is_no_address_of_one_register_is_refused),
		cmocka_unit_test(test_a_cut_expression_is_refused),
		cmocka_unit_test(test_hostile_numbers_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
