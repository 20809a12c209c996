/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Plans for the libraries that the system has: allocators, the C++ runtime, the loader. */
#include <dlfcn.h>

#include "plan_helpers.h"

static void assert_has_malloc_and_free(struct probe_plan *plan)
{
	assert_program(plan, "malloc", PROBE_PROGRAM_ALLOC);
	assert_program(plan, "calloc", PROBE_PROGRAM_ALLOC);
	assert_program(plan, "realloc", PROBE_PROGRAM_ALLOC);
	assert_program(plan, "free", PROBE_PROGRAM_FREE);
}

static void assert_offsets_differ(const struct probe_plan *plan)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		for (size_t k = 0; k < plan->sites[i].size; k++)
			for (int j = i; j < PROBE_PROGRAM_COUNT; j++)
				for (size_t m = j == i ? k + 1 : 0; m < plan->sites[j].size; m++)
					assert_int_not_equal(plan->sites[i].data[k].offset,
						plan->sites[j].data[m].offset);
}

static void check_allocator(const char *library)
{
	struct probe_plan plan;
	int fd = open_library(library);

	plan_file(&plan, fd, false, NULL);
	assert_true(plan__has_allocator(&plan));
	assert_has_malloc_and_free(&plan);
	assert_offsets_differ(&plan);
	plan__free(&plan);
	close(fd);
}

static void test_allocator_libraries_have_one_probe_per_function(void **state)
{
	check_allocator("libc.so.6");
}

static void test_jemalloc_is_an_allocator(void **state)
{
	check_allocator("libjemalloc.so.2");
}

static void test_tcmalloc_is_an_allocator(void **state)
{
	check_allocator("libtcmalloc_minimal.so.4");
}

static void test_mimalloc_is_an_allocator(void **state)
{
	check_allocator("libmimalloc.so.2.0");
}

static void test_operator_delete_of_an_allocator_library_is_probed_once(void **state)
{
	struct probe_plan plan;
	int fd = open_library("libtcmalloc_minimal.so.4");

	plan_file(&plan, fd, false, NULL);
	/*
	 * Where reading the code cannot rule out that it ends in free, as in gperftools 2.15, its
	 * return is watched, which costs more and counts the same.
	 */
	if (!plan.sites[PROBE_PROGRAM_DELETE].size)
		assert_program(&plan, "_ZdlPvm", PROBE_PROGRAM_FREE);
	else
		assert_program(&plan, "_ZdlPvm", PROBE_PROGRAM_DELETE);
	plan__free(&plan);
	close(fd);
}

/* heaptrack's has names of mimalloc, too, and calls whatever dlsym found. */
static void test_functions_of_a_preload_that_passes_calls_on_have_no_return_probe(void **state)
{
	struct probe_plan plan;
	int fd = open_library("heaptrack/libheaptrack_preload.so");

	plan_file(&plan, fd, false, NULL);
	assert_program(&plan, "free", PROBE_PROGRAM_THROWING);
	assert_program(&plan, "malloc", PROBE_PROGRAM_THROWING);
	assert_int_equal(plan.sites[PROBE_PROGRAM_ALLOC].size, 0);
	assert_int_equal(plan.sites[PROBE_PROGRAM_DELETE].size, 0);
	plan__free(&plan);
	close(fd);
}

/* Each with its own kind of slow path: one that is jumped to, one that is called, one inlined. */
static void check_operator_new(const char *library)
{
	struct plan_options options = {.declines_returns = true};
	struct probe_plan plan;
	int fd = open_library(library);

	plan_file(&plan, fd, false, NULL);
	assert_program(&plan, "_Znwm", PROBE_PROGRAM_THROWING);
	assert_true(plan.sites[PROBE_PROGRAM_RET].size >= 3);
	assert_int_equal(plan.untraced.size, 0);
	assert_offsets_differ(&plan);
	plan__free(&plan);
	assert_int_equal(plan__make(&plan, fd, &options, NULL), 0);
	assert_program(&plan, "_Znwm", PROBE_PROGRAM_ALLOC);
	plan__free(&plan);
	close(fd);
}

static void test_operator_new_of_jemalloc_has_a_return_probe_only_if_it_can_be_declined(
	void **state)
{
	check_operator_new("libjemalloc.so.2");
}

static void test_operator_new_of_tcmalloc_has_a_return_probe_only_if_it_can_be_declined(
	void **state)
{
	check_operator_new("libtcmalloc_minimal.so.4");
}

static void test_operator_new_of_mimalloc_has_a_return_probe_only_if_it_can_be_declined(
	void **state)
{
	check_operator_new("libmimalloc.so.2.0");
}

