/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Processes that can never go on although no cycle of owners is known, and those that only seem so.
 */
#include "locks/finding.h"
#include "locks_fixture.h"

static struct lock_frame asleep[] = {
	{.pc = 0x1010, .slot = 0x7000, .function = "sem_wait", .module = "libc.so.6"},
	{.pc = 0x401010, .slot = 0x7020, .function = "work", .module = "app"},
};

/* Two looks at the same. */
struct story {
	struct world *before;
	struct world *now;
};

static void add_sleeper(struct world *world, pid_t tid, uint64_t word)
{
	struct lock_thread *thread = add_thread(world, 100, tid);

	block(thread, word, WAIT_PRIVATE, 0);
	set_stack(thread, asleep, 2);
}

/* Every thread of process 100 waits for a semaphore. */
static struct world *new_stuck(void)
{
	struct world *world = new_world(8, 2);

	add_process(world, 100, LIBC_GLIBC);
	add_sleeper(world, 100, LOCK_A);
	add_sleeper(world, 101, LOCK_B);
	return world;
}

static struct story begin(struct world *(*make)(void))
{
	return (struct story){make(), make()};
}

static void judge_both(struct story *story)
{
	judge(story->before);
	judge(story->now);
	findings__confirm(&story->now->findings, &story->before->findings, false);
}

static void end(struct story *story)
{
	free_world(story->before);
	free_world(story->now);
}

static void expect_hung(struct story *story, bool hung)
{
	judge_both(story);
	assert_int_equal(findings__hung(&story->now->findings, 100) != NULL, hung);
	assert_int_equal(story->now->findings.hangs, hung);
	assert_int_equal(verdict_of(story->now, 101), hung ? VERDICT_HUNG : VERDICT_STALL);
	assert_false(findings__all_end(&story->now->findings));
	end(story);
}

static void test_process_whose_threads_all_wait_hangs(void **state)
{
	struct story story = begin(new_stuck);

	expect_hung(&story, true);
}

/* Beside those that wait the JVM's own threads, of which one has just been woken: it has the stack
 * of its system call. */
static struct world *new_stuck_jvm(void)
{
	static struct lock_frame own[] = {
		{.pc = 0x1010, .slot = 0x9000, .function = "sem_wait", .module = "libc.so.6"},
		{.pc = 0x2010, .slot = 0x9020, .function = "run", .module = "libjvm.so"},
	};
	static const char *const names[] = {"VM Thread", "VM Periodic Tas"};
	struct world *world = new_stuck();

	for (int i = 0; i < 2; i++) {
		struct lock_thread *thread = add_thread(world, 100, 102 + i);

		block(thread, LOCK_A + 0x1000 * (i + 1), WAIT_PRIVATE, 0);
		set_stack(thread, own, 2);
		snprintf(thread->comm, sizeof(thread->comm), "%s", names[i]);
		thread->state = i ? 'R' : 'S';
	}
	return world;
}

static void test_own_thread_of_the_jvm_that_was_just_woken_wakes_nobody(void **state)
{
	struct story story = begin(new_stuck_jvm);

	expect_hung(&story, true);
}

static void test_one_look_is_not_enough(void **state)
{
	struct world *world = new_stuck();

	judge(world);
	assert_true(findings__need_confirmation(&world->findings));
	assert_null(findings__hung(&world->findings, 100));
	assert_int_equal(verdict_of(world, 101), VERDICT_STALL);
	free_world(world);
}

