/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The heap model: what each record does to totals, sites and the live set. */
#include "heap/room.h"
#include "heap_feed.h"

static void test_malloc_and_free_leave_nothing_live(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 24, STACK_A);
	feed_alloc(&feed, 0x2000, 100, STACK_A);
	feed_free(&feed, 0x1000);
	feed_free(&feed, 0x2000);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.alloc_count, 2);
	assert_int_equal(totals.counts.alloc_bytes, 124);
	assert_int_equal(totals.counts.free_count, 2);
	assert_int_equal(totals.counts.freed_bytes, 124);
	assert_int_equal(totals.live_count, 0);
	assert_int_equal(totals.peak_bytes, 124);
	assert_int_equal(totals.peak_count, 2);
	assert_int_equal(totals.peak_at_ns, 20);
	assert_int_equal(heap__seen(&totals), 4);
	feed_stop(&feed);
}

static void test_zero_sized_block_is_live(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 0, STACK_A);
	assert_int_equal(feed_totals(&feed).live_count, 1);
	assert_int_equal(feed_totals(&feed).live_bytes, 0);
	feed_stop(&feed);
}

static void test_bytes_of_absurd_requests_do_not_wrap_around(void **state)
{
	struct feed feed = feed_start();

	for (int i = 0; i < 3; i++)
		feed_alloc(&feed, 0, 1ull << 63, STACK_A);
	assert_int_equal(feed_totals(&feed).counts.failed_count, 3);
	assert_true(feed_totals(&feed).counts.failed_bytes == UINT64_MAX);
	feed_stop(&feed);
}

static void test_failed_allocation_is_counted_and_never_live(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0, 1ull << 60, STACK_A);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.failed_count, 1);
	assert_int_equal(totals.counts.alloc_count, 0);
	assert_int_equal(totals.live_count, 0);
	assert_int_equal(feed_site(&feed, 0xa)->failed_count, 1);
	assert_int_equal(heap__seen(&totals), 1);
	feed_stop(&feed);
}

static void test_free_of_an_older_block_is_untracked(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_free(&feed, 0x1000);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.untracked_free_count, 1);
	assert_int_equal(totals.counts.free_count, 0);
	assert_int_equal(heap__seen(&totals), 1);
	feed_stop(&feed);
}

static void test_block_freed_by_another_thread_is_not_temporary(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed.tid = 101;
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.free_count, 1);
	assert_int_equal(feed_totals(&feed).counts.temporary_count, 0);
	feed_stop(&feed);
}

static void test_temporary_is_freed_before_the_threads_next_allocation(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.temporary_count, 1);
	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed_alloc(&feed, 0x2000, 8, STACK_B);
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.temporary_count, 1);
	feed_free(&feed, 0x2000);
	assert_int_equal(feed_totals(&feed).counts.temporary_count, 2);
	assert_int_equal(feed_site(&feed, 0xa)->temporary_count, 1);
	assert_int_equal(feed_site(&feed, 0xb)->temporary_count, 1);
	feed_stop(&feed);
}

static void test_address_reused_by_another_thread_is_not_temporary_for_the_first(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed.tid = 101;
	feed_free(&feed, 0x1000);
	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed.tid = 100;
	feed.sequence = 1;
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.temporary_count, 0);
	feed_stop(&feed);
}

static void test_lost_allocation_between_makes_a_free_not_temporary(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed.sequence++; /* the record of the next allocation never came */
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.temporary_count, 0);
	feed_stop(&feed);
}

static void test_realloc_is_one_free_and_one_allocation(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).live_bytes, 10);
	feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x2000, 30, STACK_B);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.alloc_count, 2);
	assert_int_equal(totals.counts.free_count, 1);
	assert_int_equal(totals.counts.freed_bytes, 10);
	assert_int_equal(totals.live_bytes, 30);
	assert_int_equal(totals.peak_bytes, 30); /* never 40: it is one block that grew */
	assert_int_equal(heap__seen(&totals), 3);
	assert_int_equal(feed_site(&feed, 0xb)->live_bytes, 30);
	feed_free(&feed, 0x2000);
	assert_int_equal(feed_totals(&feed).live_count, 0);
	feed_stop(&feed);
}

