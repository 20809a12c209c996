/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which sites only grow: the rule on synthetic feeds, and through the model's slices. */
#include "heap/growth.h"
#include "heap_feed.h"

#define SHIFT 26 /* slices of 67 ms: 120 of them are 8 s */
#define SLICES 120
#define SECOND_NS 1000000000ull

/* What a site holds in a slice: at its end, and least. */
typedef uint64_t held_fn(unsigned int slice);

static struct growth judge_left(held_fn *held, held_fn *low, bool with_left)
{
	struct growth_options options = {
		.slice_shift = SHIFT,
		.now_slice = SLICES - 1,
		.with_left = with_left,
		.site_count = 1,
	};
	struct growths growths;
	struct growth growth;
	uint64_t before = UINT64_MAX;

	assert_int_equal(growth__start(&growths, &options), 0);
	for (unsigned int slice = 0; slice < SLICES; slice++) {
		struct slice_cell cell = {
			.slice = slice, .live_bytes = held(slice), .low_bytes = low(slice)};

		if (cell.live_bytes == before && cell.low_bytes == before)
			continue; /* a site that does not change has no cell */
		before = cell.live_bytes;
		growth__add(&growths, &cell);
	}
	growth__finish(&growths, &growth, 1);
	return growth;
}

static struct growth judge(held_fn *held, held_fn *low)
{
	return judge_left(held, low, false);
}

static uint64_t nothing(unsigned int slice)
{
	return 0;
}

static uint64_t leak(unsigned int slice)
{
	return (slice + 1) * 1000;
}

static uint64_t leak_low(unsigned int slice)
{
	return slice * 1000;
}

static void test_steady_leak_grows_at_its_rate_since_the_start(void **state)
{
	struct growth growth = judge(leak, leak_low);

	assert_int_equal(growth.windows, GROWTH_WINDOWS - 2);
	assert_int_equal(growth.rises, GROWTH_WINDOWS - 2);
	assert_int_equal(growth.since_ns, 0);
	assert_in_range(growth__rate(&growth), 1000 * SECOND_NS / (1 << SHIFT) * 99 / 100,
		1000 * SECOND_NS / (1 << SHIFT) * 101 / 100);
}

static uint64_t fill_at_once(unsigned int slice)
{
	return 50000000;
}

static uint64_t fill_low(unsigned int slice)
{
	return slice ? 50000000 : 0;
}

static void test_what_is_filled_at_once_is_large_and_does_not_grow(void **state)
{
	assert_int_equal(judge(fill_at_once, fill_low).rises, 0);
}

static uint64_t fill_half(unsigned int slice)
{
	return slice < SLICES / 2 ? leak(slice) : leak(SLICES / 2);
}

static void test_cache_that_is_full_is_flat(void **state)
{
	assert_int_equal(judge(fill_half, fill_half).rises, 0);
}

static uint64_t late_leak(unsigned int slice)
{
	return 7000 + (slice > SLICES / 3 ? (slice - SLICES / 3) * 10 : 0);
}

static void test_leak_that_begins_late_is_dated(void **state)
{
	struct growth growth = judge(late_leak, late_leak);

	assert_true(growth.rises >= GROWTH_LEAST_RISES);
	assert_in_range(growth.since_ns, (uint64_t)(SLICES / 3 - SLICES / GROWTH_WINDOWS) << SHIFT,
		(uint64_t)(SLICES / 3 + SLICES / GROWTH_WINDOWS) << SHIFT);
}

static uint64_t sawtooth_of(unsigned int slice, unsigned int period)
{
	return slice % period * 10000;
}

static uint64_t fast_saw(unsigned int slice)
{
	return sawtooth_of(slice, 7);
}

static uint64_t slow_saw(unsigned int slice)
{
	return sawtooth_of(slice, 50);
}

static uint64_t very_slow_saw(unsigned int slice)
{
	return sawtooth_of(slice + 10, SLICES / 2 + 15);
}

static void test_sawtooth_of_any_period_does_not_grow(void **state)
{
	assert_int_equal(judge(fast_saw, fast_saw).rises, 0);
	assert_int_equal(judge(slow_saw, slow_saw).rises, 0);
	assert_int_equal(judge(very_slow_saw, very_slow_saw).rises, 0);
}

static uint64_t leaky_saw(unsigned int slice)
{
	return fast_saw(slice) + leak(slice);
}

static void test_leak_below_a_sawtooth_is_seen(void **state)
{
	struct growth growth = judge(leaky_saw, leaky_saw);

	assert_int_equal(growth.rises, growth.windows);
	assert_in_range(growth.bytes, 90000, 120000);
}

/* Within each slice the cache is emptied: no end of a slice shows that. */
static void test_least_within_slices_counts(void **state)
{
	assert_int_equal(judge(leak, nothing).rises, 0);
}

static uint64_t rare_leak(unsigned int slice)
{
	return (1 + slice / 17) * 48;
}

static void test_leak_of_few_blocks_is_told_with_its_windows(void **state)
{
	struct growth growth = judge(rare_leak, rare_leak);

	assert_true(growth.rises >= GROWTH_LEAST_RISES);
	assert_true(growth.rises < growth.windows);
}

