/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* From waits to verdicts: cycles, victims, convoys, and what a second look confirms. */
#include "locks_fixture.h"

static size_t count_cycles(const struct world *world)
{
	return world->findings.graph.cycle_count;
}

/* Judges a world and confirms it by another. */
static void judge_twice(struct world *now, struct world *before)
{
	judge(before);
	judge(now);
	findings__confirm(&now->findings, &before->findings, false);
}

static void test_two_threads_that_wait_for_each_other_are_a_deadlock(void **state)
{
	struct world *before = new_abba(), *now = new_abba();

	judge_twice(now, before);
	assert_int_equal(count_cycles(now), 1);
	assert_int_equal(now->findings.graph.cycles[0].count, 2);
	assert_int_equal(verdict_of(now, 101), VERDICT_DEADLOCK);
	assert_int_equal(verdict_of(now, 102), VERDICT_DEADLOCK);
	assert_int_equal(now->findings.deadlocks, 1);
	assert_true(now->findings.settled);
	assert_int_equal(now->findings.graph.cycles[0].certainty, CERTAINTY_EXACT);
	free_world(before);
	free_world(now);
}

static void test_one_look_proves_nothing(void **state)
{
	struct world *world = new_abba();

	judge(world);
	assert_int_equal(count_cycles(world), 1);
	assert_true(findings__need_confirmation(&world->findings));
	assert_int_equal(world->findings.deadlocks, 0);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_BUSY);
	free_world(world);
}

static void test_cycle_with_other_owners_on_the_second_look_is_none(void **state)
{
	struct world *before = new_abba(), *now = new_abba();

	add_thread(before, 100, 103);
	before->region_count = 0;
	add_mutex(before, 100, LOCK_A, 2, 101, 0);
	add_mutex(before, 100, LOCK_B, 2, 103, 0);
	judge_twice(now, before);
	assert_int_equal(count_cycles(now), 1);
	assert_int_equal(now->findings.deadlocks, 0);
	free_world(before);
	free_world(now);
}

static void test_tid_used_again_is_not_the_same_thread(void **state)
{
	struct world *before = new_abba(), *now = new_abba();

	now->snapshot.threads[1].start_ns++;
	judge_twice(now, before);
	assert_int_equal(now->findings.deadlocks, 0);
	free_world(before);
	free_world(now);
}

static void test_cycle_whose_threads_ran_in_between_needs_another_look(void **state)
{
	struct world *first = new_abba(), *second = new_abba(), *third = new_abba();

	second->snapshot.threads[0].switches++;
	third->snapshot.threads[0].switches++;
	judge_twice(second, first);
	assert_int_equal(second->findings.deadlocks, 1);
	assert_false(second->findings.settled);
	judge(third);
	findings__confirm(&third->findings, &second->findings, true);
	assert_int_equal(third->findings.deadlocks, 1);
	assert_true(third->findings.settled);
	free_world(first);
	free_world(second);
	free_world(third);
}

static void test_third_look_confirms_only_what_the_second_did(void **state)
{
	struct world *second = new_abba(), *third = new_abba();

	judge(second); /* nothing confirmed there */
	judge(third);
	findings__confirm(&third->findings, &second->findings, true);
	assert_int_equal(third->findings.deadlocks, 0);
	free_world(second);
	free_world(third);
}

static void test_self_loop_is_a_self_deadlock(void **state)
{
	struct world *worlds[2];

	for (int i = 0; i < 2; i++) {
		worlds[i] = new_abba();
		worlds[i]->region_count = 0;
		add_mutex(worlds[i], 100, LOCK_B, 2, 101, 0);
		add_mutex(worlds[i], 100, LOCK_A, 2, 101, 0);
	}
	judge_twice(worlds[1], worlds[0]);
	assert_int_equal(verdict_of(worlds[1], 101), VERDICT_SELF_DEADLOCK);
	assert_int_equal(worlds[1]->findings.graph.cycles[0].count, 1);
	/* 102 waits for it, and is a victim. */
	assert_int_equal(worlds[1]->findings.graph.cycles[0].victims, 1);
	assert_true(findings__leads_to(&worlds[1]->findings, 1, 0, false));
	free_world(worlds[0]);
	free_world(worlds[1]);
}