static void test_realloc_failure_keeps_old_block_live(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	feed_realloc_end(&feed, REALLOC_FAILED, 0x1000, 0, 1ull << 60, STACK_B);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.failed_count, 1);
	assert_int_equal(totals.counts.free_count, 0);
	assert_int_equal(totals.live_bytes, 10);
	assert_int_equal(heap__seen(&totals), 2);
	assert_int_equal(feed_site(&feed, 0xa)->live_count, 1);
	feed_free(&feed, 0x1000);
	assert_int_equal(feed_totals(&feed).counts.untracked_free_count, 0);
	feed_stop(&feed);
}

static void test_realloc_to_zero_that_frees_is_just_a_free(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	feed_realloc_end(&feed, REALLOC_FREED, 0x1000, 0, 0, STACK_B);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.free_count, 1);
	assert_int_equal(totals.counts.alloc_count, 1);
	assert_int_equal(totals.counts.failed_count, 0);
	assert_int_equal(totals.live_count, 0);
	assert_int_equal(heap__seen(&totals), 2);
	feed_stop(&feed);
}

static void test_realloc_of_an_older_block_is_an_untracked_free_once_it_succeeded(void **state)
{
	struct feed feed = feed_start();

	feed_realloc_begin(&feed, 0x1000);
	feed_realloc_end(&feed, REALLOC_FAILED, 0x1000, 0, 1ull << 60, STACK_A);
	assert_int_equal(feed_totals(&feed).counts.untracked_free_count, 0);
	feed_realloc_begin(&feed, 0x1000);
	feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x1000, 5, STACK_A);
	assert_int_equal(feed_totals(&feed).counts.untracked_free_count, 1);
	assert_int_equal(feed_totals(&feed).live_bytes, 5);
	feed_stop(&feed);
}

static void test_address_given_up_by_realloc_may_be_reused_before_its_end(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	feed.tid = 101;
	feed_alloc(&feed, 0x1000, 7, STACK_B);
	feed.tid = 100;
	feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x2000, 30, STACK_A);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 37);
	assert_int_equal(totals.counts.implied_free_count, 0);
	feed_stop(&feed);
}

static void test_realloc_whose_end_was_lost_has_freed_its_block(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	feed.tid = 101; /* another thread's record says nothing */
	feed_alloc(&feed, 0x4000, 1, STACK_A);
	assert_int_equal(feed_totals(&feed).live_bytes, 11);
	feed_free(&feed, 0x4000);
	feed.tid = 100;
	feed_alloc(&feed, 0x5000, 1, STACK_A);
	assert_int_equal(feed_totals(&feed).live_bytes, 1);
	feed_realloc_begin(&feed, 0x5000);
	feed_realloc_end(&feed, REALLOC_MOVED, 0x5000, 0x6000, 2, STACK_A);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 2);
	assert_int_equal(totals.counts.free_count, 3);
	feed_stop(&feed);
}

static void test_realloc_whose_begin_was_lost_drops_its_block(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x2000, 30, STACK_B);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_bytes, 30);
	assert_int_equal(totals.counts.implied_free_count, 1);
	assert_int_equal(totals.counts.free_count, 0);
	assert_int_equal(heap__seen(&totals), 2); /* and the lost record makes 3 */
	feed_realloc_end(&feed, REALLOC_FAILED, 0x2000, 0, 1ull << 60, STACK_B);
	assert_int_equal(feed_totals(&feed).live_bytes, 30);
	feed_stop(&feed);
}

static void test_allocation_at_a_live_address_shows_a_lost_free(void **state)
{
	struct feed feed = feed_start();
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_alloc(&feed, 0x1000, 20, STACK_B);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.implied_free_count, 1);
	assert_int_equal(totals.counts.implied_free_bytes, 10);
	assert_int_equal(totals.live_bytes, 20);
	assert_int_equal(feed_site(&feed, 0xa)->live_count, 0);
	feed_stop(&feed);
}

