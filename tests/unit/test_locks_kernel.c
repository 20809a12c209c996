/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Waits in the kernel for no futex: whose turn it is, and when nobody's. */
#include "locks/kernel_wait.h"
#include "locks_fixture.h"

/* What the kernel is to say of each thread, by TID. */
static struct kernel_wait told[1000];

static bool tell(void *context, const struct lock_thread *thread, struct kernel_wait *out)
{
	if (told[thread->tid].kind == WAIT_UNKNOWN)
		return false;
	*out = told[thread->tid];
	return true;
}

static struct world *new_kernel_world(void)
{
	struct world *world = new_world(16, 8);

	memset(told, 0, sizeof(told));
	world->memory.kernel_wait = tell;
	return world;
}

/* The first thread of a process of its own, asleep in @kind, which process @by can end. */
static struct lock_thread *add_sleeper(
	struct world *world, pid_t pid, enum wait_kind kind, pid_t by)
{
	struct lock_thread *thread = add_thread(world, pid, pid);

	add_process(world, pid, LIBC_GLIBC);
	thread->state = 'S';
	thread->syscall = SYS_read;
	thread->args[0] = 3;
	told[pid] = (struct kernel_wait){
		.kind = kind,
		.fd = 3,
		.name = "pipe:[17]",
		.key = {.space = kind, .inode = pid},
		.processes = {by},
		.process_count = 1,
	};
	return thread;
}

static void test_two_processes_on_each_others_file_are_a_deadlock(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_FLOCK, 200);
	add_sleeper(world, 200, WAIT_FLOCK, 100);
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 1);
	assert_int_equal(world->findings.graph.cycles[0].verdict, VERDICT_DEADLOCK);
	assert_int_equal(world->findings.graph.cycles[0].certainty, CERTAINTY_EXACT);
	free_world(world);
}

static void test_full_pipe_and_a_wait_for_the_child_are_a_deadlock(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_CHILD, 200);
	add_sleeper(world, 200, WAIT_PIPE_WRITE, 100);
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 1);
	assert_int_equal(world->findings.graph.cycles[0].certainty, CERTAINTY_INFERRED);
	assert_int_equal(wait_of(world, 200)->certainty, CERTAINTY_INFERRED);
	free_world(world);
}

static void test_reader_with_a_signal_handler_waits_for_nobody(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_CHILD, 200);
	add_sleeper(world, 200, WAIT_PIPE_READ, 100);
	told[200].handles_signals = true;
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 0);
	assert_int_equal(world->findings.waits.size, 0);
	free_world(world);
}

static void test_end_that_several_have_is_nobodys(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_PIPE_WRITE, 200);
	add_sleeper(world, 200, WAIT_PIPE_WRITE, 100);
	told[200].processes[1] = 300;
	told[200].process_count = 2;
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 0);
	free_world(world);
}

static void test_process_with_a_thread_that_is_free_is_not_stuck(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_FLOCK, 200);
	add_sleeper(world, 200, WAIT_FLOCK, 100);
	add_thread(world, 200, 201);
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 0);
	assert_non_null(strstr(wait_of(world, 100)->reason, "any of its 2 threads"));
	free_world(world);
}

static void test_process_whose_other_threads_wait_for_locks_is(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_FLOCK, 200);
	add_sleeper(world, 200, WAIT_FLOCK, 100);
	block(add_thread(world, 200, 201), LOCK_A, WAIT_PRIVATE, 2);
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 1);
	assert_int_equal(wait_of(world, 100)->certainty, CERTAINTY_INFERRED);
	free_world(world);
}

static void test_idle_reader_is_no_wait_but_one_that_holds_a_lock_is(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_PIPE_READ, 200);
	add_thread(world, 200, 200);
	judge(world);
	assert_int_equal(world->findings.waits.size, 0);
	/* The process at the other end is to be looked at all the same. */
	assert_int_equal(world->findings.waits.processes.size, 1);
	findings__free(&world->findings);

	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[2], mutex_stack, MUTEX_FRAMES);
	snapshot__sort(&world->snapshot);
	set_stack((struct lock_thread *)snapshot__find(&world->snapshot, 100, 101), mutex_stack,
		MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_A, 2, 100, 0);
	judge(world);
	assert_int_equal(world->findings.waits.size, 2);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_BUSY);
	free_world(world);
}

static void test_parent_of_a_hung_child_is_its_victim(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_CHILD, 200);
	add_process(world, 200, LIBC_GLIBC);
	block(add_thread(world, 200, 200), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[1], mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 200, LOCK_A, 2, 200, 0);
	judge(world);
	assert_int_equal(world->findings.graph.cycle_count, 1);
	assert_int_equal(world->findings.graph.cycles[0].verdict, VERDICT_SELF_DEADLOCK);
	assert_int_equal(world->findings.graph.cycles[0].victims, 1);
	free_world(world);
}

/* Each is seen waiting, one moment after the other: both have run in between. */
static void test_two_that_talk_are_no_cycle_unless_they_stand_still(void **state)
{
	struct world *before = new_kernel_world(), *now;
	struct lock_thread *thread;

	add_sleeper(before, 100, WAIT_PIPE_READ, 200);
	add_sleeper(before, 200, WAIT_PIPE_READ, 100);
	judge(before);
	now = new_kernel_world();
	thread = add_sleeper(now, 100, WAIT_PIPE_READ, 200);
	add_sleeper(now, 200, WAIT_PIPE_READ, 100);
	judge(now);
	findings__confirm(&now->findings, &before->findings, false);
	assert_int_equal(now->findings.deadlocks, 1);
	thread->switches++;
	now->findings.confirmed[0] = false;
	findings__confirm(&now->findings, &before->findings, false);
	assert_int_equal(now->findings.deadlocks, 0);
	free_world(before);
	free_world(now);
}

static void test_semaphore_of_system_v_has_no_owner(void **state)
{
	struct world *world = new_kernel_world();

	add_sleeper(world, 100, WAIT_SYSV, 100);
	snprintf(told[100].reason, sizeof(told[100].reason), "its value is 0");
	judge(world);
	assert_int_equal(verdict_of(world, 100), VERDICT_STALL);
	assert_null(wait_of(world, 100)->owner);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_processes_on_each_others_file_are_a_deadlock),
		cmocka_unit_test(test_full_pipe_and_a_wait_for_the_child_are_a_deadlock),
		cmocka_unit_test(test_reader_with_a_signal_handler_waits_for_nobody),
		cmocka_unit_test(test_end_that_several_have_is_nobodys),
		cmocka_unit_test(test_process_with_a_thread_that_is_free_is_not_stuck),
		cmocka_unit_test(test_process_whose_other_threads_wait_for_locks_is),
		cmocka_unit_test(test_idle_reader_is_no_wait_but_one_that_holds_a_lock_is),
		cmocka_unit_test(test_parent_of_a_hung_child_is_its_victim),
		cmocka_unit_test(test_two_that_talk_are_no_cycle_unless_they_stand_still),
		cmocka_unit_test(test_semaphore_of_system_v_has_no_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