static void test_a_runtimes_worker_without_work_is_idle(void **state)
{
	struct lock_frame redis[] = {asleep[0],
		{.pc = 0x1, .function = "bioProcessBackgroundJobs", .module = "redis-server"}};
	struct lock_frame jemalloc[] = {asleep[0], {.pc = 0x2, .module = "libjemalloc.so.2"}};
	struct world *world = new_world(8, 2);

	add_process(world, 100, LIBC_GLIBC);
	add_sleeper(world, 101, LOCK_A);
	add_sleeper(world, 102, LOCK_B);
	add_sleeper(world, 103, LOCK_A);
	add_thread(world, 100, 100); /* runs */
	set_stack(&world->snapshot.threads[0], redis, 2);
	set_stack(&world->snapshot.threads[1], jemalloc, 2);
	strcpy(world->snapshot.threads[1].comm, "jemalloc_bg_thd");
	judge(world);
	assert_int_equal(verdict_of(world, 101), VERDICT_IDLE);
	assert_int_equal(verdict_of(world, 102), VERDICT_IDLE);
	assert_int_equal(verdict_of(world, 103), VERDICT_STALL);
	free_world(world);
}

static void test_a_runtimes_worker_that_waits_within_a_job_is_not_idle(void **state)
{
	struct lock_frame stack[16] = {asleep[0]};
	struct world *world = new_world(8, 2);

	for (size_t i = 1; i < 15; i++)
		stack[i] = (struct lock_frame){.pc = i, .function = "compact", .module = "server"};
	stack[15] = (struct lock_frame){
		.pc = 0x1, .function = "bioProcessBackgroundJobs", .module = "redis-server"};
	add_process(world, 100, LIBC_GLIBC);
	add_sleeper(world, 101, LOCK_A);
	add_thread(world, 100, 100); /* runs */
	set_stack(&world->snapshot.threads[0], stack, 16);
	judge(world);
	assert_int_equal(verdict_of(world, 101), VERDICT_STALL);
	free_world(world);
}

static void test_process_whose_thread_ran_between_the_looks_does_not_hang(void **state)
{
	struct story story = begin(new_stuck);

	story.now->snapshot.threads[1].switches++;
	expect_hung(&story, false);
}

/* A pool that waits for work, which a socket brings. */
static void test_process_with_a_thread_in_epoll_does_not_hang(void **state)
{
	struct story story = begin(new_stuck);
	struct world *both[] = {story.before, story.now};

	for (int i = 0; i < 2; i++) {
		struct lock_thread *thread = add_thread(both[i], 100, 102);

		thread->state = 'S';
		thread->syscall = SYS_epoll_wait;
	}
	expect_hung(&story, false);
}

static void test_process_with_a_timed_wait_does_not_hang(void **state)
{
	struct story story = begin(new_stuck);

	story.before->snapshot.threads[0].args[3] = 0x7ff0;
	story.now->snapshot.threads[0].args[3] = 0x7ff0;
	expect_hung(&story, false);
}

static void test_word_that_others_share_can_be_woken_from_outside(void **state)
{
	struct story story = begin(new_stuck);
	struct world *both[] = {story.before, story.now};

	for (int i = 0; i < 2; i++) {
		both[i]->shared_start = LOCK_B;
		both[i]->shared_end = LOCK_B + 64;
		both[i]->snapshot.threads[1].args[1] = WAIT_SHARED;
	}
	expect_hung(&story, false);
}

static void test_timer_that_is_set_may_wake_it(void **state)
{
	struct story story = begin(new_stuck);

	story.before->snapshot.processes[0].has_timer = true;
	story.now->snapshot.processes[0].has_timer = true;
	expect_hung(&story, false);
}

static void add_pausing(struct story *story, uint64_t handled)
{
	struct world *both[] = {story->before, story->now};

	for (int i = 0; i < 2; i++) {
		struct lock_thread *thread = add_thread(both[i], 100, 102);

		thread->state = 'S';
		thread->syscall = SYS_rt_sigsuspend;
		both[i]->snapshot.processes[0].handled = handled;
	}
}

static void test_pause_that_no_handler_can_end_lasts_for_ever(void **state)
{
	struct story story = begin(new_stuck);

	add_pausing(&story, 0);
	expect_hung(&story, true);
}

static void test_pause_is_for_a_signal_where_there_is_a_handler(void **state)
{
	struct story story = begin(new_stuck);

	add_pausing(&story, 1 << 14);
	expect_hung(&story, false);
}

