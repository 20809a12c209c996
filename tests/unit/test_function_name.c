/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Numbers and names as the text report writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/function_name.h"
#include "report/human.h"
#include "report/plumbing.h"

static void test_bytes_have_three_digits_and_a_unit(void **state)
{
	assert_string_equal(human__bytes(0).text, "0 B");
	assert_string_equal(human__bytes(1023).text, "1023 B");
	assert_string_equal(human__bytes(1024).text, "1.00 KiB");
	assert_string_equal(human__bytes(12595).text, "12.3 KiB");
	assert_string_equal(human__bytes(1023 << 10).text, "1023 KiB");
	assert_string_equal(human__bytes((1 << 20) - 1).text, "1.00 MiB");
	assert_string_equal(human__bytes(UINT64_MAX).text, "16.0 EiB");
}

static void test_counts_are_exact_until_they_are_unreadable(void **state)
{
	assert_string_equal(human__count(0).text, "0");
	assert_string_equal(human__count(999).text, "999");
	assert_string_equal(human__count(1000).text, "1,000");
	assert_string_equal(human__count(1234567).text, "1,234,567");
	assert_string_equal(human__count(12345678).text, "12.3 M");
	assert_string_equal(human__count(999999999).text, "1.00 G");
	assert_string_equal(human__exact(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void test_durations_use_the_units_people_use(void **state)
{
	assert_string_equal(human__duration(0).text, "0 ns");
	assert_string_equal(human__duration(999).text, "999 ns");
	assert_string_equal(human__duration(1500).text, "1.50 us");
	assert_string_equal(human__duration(999499).text, "999 us");
	assert_string_equal(human__duration(12340000000).text, "12.3 s");
	assert_string_equal(human__duration(999999999).text, "1.00 s");
	assert_string_equal(human__duration(61000000000).text, "1 min 01 s");
	assert_string_equal(human__duration(7380000000000).text, "2 h 03 min");
	assert_string_equal(human__duration(93600000000000).text, "1 d 02 h");
}

static void test_percentages_never_round_something_to_nothing(void **state)
{
	assert_string_equal(human__percent(1, 3).text, "33.3 %");
	assert_string_equal(human__percent(1, 1000000).text, "<0.1 %");
	assert_string_equal(human__percent(0, 5).text, "0 %");
	assert_string_equal(human__percent(5, 0).text, "0 %");
}

static void assert_shortened(const char *name, size_t width, const char *expected)
{
	char out[NAME_SIZE];

	function_name__shorten(name, width, out);
	assert_string_equal(out, expected);
	assert_in_range(strlen(out), 1, width);
}

static void test_name_that_fits_stays_whole(void **state)
{
	assert_shortened("f(std::vector<int> const&)", 40, "f(std::vector<int> const&)");
}

static void test_parameters_go_before_template_arguments(void **state)
{
	assert_shortened("ns::f(std::vector<int, std::allocator<int> > const&)", 20, "ns::f");
	assert_shortened(
		"ns::map<int, std::less<int> >::insert(int&&)", 20, "ns::map<...>::insert");
	assert_shortened("Cache<Key>::find(Key const&) const", 24, "Cache<Key>::find const");
}

static void test_name_longer_than_any_buffer_keeps_its_function(void **state)
{
	char name[2000] = "ns::table<";

	while (strlen(name) < 1500)
		strcat(name, "std::vector<int, std::allocator<int> >, ");
	strcat(name, "int>::insert(int const&)");
	assert_shortened(name, 40, "ns::table<...>::insert");
}

static void test_operators_and_anonymous_namespaces_are_kept(void **state)
{
	assert_shortened("(anonymous namespace)::helper(int, int, int, int)", 32,
		"(anonymous namespace)::helper");
	assert_shortened("Functor::operator()(int, long, char const*) const", 30,
		"Functor::operator() const");
	assert_shortened("bool operator< <int, long>(Pair<int> const&, Pair<long> const&)", 30,
		"bool operator< <int, long>");
	assert_shortened(
		"Stream& operator<<(Stream&, std::string const&)", 24, "Stream& operator<<");
}

static void test_rust_names_keep_their_leading_bracket(void **state)
{
	assert_shortened("<alloc::vec::Vec<T,A> as core::ops::Drop>::drop", 42,
		"...vec::Vec<...> as core::ops::Drop>::drop");
}

static void test_long_plain_name_keeps_its_tail(void **state)
{
	assert_shortened("a_very_long_function_name_of_c", 11, "...ame_of_c");
}

static void test_cut_never_splits_a_character(void **state)
{
	char out[NAME_SIZE];

	function_name__shorten("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 10, out);
	assert_string_equal(out, "...\xc3\xa4\xc3\xa4\xc3\xa4");
}

static void test_hostile_names_stay_within_the_width(void **state)
{
	static const char alphabet[] = "ab<>(){}[]:-* ~operator\xc3\xa4\xff";
	char name[600], out[NAME_SIZE];

	srandom(1);
	for (int round = 0; round < 50000; round++) {
		size_t length = random() % (sizeof(name) - 1), width = 8 + random() % 240;

		for (size_t i = 0; i < length; i++)
			name[i] = alphabet[random() % (sizeof(alphabet) - 1)];
		name[length] = 0;
		function_name__shorten(name, width, out);
		assert_in_range(strlen(out), 0, width);
	}
}

static void test_wrappers_of_allocation_functions_are_plumbing(void **state)
{
	static const char *const plumbing[] = {"xmalloc", "g_malloc0", "_PyObject_Malloc",
		"Perl_safesysrealloc", "xstrdup", "zcalloc_num", "operator new(unsigned long)",
		"std::vector<int>::push_back(int const&)",
		"void std::pmr::vector<int>::emplace_back<char const (&) [9]>(char const (&) [9])",
		"std::pmr::unsynchronized_pool_resource::do_allocate(unsigned long, unsigned long)",
		"xmalloc(unsigned long)", "palloc0", "MemoryContextAlloc", "mi_new_n",
		"ngx_pcalloc", "apr_palloc", "PyMem_RawMalloc", "alloc::raw_vec::finish_grow",
		"<alloc::vec::Vec<T> as core::clone::Clone>::clone",
		"<T as alloc::string::ToString>::to_string",
		"core::ops::function::FnOnce::call_once",
		"<[u8]>::to_vec_in::<alloc::alloc::Global>",
		"<u8 as <[_]>::to_vec_in::ConvertVec>::to_vec::<alloc::alloc::Global>",
		"<&dyn core::ops::function::Fn<(), Output = i32> + core::marker::Sync as "
		"core::ops::function::FnOnce<()>>::call_once",
		"hashbrown::raw::RawTable<T,A>::reserve", "av_mallocz", "luaM_realloc_",
		"g_malloc0_n", "_cgo_0123abcd_Cfunc__Cmalloc"};
	static const char *const telling[] = {"main", "malloc_stats", "callocated", "dup",
		"my_allocator", "",
		"std::vector<int, std::allocator<int> > make<int>(unsigned long)",
		"(anonymous namespace)::grow(int)", "Widget::operator=(Widget const&)",
		"<app::Session as core::clone::Clone>::clone", "app::alloc::grow",
		"<alloc::vec::Vec<u8> as app::Frames>::split",
		"<&app::Key as core::fmt::Debug>::fmt", "<[app::Row]>::sort_all", "Curl_open",
		"coretemp::read", "_cgo_thread_start"};

	for (size_t i = 0; i < sizeof(plumbing) / sizeof(*plumbing); i++)
		assert_true(plumbing__has(plumbing[i]));
	for (size_t i = 0; i < sizeof(telling) / sizeof(*telling); i++)
		assert_false(plumbing__has(telling[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrappers_of_allocation_functions_are_plumbing),
		cmocka_unit_test(test_bytes_have_three_digits_and_a_unit),
		cmocka_unit_test(test_counts_are_exact_until_they_are_unreadable),
		cmocka_unit_test(test_durations_use_the_units_people_use),
		cmocka_unit_test(test_percentages_never_round_something_to_nothing),
		cmocka_unit_test(test_name_that_fits_stays_whole),
		cmocka_unit_test(test_parameters_go_before_template_arguments),
		cmocka_unit_test(test_name_longer_than_any_buffer_keeps_its_function),
		cmocka_unit_test(test_operators_and_anonymous_namespaces_are_kept),
		cmocka_unit_test(test_rust_names_keep_their_leading_bracket),
		cmocka_unit_test(test_long_plain_name_keeps_its_tail),
		cmocka_unit_test(test_cut_never_splits_a_character),
		cmocka_unit_test(test_hostile_names_stay_within_the_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
