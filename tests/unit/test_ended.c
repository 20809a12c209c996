/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The heap model over very many processes that come and go: nothing is lost, nothing piles up. */
#include <malloc.h>

#include "heap/ended.h"
#include "heap_feed.h"
#include "report/model.h"

#define CHILDREN 6000u

/* Each child copies two blocks, frees one, allocates three, frees one of these, and ends. */
static void run_child(struct feed *feed, uint32_t number)
{
	feed->process = 1;
	feed->tid = 100;
	feed_life(feed, EVENT_FORK, number, 1, 0);
	feed->process = number;
	feed->tid = 1000 + number;
	feed_free(feed, 0x1000);
	feed_alloc(feed, 0x3000, 100, STACK_A);
	feed_alloc(feed, 0x4000, 10, STACK_B);
	feed_alloc(feed, 0x5000, 1, STACK_B);
	feed_free(feed, 0x5000);
	feed_life(feed, EVENT_EXIT, number, 1, 0);
}

static struct feed run_children(uint32_t count)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 5, STACK_A);
	feed_alloc(&feed, 0x2000, 7, STACK_A);
	for (uint32_t i = 0; i < count; i++)
		run_child(&feed, 2 + i);
	feed.process = 1;
	feed.tid = 100;
	return feed;
}

static void test_totals_keep_what_ended_processes_did(void **state)
{
	struct feed feed = run_children(CHILDREN);
	struct heap_totals totals = feed_totals(&feed);

	assert_int_equal(totals.counts.alloc_count, 2 + 3 * CHILDREN);
	assert_int_equal(totals.counts.free_count, 2 * CHILDREN);
	assert_int_equal(totals.counts.inherited_count, 2 * CHILDREN);
	assert_int_equal(totals.live_count, 2);
	assert_int_equal(totals.live_bytes, 12);
	feed_stop(&feed);
}

static void test_ended_processes_and_their_threads_are_bounded(void **state)
{
	struct feed feed = run_children(CHILDREN);
	size_t processes = heap__process_count(feed.heap), threads, shares;

	heap__threads(feed.heap, &threads);
	heap__shares(feed.heap, &shares);
	assert_in_range(processes, ENDED_LIMIT / 2, ENDED_LIMIT + 1);
	assert_int_equal(processes + heap__unlisted_count(feed.heap), 1 + CHILDREN);
	assert_in_range(threads, 2, ENDED_LIMIT + 3);
	assert_in_range(shares, 2, 2 * (ENDED_LIMIT + 3));
	feed_stop(&feed);
}

static void test_what_threads_did_at_a_site_adds_up(void **state)
{
	struct feed feed = run_children(CHILDREN);
	size_t count, threads;
	const struct heap_share *shares = heap__shares(feed.heap, &count);
	const struct heap_thread *totals = heap__threads(feed.heap, &threads);
	uint64_t at_shares = 0, at_threads = 0, temporary = 0;

	for (size_t i = 0; i < count; i++) {
		at_shares += shares[i].alloc_count;
		temporary += shares[i].temporary_count;
	}
	for (size_t i = 0; i < threads; i++)
		at_threads += totals[i].alloc_count;
	assert_int_equal(at_shares, 2 + 3 * CHILDREN);
	assert_int_equal(at_threads, 2 + 3 * CHILDREN);
	assert_int_equal(temporary, CHILDREN);
	feed_stop(&feed);
}

static const struct report_site *find_site(const struct report *report, uint64_t offset)
{
	vec_for_each (site, &report->sites)
		if (site->address_count && site->addresses[0].offset == offset)
			return site;
	fail_msg("no site at %#lx", (unsigned long)offset);
	return NULL;
}

static void collect(struct report *report, const struct feed *feed, uint64_t older_than_ns)
{
	struct report_options options = {
		.now_ns = START_NS + feed->now_ns, .older_than_ns = older_than_ns};

	assert_int_equal(report__collect(report, feed->heap, &options), 0);
}