static void test_beginning_exceptions_are_probed_in_the_runtime(void **state)
{
	struct probe_plan plan;
	int fd = open_library("libstdc++.so.6");

	plan_file(&plan, fd, false, NULL);
	assert_program(&plan, "__cxa_allocate_exception", PROBE_PROGRAM_THROW);
	plan__free(&plan);
	close(fd);
	fd = open_library("libgcc_s.so.1");
	plan_file(&plan, fd, false, NULL);
	assert_program(&plan, "_Unwind_RaiseException", PROBE_PROGRAM_THROW);
	assert_false(plan__has_allocator(&plan));
	plan__free(&plan);
	close(fd);
}

static void test_aliases_of_glibc_are_one_probe_under_the_standard_name(void **state)
{
	struct probe_plan plan;
	int fd = open_library("libc.so.6");
	/* Of the library itself: a sanitizer has functions of these names in front of it. */
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	assert_non_null(libc);
	plan_file(&plan, fd, false, NULL);
	assert_not_probed(&plan, "__libc_malloc");
	assert_program(&plan, "aligned_alloc", PROBE_PROGRAM_ALLOC);
	/* Two names of one function until glibc 2.37. */
	if (dlsym(libc, "memalign") == dlsym(libc, "aligned_alloc"))
		assert_not_probed(&plan, "memalign");
	else
		assert_program(&plan, "memalign", PROBE_PROGRAM_ALLOC);
	dlclose(libc);
	plan__free(&plan);
	close(fd);
}

static void test_operators_of_libstdcxx_are_hints_and_its_deletes_are_left_alone(void **state)
{
	struct probe_plan plan;
	int fd = open_library("libstdc++.so.6");

	plan_file(&plan, fd, false, NULL);
	assert_program(&plan, "_Znwm", PROBE_PROGRAM_HINT);
	assert_program(&plan, "_Znam", PROBE_PROGRAM_HINT);
	assert_program(&plan, "_ZnwmRKSt9nothrow_t", PROBE_PROGRAM_HINT);
	assert_program(&plan, "_ZnwmSt11align_val_t", PROBE_PROGRAM_HINT);
	assert_int_equal(plan.sites[PROBE_PROGRAM_DELETE].size, 0);
	assert_int_equal(plan.sites[PROBE_PROGRAM_FREE].size, 0);
	assert_int_equal(plan.sites[PROBE_PROGRAM_ALLOC].size, 0);
	plan__free(&plan);
	close(fd);
}

static void test_loader_has_its_hook_and_no_allocator(void **state)
{
	struct probe_plan plan;
#ifdef __x86_64__
	int fd = open_library("ld-linux-x86-64.so.2");
#else
	int fd = open_library("ld-linux-aarch64.so.1");
#endif

	plan_file(&plan, fd, false, NULL);
	assert_false(plan__has_allocator(&plan));
	assert_program(&plan, "_dl_debug_state", PROBE_PROGRAM_LOADER);
	plan__free(&plan);
	close(fd);
}

static void test_library_without_allocator_has_an_empty_plan(void **state)
{
	struct probe_plan plan;
	int fd = open_library("libm.so.6");

	plan_file(&plan, fd, false, NULL);
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		assert_int_equal(plan.sites[i].size, 0);
	assert_false(plan.is_static_stripped);
	plan__free(&plan);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocator_libraries_have_one_probe_per_function),
		cmocka_unit_test(test_jemalloc_is_an_allocator),
		cmocka_unit_test(test_tcmalloc_is_an_allocator),
		cmocka_unit_test(test_mimalloc_is_an_allocator),
		cmocka_unit_test(test_operator_delete_of_an_allocator_library_is_probed_once),
		cmocka_unit_test(
			test_functions_of_a_preload_that_passes_calls_on_have_no_return_probe),
		cmocka_unit_test(
			test_operator_new_of_jemalloc_has_a_return_probe_only_if_it_can_be_declined),
		cmocka_unit_test(
			test_operator_new_of_tcmalloc_has_a_return_probe_only_if_it_can_be_declined),
		cmocka_unit_test(
			test_operator_new_of_mimalloc_has_a_return_probe_only_if_it_can_be_declined),
		cmocka_unit_test(test_beginning_exceptions_are_probed_in_the_runtime),
		cmocka_unit_test(test_aliases_of_glibc_are_one_probe_under_the_standard_name),
		cmocka_unit_test(
			test_operators_of_libstdcxx_are_hints_and_its_deletes_are_left_alone),
		cmocka_unit_test(test_loader_has_its_hook_and_no_allocator),
		cmocka_unit_test(test_library_without_allocator_has_an_empty_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