static void test_thread_that_has_ended_wakes_nobody(void **state)
{
	struct story story = begin(new_stuck);

	add_thread(story.before, 100, 102)->state = 'Z';
	add_thread(story.now, 100, 102)->state = 'Z';
	judge_both(&story);
	assert_int_equal(findings__hung(&story.now->findings, 100)->waiting, 2);
	end(&story);
}

static void test_deadlock_says_more_than_that_all_wait(void **state)
{
	struct story story = begin(new_abba);

	judge_both(&story);
	assert_int_equal(story.now->findings.deadlocks, 1);
	assert_null(findings__hung(&story.now->findings, 100));
	end(&story);
}

/* --- what a look at threads does not see */

/* A lock whose owner runs: the wait will end. */
static struct world *new_held(struct lock_frame *stack, size_t count)
{
	struct world *world = new_world(8, 2);

	add_process(world, 100, LIBC_GLIBC);
	set_stack(add_thread(world, 100, 100), stack, count);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[1], mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_A, 2, 100, 0);
	return world;
}

static void test_it_is_not_said_that_all_waits_end_where_goroutines_or_bthreads_are(void **state)
{
	struct lock_frame plain[] = {{.pc = 1, .function = "work", .module = "app"}};
	struct lock_frame go[] = {{.pc = 1, .function = "runtime.schedule", .module = "app"}};
	struct lock_frame brpc[] = {
		{.pc = 1, .function = "bthread::TaskGroup::run_main_task()", .module = "app"}};
	struct lock_frame *stacks[] = {plain, go, brpc};
	static const char *const names[] = {NULL, "goroutines", "bthreads"};

	for (int i = 0; i < 3; i++) {
		struct world *world = new_held(stacks[i], 1);
		const char *what;

		judge(world);
		what = findings__user_threads(&world->findings, 100);
		assert_int_equal(findings__all_end(&world->findings), i == 0);
		assert_true(i == 0 ? !what : what && !strcmp(what, names[i]));
		free_world(world);
	}
}

static void test_idle_workers_of_brpc_are_no_convoy(void **state)
{
	struct lock_frame parked[] = {
		{.pc = 1, .function = "syscall", .module = "libc.so.6"},
		{.pc = 2, .function = "bthread::TaskGroup::wait_task(unsigned long*)"},
		{.pc = 3, .function = "bthread::TaskGroup::run_main_task()"},
	};
	struct world *world = new_world(8, 2);

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 4; i++) {
		block(add_thread(world, 100, 100 + i), LOCK_A, WAIT_PRIVATE, 0);
		set_stack(&world->snapshot.threads[i], parked, 3);
	}
	judge(world);
	assert_int_equal(wait_of(world, 100)->kind, WAIT_PARK);
	assert_int_equal(world->findings.graph.convoy_count, 0);
	free_world(world);
}

/* --- a free lock that somebody waits for */

/* Thread 101 waits for a mutex that is free; 100 runs. */
static struct world *new_free(void)
{
	struct world *world = new_world(8, 2);

	add_process(world, 100, LIBC_GLIBC);
	add_thread(world, 100, 100);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[1], mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_A, 0, 0, 0);
	return world;
}

static void test_lock_that_stays_free_while_a_thread_sleeps_for_it_lost_a_wake_up(void **state)
{
	struct story story = begin(new_free);

	judge_both(&story);
	assert_int_equal(verdict_of(story.now, 101), VERDICT_LOST);
	assert_int_equal(story.now->findings.hangs, 1);
	assert_non_null(strstr(wait_of(story.now, 101)->reason, "free, and yet TID 101 waits"));
	end(&story);
}

static void test_lock_that_a_woken_thread_is_about_to_take_is_not_lost(void **state)
{
	struct story story = begin(new_free);
	struct lock_thread *woken = add_thread(story.now, 100, 102);

	block(woken, LOCK_A, WAIT_PRIVATE, 2);
	woken->state = 'R';
	judge_both(&story);
	assert_int_equal(verdict_of(story.now, 101), VERDICT_OWNER_UNKNOWN);
	assert_int_equal(story.now->findings.hangs, 0);
	end(&story);
}

