/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* From blocked threads to kinds of waits and owners. */
#include "locks_fixture.h"

static struct lock_frame frames_of(const char *function, const char *module)
{
	return (struct lock_frame){
		.pc = 0x2000, .slot = 0x7100, .function = function, .module = module};
}

static void test_owner_of_a_mutex_is_a_live_thread_of_the_process(void **state)
{
	struct world *world = new_abba();

	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_MUTEX);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_EXACT);
	assert_int_equal(wait_of(world, 101)->site.frame, 2);
	free_world(world);
}

static void test_a_running_thread_waits_for_nothing(void **state)
{
	struct world *world = new_world(1, 1);

	add_process(world, 100, LIBC_GLIBC);
	add_thread(world, 100, 100)->syscall = SYS_futex;
	judge(world);
	assert_int_equal(world->findings.waits.size, 0);
	free_world(world);
}

static void test_garbage_owner_is_unknown_not_dead(void **state)
{
	struct world *world = new_abba();

	world->region_count = 0;
	add_mutex(world, 100, LOCK_B, 2, 0x5ca1ab1e, 0);
	add_mutex(world, 100, LOCK_A, 2, 101, 0);
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_false(wait_of(world, 101)->owner_dead);
	assert_int_equal(wait_of(world, 101)->certainty, CERTAINTY_UNKNOWN);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_owner_that_is_gone_is_dead(void **state)
{
	struct world *world = new_abba();

	world->region_count = 0;
	add_mutex(world, 100, LOCK_B, 2, 99999, 0);
	add_mutex(world, 100, LOCK_A, 2, 101, 0);
	judge(world);
	assert_true(wait_of(world, 101)->owner_dead);
	assert_int_equal(wait_of(world, 101)->owner_number, 99999);
	/* One look does not prove it: a thread may have been born in between. */
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_owner_in_another_process_cannot_hold_a_private_lock(void **state)
{
	struct world *world = new_abba();

	add_thread(world, 200, 201);
	world->region_count = 0;
	add_mutex(world, 100, LOCK_B, 2, 201, 0);
	add_mutex(world, 100, LOCK_A, 2, 101, 0);
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_true(wait_of(world, 101)->owner_dead);
	free_world(world);
}

static void test_owner_in_another_process_holds_a_shared_lock(void **state)
{
	struct world *world = new_world(4, 1);

	world->shared_start = LOCK_A;
	world->shared_end = LOCK_A + 0x1000;
	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), LOCK_A, WAIT_SHARED, 2);
	set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
	add_thread(world, 200, 201);
	add_mutex(world, 0, LOCK_A, 2, 201, 128);
	judge(world);
	assert_true(wait_of(world, 100)->shared);
	assert_int_equal(wait_of(world, 100)->owner->pid, 200);
	free_world(world);
}

static void test_tids_are_those_of_the_holders_namespace(void **state)
{
	struct world *world = new_abba();

	/* Inside, 101 and 102 are 2 and 3; outside there is another thread 2. */
	world->snapshot.threads[0].ns_tid = 2;
	world->snapshot.threads[1].ns_tid = 3;
	add_thread(world, 1, 2);
	world->region_count = 0;
	add_mutex(world, 100, LOCK_A, 2, 2, 0);
	add_mutex(world, 100, LOCK_B, 2, 3, 0);
	judge(world);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 102)->owner->tid, 101);
	free_world(world);
}

/* A world with one waiter on a shared lock whose owner is 201. */
static struct world *new_shared_wait(void)
{
	struct world *world = new_world(4, 1);

	world->shared_start = LOCK_A;
	world->shared_end = LOCK_B;
	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), LOCK_A, WAIT_SHARED, 2);
	set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 0, LOCK_A, 2, 201, 128);
	return world;
}

static void test_owner_of_a_shared_lock_is_not_dead_while_threads_are_hidden(void **state)
{
	struct world *world = new_shared_wait();

	world->snapshot.complete = false;
	judge(world);
	assert_false(wait_of(world, 100)->owner_dead);
	assert_int_equal(wait_of(world, 100)->certainty, CERTAINTY_UNKNOWN);
	free_world(world);
}

static void test_thread_of_that_number_in_another_namespace_leaves_the_owner_open(void **state)
{
	struct world *world = new_shared_wait();
	struct lock_thread *other = add_thread(world, 300, 305);

	other->ns_tid = 201;
	other->pid_namespace = 2;
	judge(world);
	assert_null(wait_of(world, 100)->owner);
	assert_false(wait_of(world, 100)->owner_dead);
	free_world(world);
}