static void test_young_sites_are_not_judged(void **state)
{
	struct growth_options options = {
		.slice_shift = 20, .now_slice = SLICES - 1, .site_count = 1};
	struct growths growths;
	struct growth growth;

	assert_int_equal(growth__start(&growths, &options), 0);
	for (uint32_t slice = 0; slice < SLICES; slice++)
		growth__add(&growths, &(struct slice_cell){.slice = slice,
					      .live_bytes = leak(slice),
					      .low_bytes = leak_low(slice)});
	growth__finish(&growths, &growth, 1);
	assert_int_equal(growth.rises, 0);
}

/* --- through the model */

/* Site A holds much from the start and churns; B leaks a little. @span: ns in all. */
static void feed_leak(struct feed *feed, uint64_t span)
{
	uint64_t step = span / 1000;

	for (uint64_t i = 0; i < 100; i++)
		feed_alloc(feed, 0x100000 + i * 4096, 4000, STACK_A);
	for (uint64_t i = 0; i < 1000; i++) {
		feed->now_ns += step;
		feed_free(feed, 0x100000 + i % 100 * 4096);
		feed_alloc(feed, 0x100000 + i % 100 * 4096, 4000, STACK_A);
		feed_alloc(feed, 0x800000 + i * 64, 48, STACK_B);
	}
}

static uint32_t id_of(const struct feed *feed, uint64_t offset)
{
	size_t count;

	return feed_site(feed, offset) - heap__sites(feed->heap, &count);
}

static struct growth ask(const struct feed *feed, uint64_t offset)
{
	struct growth growths[8];

	assert_int_equal(heap__growth(feed->heap, START_NS + feed->now_ns, growths, 8), 0);
	return growths[id_of(feed, offset)];
}

static void test_model_names_the_leak_and_not_the_cache(void **state)
{
	for (uint64_t span = SECOND_NS / 2; span < 100000 * SECOND_NS; span *= 17) {
		struct feed feed = feed_start();
		struct growth growth;

		feed_leak(&feed, span);
		assert_int_equal(ask(&feed, 0xa).rises, 0);
		growth = ask(&feed, 0xb);
		assert_true(growth.rises >= GROWTH_WINDOWS - 3);
		assert_in_range(growth__rate(&growth), 48000.0 * 0.95 * SECOND_NS / span - 1,
			48000.0 * 1.05 * SECOND_NS / span + 1);
		feed_stop(&feed);
	}
}

static void test_growth_ends_when_time_passes_without_it(void **state)
{
	struct feed feed = feed_start();

	feed_leak(&feed, SECOND_NS);
	feed.now_ns += SECOND_NS;
	assert_int_equal(ask(&feed, 0xb).rises, 0);
	feed_stop(&feed);
}

/* A buffer that realloc makes ever larger is never smaller than it was. */
static void test_realloc_is_no_trough(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 100, STACK_A);
	for (uint64_t i = 1; i < 1000; i++) {
		feed.now_ns += 1000000;
		feed_realloc_begin(&feed, 0x1000);
		feed_realloc_end(&feed, REALLOC_MOVED, 0x1000, 0x1000, 100 + i, STACK_A);
	}
	assert_int_equal(ask(&feed, 0xa).rises, GROWTH_WINDOWS - 2);
	feed_stop(&feed);
}

static void test_leak_is_growth_after_the_end_of_its_process_too(void **state)
{
	struct feed feed = feed_start();

	feed_leak(&feed, SECOND_NS);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	assert_true(ask(&feed, 0xb).rises >= GROWTH_WINDOWS - 3);
	assert_int_equal(ask(&feed, 0xa).rises, 0);
	feed_stop(&feed);
}

/* Workers come, hold a little more than those before had, and end: their memory is given back. */
static void test_blocks_of_ended_processes_do_not_grow_while_others_run(void **state)
{
	struct feed feed = feed_start();

	feed_alloc(&feed, 0x1000, 100, STACK_A);
	for (uint32_t child = 2; child < 40; child++) {
		feed.process = 1;
		feed_life(&feed, EVENT_FORK, child, 1, 0);
		feed.process = child;
		for (uint64_t i = 0; i < 20; i++) {
			feed.now_ns += 1000000;
			feed_alloc(&feed, 0x2000 + i * 64, 48, STACK_B);
		}
		feed_life(&feed, EVENT_EXIT, child, 0, 0);
	}
	assert_int_equal(ask(&feed, 0xb).rises, 0);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	assert_true(ask(&feed, 0xb).rises > 0); /* never freed, taken together */
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steady_leak_grows_at_its_rate_since_the_start),
		cmocka_unit_test(test_what_is_filled_at_once_is_large_and_does_not_grow),
		cmocka_unit_test(test_cache_that_is_full_is_flat),
		cmocka_unit_test(test_leak_that_begins_late_is_dated),
		cmocka_unit_test(test_sawtooth_of_any_period_does_not_grow),
		cmocka_unit_test(test_leak_below_a_sawtooth_is_seen),
		cmocka_unit_test(test_least_within_slices_counts),
		cmocka_unit_test(test_leak_of_few_blocks_is_told_with_its_windows),
		cmocka_unit_test(test_young_sites_are_not_judged),
		cmocka_unit_test(test_model_names_the_leak_and_not_the_cache),
		cmocka_unit_test(test_growth_ends_when_time_passes_without_it),
		cmocka_unit_test(test_realloc_is_no_trough),
		cmocka_unit_test(test_leak_is_growth_after_the_end_of_its_process_too),
		cmocka_unit_test(test_blocks_of_ended_processes_do_not_grow_while_others_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
