/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The model of the order of locks: which cycles are deadlocks that can happen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order/order.h"

#define PROCESS 7

/* Addresses of locks. */
enum { A = 0x1000, B = 0x2000, C = 0x3000, GATE = 0x9000 };

#define READ (ORDER_RWLOCK | ORDER_READ)
#define WRITE ORDER_RWLOCK

struct held_one {
	uint64_t lock;
	uint32_t facts;
};

struct fixture {
	struct order_model *model;
	uint64_t time_ns;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->model = order__new(NULL, NULL, 100);
	*state = fixture;
	return fixture->model ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	order__free(fixture->model);
	free(fixture);
	return 0;
}

/* Thread @tid asks for @lock while it holds @held; stacks are told by thread and lock. */
static void ask_as(struct fixture *fixture, uint32_t process, uint32_t tid, uint64_t lock,
	uint32_t facts, uint16_t flags, const struct held_one *held, size_t count)
{
	struct order_held list[4] = {0};
	struct order_nested record = {
		.header = {.kind = EVENT_ORDER_NESTED,
			.flags = flags,
			.tid = tid,
			.process = process,
			.time_ns = ++fixture->time_ns},
		.lock = lock,
		.stack = tid << 20 | lock,
		.thread_start_ns = tid,
		.facts = facts,
		.count = count,
		.comm = "worker",
	};

	for (size_t i = 0; i < count; i++)
		list[i] = (struct order_held){.lock = held[i].lock,
			.facts = held[i].facts,
			.stack = tid << 20 | held[i].lock | 1};
	assert_int_equal(order__take_nested(fixture->model, &record, list), 0);
}

static void ask(struct fixture *fixture, uint32_t tid, uint64_t lock, uint32_t facts, uint64_t held,
	uint32_t held_facts)
{
	struct held_one one = {held, held_facts};

	ask_as(fixture, PROCESS, tid, lock, facts, 0, &one, 1);
}

static void ask_mutex(struct fixture *fixture, uint32_t tid, uint64_t lock, uint64_t held)
{
	ask(fixture, tid, lock, ORDER_MUTEX, held, ORDER_MUTEX);
}

static void expect_findings(struct fixture *fixture, size_t count)
{
	order_findings findings;

	assert_int_equal(order__find(fixture->model, &findings), 0);
	assert_int_equal(findings.size, count);
	order__free_findings(&findings);
}

/* There is one, of so many locks. */
static void expect_cycle(struct fixture *fixture, size_t length, enum order_meeting meeting)
{
	order_findings findings;

	assert_int_equal(order__find(fixture->model, &findings), 0);
	assert_int_equal(findings.size, 1);
	assert_int_equal(findings.data[0].uses.size, length);
	assert_int_equal(findings.data[0].meeting, meeting);
	order__free_findings(&findings);
}

static void test_two_threads_in_opposite_order_can_deadlock(void **state)
{
	ask_mutex(*state, 1, B, A);
	expect_findings(*state, 0);
	ask_mutex(*state, 2, A, B);
	expect_cycle(*state, 2, ORDER_CAN_MEET);
}

static void test_each_edge_of_a_cycle_has_both_its_stacks(void **state)
{
	struct fixture *fixture = *state;
	order_findings findings;

	ask_mutex(fixture, 1, B, A);
	ask_mutex(fixture, 2, A, B);
	assert_int_equal(order__find(fixture->model, &findings), 0);
	vec_for_each (number, &findings.data[0].uses) {
		const struct order_use *use = order__use(fixture->model, *number);
		const struct order_edge *edge = order__edge(fixture->model, use->edge);
		uint64_t tid = order__thread(fixture->model, use->thread)->tid;

		assert_int_equal(
			use->to_stack, tid << 20 | order__lock(fixture->model, edge->to)->address);
		assert_int_equal(use->from_stack,
			tid << 20 | order__lock(fixture->model, edge->from)->address | 1);
	}
	order__free_findings(&findings);
}

static void test_one_thread_alone_is_told(void **state)
{
	ask_mutex(*state, 1, B, A);
	ask_mutex(*state, 1, A, B);
	expect_cycle(*state, 2, ORDER_FEW_THREADS);
}

static void test_two_threads_for_three_locks_are_too_few(void **state)
{
	ask_mutex(*state, 1, B, A);
	ask_mutex(*state, 1, C, B);
	ask_mutex(*state, 2, A, C);
	expect_cycle(*state, 3, ORDER_FEW_THREADS);
}