static void test_thread_stopped_in_a_wait_still_waits(void **state)
{
	struct world *world = new_abba();

	world->snapshot.threads[0].state = 'T';
	world->snapshot.threads[1].state = 't';
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 1);
	free_world(world);
}

static void test_locks_of_runtimes_have_an_unknown_owner(void **state)
{
	struct lock_frame rust[] = {
		frames_of("syscall", "libc.so.6"),
		frames_of("<std::sys::sync::mutex::futex::Mutex>::lock_contended", "app"),
	};
	struct lock_frame python[] = {
		frames_of("__new_sem_wait_slow64", "libc.so.6"),
		frames_of("PyThread_acquire_lock_timed", "python3"),
	};
	struct world *world = new_world(2, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	block(add_thread(world, 100, 102), LOCK_B, WAIT_SHARED, 0);
	set_stack(&world->snapshot.threads[0], rust, 2);
	set_stack(&world->snapshot.threads[1], python, 2);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_RUNTIME);
	assert_int_equal(wait_of(world, 102)->kind, WAIT_RUNTIME);
	assert_int_equal(verdict_of(world, 102), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_a_zombie_owns_nothing(void **state)
{
	struct world *world = new_abba();

	world->snapshot.threads[1].state = 'Z';
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_true(wait_of(world, 101)->owner_dead);
	free_world(world);
}

static void test_free_mutex_has_no_owner_whatever_its_field_says(void **state)
{
	struct world *world = new_abba();

	world->region_count = 0;
	add_mutex(world, 100, LOCK_B, 0, 102, 0);
	add_mutex(world, 100, LOCK_A, 2, 101, 0);
	judge(world);
	assert_null(wait_of(world, 101)->owner);
	assert_int_equal(wait_of(world, 101)->state.field, OWNER_FREE);
	free_world(world);
}

static void test_robust_mutex_has_its_owner_in_the_word(void **state)
{
	struct world *world = new_abba();

	world->region_count = 0;
	add_mutex(world, 100, LOCK_B, 0x80000000u | 102, 0, 16);
	add_mutex(world, 100, LOCK_A, 0x40000000u, 0, 16);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_ROBUST_MUTEX);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 102)->state.field, OWNER_DIED);
	assert_true(wait_of(world, 102)->owner_dead);
	free_world(world);
}

static void test_pi_wait_without_any_name_reads_the_word(void **state)
{
	struct world *world = new_world(2, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, LOCK_PI_PRIVATE, 0);
	add_thread(world, 100, 102);
	add_mutex(world, 100, LOCK_A, 0x80000000u | 102, 0, 32);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_PI_MUTEX);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	free_world(world);
}

static void test_parked_thread_waits_for_the_pi_mutex_in_its_registers(void **state)
{
	struct world *world = new_world(2, 1);
	struct lock_thread *thread;

	add_process(world, 100, LIBC_GLIBC);
	thread = add_thread(world, 100, 101);
	block(thread, 0x7008, WAIT_PRIVATE, 0); /* a word of its own stack */
	set_stack(thread, mutex_stack, MUTEX_FRAMES);
	thread->saved[thread->saved_count++] = 0x1234;
	thread->saved[thread->saved_count++] = LOCK_A;
	add_thread(world, 100, 102);
	add_region(world, 100, 0x7000, 256);
	add_mutex(world, 100, LOCK_A, 0x80000000u | 102, 102, 32);
	judge(world);
	assert_true(wait_of(world, 101)->parked);
	assert_int_equal(wait_of(world, 101)->address, LOCK_A);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	free_world(world);
}

static void test_unreadable_memory_gives_an_unknown_lock(void **state)
{
	struct world *world = new_abba();

	world->region_count = 0;
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_UNKNOWN);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_UNKNOWN);
	assert_int_equal(world->findings.graph.cycle_count, 0);
	free_world(world);
}

