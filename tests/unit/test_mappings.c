/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The account of mappings: exact under overlapping and partial calls. */
#include <sys/mman.h>

#include "heap_feed.h"

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

/* What a call outside of an allocation function mapped, with its stack. */
static void map_from(struct feed *feed, uint64_t stack, uint64_t address, uint64_t length)
{
	feed_mapping(feed, FUNCTION_MMAP,
		(struct event_mapping){.address = address,
			.length = length,
			.protection = PROT_READ | PROT_WRITE,
			.map_flags = MAP_PRIVATE | MAP_ANONYMOUS,
			.stack = stack});
}

static struct site_mapped mapped_at(const struct feed *feed, uint64_t offset)
{
	const struct site *site = feed_site(feed, offset);

	return site && site->mapped ? *site->mapped : (struct site_mapped){0};
}

static void test_growth_belongs_to_the_site_that_mapped_it(void **state)
{
	struct feed feed = start();

	map_from(&feed, STACK_A, 0x10000, 4 * PAGE);
	map_from(&feed, STACK_B, 0x10000 + 4 * PAGE, 4 * PAGE);
	map_from(&feed, STACK_A, 0x10000 + 8 * PAGE, 4 * PAGE);
	unmap(&feed, 0x10000 + 2 * PAGE, 4 * PAGE); /* two of A's, two of B's */
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 6 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).bytes, 8 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).count, 2);
	assert_int_equal(mapped_at(&feed, 0xb).live_bytes, 2 * PAGE);
	map_from(&feed, STACK_B, 0x10000 + 8 * PAGE, PAGE); /* MAP_FIXED over A's */
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 5 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xb).live_bytes, 3 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_kinds[MAPPED_PROGRAM], 8 * PAGE);
	feed_stop(&feed);
}

static void test_mremap_is_an_munmap_and_an_mmap_of_its_own_site(void **state)
{
	struct feed feed = start();
	struct event_mapping grow = {.address = 0x90000,
		.length = 5 * PAGE,
		.old_address = 0x10000,
		.old_length = 2 * PAGE,
		.stack = STACK_B};

	map_from(&feed, STACK_A, 0x10000, 3 * PAGE);
	feed_mapping(&feed, FUNCTION_MREMAP, grow);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, PAGE);
	assert_int_equal(mapped_at(&feed, 0xb).live_bytes, 5 * PAGE);
	feed_stop(&feed);
}

static void test_a_shrinking_break_gives_back_what_grew_last(void **state)
{
	struct feed feed = start();
	struct event_mapping first = {.address = 0x14000, .old_address = 0x10000, .stack = STACK_A};
	struct event_mapping second = {
		.address = 0x18000, .old_address = 0x14000, .stack = STACK_B};
	struct event_mapping shrink = {.address = 0x13000, .old_address = 0x18000};

	feed_mapping(&feed, FUNCTION_BRK, first);
	feed_mapping(&feed, FUNCTION_BRK, second);
	feed_mapping(&feed, FUNCTION_BRK, shrink);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 0x3000);
	assert_int_equal(mapped_at(&feed, 0xb).live_bytes, 0);
	feed_stop(&feed);
}

/* Feeds one mmap at 0x10000, and says which kind it was booked as. */
static int kind_of(struct event_mapping event, uint16_t flags)
{
	struct feed feed = start();
	struct heap_totals totals;
	int kind = 0;

	event.address = 0x10000;
	event.length = PAGE;
	event.stack = STACK_A;
	event.header = feed_header(&feed, EVENT_MAPPING);
	event.header.function = FUNCTION_MMAP;
	event.header.flags = flags;
	feed_apply(&feed, &event);
	totals = feed_totals(&feed);
	while (kind < MAPPED_KIND_COUNT && totals.mapped_kinds[kind] != PAGE)
		kind++;
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, kind == MAPPED_PROGRAM ? PAGE : 0);
	feed_stop(&feed);
	return kind;
}

