/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/event_loop.h"

struct counts {
	struct event_loop loop;
	int ticks;
	int reads;
	int others;
	int pipe[2];
};

static void end_third_tick(void *context, int fd)
{
	struct counts *counts = context;

	if (++counts->ticks == 3)
		event_loop__end(&counts->loop);
}

static void end_now(void *context, int fd)
{
	struct counts *counts = context;

	event_loop__end(&counts->loop);
}

static void read_once(void *context, int fd)
{
	struct counts *counts = context;

	counts->reads++;
	event_loop__forget(&counts->loop, fd);
}

static void count_other(void *context, int fd)
{
	struct counts *counts = context;

	counts->others++;
}

static int set_up(void **state)
{
	static struct counts counts;

	counts = (struct counts){0};
	*state = &counts;
	return event_loop__open(&counts.loop, &counts) || pipe(counts.pipe);
}

static int tear_down(void **state)
{
	struct counts *counts = *state;

	event_loop__close(&counts->loop);
	close(counts->pipe[0]);
	close(counts->pipe[1]);
	return 0;
}

static void test_interval_timer_comes_again(void **state)
{
	struct counts *counts = *state;

	assert_int_equal(event_loop__time(&counts->loop, 1, 1000000, end_third_tick), 0);
	event_loop__run(&counts->loop);
	assert_int_equal(counts->ticks, 3);
}

static void test_timer_without_interval_comes_once(void **state)
{
	struct counts *counts = *state;

	assert_int_equal(event_loop__time(&counts->loop, 1, 0, count_other), 0);
	assert_int_equal(event_loop__time(&counts->loop, 5000000, 5000000, end_third_tick), 0);
	event_loop__run(&counts->loop);
	assert_int_equal(counts->others, 1);
}

/* The pipe stays readable forever: only a source that is not forgotten would be called again. */
static void test_forgotten_descriptor_is_not_handled_again(void **state)
{
	struct counts *counts = *state;

	assert_int_equal(write(counts->pipe[1], "x", 1), 1);
	assert_int_equal(event_loop__watch(&counts->loop, counts->pipe[0], read_once), 0);
	assert_int_equal(event_loop__time(&counts->loop, 5000000, 1000000, end_third_tick), 0);
	event_loop__run(&counts->loop);
	assert_int_equal(counts->reads, 1);
}

static void test_loop_ends_before_other_sources_are_handled(void **state)
{
	struct counts *counts = *state;

	event_loop__end(&counts->loop);
	assert_int_equal(event_loop__time(&counts->loop, 1, 0, count_other), 0);
	event_loop__run(&counts->loop);
	assert_int_equal(counts->others, 0);
}

static void test_many_sources_keep_their_handlers(void **state)
{
	struct counts *counts = *state;

	for (int i = 0; i < 40; i++)
		assert_int_equal(event_loop__time(&counts->loop, 1, 0, count_other), 0);
	assert_int_equal(event_loop__time(&counts->loop, 200000000, 0, end_now), 0);
	event_loop__run(&counts->loop);
	assert_int_equal(counts->others, 40);
}

static void test_closed_descriptor_is_refused(void **state)
{
	struct counts *counts = *state;

	assert_int_equal(event_loop__watch(&counts->loop, -1, read_once), -EBADF);
	assert_int_equal(counts->loop.sources.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_interval_timer_comes_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_timer_without_interval_comes_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_forgotten_descriptor_is_not_handled_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_loop_ends_before_other_sources_are_handled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_many_sources_keep_their_handlers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_closed_descriptor_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