static void test_unknown_stack_goes_to_the_site_of_lost_stacks(void **state)
{
	struct feed feed = feed_start();
	size_t count;

	feed_alloc(&feed, 0x1000, 10, 0x1234);
	feed_alloc(&feed, 0x2000, 10, 0);
	assert_int_equal(heap__sites(feed.heap, &count)[SITE_STACK_LOST].live_count, 1);
	assert_int_equal(heap__sites(feed.heap, &count)[SITE_NO_STACK].live_count, 1);
	feed_stop(&feed);
}

static void test_same_frames_in_two_processes_are_one_site(void **state)
{
	struct feed feed = feed_start();
	size_t count;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed.process = 2;
	feed_stack(&feed, 0x77, 0xa);
	feed_alloc(&feed, 0x1000, 10, 0x77);
	assert_int_equal(feed_site(&feed, 0xa)->live_count, 2);
	heap__sites(feed.heap, &count);
	assert_int_equal(count, SITE_FIRST_STACK + 2);
	feed_stop(&feed);
}

static void test_full_site_table_is_counted_and_keeps_the_bytes(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.memory_limit = 64 << 10});
	uint64_t stack = 0x1000;
	size_t count;

	while (!heap__refused_stacks(feed.heap)) {
		feed_stack(&feed, stack, stack);
		stack++;
	}
	heap__sites(feed.heap, &count);
	assert_in_range(count, 20, (64 << 10) / ROOM_SITE);
	feed_alloc(&feed, 0x1000, 10, stack - 1);
	assert_int_equal(heap__sites(feed.heap, &count)[SITE_TABLE_FULL].live_bytes, 10);
	/* Those that found room are as they were. */
	feed_alloc(&feed, 0x2000, 20, 0x1000);
	assert_int_equal(feed_site(&feed, 0x1000)->live_bytes, 20);
	feed_stop(&feed);
}

static void test_blocks_beyond_the_limit_are_counted_and_forgotten(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.memory_limit = 64 << 10});
	const uint64_t count = 10000;
	struct heap_totals totals;

	for (uint64_t i = 0; i < count; i++)
		feed_alloc(&feed, 0x10000 + i * 16, 10, STACK_A);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.alloc_count, count);
	assert_in_range(totals.live_count, 100, (64 << 10) / ROOM_BLOCK);
	assert_int_equal(totals.live_count + totals.counts.forgotten_count, count);
	/* The room that a block leaves is the next one's. */
	feed_free(&feed, 0x10000);
	feed_alloc(&feed, 0x10000 + count * 16, 10, STACK_A);
	assert_int_equal(feed_totals(&feed).live_count, totals.live_count);
	feed_stop(&feed);
}

static void test_a_closed_model_takes_in_nothing_new(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.memory_limit = 1 << 20});

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	heap__close(feed.heap, true);
	feed_alloc(&feed, 0x2000, 10, STACK_A);
	/* At an address that is known. */
	feed_alloc(&feed, 0x1000, 30, STACK_A);
	assert_int_equal(feed_totals(&feed).live_bytes, 30);
	assert_int_equal(feed_totals(&feed).counts.forgotten_count, 1);
	heap__close(feed.heap, false);
	feed_alloc(&feed, 0x3000, 10, STACK_A);
	assert_int_equal(feed_totals(&feed).live_bytes, 40);
	feed_stop(&feed);
}

static void test_size_filter_counts_neither_blocks_nor_their_frees(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.min_size = 16, .max_size = 64});
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 15, STACK_A);
	feed_alloc(&feed, 0x2000, 16, STACK_A);
	feed_alloc(&feed, 0x3000, 64, STACK_A);
	feed_alloc(&feed, 0x4000, 65, STACK_A);
	feed_free(&feed, 0x1000);
	feed_free(&feed, 0x2000);
	totals = feed_totals(&feed);
	assert_int_equal(totals.counts.alloc_count, 2);
	assert_int_equal(totals.counts.free_count, 1);
	assert_int_equal(totals.counts.untracked_free_count, 0);
	assert_int_equal(totals.counts.filtered_count, 3);
	assert_int_equal(totals.live_bytes, 64);
	assert_int_equal(heap__seen(&totals), 6);
	feed_stop(&feed);
}