static void test_blocks_that_they_left_are_in_the_report(void **state)
{
	struct feed feed = run_children(CHILDREN);
	struct report report = {0}, older = {0};
	uint64_t left = 0, bytes = 0;

	collect(&report, &feed, 0);
	assert_int_equal(find_site(&report, 0xb)->at_exit_count, CHILDREN);
	assert_int_equal(find_site(&report, 0xb)->at_exit_bytes, 10ull * CHILDREN);
	vec_for_each (share, &report.site_threads) {
		left += share->site == find_site(&report, 0xb)->id ? share->at_exit_count : 0;
		bytes += share->site == find_site(&report, 0xb)->id ? share->at_exit_bytes : 0;
	}
	assert_int_equal(left, CHILDREN);
	assert_int_equal(bytes, 10ull * CHILDREN);
	assert_int_equal(report.notes.size, 1);
	assert_non_null(strstr(report.notes.data[0], "not listed one by one"));
	/* A child lives for 60 ns, and what it leaves for less. */
	collect(&older, &feed, 100);
	assert_int_equal(find_site(&older, 0xb)->at_exit_count, 0);
	report__free(&report);
	report__free(&older);
	feed_stop(&feed);
}

/* A worker that was forked first and still runs keeps what it refers to. */
static void test_who_runs_keeps_its_stacks_and_blocks(void **state)
{
	struct feed feed = feed_start();

	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	feed.process = 2;
	feed_alloc(&feed, 0x9000, 33, STACK_A);
	feed_life(&feed, EVENT_FORK, 3, 2, 0);
	feed_life(&feed, EVENT_EXIT, 2, 1, 0);
	for (uint32_t i = 4; i < CHILDREN; i++)
		run_child(&feed, i);
	feed.process = 3;
	feed_alloc(&feed, 0xa000, 44, STACK_A);
	feed_free(&feed, 0x9000);
	assert_int_equal(feed_totals(&feed).counts.untracked_free_count, CHILDREN - 4);
	assert_int_equal(feed_site(&feed, 0xa)->live_bytes, 44);
	feed_stop(&feed);
}

/* A chain of execs is one image after the other, each of them ended. */
static void test_images_replaced_by_exec_are_added_up_too(void **state)
{
	struct feed feed = feed_start();

	for (uint32_t i = 1; i < CHILDREN; i++) {
		feed.process = i;
		if (i > 1)
			feed_stack(&feed, STACK_A, 0xa);
		feed_alloc(&feed, 0x1000, 8, STACK_A);
		feed_life(&feed, EVENT_EXEC, i + 1, i, 0);
	}
	assert_int_equal(feed_totals(&feed).counts.exec_discarded_count, CHILDREN - 1);
	assert_in_range(heap__process_count(feed.heap), 1, ENDED_LIMIT + 2);
	feed_stop(&feed);
}

/* Bytes that malloc has given out, mapped ones as well. */
static size_t memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void test_many_blocks_left_by_many_processes_take_bounded_memory(void **state)
{
	const uint32_t children = 400, blocks = 2000;
	struct feed feed = feed_start();
	struct report report = {0};
	size_t before = memory_in_use();

	for (uint32_t i = 0; i < children; i++) {
		feed.process = 1;
		feed.tid = 100;
		feed_life(&feed, EVENT_FORK, 2 + i, 1, 0);
		feed.process = 2 + i;
		feed.tid = 1000 + i;
		for (uint32_t j = 0; j < blocks; j++)
			feed_alloc(&feed, 0x10000 + j * 32, 10, STACK_A);
		feed_life(&feed, EVENT_EXIT, 2 + i, 1, 0);
	}
	/* One by one they would take 400 tables of 128 KiB. */
	assert_true(memory_in_use() - before < 32u << 20);
	assert_int_equal(heap__process_count(feed.heap), 1 + children);
	collect(&report, &feed, 0);
	assert_int_equal(find_site(&report, 0xa)->at_exit_count, children * blocks);
	assert_int_equal(find_site(&report, 0xa)->at_exit_bytes, 10ull * children * blocks);
	report__free(&report);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_blocks_left_by_many_processes_take_bounded_memory),
		cmocka_unit_test(test_totals_keep_what_ended_processes_did),
		cmocka_unit_test(test_ended_processes_and_their_threads_are_bounded),
		cmocka_unit_test(test_what_threads_did_at_a_site_adds_up),
		cmocka_unit_test(test_blocks_that_they_left_are_in_the_report),
		cmocka_unit_test(test_who_runs_keeps_its_stacks_and_blocks),
		cmocka_unit_test(test_images_replaced_by_exec_are_added_up_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
