/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The heap model over the life of processes: fork, shared memory, exec, exit. */
#include <time.h>

#include "heap_feed.h"

/* A process that leaves many blocks, and CPU seconds in which its end must be dealt with: linear
 * work takes a hundredth of it, sanitizers included, and quadratic work several times as much. */
#define MANY_BLOCKS 500000
#define END_SECONDS 2

static struct heap_process find_process(const struct feed *feed, uint32_t number)
{
	struct heap_process process;

	for (size_t i = 0; i < heap__process_count(feed->heap); i++) {
		heap__process(feed->heap, i, &process);
		if (process.number == number)
			return process;
	}
	fail_msg("no process %u", number);
	return process;
}

static void count_visit(
	void *context, const struct block *block, uint64_t age_ns, enum visited_block kind)
{
	++*(size_t *)context;
}

static void sum_ages(
	void *context, const struct block *block, uint64_t age_ns, enum visited_block kind)
{
	*(uint64_t *)context += age_ns;
}

static size_t count_live_blocks(const struct feed *feed)
{
	size_t count = 0;

	heap__visit_live(feed->heap, START_NS + feed->now_ns, count_visit, &count);
	return count;
}

static void test_child_inherits_the_live_set_as_a_copy(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_alloc(&feed, 0x2000, 20, STACK_A);
	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 30);
	assert_int_equal(totals.peak_bytes, 30);
	assert_int_equal(totals.inherited_live_bytes, 30);
	assert_int_equal(totals.counts.alloc_count, 2);
	feed.process = 2;
	feed_free(&feed, 0x1000);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.untracked_free_count, 0);
	assert_int_equal(totals.counts.free_count, 1);
	feed.process = 1;
	feed_free(&feed, 0x1000);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.free_count, 2);
	assert_int_equal(totals.live_bytes, 20);
	assert_int_equal(totals.inherited_live_bytes, 20);
	assert_int_equal(find_process(&feed, 2).live_bytes, 0);
	assert_int_equal(find_process(&feed, 2).inherited_live_bytes, 20);
	assert_int_equal(find_process(&feed, 1).live_bytes, 20);
	feed_stop(&feed);
}

static void test_blocks_at_exit_stay_in_the_report_copies_apart(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	feed.process = 2;
	feed_alloc(&feed, 0x3000, 5, STACK_B);
	feed_life(&feed, EVENT_EXIT, 2, 0, 0);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 10);
	assert_int_equal(totals.inherited_live_count, 0);
	assert_int_equal(totals.peak_bytes, 15);
	assert_int_equal(totals.counts.at_exit_count, 1);
	assert_int_equal(totals.counts.at_exit_bytes, 5);
	assert_int_equal(totals.counts.at_exit_inherited_count, 1);
	assert_int_equal(totals.counts.at_exit_inherited_bytes, 10);
	assert_int_equal(feed_site(&feed, 0xa)->live_count, 1);
	assert_int_equal(feed_site(&feed, 0xa)->at_exit_count, 0);
	assert_int_equal(feed_site(&feed, 0xb)->live_count, 0);
	assert_int_equal(feed_site(&feed, 0xb)->at_exit_count, 1);
	assert_int_equal(count_live_blocks(&feed), 2); /* the copy's age is not kept */
	assert_int_equal(find_process(&feed, 2).end, PROCESS_EXITED);
	feed_stop(&feed);
}

/* Twenty children, one after the other, each leaving what is twenty times their parent's. */
static void test_peak_and_live_are_of_processes_that_are_alive(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 1000, STACK_A);
	for (uint32_t child = 2; child < 22; child++) {
		feed.process = 1;
		feed_life(&feed, EVENT_FORK, child, 1, 0);
		feed.process = child;
		feed_alloc(&feed, 0x2000, 50, STACK_B);
		assert_true(heap__runs(feed.heap));
		feed_life(&feed, EVENT_EXIT, child, 0, 0);
	}
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 1000);
	assert_int_equal(totals.peak_bytes, 1050);
	assert_int_equal(totals.inherited_live_bytes, 0);
	assert_int_equal(totals.counts.at_exit_bytes, 1000);
	assert_int_equal(totals.counts.at_exit_inherited_bytes, 20000);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 0);
	assert_int_equal(totals.counts.at_exit_bytes, 2000);
	assert_false(heap__runs(feed.heap));
	feed_stop(&feed);
}