static void test_condition_is_a_stall_and_its_mutex_a_wait(void **state)
{
	struct lock_frame stack[] = {
		frames_of("__futex_abstimed_wait_common", "libc.so.6"),
		frames_of("pthread_cond_wait@@GLIBC_2.3.2", "libc.so.6"),
		frames_of("consume", "app"),
	};
	struct world *world = new_world(3, 1);
	uint32_t *words;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A + 40, WAIT_PRIVATE, 0);
	block(add_thread(world, 100, 102), LOCK_B, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], stack, 3);
	set_stack(&world->snapshot.threads[1], stack, 3);
	add_thread(world, 100, 103);
	words = (uint32_t *)add_region(world, 100, LOCK_A, 48);
	words[9] = 1 << 3; /* __wrefs: one waiter */
	add_mutex(world, 100, LOCK_B, 2, 103, 0);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_CONDITION);
	assert_int_equal(wait_of(world, 101)->address, LOCK_A);
	assert_int_equal(verdict_of(world, 101), VERDICT_STALL);
	assert_int_equal(wait_of(world, 102)->kind, WAIT_MUTEX);
	assert_int_equal(wait_of(world, 102)->owner->tid, 103);
	assert_int_equal(verdict_of(world, 102), VERDICT_OWNER_BUSY);
	free_world(world);
}

static void test_musl_recursive_mutex_has_an_owner_and_a_normal_one_none(void **state)
{
	struct lock_frame stack[] = {
		frames_of("__timedwait_cp", "app"),
		frames_of("__timedwait", "app"),
		frames_of("__pthread_mutex_timedlock", "app"),
		frames_of("work", "app"),
	};
	struct world *world = new_world(3, 1);
	uint32_t *words;

	add_process(world, 100, LIBC_UNKNOWN);
	block(add_thread(world, 100, 101), LOCK_A + 4, WAIT_PRIVATE, 102 | 0x80000000u);
	block(add_thread(world, 100, 102), LOCK_B + 4, WAIT_PRIVATE, 16 | 0x80000000u);
	add_thread(world, 100, 103); /* runs, and may have it */
	set_stack(&world->snapshot.threads[0], stack, 4);
	set_stack(&world->snapshot.threads[1], stack, 4);
	words = (uint32_t *)add_region(world, 100, LOCK_A, 40);
	words[0] = 1;
	words[1] = 102 | 0x80000000u;
	words = (uint32_t *)add_region(world, 100, LOCK_B, 40);
	words[1] = 16 | 0x80000000u;
	judge(world);
	assert_int_equal(wait_of(world, 101)->address, LOCK_A);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_null(wait_of(world, 102)->owner);
	assert_int_equal(verdict_of(world, 102), VERDICT_OWNER_UNKNOWN);
	free_world(world);
}

static void test_an_applications_own_futex_is_not_taken_for_a_mutex(void **state)
{
	struct lock_frame stack[] = {
		frames_of("syscall", "libc.so.6"),
		frames_of("my_event_wait", "app"),
		frames_of("pthread_mutex_lock", "libc.so.6"),
	};
	struct world *world = new_world(2, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], stack, 3);
	add_thread(world, 100, 102);
	add_mutex(world, 100, LOCK_A, 2, 102, 0);
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_UNKNOWN);
	assert_null(wait_of(world, 101)->owner);
	free_world(world);
}

static void test_helper_that_was_jumped_to_is_known_by_what_was_called(void **state)
{
	struct lock_frame stack[] = {
		frames_of(NULL, "libc.so.6"),
		{.pc = 0x401010,
			.function = "work",
			.called = "pthread_rwlock_wrlock@plt",
			.module = "app"},
	};
	struct world *world = new_world(2, 1);
	uint32_t *words;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A + 12, WAIT_PRIVATE, 3);
	set_stack(&world->snapshot.threads[0], stack, 2);
	add_thread(world, 100, 102);
	words = (uint32_t *)add_region(world, 100, LOCK_A, 56);
	words[6] = 102;
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_WRITE_LOCK);
	assert_int_equal(wait_of(world, 101)->address, LOCK_A);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	free_world(world);
}

static void test_a_joined_thread_is_who_is_waited_for(void **state)
{
	struct lock_frame stack[] = {
		frames_of("__pthread_clockjoin_ex", "libc.so.6"), frames_of("main", "app")};
	struct world *world = new_world(2, 1);
#if defined(__aarch64__)
	uint64_t descriptor = 0x700000, tid = descriptor + 0xd0;
#else
	uint64_t descriptor = 0x700000, tid = descriptor + 0x2d0;
	uint64_t *self = (uint64_t *)add_region(world, 100, descriptor, 64);

	self[2] = descriptor;
#endif
	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), tid, 0x109, 101);
	set_stack(&world->snapshot.threads[0], stack, 2);
	add_thread(world, 100, 101);
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_JOIN);
	assert_int_equal(wait_of(world, 100)->owner->tid, 101);
	assert_string_equal(wait_of(world, 100)->name, "thread");
	free_world(world);
}

