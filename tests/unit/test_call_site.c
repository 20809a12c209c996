/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a call in front of a return address says of who was called. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/call_site.h"

static void test_direct_call_gives_its_target(void **state)
{
	/* call +0x10 */
	const uint8_t code[CALL_SITE_BYTES] = {0x90, 0x90, 0x90, 0xe8, 0x10, 0, 0, 0};
	struct call_site site;

	assert_true(call_site__decode(EM_X86_64, code, 0x1000, &site));
	assert_int_equal(site.target, 0x1010);
	assert_int_equal(site.slot, 0);
}

static void test_call_backwards_gives_its_target(void **state)
{
	const uint8_t code[CALL_SITE_BYTES] = {0x90, 0x90, 0x90, 0xe8, 0xf0, 0xff, 0xff, 0xff};
	struct call_site site;

	assert_true(call_site__decode(EM_X86_64, code, 0x1000, &site));
	assert_int_equal(site.target, 0xff0);
}

static void test_call_through_the_got_gives_its_slot(void **state)
{
	/* call *0x2000(%rip) */
	const uint8_t code[CALL_SITE_BYTES] = {0x90, 0x90, 0xff, 0x15, 0, 0x20, 0, 0};
	struct call_site site;

	assert_true(call_site__decode(EM_X86_64, code, 0x1000, &site));
	assert_int_equal(site.slot, 0x3000);
	assert_int_equal(site.target, 0);
}

static void test_call_through_a_register_tells_nothing(void **state)
{
	/* call *%rax */
	const uint8_t code[CALL_SITE_BYTES] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0};
	struct call_site site;

	assert_false(call_site__decode(EM_X86_64, code, 0x1000, &site));
}

static void test_arm64_branch_with_link_gives_its_target(void **state)
{
	/* bl +0x20; bl -4 */
	const uint8_t forth[CALL_SITE_BYTES] = {0, 0, 0, 0, 0x08, 0, 0, 0x94};
	const uint8_t back[CALL_SITE_BYTES] = {0, 0, 0, 0, 0xff, 0xff, 0xff, 0x97};
	struct call_site site;

	assert_true(call_site__decode(EM_AARCH64, forth, 0x1004, &site));
	assert_int_equal(site.target, 0x1020);
	assert_true(call_site__decode(EM_AARCH64, back, 0x1004, &site));
	assert_int_equal(site.target, 0xffc);
}

static void test_other_machines_are_not_decoded(void **state)
{
	const uint8_t code[CALL_SITE_BYTES] = {0x90, 0x90, 0x90, 0xe8, 0x10, 0, 0, 0};
	struct call_site site;

	assert_false(call_site__decode(EM_RISCV, code, 0x1000, &site));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direct_call_gives_its_target),
		cmocka_unit_test(test_call_backwards_gives_its_target),
		cmocka_unit_test(test_call_through_the_got_gives_its_slot),
		cmocka_unit_test(test_call_through_a_register_tells_nothing),
		cmocka_unit_test(test_arm64_branch_with_link_gives_its_target),
		cmocka_unit_test(test_other_machines_are_not_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