static void test_exec_after_fork_drops_the_copies(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	feed_life(&feed, EVENT_EXEC, 3, 2, 0);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 10);
	assert_int_equal(totals.counts.inherited_dropped_count, 1);
	assert_int_equal(totals.counts.exec_discarded_count, 0);
	assert_int_equal(totals.counts.at_exit_count, 0);
	feed_stop(&feed);
}

static void test_child_knows_the_stacks_of_its_parent_even_after_its_end(void **state)
{
	struct feed feed = feed_start();

	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	feed_life(&feed, EVENT_FORK, 3, 2, 0);
	feed_life(&feed, EVENT_EXIT, 2, 0, 0);
	feed.process = 3;
	feed_alloc(&feed, 0x1000, 10, STACK_A);
	assert_int_equal(feed_site(&feed, 0xa)->live_count, 1);
	feed_life(&feed, EVENT_EXIT, 3, 0, 0);
	feed_stop(&feed);
}

static void test_child_that_shares_memory_works_on_the_parents_blocks(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_FORK, 2, 1, 1);
	feed.process = 2;
	feed_free(&feed, 0x1000);
	feed_alloc(&feed, 0x2000, 20, STACK_A);
	feed_life(&feed, EVENT_EXEC, 3, 2, 0);
	feed.process = 1;
	feed_free(&feed, 0x2000);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_count, 0);
	assert_int_equal(totals.counts.inherited_count, 0);
	assert_int_equal(totals.counts.free_count, 2);
	assert_int_equal(totals.counts.exec_discarded_count, 0);
	assert_int_equal(totals.counts.untracked_free_count, 0);
	feed_stop(&feed);
}

static void test_exec_discards_the_old_image(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_EXEC, 2, 1, 0);
	feed.process = 2;
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_count, 0);
	assert_int_equal(totals.counts.exec_discarded_bytes, 10);
	assert_int_equal(totals.counts.at_exit_count, 0);
	feed_free(&feed, 0x1000); /* an address of the new image */
	assert_int_equal(feed_totals(&feed).counts.untracked_free_count, 1);
	assert_int_equal(count_live_blocks(&feed), 0);
	assert_int_equal(find_process(&feed, 1).end, PROCESS_REPLACED);
	assert_int_equal(find_process(&feed, 2).parent, 1);
	feed_stop(&feed);
}

static void test_pid_used_twice_is_two_processes(void **state)
{
	struct feed feed = feed_start();

	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	feed.process = 2;
	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_EXIT, 2, 0, 0);
	feed_life(&feed, EVENT_FORK, 3, 1, 0); /* the tracer gave the same PID a new number */
	feed.process = 3;
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.untracked_free_count, 1);
	assert_int_equal(feed_totals(&feed).counts.at_exit_count, 1);
	feed_stop(&feed);
}

static void test_records_after_the_end_of_a_process_are_refused(void **state)
{
	struct feed feed = feed_start();
	struct event_free event = {.address = 0x1000};

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	event.header = feed_header(&feed, EVENT_FREE);
	assert_int_equal(heap__apply(feed.heap, &event.header, sizeof(event)), -EINVAL);
	assert_int_equal(feed_totals(&feed).counts.at_exit_count, 1);
	feed_stop(&feed);
}

static void test_block_of_a_realloc_that_never_returned_is_live_at_exit(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	assert_int_equal(count_live_blocks(&feed), 1);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	assert_int_equal(feed_totals(&feed).counts.at_exit_bytes, 10);
	assert_int_equal(count_live_blocks(&feed), 1);
	feed_stop(&feed);
}

static void test_thread_that_ends_in_a_realloc_leaves_its_block_live(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	feed_life(&feed, EVENT_THREAD_EXIT, 1, 0, 0);
	feed.tid = 101;
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.free_count, 1);
	assert_int_equal(feed_totals(&feed).live_count, 0);
	feed_stop(&feed);
}

static void test_fork_of_a_process_never_heard_of_starts_empty(void **state)
{
	struct feed feed = feed_start();

	feed_life(&feed, EVENT_FORK, 9, 8, 0);
	feed.process = 9;
	feed_alloc(&feed, 0x1000, 10, 0x55);
	assert_int_equal(feed_totals(&feed).live_bytes, 10);
	feed_life(&feed, EVENT_EXIT, 9, 0, 0);
	feed_life(&feed, EVENT_EXIT, 77, 0, 0);
	feed_stop(&feed);
}