static void test_interrupted_timed_wait_is_still_a_timed_wait(void **state)
{
	struct world *world = new_abba();
	struct futex_wait futex;

	world->snapshot.threads[0].syscall = SYS_restart_syscall;
	assert_false(futex__decode(&world->snapshot.threads[0], &futex));
	world->snapshot.threads[0].restarted = true;
	assert_true(futex__decode(&world->snapshot.threads[0], &futex));
	assert_true(futex.timed);
	free_world(world);
}

static void test_new_futex_calls_are_decoded(void **state)
{
	struct lock_thread thread = {.state = 'S', .syscall = 455};
	struct futex_wait futex;

	thread.args[0] = LOCK_A;
	thread.args[1] = 9;
	thread.args[3] = 128;
	thread.args[4] = 0x7fff;
	assert_true(futex__decode(&thread, &futex));
	assert_int_equal(futex.expected, 9);
	assert_true(futex.timed);
	assert_true(futex.is_private);
	thread.syscall = 449;
	thread.args[3] = 0;
	assert_true(futex__decode(&thread, &futex));
	assert_int_equal(futex.type, FUTEX_TYPE_VECTOR);
	assert_false(futex.timed);
	thread.syscall = SYS_read;
	assert_false(futex__decode(&thread, &futex));
}

static void test_loader_locks_are_named_by_their_place_in_the_row(void **state)
{
	struct world *world = new_world(1, 1);
	uint32_t *words = (uint32_t *)add_region(world, 100, 0x800000, 240);

	/* 40 bytes of something else, then three recursive mutexes. */
	words[10 + 4] = words[20 + 4] = words[30 + 4] = 1;
	assert_string_equal(
		layout__loader_lock(&world->memory, 100, 0x800000, 40), "_dl_load_lock");
	assert_string_equal(
		layout__loader_lock(&world->memory, 100, 0x800000, 80), "_dl_load_write_lock");
	assert_string_equal(
		layout__loader_lock(&world->memory, 100, 0x800000, 120), "_dl_load_tls_lock");
	assert_null(layout__loader_lock(&world->memory, 100, 0x800000, 0));
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_of_a_mutex_is_a_live_thread_of_the_process),
		cmocka_unit_test(test_a_running_thread_waits_for_nothing),
		cmocka_unit_test(test_garbage_owner_is_unknown_not_dead),
		cmocka_unit_test(test_owner_that_is_gone_is_dead),
		cmocka_unit_test(test_owner_in_another_process_cannot_hold_a_private_lock),
		cmocka_unit_test(test_owner_in_another_process_holds_a_shared_lock),
		cmocka_unit_test(test_tids_are_those_of_the_holders_namespace),
		cmocka_unit_test(test_owner_of_a_shared_lock_is_not_dead_while_threads_are_hidden),
		cmocka_unit_test(
			test_thread_of_that_number_in_another_namespace_leaves_the_owner_open),
		cmocka_unit_test(test_thread_stopped_in_a_wait_still_waits),
		cmocka_unit_test(test_locks_of_runtimes_have_an_unknown_owner),
		cmocka_unit_test(test_a_zombie_owns_nothing),
		cmocka_unit_test(test_free_mutex_has_no_owner_whatever_its_field_says),
		cmocka_unit_test(test_robust_mutex_has_its_owner_in_the_word),
		cmocka_unit_test(test_pi_wait_without_any_name_reads_the_word),
		cmocka_unit_test(test_parked_thread_waits_for_the_pi_mutex_in_its_registers),
		cmocka_unit_test(test_unreadable_memory_gives_an_unknown_lock),
		cmocka_unit_test(test_condition_is_a_stall_and_its_mutex_a_wait),
		cmocka_unit_test(test_musl_recursive_mutex_has_an_owner_and_a_normal_one_none),
		cmocka_unit_test(test_an_applications_own_futex_is_not_taken_for_a_mutex),
		cmocka_unit_test(test_helper_that_was_jumped_to_is_known_by_what_was_called),
		cmocka_unit_test(test_a_joined_thread_is_who_is_waited_for),
		cmocka_unit_test(test_interrupted_timed_wait_is_still_a_timed_wait),
		cmocka_unit_test(test_new_futex_calls_are_decoded),
		cmocka_unit_test(test_loader_locks_are_named_by_their_place_in_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