static void test_cycle_with_a_timed_wait_is_a_warning(void **state)
{
	struct world *before = new_abba(), *now = new_abba();

	before->snapshot.threads[1].args[3] = now->snapshot.threads[1].args[3] = 0x7000;
	judge_twice(now, before);
	assert_int_equal(verdict_of(now, 101), VERDICT_TIMED_CYCLE);
	assert_int_equal(now->findings.deadlocks, 0);
	free_world(before);
	free_world(now);
}

static void test_chain_ends_in_what_the_last_owner_does(void **state)
{
	struct world *world = new_abba();
	struct lock_thread *last = add_thread(world, 100, 103);

	world->region_count = 0;
	add_mutex(world, 100, LOCK_A, 2, 103, 0);
	add_mutex(world, 100, LOCK_B, 2, 102, 0);
	last->state = 'S';
	last->syscall = SYS_read;
	judge(world);
	assert_int_equal(verdict_of(world, 101), VERDICT_OWNER_ELSEWHERE);
	assert_int_equal(world->findings.graph.fates[0].depth, 2);
	assert_int_equal(world->findings.graph.fates[0].end->tid, 103);
	assert_int_equal(count_cycles(world), 0);
	free_world(world);
}

static void test_dead_owner_is_said_after_two_looks(void **state)
{
	struct world *worlds[2];

	for (int i = 0; i < 2; i++) {
		worlds[i] = new_abba();
		worlds[i]->region_count = 0;
		add_mutex(worlds[i], 100, LOCK_B, 2, 102, 0);
		add_mutex(worlds[i], 100, LOCK_A, 2, 99999, 0);
	}
	judge_twice(worlds[1], worlds[0]);
	/* 102 waits for a dead one, and 101 for 102. */
	assert_int_equal(verdict_of(worlds[1], 102), VERDICT_OWNER_DEAD);
	assert_int_equal(verdict_of(worlds[1], 101), VERDICT_OWNER_DEAD);
	assert_int_equal(worlds[1]->findings.deadlocks, 0);
	free_world(worlds[0]);
	free_world(worlds[1]);
}

static void test_processes_on_shared_memory_are_one_graph(void **state)
{
	struct world *worlds[2];

	for (int i = 0; i < 2; i++) {
		struct world *world = worlds[i] = new_world(2, 2);

		world->shared_start = LOCK_A;
		world->shared_end = LOCK_C;
		add_process(world, 100, LIBC_GLIBC);
		add_process(world, 200, LIBC_GLIBC);
		block(add_thread(world, 100, 100), LOCK_A, WAIT_SHARED, 2);
		block(add_thread(world, 200, 200), LOCK_B, WAIT_SHARED, 2);
		set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
		set_stack(&world->snapshot.threads[1], mutex_stack, MUTEX_FRAMES);
		add_mutex(world, 0, LOCK_A, 2, 200, 128);
		add_mutex(world, 0, LOCK_B, 2, 100, 128);
	}
	judge_twice(worlds[1], worlds[0]);
	assert_int_equal(worlds[1]->findings.deadlocks, 1);
	free_world(worlds[0]);
	free_world(worlds[1]);
}

static void test_owner_in_a_process_not_asked_for_is_to_be_looked_at(void **state)
{
	struct world *world = new_world(2, 1);
	pid_t missing[4];

	world->shared_start = LOCK_A;
	world->shared_end = LOCK_B;
	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 100), LOCK_A, WAIT_SHARED, 2);
	set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
	add_thread(world, 200, 200);
	add_mutex(world, 0, LOCK_A, 2, 200, 128);
	judge(world);
	assert_int_equal(findings__missing_owners(&world->findings, missing, 4), 1);
	assert_int_equal(missing[0], 200);
	free_world(world);
}