static void test_threads_that_never_met_are_told(void **state)
{
	struct fixture *fixture = *state;

	ask_mutex(fixture, 1, B, A);
	order__end_thread(fixture->model, PROCESS, 1, 40);
	/* Its start is its number, 50. */
	ask_mutex(fixture, 50, A, B);
	expect_cycle(fixture, 2, ORDER_NEVER_MET);
	/* A third one that was there at both times makes it possible. */
	ask_mutex(fixture, 2, B, A);
	expect_cycle(fixture, 2, ORDER_CAN_MEET);
}

static void test_gate_around_both_makes_it_impossible(void **state)
{
	struct held_one ab[] = {{GATE, ORDER_MUTEX}, {A, ORDER_MUTEX}};
	struct held_one ba[] = {{B, ORDER_MUTEX}, {GATE, ORDER_MUTEX}};

	ask_as(*state, PROCESS, 1, B, ORDER_MUTEX, 0, ab, 2);
	ask_as(*state, PROCESS, 2, A, ORDER_MUTEX, 0, ba, 2);
	expect_findings(*state, 0);
	/* Once without it is enough. */
	ask_mutex(*state, 2, A, B);
	expect_cycle(*state, 2, ORDER_CAN_MEET);
}

static void test_gate_that_is_read_keeps_nobody_out(void **state)
{
	struct held_one ab[] = {{GATE, READ}, {A, ORDER_MUTEX}};
	struct held_one ba[] = {{GATE, READ}, {B, ORDER_MUTEX}};

	ask_as(*state, PROCESS, 1, B, ORDER_MUTEX, 0, ab, 2);
	ask_as(*state, PROCESS, 2, A, ORDER_MUTEX, 0, ba, 2);
	expect_cycle(*state, 2, ORDER_CAN_MEET);
}

static void test_readers_wait_for_each_other_only_if_there_are_writers(void **state)
{
	ask(*state, 1, B, READ, A, READ);
	ask(*state, 2, A, READ, B, READ);
	expect_findings(*state, 0);
	ask_as(*state, PROCESS, 3, A, WRITE, ORDER_FIRST_WRITER, NULL, 0);
	expect_findings(*state, 0); /* at the other lock they still pass */
	ask_as(*state, PROCESS, 3, B, WRITE, ORDER_FIRST_WRITER, NULL, 0);
	expect_cycle(*state, 2, ORDER_CAN_MEET);
}

static void test_readers_of_locks_for_writers_wait(void **state)
{
	ask(*state, 1, B, READ | ORDER_FOR_WRITERS, A, READ | ORDER_FOR_WRITERS);
	ask(*state, 2, A, READ | ORDER_FOR_WRITERS, B, READ | ORDER_FOR_WRITERS);
	expect_cycle(*state, 2, ORDER_CAN_MEET);
}

static void test_reader_and_writer_in_opposite_order_can_deadlock(void **state)
{
	ask(*state, 1, A, ORDER_MUTEX, B, READ);
	ask(*state, 2, B, WRITE, A, ORDER_MUTEX);
	expect_cycle(*state, 2, ORDER_CAN_MEET);
}

static void make_ring(struct fixture *fixture, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		ask_mutex(fixture, i + 1, A + 0x100 * ((i + 1) % size), A + 0x100 * i);
}

static void test_rings_of_any_length_are_found(void **state)
{
	struct fixture *fixture = *state;

	make_ring(fixture, 200);
	expect_cycle(fixture, 200, ORDER_CAN_MEET);
	make_ring(fixture, 199);
	expect_findings(fixture, 2);
}

static void test_cycles_from_the_same_places_are_one(void **state)
{
	struct fixture *fixture = *state;
	order_findings findings;

	for (uint64_t i = 0; i < 10; i++) {
		ask_mutex(fixture, 1, B + 8 * i, A + 8 * i);
		ask_mutex(fixture, 2, A + 8 * i, B + 8 * i);
		order__add_stack(fixture->model, 1 << 20 | (B + 8 * i), 1);
		order__add_stack(fixture->model, 1 << 20 | (A + 8 * i) | 1, 2);
		order__add_stack(fixture->model, 2 << 20 | (A + 8 * i), 3);
		order__add_stack(fixture->model, 2 << 20 | (B + 8 * i) | 1, 4);
	}
	assert_int_equal(order__find(fixture->model, &findings), 0);
	assert_int_equal(findings.size, 1);
	assert_int_equal(findings.data[0].repeats, 9);
	order__free_findings(&findings);
}

static void test_destroyed_lock_is_another_one_afterwards(void **state)
{
	struct fixture *fixture = *state;
	struct order_gone gone = {
		.header.process = PROCESS, .address = A, .size = 1, .hold = {.count = 3}};

	ask_mutex(fixture, 1, B, A);
	order__take_gone(fixture->model, &gone, NULL);
	assert_true(
		order__lock(fixture->model, 0)->is_gone || order__lock(fixture->model, 1)->is_gone);
	ask_mutex(fixture, 2, A, B);
	expect_findings(fixture, 0);
}