/* Between the write that frees the word and the call that wakes it lost its CPU. */
static void test_lock_is_not_lost_while_who_let_it_go_has_not_run_on(void **state)
{
	struct story story = begin(new_free);
	struct world *both[] = {story.before, story.now};

	for (int i = 0; i < 2; i++) {
		struct lock_thread *starved = add_thread(both[i], 100, 102);

		starved->state = 'R';
		set_stack(starved, mutex_stack, MUTEX_FRAMES);
	}
	judge_both(&story);
	assert_int_equal(story.now->findings.hangs, 0);
	end(&story);
}

static void test_lock_that_was_held_before_is_not_lost(void **state)
{
	struct story story = begin(new_free);

	((uint32_t *)story.before->regions[0].bytes)[0] = 2;
	((uint32_t *)story.before->regions[0].bytes)[2] = 100;
	judge_both(&story);
	assert_int_equal(verdict_of(story.now, 101), VERDICT_OWNER_UNKNOWN);
	end(&story);
}

/* --- fork */

/* Process 200, one thread, forked from 100; it waits for a mutex of which @owner is noted. */
static struct world *new_child(uint32_t owner, size_t parent_threads)
{
	struct world *world = new_world(8, 2);

	add_process(world, 200, LIBC_GLIBC);
	world->snapshot.processes[0].forked = true;
	world->snapshot.processes[0].parent = 100;
	world->snapshot.processes[0].parent_threads = parent_threads;
	block(add_thread(world, 200, 200), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
	add_thread(world, 100, 100);
	add_thread(world, 100, 101);
	add_mutex(world, 200, LOCK_A, 2, owner, 0);
	return world;
}

static struct world *new_owned_there(void)
{
	return new_child(101, 2);
}

/* As musl's normal mutexes and malloc's locks, it names nobody. */
static struct world *new_nameless(void)
{
	return new_child(0, 2);
}

static struct world *new_child_of_one(void)
{
	return new_child(0, 1);
}

/* Its parent's other thread has ended since. */
static struct world *new_child_of_ended_thread(void)
{
	struct world *world = new_child(0, 1);

