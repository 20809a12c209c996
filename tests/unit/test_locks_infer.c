/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Owners that no lock stores, inferred from stacks and by elimination. */
#include "locks_fixture.h"

#define ONCE 0x604000

/* A thread that waits on the once word; the frame below the caller lies at 0x7010..0x7080. */
static struct lock_frame once_wait[] = {
	{.pc = 0x1010, .slot = 0x7000, .module = "libc.so.6"},
	{.pc = 0x401010,
		.slot = 0x7080,
		.function = "get",
		.called = "pthread_once@plt",
		.module = "app"},
	{.pc = 0x401110, .slot = 0x70a0, .function = "main", .called = "get", .module = "app"},
};

/* One inside the initializer: it was called by pthread_once, which get() called. */
static struct lock_frame once_inside[] = {
	{.pc = 0x2010, .slot = 0x8000, .function = "read", .module = "libc.so.6"},
	{.pc = 0x401210,
		.slot = 0x8020,
		.function = "initialize",
		.called = "read@plt",
		.module = "app"},
	{.pc = 0x1050, .slot = 0x8040, .module = "libc.so.6"},
	{.pc = 0x401010,
		.slot = 0x80c0,
		.function = "get",
		.called = "pthread_once@plt",
		.module = "app"},
};

static struct world *new_once(uint64_t word_on_stack)
{
	struct world *world = new_world(4, 1);
	uint64_t *stack;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), ONCE, WAIT_PRIVATE, 1);
	set_stack(&world->snapshot.threads[0], once_wait, 3);
	set_stack(add_thread(world, 100, 102), once_inside, 4);
	stack = (uint64_t *)add_region(world, 100, 0x8000, 256);
	stack[12] = word_on_stack;
	((uint32_t *)add_region(world, 100, ONCE, 8))[0] = 1;
	return world;
}

static void test_once_is_held_by_whose_stack_is_in_its_initializer(void **state)
{
	struct world *world = new_once(ONCE);

	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_ONCE);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_INFERRED);
	assert_non_null(strstr(wait_of(world, 101)->reason, "inside the initializer"));
	free_world(world);
}

static void test_initializer_of_another_once_is_no_owner(void **state)
{
	struct world *world = new_once(ONCE + 4);

	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

/* get -> once -> initialize -> get -> once: it waits for itself. */
static void test_once_inside_its_own_initializer_is_a_self_deadlock(void **state)
{
	struct lock_frame stack[] = {
		{.pc = 0x1010, .slot = 0x8000, .module = "libc.so.6"},
		{.pc = 0x401010,
			.slot = 0x8020,
			.function = "get",
			.called = "pthread_once@plt",
			.module = "app"},
		{.pc = 0x401210,
			.slot = 0x8040,
			.function = "initialize",
			.called = "get",
			.module = "app"},
		{.pc = 0x1050, .slot = 0x8060, .module = "libc.so.6"},
		{.pc = 0x401010,
			.slot = 0x80c0,
			.function = "get",
			.called = "pthread_once@plt",
			.module = "app"},
	};
	struct world *world = new_world(1, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), ONCE, WAIT_PRIVATE, 1);
	set_stack(&world->snapshot.threads[0], stack, 5);
	((uint64_t *)add_region(world, 100, 0x8000, 256))[14] = ONCE;
	judge(world);
	assert_int_equal(wait_of(world, 100)->owner->tid, 100);
	assert_int_equal(world->findings.graph.cycles[0].verdict, VERDICT_SELF_DEADLOCK);
	assert_int_equal(world->findings.graph.cycles[0].certainty, CERTAINTY_INFERRED);
	free_world(world);
}

static void test_thread_that_only_waits_on_once_is_not_inside_it(void **state)
{
	struct world *world = new_world(2, 1);

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 2; i++) {
		block(add_thread(world, 100, 101 + i), ONCE, WAIT_PRIVATE, 1);
		set_stack(&world->snapshot.threads[i], once_wait, 3);
	}
	((uint64_t *)add_region(world, 100, 0x7000, 256))[4] = ONCE;
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_null(wait_of(world, 102)->owner);
	free_world(world);
}

static struct lock_frame guard_wait[] = {
	{.pc = 0x1010, .function = "syscall", .module = "libc.so.6"},
	{.pc = 0x3010,
		.function = "__cxa_guard_acquire",
		.called = "syscall@plt",
		.module = "libstdc++.so.6"},
	{.pc = 0x401020,
		.function = "instance()",
		.function_offset = 0x20,
		.called = "__cxa_guard_acquire@plt",
		.module = "app"},
};

