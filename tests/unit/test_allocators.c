/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The table of allocation functions: names, signatures, cookies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "process/allocators.h"

static void test_no_name_is_listed_twice(void **state)
{
	for (size_t i = 0; i < allocators__count(); i++)
		for (size_t j = i + 1; j < allocators__count(); j++)
			assert_string_not_equal(allocators__at(i)->name, allocators__at(j)->name);
	assert_null(allocators__at(allocators__count()));
}

static void test_every_entry_is_found_by_its_name(void **state)
{
	for (size_t i = 0; i < allocators__count(); i++)
		assert_ptr_equal(allocators__find(allocators__at(i)->name), allocators__at(i));
}

static void test_other_names_are_not_found(void **state)
{
	static const char *const names[] = {"", "m", "_", "mallo", "malloc_", "mallocs", "_Z",
		"_Zn", "_Znwj", "_ZN6mallocEv", "Malloc", "xmalloc", "free@plt"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(allocators__find(names[i]));
}

static void test_every_argument_index_is_one_that_programs_can_read(void **state)
{
	for (size_t i = 0; i < allocators__count(); i++) {
		const struct allocator_function *function = allocators__at(i);
		uint8_t indexes[] = {function->size, function->count, function->pointer};

		for (size_t k = 0; k < sizeof(indexes); k++)
			assert_true(indexes[k] < 6 || indexes[k] == PROBE_NO_ARGUMENT);
		assert_true(allocators__arguments(function) != 0);
	}
}

static void test_an_operation_has_the_arguments_it_needs(void **state)
{
	for (size_t i = 0; i < allocators__count(); i++) {
		const struct allocator_function *function = allocators__at(i);
		bool has_size = function->size != PROBE_NO_ARGUMENT;
		bool has_pointer = function->pointer != PROBE_NO_ARGUMENT;

		switch (function->operation) {
		case PROBE_ALLOC:
			assert_true(has_size && !has_pointer);
			break;
		case PROBE_FREE:
			assert_true(!has_size && has_pointer);
			break;
		case PROBE_REALLOC:
		case PROBE_POSIX_MEMALIGN:
			assert_true(has_size && has_pointer);
			break;
		default:
			fail_msg("%s has no operation", function->name);
		}
	}
}

static void test_cookie_gives_back_what_was_packed(void **state)
{
	const struct allocator_function *function = allocators__find("mi_new_reallocn");
	uint64_t cookie = allocators__cookie(function, PROBE_REALLOC);

	assert_int_equal(PROBE_COOKIE_OPERATION(cookie), PROBE_REALLOC);
	assert_int_equal(PROBE_COOKIE_FUNCTION(cookie), FUNCTION_REALLOCARRAY);
	assert_int_equal(PROBE_COOKIE_SIZE(cookie), 2);
	assert_int_equal(PROBE_COOKIE_COUNT(cookie), 1);
	assert_int_equal(PROBE_COOKIE_POINTER(cookie), 0);
	assert_int_equal(PROBE_COOKIE_FLAGS(cookie), PROBE_MAY_THROW | PROBE_ZERO_SIZE_KEEPS);
}

static void test_posix_memalign_names_its_out_parameter(void **state)
{
	const struct allocator_function *function = allocators__find("posix_memalign");

	assert_int_equal(function->operation, PROBE_POSIX_MEMALIGN);
	assert_int_equal(function->pointer, 0);
	assert_int_equal(function->size, 2);
}

static void test_only_throwing_operators_may_throw(void **state)
{
	assert_true(allocators__find("_Znwm")->flags & PROBE_MAY_THROW);
	assert_true(allocators__find("_ZnamSt11align_val_t")->flags & PROBE_MAY_THROW);
	assert_false(allocators__find("_ZnwmRKSt9nothrow_t")->flags & PROBE_MAY_THROW);
	assert_false(allocators__find("malloc")->flags & PROBE_MAY_THROW);
}

static void test_prefix_stands_before_c_functions_only(void **state)
{
	assert_ptr_equal(allocators__find_prefixed("je_malloc", "je_"), allocators__find("malloc"));
	assert_ptr_equal(allocators__find_prefixed("_rjem_sdallocx", "_rjem_"),
		allocators__find("sdallocx"));
	assert_null(allocators__find_prefixed("malloc", "je_"));
	assert_null(allocators__find_prefixed("je_malloc_stats", "je_"));
	assert_null(allocators__find_prefixed("je__Znwm", "je_"));
	assert_ptr_equal(allocators__find_prefixed("malloc", ""), allocators__find("malloc"));
}

static void test_every_function_of_the_records_has_a_name(void **state)
{
	for (int i = FUNCTION_NONE + 1; i < FUNCTION_COUNT; i++)
		assert_string_not_equal(allocators__function_name(i), "?");
	assert_string_equal(allocators__function_name(FUNCTION_NEW_ARRAY), "operator new[]");
	assert_string_equal(allocators__function_name(FUNCTION_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_name_is_listed_twice),
		cmocka_unit_test(test_every_entry_is_found_by_its_name),
		cmocka_unit_test(test_other_names_are_not_found),
		cmocka_unit_test(test_every_argument_index_is_one_that_programs_can_read),
		cmocka_unit_test(test_an_operation_has_the_arguments_it_needs),
		cmocka_unit_test(test_cookie_gives_back_what_was_packed),
		cmocka_unit_test(test_posix_memalign_names_its_out_parameter),
		cmocka_unit_test(test_only_throwing_operators_may_throw),
		cmocka_unit_test(test_prefix_stands_before_c_functions_only),
		cmocka_unit_test(test_every_function_of_the_records_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