	world->snapshot.processes[0].was_threaded = true;
	return world;
}

static struct world *new_own_dead(void)
{
	return new_child(205, 2);
}

static void expect_child(struct world *(*make)(void), enum verdict verdict, const char *reason)
{
	struct story story = begin(make);

	judge_both(&story);
	assert_int_equal(verdict_of(story.now, 200), verdict);
	assert_non_null(strstr(wait_of(story.now, 200)->reason, reason));
	end(&story);
}

static void test_lock_of_a_thread_of_the_parent_is_lost_by_the_fork(void **state)
{
	expect_child(new_owned_there, VERDICT_FORKED,
		"forked from PID 100 while TID 101 there held it; that thread was not copied");
}

static void test_lock_without_owner_in_the_child_of_many_threads_is_lost_by_the_fork(void **state)
{
	expect_child(new_nameless, VERDICT_FORKED, "another thread of its 2 held it");
}

static void test_child_of_one_thread_has_lost_nothing(void **state)
{
	expect_child(new_child_of_one, VERDICT_HUNG, "");
}

static void test_lock_of_a_thread_that_ended_before_the_look_is_lost_by_the_fork(void **state)
{
	expect_child(new_child_of_ended_thread, VERDICT_FORKED,
		"forked from PID 100 while another thread held it; that thread was not copied");
}

/* Its number was given after the child's own. */
static void test_thread_of_the_child_that_ended_is_dead_and_not_left_behind(void **state)
{
	expect_child(new_own_dead, VERDICT_OWNER_DEAD, "not a live thread");
}

static void test_what_the_fork_lost_says_more_than_that_all_wait(void **state)
{
	struct story story = begin(new_owned_there);
	finding_list list;
	char line[256];

	judge_both(&story);
	assert_null(findings__hung(&story.now->findings, 200));
	assert_int_equal(story.now->findings.hangs, 1);
	assert_int_equal(finding__list(&story.now->findings, &list), 0);
	assert_int_equal(list.size, 1);
	assert_int_equal(list.data[0].verdict, VERDICT_FORKED);
	finding__headline(&story.now->findings, &list.data[0], line, sizeof(line));
	assert_non_null(strstr(line, "FORKED: "));
	assert_non_null(strstr(line, "waits forever, on mutex"));
	vec_free(&list);
	end(&story);
}

static void test_findings_are_the_same_in_every_look_and_have_their_waits(void **state)
{
	struct story story = begin(new_stuck);
	finding_list first, second;

	judge_both(&story);
	assert_int_equal(finding__list(&story.now->findings, &first), 0);
	assert_int_equal(first.size, 1);
	assert_int_equal(first.data[0].kind, FINDING_HUNG);
	assert_true(finding__has(&story.now->findings, &first.data[0], 0));
	/* What is not confirmed is not listed. */
	assert_int_equal(finding__list(&story.before->findings, &second), 0);
	assert_int_equal(second.size, 0);
	findings__confirm(&story.before->findings, &story.now->findings, false);
	vec_free(&second);
	assert_int_equal(finding__list(&story.before->findings, &second), 0);
	assert_true(finding__identity(&story.now->findings, &first.data[0]) ==
		    finding__identity(&story.before->findings, &second.data[0]));
	vec_free(&first);
	vec_free(&second);
	end(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_runtimes_worker_without_work_is_idle),
		cmocka_unit_test(test_a_runtimes_worker_that_waits_within_a_job_is_not_idle),
		cmocka_unit_test(test_process_whose_threads_all_wait_hangs),
		cmocka_unit_test(test_own_thread_of_the_jvm_that_was_just_woken_wakes_nobody),
		cmocka_unit_test(test_one_look_is_not_enough),
		cmocka_unit_test(test_process_whose_thread_ran_between_the_looks_does_not_hang),
		cmocka_unit_test(test_process_with_a_thread_in_epoll_does_not_hang),
		cmocka_unit_test(test_process_with_a_timed_wait_does_not_hang),
		cmocka_unit_test(test_word_that_others_share_can_be_woken_from_outside),
		cmocka_unit_test(test_timer_that_is_set_may_wake_it),
		cmocka_unit_test(test_pause_that_no_handler_can_end_lasts_for_ever),
		cmocka_unit_test(test_pause_is_for_a_signal_where_there_is_a_handler),
		cmocka_unit_test(test_thread_that_has_ended_wakes_nobody),
		cmocka_unit_test(test_deadlock_says_more_than_that_all_wait),
		cmocka_unit_test(
			test_it_is_not_said_that_all_waits_end_where_goroutines_or_bthreads_are),
		cmocka_unit_test(test_idle_workers_of_brpc_are_no_convoy),
		cmocka_unit_test(
			test_lock_that_stays_free_while_a_thread_sleeps_for_it_lost_a_wake_up),
		cmocka_unit_test(test_lock_that_a_woken_thread_is_about_to_take_is_not_lost),
		cmocka_unit_test(test_lock_is_not_lost_while_who_let_it_go_has_not_run_on),
		cmocka_unit_test(test_lock_that_was_held_before_is_not_lost),
		cmocka_unit_test(test_lock_of_a_thread_of_the_parent_is_lost_by_the_fork),
		cmocka_unit_test(
			test_lock_without_owner_in_the_child_of_many_threads_is_lost_by_the_fork),
		cmocka_unit_test(test_child_of_one_thread_has_lost_nothing),
		cmocka_unit_test(
			test_lock_of_a_thread_that_ended_before_the_look_is_lost_by_the_fork),
		cmocka_unit_test(test_thread_of_the_child_that_ended_is_dead_and_not_left_behind),
		cmocka_unit_test(test_what_the_fork_lost_says_more_than_that_all_wait),
		cmocka_unit_test(test_findings_are_the_same_in_every_look_and_have_their_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
