/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The heap at its peak, by site, held against a model that copies everything at every peak. */
#include "heap_feed.h"

#define SITES 40
#define BLOCKS 300

struct naive {
	uint64_t size[BLOCKS]; /* 0: free */
	unsigned int site[BLOCKS];
	uint64_t live, peak, peak_at_ns;
	uint64_t now[SITES], at_peak[SITES];
};

static void note_change(struct naive *naive, unsigned int site, int64_t bytes, uint64_t at_ns)
{
	naive->live += bytes;
	naive->now[site] += bytes;
	if (naive->live <= naive->peak)
		return;
	naive->peak = naive->live;
	naive->peak_at_ns = at_ns;
	memcpy(naive->at_peak, naive->now, sizeof(naive->at_peak));
}

static void check_peak(const struct feed *feed, const struct naive *naive)
{
	struct heap_totals totals = feed_totals(feed);
	uint64_t count, bytes, sum = 0;

	assert_int_equal(totals.peak_bytes, naive->peak);
	assert_int_equal(totals.peak_at_ns, naive->peak_at_ns);
	for (unsigned int i = 0; i < SITES; i++) {
		heap__site_at_peak(feed->heap, feed_site(feed, i), &count, &bytes);
		assert_int_equal(bytes, naive->at_peak[i]);
		sum += count;
	}
	assert_int_equal(sum, totals.peak_count);
}

static void change_block(struct feed *feed, struct naive *naive, unsigned int block)
{
	uint64_t address = 0x1000 + 0x100 * block;
	unsigned int site = naive->site[block];

	if (naive->size[block]) {
		feed_free(feed, address);
		note_change(naive, site, -(int64_t)naive->size[block], feed->now_ns);
		naive->size[block] = 0;
		return;
	}
	naive->site[block] = random() % SITES;
	naive->size[block] = 1 + random() % 1000;
	feed_alloc(feed, address, naive->size[block], 1 + naive->site[block]);
	note_change(naive, naive->site[block], naive->size[block], feed->now_ns);
}

static void run(unsigned int seed)
{
	struct feed feed = {.process = 1, .tid = 100};
	struct heap_options options = {.start_ns = START_NS};
	struct naive naive = {0};

	srandom(seed);
	feed.heap = heap__new(&options);
	for (unsigned int i = 0; i < SITES; i++)
		feed_stack(&feed, 1 + i, i);
	for (unsigned int i = 0; i < 2000; i++) {
		change_block(&feed, &naive, random() % BLOCKS);
		if (i % 97 == 0)
			check_peak(&feed, &naive);
	}
	check_peak(&feed, &naive);
	feed_stop(&feed);
}

static void test_composition_at_the_peak_is_exact(void **state)
{
	for (unsigned int seed = 0; seed < 50; seed++)
		run(seed);
}

static void test_equal_height_later_is_not_a_new_peak(void **state)
{
	struct feed feed = feed_start();
	uint64_t count, bytes;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_free(&feed, 0x1000);
	feed_alloc(&feed, 0x1000, 10, STACK_B);
	assert_int_equal(feed_totals(&feed).peak_at_ns, 10);
	heap__site_at_peak(feed.heap, feed_site(&feed, 0xa), &count, &bytes);
	assert_int_equal(bytes, 10);
	heap__site_at_peak(feed.heap, feed_site(&feed, 0xb), &count, &bytes);
	assert_int_equal(bytes, 0);
	feed_stop(&feed);
}

static void test_exit_leaves_the_peak_as_it_was(void **state)
{
	struct feed feed = feed_start();
	uint64_t count, bytes;

	feed_alloc(&feed, 0x1000, 10, STACK_A);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	feed.process = 2;
	feed_stack(&feed, STACK_B, 0xb);
	feed_alloc(&feed, 0x1000, 7, STACK_B);
	assert_int_equal(feed_totals(&feed).peak_bytes, 10);
	assert_int_equal(feed_totals(&feed).live_bytes, 7);
	heap__site_at_peak(feed.heap, feed_site(&feed, 0xa), &count, &bytes);
	assert_int_equal(bytes, 10);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_composition_at_the_peak_is_exact),
		cmocka_unit_test(test_equal_height_later_is_not_a_new_peak),
		cmocka_unit_test(test_exit_leaves_the_peak_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