static void test_ages_stop_at_the_end_of_the_process(void **state)
{
	struct feed feed = feed_start();
	uint64_t age = 0;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed.now_ns += 970;
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	feed.now_ns += 5000;
	heap__visit_live(feed.heap, START_NS + feed.now_ns, sum_ages, &age);
	assert_int_equal(age, 980);
	assert_int_equal(find_process(&feed, 1).end_ns, 990);
	feed_stop(&feed);
}

static void test_end_of_a_process_with_many_blocks_takes_no_time(void **state)
{
	struct feed feed = feed_start();
	clock_t before;

	for (uint64_t i = 1; i <= MANY_BLOCKS; i++)
		feed_alloc(&feed, i * 32, 24, STACK_A);
	before = clock();
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	assert_true(clock() - before < END_SECONDS * CLOCKS_PER_SEC);
	assert_int_equal(feed_totals(&feed).counts.at_exit_count, MANY_BLOCKS);
	assert_int_equal(count_live_blocks(&feed), MANY_BLOCKS);
	feed_stop(&feed);
}

static void look_at_memory(struct feed *feed, uint32_t process, uint64_t pages, uint64_t peak)
{
	struct event_memory event = {
		.resident_pages = pages, .anonymous_pages = pages / 2, .peak_pages = peak};

	event.header = feed_header(feed, EVENT_MEMORY);
	event.header.process = process;
	feed_apply(feed, &event);
}

static void test_residence_is_of_those_that_run_or_of_the_only_one_that_has_ended(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.page_size = 4096});
	struct heap_residence residence;

	assert_int_equal(feed_totals(&feed).residence.process_count, 0);
	look_at_memory(&feed, 1, 100, 0);
	look_at_memory(&feed, 77, 5, 0); /* nobody */
	feed_alloc(&feed, 0x1000, 50, STACK_A);
	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	look_at_memory(&feed, 2, 10, 0);
	residence = feed_totals(&feed).residence;
	assert_int_equal(residence.process_count, 2);
	assert_int_equal(residence.resident_bytes, 110 * 4096);
	assert_int_equal(residence.anonymous_bytes, 55 * 4096);
	assert_int_equal(residence.live_bytes, 100); /* the copy is in memory as well */
	look_at_memory(&feed, 1, 90, 120);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	look_at_memory(&feed, 1, 1, 1); /* too late */
	assert_int_equal(feed_totals(&feed).residence.resident_bytes, 10 * 4096);
	feed_life(&feed, EVENT_EXEC, 3, 2, 0);
	feed_life(&feed, EVENT_EXIT, 3, 0, 0);
	assert_int_equal(feed_totals(&feed).residence.process_count, 0); /* of two times */
	feed_stop(&feed);
}

static void test_residence_at_the_exit_of_the_only_process(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.page_size = 4096});
	struct heap_residence residence;

	feed_alloc(&feed, 0x1000, 50, STACK_A);
	look_at_memory(&feed, 1, 90, 120);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	residence = feed_totals(&feed).residence;
	assert_int_equal(residence.resident_bytes, 90 * 4096);
	assert_int_equal(residence.peak_bytes, 120 * 4096);
	assert_int_equal(residence.live_bytes, 50);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_residence_is_of_those_that_run_or_of_the_only_one_that_has_ended),
		cmocka_unit_test(test_residence_at_the_exit_of_the_only_process),
		cmocka_unit_test(test_child_inherits_the_live_set_as_a_copy),
		cmocka_unit_test(test_blocks_at_exit_stay_in_the_report_copies_apart),
		cmocka_unit_test(test_peak_and_live_are_of_processes_that_are_alive),
		cmocka_unit_test(test_exec_after_fork_drops_the_copies),
		cmocka_unit_test(test_child_knows_the_stacks_of_its_parent_even_after_its_end),
		cmocka_unit_test(test_child_that_shares_memory_works_on_the_parents_blocks),
		cmocka_unit_test(test_exec_discards_the_old_image),
		cmocka_unit_test(test_pid_used_twice_is_two_processes),
		cmocka_unit_test(test_records_after_the_end_of_a_process_are_refused),
		cmocka_unit_test(test_block_of_a_realloc_that_never_returned_is_live_at_exit),
		cmocka_unit_test(test_thread_that_ends_in_a_realloc_leaves_its_block_live),
		cmocka_unit_test(test_fork_of_a_process_never_heard_of_starts_empty),
		cmocka_unit_test(test_ages_stop_at_the_end_of_the_process),
		cmocka_unit_test(test_end_of_a_process_with_many_blocks_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
