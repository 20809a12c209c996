/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What each thread did at each site: exact, and adding up to the sites. */
#include "heap_feed.h"

static const struct heap_share *share_of(const struct feed *feed, uint32_t site, uint32_t tid)
{
	size_t count, thread_count;
	const struct heap_share *shares = heap__shares(feed->heap, &count);
	const struct heap_thread *threads = heap__threads(feed->heap, &thread_count);

	for (size_t i = 0; i < count; i++)
		if (shares[i].site == site && threads[shares[i].thread].tid == tid)
			return &shares[i];
	fail_msg("no share of thread %u at site %u", tid, site);
	return NULL;
}

static void test_each_thread_has_its_share_of_a_site(void **state)
{
	struct feed feed = feed_start();
	uint32_t a = SITE_FIRST_STACK, b = SITE_FIRST_STACK + 1;

	for (unsigned int i = 0; i < 60; i++) {
		feed.tid = 100 + i % 3;
		feed_alloc(&feed, 0x1000 + i * 0x1000, 10, i % 2 ? STACK_A : STACK_B);
	}
	for (uint32_t tid = 100; tid < 103; tid++) {
		assert_int_equal(share_of(&feed, a, tid)->alloc_count, 10);
		assert_int_equal(share_of(&feed, b, tid)->alloc_bytes, 100);
		assert_int_equal(share_of(&feed, b, tid)->temporary_count, 0);
	}
	feed_stop(&feed);
}

static void test_temporaries_are_those_of_the_thread(void **state)
{
	struct feed feed = feed_start();

	for (unsigned int i = 0; i < 5; i++) {
		feed.tid = 100;
		feed_alloc(&feed, 0x1000, 10, STACK_A);
		feed_free(&feed, 0x1000);
		feed.tid = 200;
		feed_alloc(&feed, 0x2000, 10, STACK_A);
		feed.tid = 100;
		feed_free(&feed, 0x2000);
	}
	assert_int_equal(share_of(&feed, SITE_FIRST_STACK, 100)->temporary_count, 5);
	assert_int_equal(share_of(&feed, SITE_FIRST_STACK, 200)->temporary_count, 0);
	assert_int_equal(share_of(&feed, SITE_FIRST_STACK, 200)->alloc_count, 5);
	feed_stop(&feed);
}

static void test_failures_belong_to_no_share(void **state)
{
	struct feed feed = feed_start();
	size_t count;

	feed_alloc(&feed, 0, 10, STACK_A);
	heap__shares(feed.heap, &count);
	assert_int_equal(count, 0);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_thread_has_its_share_of_a_site),
		cmocka_unit_test(test_temporaries_are_those_of_the_thread),
		cmocka_unit_test(test_failures_belong_to_no_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
