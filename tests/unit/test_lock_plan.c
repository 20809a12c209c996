/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which functions are probed for the order of locks, in a C library that has them all (glibc 2.34).
 */
#include "order_records.h"
#include "plan_helpers.h"
#include "probe/lock_plan.h"

static int set_up(void **state)
{
	struct probe_plan *plan = calloc(1, sizeof(*plan));
	struct plan_options options = {0};
	struct error err;
	int fd = open_library("libc.so.6");

	if (lock_plan__make(plan, fd, &options, &err))
		fail_msg("%s", err.message);
	close(fd);
	*state = plan;
	return 0;
}

static int tear_down(void **state)
{
	plan__free(*state);
	free(*state);
	return 0;
}

static void test_functions_that_wait_are_probed_at_entry_only(void **state)
{
	assert_program(*state, "pthread_mutex_lock", PROBE_PROGRAM_ORDER_LOCK);
	assert_program(*state, "pthread_rwlock_rdlock", PROBE_PROGRAM_ORDER_LOCK);
	assert_program(*state, "pthread_rwlock_wrlock", PROBE_PROGRAM_ORDER_LOCK);
	assert_program(*state, "pthread_spin_lock", PROBE_PROGRAM_ORDER_LOCK);
	assert_program(*state, "pthread_mutex_unlock", PROBE_PROGRAM_ORDER_UNLOCK);
}

static void test_functions_that_may_give_up_are_probed_at_return_too(void **state)
{
	assert_program(*state, "pthread_mutex_trylock", PROBE_PROGRAM_ORDER_TRY);
	assert_program(*state, "pthread_mutex_timedlock", PROBE_PROGRAM_ORDER_TRY);
	assert_program(*state, "pthread_rwlock_tryrdlock", PROBE_PROGRAM_ORDER_TRY);
}

static void test_wait_on_condition_has_both_its_arguments(void **state)
{
	enum probe_program program;
	const struct probe_site *site = find_site(*state, "pthread_cond_wait", &program);

	assert_non_null(site);
	assert_int_equal(program, PROBE_PROGRAM_ORDER_OTHER);
	assert_int_equal(PROBE_COOKIE_FUNCTION(site->cookie), ORDER_CONDITION);
	assert_int_not_equal(PROBE_COOKIE_POINTER(site->cookie), PROBE_COOKIE_SIZE(site->cookie));
}

static void test_readers_and_writers_are_told_apart(void **state)
{
	enum probe_program program;
	const struct probe_site *reads = find_site(*state, "pthread_rwlock_rdlock", &program);
	const struct probe_site *writes = find_site(*state, "pthread_rwlock_wrlock", &program);

	assert_true(PROBE_COOKIE_FLAGS(reads->cookie) & ORDER_READ);
	assert_false(PROBE_COOKIE_FLAGS(writes->cookie) & ORDER_READ);
	assert_false(PROBE_COOKIE_FLAGS(reads->cookie) & ORDER_MUSL);
}

static void test_nothing_of_the_heap_is_left_but_where_blocks_end(void **state)
{
	const struct probe_plan *plan = *state;

	for (int i = 0; i < PROBE_PROGRAM_ORDER_LOCK; i++)
		if (i != PROBE_PROGRAM_LOADER)
			assert_int_equal(plan->sites[i].size, 0);
	vec_for_each (site, &plan->sites[PROBE_PROGRAM_ORDER_FREE])
		assert_int_equal(PROBE_COOKIE_FUNCTION(site->cookie), ORDER_FREE);
	assert_true(lock_plan__has_locks(plan));
}

static void test_no_address_has_two_probes(void **state)
{
	const struct probe_plan *plan = *state;

	for (int i = PROBE_PROGRAM_ORDER_LOCK; i < PROBE_PROGRAM_ORDER_FREE; i++)
		vec_for_each (site, &plan->sites[i])
			for (int k = i; k < PROBE_PROGRAM_ORDER_FREE; k++)
				vec_for_each (other, &plan->sites[k])
					assert_true(site == other || site->offset != other->offset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_that_wait_are_probed_at_entry_only),
		cmocka_unit_test(test_functions_that_may_give_up_are_probed_at_return_too),
		cmocka_unit_test(test_wait_on_condition_has_both_its_arguments),
		cmocka_unit_test(test_readers_and_writers_are_told_apart),
		cmocka_unit_test(test_nothing_of_the_heap_is_left_but_where_blocks_end),
		cmocka_unit_test(test_no_address_has_two_probes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
