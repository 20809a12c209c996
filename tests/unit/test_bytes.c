/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The cursor over untrusted bytes, and binary search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/search.h"

static void test_numbers_of_all_sizes_are_read_in_a_row(void **state)
{
	const uint8_t data[] = {
		0xff, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0xfe, 0xff, 0, 0, 1, 'a', 0};
	struct bytes b = bytes__of(data, sizeof(data));

	assert_int_equal(bytes__u8(&b), 0xff);
	assert_int_equal(bytes__u16(&b), 0x1234);
	assert_int_equal(bytes__u32(&b), 0x12345678);
	assert_int_equal(bytes__s16(&b), -2);
	assert_int_equal(bytes__number(&b, 3), 0x10000);
	assert_string_equal(bytes__string(&b), "a");
	assert_int_equal(bytes__left(&b), 0);
	assert_false(b.bad);
}

static void test_a_read_past_the_end_is_bad_for_good(void **state)
{
	const uint8_t data[] = {1, 2, 3};
	struct bytes b = bytes__of(data, sizeof(data));

	assert_int_equal(bytes__u32(&b), 0);
	assert_true(b.bad);
	assert_int_equal(bytes__u8(&b), 0);
	assert_int_equal(bytes__left(&b), 0);
	assert_false(bytes__skip(&b, 0));
	b = bytes__of(data, sizeof(data));
	assert_null(bytes__take(&b, UINT64_MAX));
	b = bytes__of(data, sizeof(data));
	assert_null(bytes__string(&b));
	assert_true(b.bad);
	b = bytes__of(data, sizeof(data));
	assert_int_equal(bytes__number(&b, 9), 0);
	assert_true(b.bad);
}

static void test_nothing_at_all_is_read_as_the_end(void **state)
{
	struct bytes b = bytes__of(NULL, 0);

	assert_int_equal(bytes__left(&b), 0);
	assert_null(bytes__string(&b));
	b = bytes__of(NULL, 0);
	assert_int_equal(bytes__uleb(&b), 0);
	assert_true(b.bad);
}

/* DWARF 5, figures C.1 and C.2, and the widest. */
static void test_leb128_has_the_values_of_the_standard(void **state)
{
	const uint8_t data[] = {2, 0x7f, 0x80, 0x01, 0x81, 0x01, 0xb9, 0x64, 0x7e, 0xff, 0x00, 0x81,
		0x7f, 0xff, 0x7e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	struct bytes b = bytes__of(data, sizeof(data));

	assert_int_equal(bytes__uleb(&b), 2);
	assert_int_equal(bytes__uleb(&b), 127);
	assert_int_equal(bytes__uleb(&b), 128);
	assert_int_equal(bytes__uleb(&b), 129);
	assert_int_equal(bytes__uleb(&b), 12857);
	assert_int_equal(bytes__sleb(&b), -2);
	assert_int_equal(bytes__sleb(&b), 127);
	assert_int_equal(bytes__sleb(&b), -127);
	assert_int_equal(bytes__sleb(&b), -129);
	assert_true(bytes__uleb(&b) == UINT64_MAX);
	assert_false(b.bad);
}

static void test_leb128_without_an_end_is_bad(void **state)
{
	const uint8_t data[] = {0x80, 0x80, 0x80};
	struct bytes b = bytes__of(data, sizeof(data));
	uint64_t value;

	assert_false(bytes__read_uleb(&b, &value));
	b = bytes__of(data, sizeof(data));
	assert_int_equal(bytes__sleb(&b), 0);
	assert_true(b.bad);
}

static void test_search_finds_the_first_that_is_not_before(void **state)
{
	const int sorted[] = {1, 3, 3, 5};

	assert_int_equal(search_first(4, i, sorted[i] < 0), 0);
	assert_int_equal(search_first(4, i, sorted[i] < 3), 1);
	assert_int_equal(search_first(4, i, sorted[i] <= 3), 3);
	assert_int_equal(search_first(4, i, sorted[i] < 9), 4);
	assert_int_equal(search_first(0, i, sorted[i] < 9), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_of_all_sizes_are_read_in_a_row),
		cmocka_unit_test(test_a_read_past_the_end_is_bad_for_good),
		cmocka_unit_test(test_nothing_at_all_is_read_as_the_end),
		cmocka_unit_test(test_leb128_has_the_values_of_the_standard),
		cmocka_unit_test(test_leb128_without_an_end_is_bad),
		cmocka_unit_test(test_search_finds_the_first_that_is_not_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