#define CROWD 10000

static struct world *new_crowd(void)
{
	struct world *world = new_world(CROWD + 1, 1);

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i <= CROWD; i++) {
		block(add_thread(world, 100, 100 + i), LOCK_A, WAIT_PRIVATE, 2);
		set_stack(&world->snapshot.threads[i], mutex_stack, MUTEX_FRAMES);
	}
	add_mutex(world, 100, LOCK_A, 2, 100 + CROWD, 0);
	return world;
}

static void test_ten_thousand_waiters_are_victims_of_one(void **state)
{
	struct world *before = new_crowd(), *now = new_crowd();

	judge_twice(now, before);
	assert_int_equal(now->findings.deadlocks, 1);
	assert_int_equal(now->findings.graph.cycles[0].count, 1);
	assert_int_equal(now->findings.graph.cycles[0].victims, CROWD);
	assert_int_equal(now->findings.graph.convoy_count, 1);
	assert_int_equal(now->findings.graph.convoys[0].count, CROWD + 1);
	free_world(before);
	free_world(now);
}

/* Thread i holds lock i and waits for lock i + 1; the last waits for nothing. */
static void test_long_chain_is_followed_to_its_end(void **state)
{
	enum { LINKS = MAX_REGIONS };
	struct world *world = new_world(LINKS + 1, 1);

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < LINKS; i++) {
		block(add_thread(world, 100, 100 + i), LOCK_A + 64 * i, WAIT_PRIVATE, 2);
		set_stack(&world->snapshot.threads[i], mutex_stack, MUTEX_FRAMES);
		add_mutex(world, 100, LOCK_A + 64 * i, 2, 101 + i, 0);
	}
	add_thread(world, 100, 100 + LINKS);
	judge(world);
	assert_int_equal(verdict_of(world, 100), VERDICT_OWNER_BUSY);
	assert_int_equal(world->findings.graph.fates[0].depth, LINKS);
	assert_int_equal(world->findings.graph.fates[0].end->tid, 100 + LINKS);
	free_world(world);
}

static void test_identity_of_a_cycle_does_not_depend_on_where_it_begins(void **state)
{
	struct world *one = new_abba(), *other = new_abba();

	judge(one);
	judge(other);
	other->findings.graph.members[0] = one->findings.graph.members[1];
	other->findings.graph.members[1] = one->findings.graph.members[0];
	assert_true(graph__cycle_identity(&one->findings.graph, 0) ==
		    graph__cycle_identity(&other->findings.graph, 0));
	free_world(one);
	free_world(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_threads_that_wait_for_each_other_are_a_deadlock),
		cmocka_unit_test(test_one_look_proves_nothing),
		cmocka_unit_test(test_cycle_with_other_owners_on_the_second_look_is_none),
		cmocka_unit_test(test_tid_used_again_is_not_the_same_thread),
		cmocka_unit_test(test_cycle_whose_threads_ran_in_between_needs_another_look),
		cmocka_unit_test(test_third_look_confirms_only_what_the_second_did),
		cmocka_unit_test(test_self_loop_is_a_self_deadlock),
		cmocka_unit_test(test_cycle_with_a_timed_wait_is_a_warning),
		cmocka_unit_test(test_chain_ends_in_what_the_last_owner_does),
		cmocka_unit_test(test_dead_owner_is_said_after_two_looks),
		cmocka_unit_test(test_processes_on_shared_memory_are_one_graph),
		cmocka_unit_test(test_owner_in_a_process_not_asked_for_is_to_be_looked_at),
		cmocka_unit_test(test_ten_thousand_waiters_are_victims_of_one),
		cmocka_unit_test(test_long_chain_is_followed_to_its_end),
		cmocka_unit_test(test_identity_of_a_cycle_does_not_depend_on_where_it_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
