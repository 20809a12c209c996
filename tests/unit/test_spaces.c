/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Address spaces of images: how long they are kept. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/spaces.h"

enum { PARENT = 1, CHILD = 2 };

static struct modules *modules;

static int set_up(void **state)
{
	modules = modules__new();
	*state = spaces__new(modules);
	return *state ? spaces__add(*state, PARENT, getpid()) : -1;
}

static int tear_down(void **state)
{
	spaces__free(*state);
	modules__free(modules);
	return 0;
}

/* Any address of this program's own code: the space has been read if it is found. */
static bool knows_code(struct spaces *spaces, uint32_t process)
{
	return spaces__resolve(spaces, process, 0, (uint64_t)(uintptr_t)set_up).module != NULL;
}

static void test_a_space_outlives_its_process_until_the_last_record(void **state)
{
	struct spaces *spaces = *state;

	assert_true(knows_code(spaces, PARENT));
	spaces__retire(spaces, PARENT);
	assert_true(knows_code(spaces, PARENT));
	spaces__finish(spaces, PARENT);
	assert_false(knows_code(spaces, PARENT));
	assert_int_equal(spaces__count(spaces), 0);
}

static void test_records_may_be_read_before_the_exit_is_known(void **state)
{
	struct spaces *spaces = *state;

	spaces__finish(spaces, PARENT);
	assert_int_equal(spaces__count(spaces), 1);
	assert_int_equal(spaces__fork(spaces, PARENT, CHILD, getpid(), 0), 0);
	spaces__retire(spaces, PARENT);
	assert_int_equal(spaces__count(spaces), 1);
}

static void test_children_that_come_and_go_leave_nothing(void **state)
{
	struct spaces *spaces = *state;

	assert_true(knows_code(spaces, PARENT));
	for (uint32_t child = CHILD; child < 10000; child++) {
		assert_int_equal(spaces__fork(spaces, PARENT, child, getpid(), 0), 0);
		assert_true(knows_code(spaces, child));
		spaces__retire(spaces, child);
		spaces__finish(spaces, child);
	}
	assert_int_equal(spaces__count(spaces), 1);
}

/* --- two threads, as main adds and ends images while the reader resolves */

#define IMAGES_AT_ONCE 2000

struct resolving {
	struct spaces *spaces;
	uint32_t newest; /* image that the other thread has made; atomic */
	size_t missed;	 /* times that code was not known which is always there */
};

static void *resolve_always(void *context)
{
	struct resolving *resolving = context;
	uint32_t newest;

	do {
		newest = __atomic_load_n(&resolving->newest, __ATOMIC_ACQUIRE);
		/* The newest may be ended by now, the parent never is. */
		knows_code(resolving->spaces, newest);
		resolving->missed += !knows_code(resolving->spaces, PARENT);
		spaces__pass(resolving->spaces, 1);
	} while (newest < IMAGES_AT_ONCE);
	return NULL;
}

static void test_images_come_and_go_while_another_thread_resolves(void **state)
{
	struct resolving resolving = {.spaces = *state, .newest = PARENT};
	struct space_view view;
	pthread_t thread;

	assert_true(knows_code(*state, PARENT));
	assert_int_equal(pthread_create(&thread, NULL, resolve_always, &resolving), 0);
	for (uint32_t child = CHILD; child <= IMAGES_AT_ONCE; child++) {
		assert_int_equal(spaces__fork(*state, PARENT, child, getpid(), 0), 0);
		__atomic_store_n(&resolving.newest, child, __ATOMIC_RELEASE);
		if (!spaces__view(*state, child, &view))
			space_view__free(&view);
		spaces__retire(*state, child);
		spaces__finish(*state, child);
	}
	pthread_join(thread, NULL);
	assert_int_equal(resolving.missed, 0);
	assert_int_equal(spaces__count(*state), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_space_outlives_its_process_until_the_last_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_records_may_be_read_before_the_exit_is_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_images_come_and_go_while_another_thread_resolves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_children_that_come_and_go_leave_nothing, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