static void test_guard_is_held_by_who_is_in_the_function_behind_its_acquire(void **state)
{
	struct lock_frame inside[] = {
		{.pc = 0x2010, .function = "read", .module = "libc.so.6"},
		{.pc = 0x401060,
			.function = "instance()",
			.function_offset = 0x60,
			.called = "read@plt",
			.module = "app"},
	};
	struct world *world = new_world(3, 1);

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 2; i++) {
		block(add_thread(world, 100, 101 + i), LOCK_A, WAIT_PRIVATE, 0x10100);
		set_stack(&world->snapshot.threads[i], guard_wait, 3);
	}
	set_stack(add_thread(world, 100, 103), inside, 2);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_GUARD);
	assert_int_equal(wait_of(world, 101)->owner->tid, 103);
	assert_int_equal(wait_of(world, 102)->owner->tid, 103);
	assert_int_equal(wait_of(world, 102)->certainty, CERTAINTY_INFERRED);
	free_world(world);
}

static void test_arena_lock_is_held_by_the_only_thread_inside_malloc(void **state)
{
	struct lock_frame waiting[] = {
		{.pc = 0x1010, .function = "__lll_lock_wait_private", .module = "libc.so.6"},
		{.pc = 0x1210, .function = "malloc", .module = "libc.so.6"},
		{.pc = 0x401020, .function = "work", .called = "malloc@plt", .module = "app"},
	};
	struct lock_frame inside[] = {
		{.pc = 0x401090, .function = "handler", .module = "app"},
		{.pc = 0x1310, .module = "libc.so.6"},
		{.pc = 0x1220, .function = "free", .module = "libc.so.6"},
		{.pc = 0x401030, .function = "work", .called = "free@plt", .module = "app"},
	};
	struct world *world = new_world(3, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], waiting, 3);
	set_stack(add_thread(world, 100, 102), inside, 4);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_ARENA);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	free_world(world);
}

/* --- readers of a rwlock, which stores only their number */

static struct lock_frame upgrade[] = {
	{.pc = 0x1010, .module = "libc.so.6"},
	{.pc = 0x401010,
		.function = "work",
		.called = "pthread_rwlock_wrlock@plt",
		.module = "app"},
};

static struct world *new_upgrade(uint32_t readers)
{
	struct world *world = new_world(3, 1);
	uint32_t *words = (uint32_t *)add_region(world, 100, LOCK_A, 56);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), LOCK_A + 8, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], upgrade, 2);
	words[0] = readers << 3 | 2;
	return world;
}

static void test_only_thread_that_wants_to_write_what_is_read_waits_for_itself(void **state)
{
	struct world *world = new_upgrade(1);

	judge(world);
	assert_int_equal(wait_of(world, 100)->state.readers, 1);
	assert_int_equal(wait_of(world, 100)->owner->tid, 100);
	assert_int_equal(wait_of(world, 100)->certainty, CERTAINTY_INFERRED);
	free_world(world);
}

static void test_readers_stay_unknown_while_another_thread_could_let_go(void **state)
{
	struct world *world = new_upgrade(1);

	add_thread(world, 100, 101);
	judge(world);
	assert_null(wait_of(world, 100)->owner);
	assert_int_equal(verdict_of(world, 100), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_two_that_both_upgrade_wait_for_each_other(void **state)
{
	struct world *world = new_upgrade(2);

	/* The second writer waits behind the first, for the word at +12. */
	block(add_thread(world, 100, 101), LOCK_A + 12, WAIT_PRIVATE, 3);
	set_stack(&world->snapshot.threads[1], upgrade, 2);
	judge(world);
	assert_int_equal(wait_of(world, 101)->owner->tid, 100);
	assert_int_equal(wait_of(world, 100)->owner->tid, 101);
	assert_int_equal(world->findings.graph.cycles[0].count, 2);
	free_world(world);
}

/* once's frame is the caller's callee; the initializer jumped away: its own is gone. */
static void test_initializer_that_jumped_to_its_own_once_waits_for_itself(void **state)
{
	struct lock_frame stack[] = {
		{.pc = 0x1020,
			.slot = 0x8000,
			.function = "__pthread_once_slow",
			.function_offset = 0x20,
			.module = "libc.so.6"},
		{.pc = 0x1040,
			.slot = 0x8040,
			.function = "__pthread_once_slow",
			.function_offset = 0x40,
			.module = "libc.so.6"},
		{.pc = 0x401010,
			.slot = 0x80c0,
			.function = "get",
			.called = "pthread_once@plt",
			.module = "app"},
	};
	struct world *world = new_world(1, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), ONCE, WAIT_PRIVATE, 1);
	set_stack(&world->snapshot.threads[0], stack, 3);
	((uint64_t *)add_region(world, 100, 0x8000, 256))[10] = ONCE;
	judge(world);
	assert_int_equal(wait_of(world, 100)->owner->tid, 100);
	free_world(world);
}

/* The waiter's own once has the word on its frame, too, as has everyone's who waits. */
static void test_word_of_the_wait_itself_is_no_proof(void **state)
{
	struct world *world = new_once(ONCE + 4);

	set_stack(&world->snapshot.threads[0], once_inside, 4);
	((uint64_t *)add_region(world, 100, 0x8100, 8))[0] = 0;
	((uint64_t *)world->regions[0].bytes)[2] = ONCE;
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	free_world(world);
}

static void test_reader_behind_a_writer_behind_readers_is_a_deadlock(void **state)
{
	static struct lock_frame again[] = {
		{.pc = 0x1010,
			.slot = 0x7000,
			.function = "pthread_rwlock_rdlock",
			.module = "libc.so.6"},
		{.pc = 0x401110, .slot = 0x7040, .function = "main", .module = "app"},
	};
	struct world *world = new_upgrade(1);

	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 12);
	set_stack(&world->snapshot.threads[1], again, 2);
	judge(world);
	assert_int_equal(wait_of(world, 101)->owner->tid, 100);
	assert_int_equal(wait_of(world, 100)->owner->tid, 101);
	assert_int_equal(world->findings.graph.cycles[0].verdict, VERDICT_DEADLOCK);
	free_world(world);
}

