/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The time series: bounded memory, no event lost, whatever the length of the run. */
#include "heap_feed.h"

static void sum_series(const struct series *series, struct series_point *sum)
{
	*sum = (struct series_point){.live_min = UINT64_MAX};
	for (size_t i = 0; i < series->size; i++) {
		const struct series_point *point = &series->points[i];

		sum->alloc_count += point->alloc_count;
		sum->alloc_bytes += point->alloc_bytes;
		sum->free_count += point->free_count;
		sum->live_last = point->live_last;
		if (point->live_max > sum->live_max)
			sum->live_max = point->live_max;
		if (point->live_min < sum->live_min)
			sum->live_min = point->live_min;
	}
}

static void test_bucket_is_where_the_event_was(void **state)
{
	struct feed feed = feed_start();
	const struct series *series = heap__series(feed.heap);

	feed.now_ns = 10ull << SERIES_FIRST_SHIFT;
	feed_alloc(&feed, 0x1000, 100, STACK_A);
	feed.now_ns = 12ull << SERIES_FIRST_SHIFT;
	feed_free(&feed, 0x1000);
	assert_int_equal(series->size, 13);
	assert_int_equal(series->points[9].live_max, 0);
	assert_int_equal(series->points[10].live_min, 0);
	assert_int_equal(series->points[10].live_max, 100);
	assert_int_equal(series->points[10].alloc_count, 1);
	assert_int_equal(series->points[11].live_min, 100);
	assert_int_equal(series->points[11].live_last, 100);
	assert_int_equal(series->points[12].free_count, 1);
	assert_int_equal(series->points[12].live_last, 0);
	feed_stop(&feed);
}

static void test_long_run_keeps_every_count_in_wider_buckets(void **state)
{
	struct feed feed = feed_start();
	const struct series *series = heap__series(feed.heap);
	struct series_point sum;

	for (unsigned int i = 0; i < 5000; i++) {
		feed.now_ns += 7ull << SERIES_FIRST_SHIFT;
		feed_alloc(&feed, 0x1000 + i * 16, 10, STACK_A);
		if (i % 3 == 0)
			feed_free(&feed, 0x1000 + i * 16);
		assert_in_range(series->size, 1, SERIES_BUCKETS);
	}
	sum_series(series, &sum);
	assert_in_range(series->size, SERIES_BUCKETS / 2, SERIES_BUCKETS);
	assert_int_equal(sum.alloc_count, 5000);
	assert_int_equal(sum.alloc_bytes, 50000);
	assert_int_equal(sum.free_count, 1667);
	assert_int_equal(sum.live_last, feed_totals(&feed).live_bytes);
	assert_int_equal(sum.live_max, feed_totals(&feed).peak_bytes);
	feed_stop(&feed);
}

static void test_time_from_before_falls_into_the_last_bucket(void **state)
{
	struct feed feed = feed_start();
	const struct series *series = heap__series(feed.heap);

	feed.now_ns = 5ull << SERIES_FIRST_SHIFT;
	feed_alloc(&feed, 0x1000, 1, STACK_A);
	feed.now_ns = 0;
	feed_alloc(&feed, 0x2000, 1, STACK_A);
	assert_int_equal(series->size, 6);
	assert_int_equal(series->points[5].alloc_count, 2);
	feed_stop(&feed);
}

static void test_absurd_time_does_no_harm(void **state)
{
	struct feed feed = feed_start();

	feed.now_ns = UINT64_MAX - START_NS - 1000;
	feed_alloc(&feed, 0x1000, 1, STACK_A);
	assert_in_range(heap__series(feed.heap)->size, 1, SERIES_BUCKETS);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_is_where_the_event_was),
		cmocka_unit_test(test_long_run_keeps_every_count_in_wider_buckets),
		cmocka_unit_test(test_time_from_before_falls_into_the_last_bucket),
		cmocka_unit_test(test_absurd_time_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
