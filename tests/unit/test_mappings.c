/* The account of mappings: exact under overlapping and partial calls. */
#include "heap_feed.h"

#include <sys/mman.h>

#define PAGE 4096ull
#define PAGES 200

static void feed_mapping(
	struct feed *feed, enum event_function function, struct event_mapping event)
{
	event.header = feed_header(feed, EVENT_MAPPING);
	event.header.function = function;
	feed_apply(feed, &event);
}

static void map(struct feed *feed, uint64_t address, uint64_t length)
{
	feed_mapping(feed, FUNCTION_MMAP,
		(struct event_mapping){.address = address,
			.length = length,
			.map_flags = MAP_PRIVATE | MAP_ANONYMOUS});
}

static void unmap(struct feed *feed, uint64_t address, uint64_t length)
{
	feed_mapping(feed, FUNCTION_MUNMAP,
		(struct event_mapping){.address = address, .length = length});
}

static struct feed start(void)
{
	return feed_start_with((struct heap_options){.page_size = PAGE});
}

static void test_mappings_never_touch_the_heap(void **state)
{
	struct feed feed = start();
	struct heap_totals totals;

	map(&feed, 0x10000, 100);
	totals = feed_totals(&feed);
	assert_int_equal(totals.mapped_bytes, PAGE); /* whole pages */
	assert_int_equal(totals.counts.mappings.anonymous_bytes, PAGE);
	assert_int_equal(totals.live_bytes, 0);
	assert_int_equal(heap__seen(&totals), 0);
	unmap(&feed, 0x10000, 100);
	totals = feed_totals(&feed);
	assert_int_equal(totals.mapped_bytes, 0);
	assert_int_equal(totals.mapped_peak_bytes, PAGE);
	feed_stop(&feed);
}

static void test_partial_munmap_leaves_the_rest_mapped(void **state)
{
	struct feed feed = start();

	map(&feed, 0x10000, 10 * PAGE);
	unmap(&feed, 0x10000 + 3 * PAGE, 4 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 6 * PAGE);
	unmap(&feed, 0x10000, 10 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 0);
	assert_int_equal(feed_totals(&feed).counts.mappings.untracked_bytes, 4 * PAGE);
	feed_stop(&feed);
}

static void test_fixed_mapping_over_another_counts_its_pages_once(void **state)
{
	struct feed feed = start();

	map(&feed, 0x10000, 10 * PAGE);
	map(&feed, 0x10000 + 5 * PAGE, 10 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 15 * PAGE);
	assert_int_equal(feed_totals(&feed).counts.mappings.replaced_bytes, 5 * PAGE);
	feed_stop(&feed);
}

static void test_mremap_moves_and_grows(void **state)
{
	struct feed feed = start();
	struct event_mapping move = {.address = 0x90000,
		.length = 4 * PAGE,
		.old_address = 0x10000,
		.old_length = 2 * PAGE,
		.map_flags = MREMAP_MAYMOVE};

	map(&feed, 0x10000, 2 * PAGE);
	feed_mapping(&feed, FUNCTION_MREMAP, move);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 4 * PAGE);
	unmap(&feed, 0x90000, 4 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 0);
	assert_int_equal(feed_totals(&feed).counts.mappings.untracked_bytes, 0);
	feed_stop(&feed);
}

static void test_brk_counts_only_when_the_break_moves(void **state)
{
	struct feed feed = start();
	struct event_mapping ask = {.address = 0x10000, .old_address = 0x10000};
	struct event_mapping grow = {.address = 0x18000, .old_address = 0x10000};
	struct event_mapping shrink = {.address = 0x14000, .old_address = 0x18000};

	feed_mapping(&feed, FUNCTION_BRK, ask);
	assert_int_equal(feed_totals(&feed).counts.mappings.brk_count, 0);
	feed_mapping(&feed, FUNCTION_BRK, grow);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 0x8000);
	feed_mapping(&feed, FUNCTION_BRK, shrink);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 0x4000);
	assert_int_equal(feed_totals(&feed).counts.mappings.brk_grown_bytes, 0x8000);
	assert_int_equal(feed_totals(&feed).counts.mappings.brk_shrunk_bytes, 0x4000);
	feed_stop(&feed);
}

static void test_exit_and_exec_take_the_mappings_along(void **state)
{
	struct feed feed = start();

	map(&feed, 0x10000, 10 * PAGE);
	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 20 * PAGE);
	feed_life(&feed, EVENT_EXEC, 3, 2, 0);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 10 * PAGE);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 0);
	feed_stop(&feed);
}

static void test_random_ranges_agree_with_a_bitmap_of_pages(void **state)
{
	bool truth[PAGES] = {0};
	struct intervals set = {0}, copy;
	uint64_t changed, expected, pages;

	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int from = random() % PAGES, to = from + random() % (PAGES - from + 1);
		bool add = random() % 2;

		expected = 0;
		for (unsigned int i = from; i < to; i++) {
			expected += truth[i];
			truth[i] = add;
		}
		assert_int_equal((add ? intervals__add : intervals__remove)(
					 &set, from * PAGE, to * PAGE, &changed),
			0);
		assert_int_equal(changed, expected * PAGE);
		pages = 0;
		for (unsigned int i = 0; i < PAGES; i++)
			pages += truth[i];
		assert_int_equal(set.bytes, pages * PAGE);
		for (size_t i = 1; i < set.list.size; i++) /* sorted, and merged where they touch */
			assert_true(set.list.data[i - 1].end < set.list.data[i].start);
	}
	assert_int_equal(intervals__copy(&copy, &set), 0);
	assert_int_equal(copy.bytes, set.bytes);
	intervals__free(&copy);
	intervals__free(&set);
}

static void test_absurd_lengths_do_no_harm(void **state)
{
	struct feed feed = start();

	map(&feed, UINT64_MAX - 100, UINT64_MAX);
	unmap(&feed, 0, UINT64_MAX);
	unmap(&feed, UINT64_MAX, UINT64_MAX);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 0);
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mappings_never_touch_the_heap),
		cmocka_unit_test(test_partial_munmap_leaves_the_rest_mapped),
		cmocka_unit_test(test_fixed_mapping_over_another_counts_its_pages_once),
		cmocka_unit_test(test_mremap_moves_and_grows),
		cmocka_unit_test(test_brk_counts_only_when_the_break_moves),
		cmocka_unit_test(test_exit_and_exec_take_the_mappings_along),
		cmocka_unit_test(test_random_ranges_agree_with_a_bitmap_of_pages),
		cmocka_unit_test(test_absurd_lengths_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
