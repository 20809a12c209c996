/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Demangling, interning, search in ranges, and which frames are trimmed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "symbols/demangle.h"
#include "symbols/names.h"
#include "symbols/range_index.h"
#include "symbols/trim.h"

static void assert_demangles(const char *mangled, const char *expected)
{
	char *text = demangle__symbol(mangled);

	if (!expected) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void test_cpp_names_are_demangled_with_parameters(void **state)
{
	assert_demangles("_Znwm", "operator new(unsigned long)");
	assert_demangles("_ZNSt6vectorIiSaIiEE9push_backERKi",
		"std::vector<int, std::allocator<int> >::push_back(int const&)");
	assert_demangles("_Z3foov.cold", "foo() [clone .cold]");
}

static void test_rust_names_lose_their_hash(void **state)
{
	assert_demangles("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write");
	assert_demangles("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$"
			 "GT$3bar17h930b740aa94f1d3aE",
		"<Test + 'static as foo::Bar<Test>>::bar");
	assert_demangles("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
}

static void test_what_is_not_mangled_stays(void **state)
{
	assert_demangles("malloc", NULL);
	assert_demangles("", NULL);
	assert_demangles("_Z", NULL);
	assert_demangles("_ZN", NULL);
	assert_demangles("_ZTotal", NULL);
}

/* Each type is a pair of the one before, by substitution: the text doubles at every step. */
static void test_a_name_that_would_fill_the_memory_is_left_mangled(void **state)
{
	char bomb[2048] = "_Z1fI1AIiiES0_IS1_S1_E";
	size_t length = strlen(bomb);

	for (int i = 2; i < 36; i++)
		length += sprintf(bomb + length, "S0_IS%c_S%c_E", i < 10 ? '0' + i : 'A' + i - 10,
			i < 10 ? '0' + i : 'A' + i - 10);
	strcpy(bomb + length, "Evv");
	assert_demangles(bomb, NULL);
}

static void test_equal_texts_are_interned_to_one_pointer_and_printable(void **state)
{
	struct names *names = names__new();
	char text[] = "a\033[31mb\xff";
	const char *kept = names__intern(names, text);

	assert_string_equal(kept, "a?[31mb?");
	assert_ptr_equal(names__intern(names, text), kept);
	assert_ptr_equal(names__intern(names, "a?[31mb?"), kept);
	assert_string_equal(names__intern(names, "\xc3\xa9t\xc3\xa9"), "\xc3\xa9t\xc3\xa9");
	assert_string_equal(names__intern(names, "a\u202eb\u200b\u2066c\u061c\xc2\x85\U000e0041d"),
		"a?b??c???d");
	assert_string_equal(names__intern(names, "\u65e5\u672c"), "\u65e5\u672c");
	assert_null(names__intern(names, NULL));
	assert_string_equal(names__demangled(names, "_Z1fv"), "f()");
	assert_ptr_equal(names__demangled(names, "_Z1fv"), names__intern(names, "f()"));
	names__set_demangle(names, false);
	assert_string_equal(names__demangled(names, "_Z1fv"), "_Z1fv");
	names__free(names);
}

static void test_the_innermost_range_wins_and_a_higher_rank_before_that(void **state)
{
	struct range_index index = {0};

	range_index__add(&index, 100, 1000, 1, 1);
	range_index__add(&index, 200, 300, 1, 2);
	range_index__add(&index, 250, 260, 0, 3);
	range_index__add(&index, 2000, 2000, 0, 4);
	range_index__add(&index, 5, 10, 0, 5);
	range_index__sort(&index);
	assert_int_equal(range_index__find(&index, 100)->value, 1);
	assert_int_equal(range_index__find(&index, 250)->value, 2);
	assert_int_equal(range_index__find(&index, 300)->value, 1);
	assert_int_equal(range_index__find(&index, 999)->value, 1);
	assert_int_equal(range_index__find(&index, 9)->value, 5);
	assert_null(range_index__find(&index, 10));
	assert_null(range_index__find(&index, 1000));
	assert_null(range_index__find(&index, 2000));
	assert_null(range_index__find(&index, 0));
	range_index__free(&index);
	assert_null(range_index__find(&index, 0));
}

/* Against a search through all of them. */
static void test_find_agrees_with_a_linear_search(void **state)
{
	struct range_index index = {0};
	unsigned int seed = 7;

	for (uint32_t i = 0; i < 500; i++) {
		uint64_t start = rand_r(&seed) % 3000;

		range_index__add(&index, start, start + rand_r(&seed) % 60, 0, i);
	}
	range_index__sort(&index);
	for (uint64_t address = 0; address < 3100; address++) {
		const struct range *found = range_index__find(&index, address), *best = NULL;

		vec_for_each (range, &index.ranges) {
			if (range->start <= address && address < range->end)
				best = range;
		}
		assert_ptr_equal(found, best);
	}
	range_index__free(&index);
}

static void test_allocation_functions_are_trimmed_and_their_users_are_not(void **state)
{
	static const char *const trimmed[] = {"malloc", "calloc", "operator new(unsigned long)",
		"operator new[](unsigned long, std::align_val_t)", "operator new", "_Znwm",
		"_ZnamRKSt9nothrow_t", "malloc@plt", "posix_memalign", "__rust_alloc",
		"alloc::alloc::exchange_malloc", "__rdl_alloc",
		"<alloc::alloc::Global>::alloc_impl_runtime",
		"<alloc::alloc::Global as core::alloc::Allocator>::allocate"};
	static const char *const kept[] = {"main", "mallocate", "my_malloc", "xmalloc", "strdup",
		"std::__new_allocator<int>::allocate(unsigned long, void const*)",
		"operator newish(int)", "std::allocator<char>::allocate(unsigned long)",
		"foo::malloc(int)", "alloc::vec::Vec<T,A>::push", "free", ""};

	for (size_t i = 0; i < sizeof(trimmed) / sizeof(*trimmed); i++)
		if (!trim__is_allocator(trimmed[i]))
			fail_msg("%s is not trimmed", trimmed[i]);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (trim__is_allocator(kept[i]))
			fail_msg("%s is trimmed", kept[i]);
	assert_false(trim__is_allocator(NULL));
	assert_true(trim__is_artefact("[uprobes]"));
	assert_false(trim__is_artefact("/lib/libc.so.6"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpp_names_are_demangled_with_parameters),
		cmocka_unit_test(test_rust_names_lose_their_hash),
		cmocka_unit_test(test_what_is_not_mangled_stays),
		cmocka_unit_test(test_a_name_that_would_fill_the_memory_is_left_mangled),
		cmocka_unit_test(test_equal_texts_are_interned_to_one_pointer_and_printable),
		cmocka_unit_test(test_the_innermost_range_wins_and_a_higher_rank_before_that),
		cmocka_unit_test(test_find_agrees_with_a_linear_search),
		cmocka_unit_test(test_allocation_functions_are_trimmed_and_their_users_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