static void count_forgotten(void *context, uint64_t address)
{
	assert_true(address == A || address == A + 40);
}

static void test_freed_block_takes_its_locks_along(void **state)
{
	struct fixture *fixture = *state;
	struct order_gone gone = {.header.process = PROCESS, .address = A - 16, .size = 64};
	struct order_totals totals;

	ask_mutex(fixture, 1, B, A);
	ask_mutex(fixture, 1, B, A + 40);
	order__take_gone(fixture->model, &gone, count_forgotten);
	order__count(fixture->model, &totals);
	assert_int_equal(totals.gone, 2);
	ask_mutex(fixture, 2, A, B);
	expect_findings(fixture, 0);
}

static void test_wait_for_itself_is_certain(void **state)
{
	struct held_one held[] = {{B, ORDER_MUTEX}, {A, ORDER_MUTEX}};

	ask_as(*state, PROCESS, 1, A, ORDER_MUTEX, ORDER_WAITS_SELF, held, 2);
	expect_cycle(*state, 1, ORDER_BY_ITSELF);
}

/* Two processes have the locks at different addresses. */
static void describe_shared(void *context, uint32_t process, uint64_t address, uint32_t facts,
	struct order_identity *out)
{
	out->is_shared = facts & ORDER_SHARED;
	out->key[1] = address & 0xffff;
}

static void test_shared_locks_are_the_same_in_all_processes(void **state)
{
	struct fixture fixture = {.model = order__new(describe_shared, NULL, 0)};
	struct held_one first = {A, ORDER_MUTEX | ORDER_SHARED};
	struct held_one second = {0x70000 + B, ORDER_MUTEX | ORDER_SHARED};

	ask_as(&fixture, 1, 1, B, ORDER_MUTEX | ORDER_SHARED, 0, &first, 1);
	ask_as(&fixture, 2, 2, 0x70000 + A, ORDER_MUTEX | ORDER_SHARED, 0, &second, 1);
	expect_cycle(&fixture, 2, ORDER_CAN_MEET);
	order__free(fixture.model);
}

static void test_unlock_by_another_thread_is_told_from_locks_of_before(void **state)
{
	struct fixture *fixture = *state;
	struct order_foreign old = {.lock = A, .thread_start_ns = 50};
	struct order_foreign born = {.lock = A, .thread_start_ns = 150};
	struct order_totals totals;

	order__take_foreign(fixture->model, &old);
	order__take_foreign(fixture->model, &born);
	order__take_foreign(fixture->model, &born);
	order__count(fixture->model, &totals);
	assert_int_equal(totals.unknown_before, 1);
	assert_int_equal(totals.let_go_by_other, 2);
}

static void test_gate_ends_a_tangle_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct order_totals totals;
	order_findings findings;

	/* Everybody takes everything, but under one gate: there are paths without number. */
	for (uint32_t i = 0; i < 24; i++) {
		for (uint32_t k = 0; k < 24; k++) {
			struct held_one held[] = {{GATE, ORDER_MUTEX}, {A + 64 * i, ORDER_MUTEX}};

			if (i != k)
				ask_as(fixture, PROCESS, i + 1, A + 64 * k, ORDER_MUTEX, 0, held,
					2);
		}
	}
	assert_int_equal(order__find(fixture->model, &findings), 0);
	assert_int_equal(findings.size, 0);
	order__free_findings(&findings);
	order__count(fixture->model, &totals);
	assert_int_equal(totals.searches_cut, 0); /* the gate shows at the first step */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_two_threads_in_opposite_order_can_deadlock),
		TEST(test_each_edge_of_a_cycle_has_both_its_stacks),
		TEST(test_one_thread_alone_is_told),
		TEST(test_two_threads_for_three_locks_are_too_few),
		TEST(test_threads_that_never_met_are_told),
		TEST(test_gate_around_both_makes_it_impossible),
		TEST(test_gate_that_is_read_keeps_nobody_out),
		TEST(test_readers_wait_for_each_other_only_if_there_are_writers),
		TEST(test_readers_of_locks_for_writers_wait),
		TEST(test_reader_and_writer_in_opposite_order_can_deadlock),
		TEST(test_rings_of_any_length_are_found),
		TEST(test_cycles_from_the_same_places_are_one),
		TEST(test_destroyed_lock_is_another_one_afterwards),
		TEST(test_freed_block_takes_its_locks_along),
		TEST(test_wait_for_itself_is_certain),
		TEST(test_shared_locks_are_the_same_in_all_processes),
		TEST(test_unlock_by_another_thread_is_told_from_locks_of_before),
		TEST(test_gate_ends_a_tangle_at_once),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