static void test_realloc_may_cross_the_size_filter(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.min_size = 16});
	struct heap_totals totals;

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed_realloc_begin(&feed, 0x1000);
	feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x1000, 32, STACK_A);
	assert_int_equal(feed_totals(&feed).live_bytes, 32);
	feed_realloc_begin(&feed, 0x1000);
	feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x1000, 8, STACK_A);
	totals = feed_totals(&feed);
	assert_int_equal(totals.live_count, 0);
	assert_int_equal(totals.counts.alloc_count, 1);
	assert_int_equal(totals.counts.free_count, 1);
	assert_int_equal(heap__seen(&totals), 5);
	feed_stop(&feed);
}

static void test_short_record_is_refused_and_counted(void **state)
{
	struct feed feed = feed_start();
	struct event_alloc event = {.header = {.kind = EVENT_ALLOC, .process = 1}, .address = 1};

	assert_int_equal(heap__apply(feed.heap, &event.header, sizeof(event) - 1), -EINVAL);
	assert_int_equal(heap__apply(feed.heap, &event.header, 3), -EINVAL);
	assert_int_equal(feed_totals(&feed).malformed_count, 2);
	assert_int_equal(feed_totals(&feed).live_count, 0);
	feed_stop(&feed);
}

static void test_lifetime_falls_into_its_log2_bucket(void **state)
{
	struct feed feed = feed_start();
	const struct site *site;

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed.now_ns += 1014; /* freed 1024 ns after the allocation */
	feed_free(&feed, 0x1000);
	feed_alloc(&feed, 0x1000, 8, STACK_A);
	feed.now_ns += 1013;
	feed_free(&feed, 0x1000);
	site = feed_site(&feed, 0xa);
	assert_int_equal(site->lifetimes[10], 1);
	assert_int_equal(site->lifetimes[9], 1);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malloc_and_free_leave_nothing_live),
		cmocka_unit_test(test_zero_sized_block_is_live),
		cmocka_unit_test(test_failed_allocation_is_counted_and_never_live),
		cmocka_unit_test(test_bytes_of_absurd_requests_do_not_wrap_around),
		cmocka_unit_test(test_free_of_an_older_block_is_untracked),
		cmocka_unit_test(test_block_freed_by_another_thread_is_not_temporary),
		cmocka_unit_test(test_temporary_is_freed_before_the_threads_next_allocation),
		cmocka_unit_test(
			test_address_reused_by_another_thread_is_not_temporary_for_the_first),
		cmocka_unit_test(test_lost_allocation_between_makes_a_free_not_temporary),
		cmocka_unit_test(test_realloc_is_one_free_and_one_allocation),
		cmocka_unit_test(test_realloc_failure_keeps_old_block_live),
		cmocka_unit_test(test_realloc_to_zero_that_frees_is_just_a_free),
		cmocka_unit_test(
			test_realloc_of_an_older_block_is_an_untracked_free_once_it_succeeded),
		cmocka_unit_test(test_address_given_up_by_realloc_may_be_reused_before_its_end),
		cmocka_unit_test(test_realloc_whose_end_was_lost_has_freed_its_block),
		cmocka_unit_test(test_realloc_whose_begin_was_lost_drops_its_block),
		cmocka_unit_test(test_allocation_at_a_live_address_shows_a_lost_free),
		cmocka_unit_test(test_unknown_stack_goes_to_the_site_of_lost_stacks),
		cmocka_unit_test(test_same_frames_in_two_processes_are_one_site),
		cmocka_unit_test(test_full_site_table_is_counted_and_keeps_the_bytes),
		cmocka_unit_test(test_blocks_beyond_the_limit_are_counted_and_forgotten),
		cmocka_unit_test(test_a_closed_model_takes_in_nothing_new),
		cmocka_unit_test(test_size_filter_counts_neither_blocks_nor_their_frees),
		cmocka_unit_test(test_realloc_may_cross_the_size_filter),
		cmocka_unit_test(test_short_record_is_refused_and_counted),
		cmocka_unit_test(test_lifetime_falls_into_its_log2_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
