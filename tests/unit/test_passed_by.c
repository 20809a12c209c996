/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Whether a jump leads around a place in a function. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/passed_by.h"

#define START 0x401000

static bool passed(const uint8_t *code, size_t size, size_t place)
{
	return code__passed_by(EM_X86_64, code, size, START, START + place);
}

static void test_straight_code_is_not_passed_by(void **state)
{
	static const uint8_t code[] = {0x55, 0x53, 0x90, 0x90, 0x90};

	(void)state;
	assert_false(passed(code, sizeof(code), 3));
}

/* je over the two bytes behind it. */
static void test_branch_leads_around(void **state)
{
	static const uint8_t code[] = {0x55, 0x74, 0x02, 0x90, 0x90, 0x90};

	(void)state;
	assert_true(passed(code, sizeof(code), 3));
	assert_false(passed(code, sizeof(code), 5));
}

/* An error's path lies behind all that is asked for. */
static void test_branch_that_leads_out_does_not_lead_around(void **state)
{
	static const uint8_t code[] = {0x55, 0x74, 0x20, 0x90, 0x90, 0x90};

	(void)state;
	assert_false(passed(code, sizeof(code), 3));
}

/* jmp *%rax */
static void test_jump_through_a_register_leads_anywhere(void **state)
{
	static const uint8_t code[] = {0x55, 0xff, 0xe0, 0x90, 0x90};

	(void)state;
	assert_true(passed(code, sizeof(code), 4));
}

static void test_code_that_is_none_is_passed_by(void **state)
{
	static const uint8_t code[] = {0x06, 0x06, 0x90};

	(void)state;
	assert_true(passed(code, sizeof(code), 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_straight_code_is_not_passed_by),
		cmocka_unit_test(test_branch_leads_around),
		cmocka_unit_test(test_branch_that_leads_out_does_not_lead_around),
		cmocka_unit_test(test_jump_through_a_register_leads_anywhere),
		cmocka_unit_test(test_code_that_is_none_is_passed_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