static void test_only_the_programs_own_memory_is_growth(void **state)
{
	const struct event_mapping own = {
		.protection = PROT_READ | PROT_WRITE, .map_flags = MAP_PRIVATE | MAP_ANONYMOUS};
	struct event_mapping other = own;

	assert_int_equal(kind_of(own, 0), MAPPED_PROGRAM);
	assert_int_equal(kind_of(own, MAPPING_BY_ALLOCATOR), MAPPED_ALLOCATOR);
	other.map_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
	assert_int_equal(kind_of(other, 0), MAPPED_STACK);
	other.map_flags = MAP_PRIVATE;
	assert_int_equal(kind_of(other, 0), MAPPED_FILE);
	other = own;
	other.protection = PROT_NONE;
	assert_int_equal(kind_of(other, 0), MAPPED_RESERVED);
}

static void reserve(struct feed *feed, uint64_t address, uint64_t length, uint16_t flags)
{
	struct event_mapping event = {.address = address,
		.length = length,
		.protection = PROT_NONE,
		.map_flags = MAP_PRIVATE | MAP_ANONYMOUS};

	event.header = feed_header(feed, EVENT_MAPPING);
	event.header.function = FUNCTION_MMAP;
	event.header.flags = flags;
	feed_apply(feed, &event);
}

static void open_range(struct feed *feed, uint64_t stack, uint64_t address, uint64_t length)
{
	feed_mapping(feed, FUNCTION_MPROTECT,
		(struct event_mapping){.address = address,
			.length = length,
			.protection = PROT_READ | PROT_WRITE,
			.stack = stack});
}

static void test_reserved_memory_belongs_to_the_site_that_first_opens_it(void **state)
{
	struct feed feed = start();

	reserve(&feed, 0x10000, 50 * PAGE, 0);
	map_from(&feed, STACK_A, 0x10000 + 50 * PAGE, PAGE);
	open_range(&feed, STACK_B, 0x10000 + 10 * PAGE, 15 * PAGE);
	open_range(&feed, STACK_A, 0x10000 + 20 * PAGE, 10 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xb).live_bytes, 15 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 6 * PAGE);
	/* Over the end of the reserved range, and where nothing is known to be mapped. */
	open_range(&feed, STACK_B, 0x10000 + 48 * PAGE, 10 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xb).live_bytes, 17 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 6 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_kinds[MAPPED_RESERVED], 28 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_bytes, 51 * PAGE);
	feed_stop(&feed);
}

static void test_what_an_allocator_reserved_becomes_the_allocators(void **state)
{
	struct feed feed = start();

	reserve(&feed, 0x10000, 10 * PAGE, MAPPING_BY_ALLOCATOR);
	assert_int_equal(feed_totals(&feed).mapped_kinds[MAPPED_ALLOCATOR], 0);
	open_range(&feed, STACK_A, 0x10000, 4 * PAGE); /* by a thread of the allocator's */
	assert_int_equal(feed_totals(&feed).mapped_kinds[MAPPED_ALLOCATOR], 4 * PAGE);
	assert_int_equal(feed_totals(&feed).mapped_kinds[MAPPED_RESERVED], 6 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 0);
	feed_stop(&feed);
}

static void test_what_is_mapped_over_a_library_is_the_librarys(void **state)
{
	struct feed feed = start();
	struct event_mapping library = {
		.address = 0x10000, .length = 8 * PAGE, .map_flags = MAP_PRIVATE};
	struct event_mapping bss = {.address = 0x10000 + 6 * PAGE,
		.length = 2 * PAGE,
		.protection = PROT_READ | PROT_WRITE,
		.map_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		.stack = STACK_A};

	feed_mapping(&feed, FUNCTION_MMAP, library);
	feed_mapping(&feed, FUNCTION_MMAP, bss);
	assert_int_equal(feed_totals(&feed).mapped_kinds[MAPPED_FILE], 8 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 0);
	feed_stop(&feed);
}

static void test_copies_by_fork_are_no_growth_and_what_exits_leaves_is_kept(void **state)
{
	struct feed feed = start();

	map_from(&feed, STACK_A, 0x10000, 4 * PAGE);
	feed_life(&feed, EVENT_FORK, 2, 1, 0);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 4 * PAGE);
	feed_life(&feed, EVENT_EXIT, 2, 0, 0);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 4 * PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).at_exit_bytes, 0);
	feed_life(&feed, EVENT_EXIT, 1, 0, 0);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 0);
	assert_int_equal(mapped_at(&feed, 0xa).at_exit_bytes, 4 * PAGE);
	feed_stop(&feed);
}

