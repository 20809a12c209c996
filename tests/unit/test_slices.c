/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The sites over time: exact where slices are, bounded whatever the length of the run. */
#include "heap/slices.h"
#include "heap_feed.h"

#define SLICE_NS (1ull << SLICE_FIRST_SHIFT)

static uint32_t site_of(const struct feed *feed, size_t index)
{
	return SITE_FIRST_STACK + index;
}

/* What @site was at the end of @slice. */
static struct slice_cell at_slice(const struct heap_slices *slices, uint32_t site, uint32_t slice)
{
	struct slice_cell found = {0};

	vec_for_each (cell, &slices->cells)
		if (cell->site == site && cell->slice <= slice)
			found = *cell;
	return found;
}

static struct heap_slices ask(const struct feed *feed)
{
	struct heap_slices slices = {0};

	assert_int_equal(heap__slices(feed->heap, &slices), 0);
	return slices;
}

static void test_site_is_known_at_the_end_of_every_slice(void **state)
{
	struct feed feed = feed_start();
	struct heap_slices slices;
	uint32_t a = site_of(&feed, 0), b = site_of(&feed, 1);

	feed.now_ns = 2 * SLICE_NS;
	feed_alloc(&feed, 0x1000, 100, STACK_A);
	feed_alloc(&feed, 0x2000, 30, STACK_A);
	feed.now_ns = 5 * SLICE_NS;
	feed_free(&feed, 0x1000);
	feed_alloc(&feed, 0x3000, 7, STACK_B);
	feed.now_ns = 9 * SLICE_NS;
	feed_alloc(&feed, 0x4000, 1, STACK_A);
	slices = ask(&feed);
	assert_int_equal(slices.width_ns, SLICE_NS);
	assert_int_equal(slices.count, 10);
	assert_int_equal(slices.lost, 0);
	assert_int_equal(at_slice(&slices, a, 1).alloc_count, 0);
	assert_int_equal(at_slice(&slices, a, 2).live_bytes, 130);
	assert_int_equal(at_slice(&slices, a, 4).live_bytes, 130);
	assert_int_equal(at_slice(&slices, a, 5).live_bytes, 30);
	assert_int_equal(at_slice(&slices, a, 8).alloc_bytes, 130);
	assert_int_equal(at_slice(&slices, a, 9).alloc_bytes, 131);
	assert_int_equal(at_slice(&slices, a, 9).live_count, 2);
	assert_int_equal(at_slice(&slices, b, 4).live_bytes, 0);
	assert_int_equal(at_slice(&slices, b, 5).live_bytes, 7);
	vec_free(&slices.cells);
	feed_stop(&feed);
}

static void test_wider_slices_keep_what_was_at_their_ends(void **state)
{
	struct feed feed = feed_start();
	struct heap_slices slices;
	uint64_t width;

	for (unsigned int i = 0; i < 5 * SLICE_LIMIT; i++) {
		feed.now_ns = i * SLICE_NS;
		feed_alloc(&feed, 0x1000 + i * 16, 1, i % 2 ? STACK_A : STACK_B);
	}
	slices = ask(&feed);
	width = slices.width_ns / SLICE_NS;
	assert_int_equal(width, 8);
	assert_in_range(slices.count, SLICE_LIMIT / 2, SLICE_LIMIT);
	for (uint32_t slice = 0; slice < slices.count; slice++) {
		uint64_t sum = at_slice(&slices, site_of(&feed, 0), slice).alloc_count +
			       at_slice(&slices, site_of(&feed, 1), slice).alloc_count;

		assert_int_equal(sum, (slice + 1) * width);
	}
	vec_free(&slices.cells);
	feed_stop(&feed);
}

/* Cells are in the order of time, none twice, and the last one of a site is its present. */
static void test_cells_are_few_and_in_order(void **state)
{
	struct feed feed = feed_start();
	struct heap_slices slices;
	int64_t before[8];

	memset(before, 0xff, sizeof(before));
	for (unsigned int i = 0; i < 100000; i++) {
		feed.now_ns += SLICE_NS / 3 + i % 97;
		feed_alloc(&feed, 0x1000 + i * 16, 1, i % 5 ? STACK_A : STACK_B);
	}
	slices = ask(&feed);
	assert_in_range(slices.cells.size, 2, 2 * SLICE_LIMIT);
	vec_for_each (cell, &slices.cells) {
		assert_true(cell->slice > before[cell->site]);
		before[cell->site] = cell->slice;
	}
	assert_int_equal(at_slice(&slices, site_of(&feed, 0), UINT32_MAX).alloc_count, 80000);
	assert_int_equal(at_slice(&slices, site_of(&feed, 1), UINT32_MAX).alloc_count, 20000);
	vec_free(&slices.cells);
	feed_stop(&feed);
}

static void define_sites(struct feed *feed, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct site_frame frame = {.module = 1, .offset = 0x1000 + i};

		assert_int_equal(heap__define_stack(feed->heap, feed->process, 0x10000 + i, &frame,
					 1, STACK_COMPLETE),
			0);
	}
}

static void test_many_sites_get_wider_slices_not_more_memory(void **state)
{
	struct feed feed = feed_start();
	struct heap_slices slices;
	unsigned int sites = 4000;

	define_sites(&feed, sites);
	for (unsigned int round = 0; round < SLICE_LIMIT; round++) {
		feed.now_ns = round * SLICE_NS;
		for (unsigned int i = 0; i < sites; i++)
			feed_alloc(&feed, 0x100000 + (round * sites + i) * 16, 1, 0x10000 + i);
	}
	slices = ask(&feed);
	assert_in_range(slices.cells.size, sites * SLICE_MINIMUM / 2, SLICE_CELL_LIMIT + sites);
	assert_true(slices.width_ns > SLICE_NS);
	for (unsigned int i = 0; i < sites; i += 999)
		assert_int_equal(at_slice(&slices, site_of(&feed, 2 + i), UINT32_MAX).alloc_count,
			SLICE_LIMIT);
	vec_free(&slices.cells);
	feed_stop(&feed);
}

static void test_absurd_time_does_no_harm(void **state)
{
	struct feed feed = feed_start();
	struct heap_slices slices;

	feed.now_ns = UINT64_MAX - START_NS - 1000;
	feed_alloc(&feed, 0x1000, 1, STACK_A);
	feed.now_ns = 0;
	feed_alloc(&feed, 0x2000, 1, STACK_A);
	slices = ask(&feed);
	assert_in_range(slices.count, 1, SLICE_LIMIT);
	assert_int_equal(at_slice(&slices, site_of(&feed, 0), UINT32_MAX).alloc_count, 2);
	vec_free(&slices.cells);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_site_is_known_at_the_end_of_every_slice),
		cmocka_unit_test(test_wider_slices_keep_what_was_at_their_ends),
		cmocka_unit_test(test_cells_are_few_and_in_order),
		cmocka_unit_test(test_many_sites_get_wider_slices_not_more_memory),
		cmocka_unit_test(test_absurd_time_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