static void test_c_library_entered_again_by_a_signals_handler_waits_for_itself(void **state)
{
	struct lock_frame stack[] = {
		{.pc = 0x1010, .function = "__lll_lock_wait_private", .module = "libc.so.6"},
		{.pc = 0x2020,
			.function = "__tz_convert",
			.function_offset = 0x20,
			.module = "libc.so.6"},
		{.pc = 0x401010, .function = "handler", .module = "app"},
		{.pc = 0x3010, .function = "__restore_rt", .module = "libc.so.6"},
		{.pc = 0x2040,
			.function = "__tz_convert",
			.function_offset = 0x40,
			.module = "libc.so.6"},
		{.pc = 0x401110, .function = "main", .module = "app"},
	};
	struct world *world = new_world(2, 1);

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 2; i++) {
		block(add_thread(world, 100, 100 + i), LOCK_A + 64 * i, WAIT_PRIVATE, 2);
		set_stack(&world->snapshot.threads[i], stack, i ? 4 : 6);
	}
	memset(add_region(world, 100, LOCK_A, 128), 0, 128);
	((uint32_t *)world->regions[0].bytes)[0] = 2;
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_LIBC);
	assert_int_equal(wait_of(world, 100)->owner->tid, 100);
	assert_int_equal(wait_of(world, 100)->certainty, CERTAINTY_INFERRED);
	assert_null(wait_of(world, 101)->owner);
	free_world(world);
}

/* musl keeps but a number. */
static void test_upgraders_of_a_musl_rwlock_wait_for_each_other(void **state)
{
	struct world *world = new_world(2, 1);

	add_process(world, 100, LIBC_MUSL);
	for (int i = 0; i < 2; i++) {
		block(add_thread(world, 100, 100 + i), LOCK_A, WAIT_PRIVATE, 0x80000002);
		set_stack(&world->snapshot.threads[i], upgrade, 2);
	}
	((uint32_t *)add_region(world, 100, LOCK_A, 8))[0] = 0x80000002;
	judge(world);
	assert_int_equal(wait_of(world, 100)->owner->tid, 101);
	assert_int_equal(wait_of(world, 101)->owner->tid, 100);
	((uint32_t *)world->regions[0].bytes)[0] = UINT32_MAX; /* a writer has it */
	findings__free(&world->findings);
	judge(world);
	assert_null(wait_of(world, 100)->owner);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_is_held_by_whose_stack_is_in_its_initializer),
		cmocka_unit_test(test_initializer_of_another_once_is_no_owner),
		cmocka_unit_test(test_once_inside_its_own_initializer_is_a_self_deadlock),
		cmocka_unit_test(test_thread_that_only_waits_on_once_is_not_inside_it),
		cmocka_unit_test(test_guard_is_held_by_who_is_in_the_function_behind_its_acquire),
		cmocka_unit_test(test_arena_lock_is_held_by_the_only_thread_inside_malloc),
		cmocka_unit_test(
			test_only_thread_that_wants_to_write_what_is_read_waits_for_itself),
		cmocka_unit_test(test_readers_stay_unknown_while_another_thread_could_let_go),
		cmocka_unit_test(test_two_that_both_upgrade_wait_for_each_other),
		cmocka_unit_test(test_initializer_that_jumped_to_its_own_once_waits_for_itself),
		cmocka_unit_test(test_word_of_the_wait_itself_is_no_proof),
		cmocka_unit_test(test_reader_behind_a_writer_behind_readers_is_a_deadlock),
		cmocka_unit_test(
			test_c_library_entered_again_by_a_signals_handler_waits_for_itself),
		cmocka_unit_test(test_upgraders_of_a_musl_rwlock_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