static void test_exec_discards_what_was_mapped(void **state)
{
	struct feed feed = start();

	map_from(&feed, STACK_A, 0x10000, 4 * PAGE);
	feed_life(&feed, EVENT_EXEC, 2, 1, 0);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 0);
	assert_int_equal(mapped_at(&feed, 0xa).at_exit_bytes, 0);
	feed_stop(&feed);
}

static void test_records_of_older_recordings_have_no_stack(void **state)
{
	struct feed feed = start();
	struct event_mapping event = {.address = 0x10000,
		.length = PAGE,
		.protection = PROT_READ,
		.map_flags = MAP_PRIVATE | MAP_ANONYMOUS,
		.stack = STACK_A};

	event.header = feed_header(&feed, EVENT_MAPPING);
	event.header.function = FUNCTION_MMAP;
	assert_int_equal(heap__apply(feed.heap, &event.header, EVENT_MAPPING_LEAST_SIZE), 0);
	assert_int_equal(feed_totals(&feed).mapped_bytes, PAGE);
	assert_int_equal(mapped_at(&feed, 0xa).live_bytes, 0);
	assert_int_equal(
		heap__apply(feed.heap, &event.header, EVENT_MAPPING_LEAST_SIZE - 1), -EINVAL);
	feed_stop(&feed);
}

static void add_up(void *context, const struct mapped_range *piece)
{
	uint64_t *sums = context;

	sums[piece->site] += piece->end - piece->start;
}

static void test_random_ranges_agree_with_an_array_of_owners(void **state)
{
	unsigned int truth[PAGES] = {0}; /* 0: nobody's */
	struct mapped_ranges set = {0}, copy;

	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int from = random() % PAGES, to = from + random() % (PAGES - from + 1);
		unsigned int owner = random() % 4;
		struct mapped_range range = {from * PAGE, to * PAGE, .site = owner};
		uint64_t expected[4] = {0}, taken[4] = {0}, pages = 0;

		for (unsigned int i = from; i < to; i++) {
			expected[truth[i]] += truth[i] ? PAGE : 0;
			truth[i] = owner;
		}
		if (owner)
			assert_int_equal(mapped_ranges__add(&set, &range, add_up, taken), 0);
		else
			assert_int_equal(
				mapped_ranges__remove(&set, range.start, range.end, add_up, taken),
				0);
		assert_memory_equal(taken, expected, sizeof(taken));
		for (unsigned int i = 0; i < PAGES; i++) {
			const struct mapped_range *at = mapped_ranges__find(&set, i * PAGE + 1);

			pages += truth[i] != 0;
			assert_int_equal(at ? at->site : 0, truth[i]);
		}
		assert_int_equal(set.bytes, pages * PAGE);
		for (size_t i = 1; i < set.list.size; i++) {
			const struct mapped_range *last = &set.list.data[i - 1], *next = last + 1;

			assert_true(last->end < next->start ||
				    (last->end == next->start && last->site != next->site));
		}
	}
	assert_int_equal(mapped_ranges__copy(&copy, &set), 0);
	assert_int_equal(copy.bytes, set.bytes);
	mapped_ranges__free(&copy);
	mapped_ranges__free(&set);
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
		cmocka_unit_test(test_growth_belongs_to_the_site_that_mapped_it),
		cmocka_unit_test(test_mremap_is_an_munmap_and_an_mmap_of_its_own_site),
		cmocka_unit_test(test_a_shrinking_break_gives_back_what_grew_last),
		cmocka_unit_test(test_only_the_programs_own_memory_is_growth),
		cmocka_unit_test(test_reserved_memory_belongs_to_the_site_that_first_opens_it),
		cmocka_unit_test(test_what_an_allocator_reserved_becomes_the_allocators),
		cmocka_unit_test(test_what_is_mapped_over_a_library_is_the_librarys),
		cmocka_unit_test(test_copies_by_fork_are_no_growth_and_what_exits_leaves_is_kept),
		cmocka_unit_test(test_exec_discards_what_was_mapped),
		cmocka_unit_test(test_records_of_older_recordings_have_no_stack),
		cmocka_unit_test(test_random_ranges_agree_with_an_array_of_owners),
		cmocka_unit_test(test_absurd_lengths_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
