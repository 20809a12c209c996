/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The census of glibc's heap, of images made by hand: sound ones, hostile ones, broken ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "census/census.h"
#include "census_image.h"

static struct survey take(struct fake *fake)
{
	struct survey survey;
	struct error err = {0};

	assert_int_equal(survey__take(&fake->image, &survey, &err), 0);
	assert_int_equal(fake->wrong_reads, 0);
	return survey;
}

static void test_live_free_and_top_are_told_apart(void **state)
{
	struct fake fake;
	struct survey survey;

	fake__begin(&fake);
	fake__chunk(&fake, 0x20, false);
	fake__chunk(&fake, 0x500, true);
	fake__chunk(&fake, 0x30, false);
	fake__end(&fake);
	survey = take(&fake);
	assert_int_equal(survey.live_count, 2);
	assert_int_equal(survey.live_bytes, 0x18 + 0x28);
	assert_int_equal(survey.arenas.data[0].free_count, 1);
	assert_int_equal(survey.arenas.data[0].free_bytes, 0x4f8);
	assert_int_equal(
		survey.arenas.data[0].top_bytes, FAKE_BRK_SIZE - 0x20 - 0x500 - 0x30 - 0x10);
	assert_int_equal(survey.in_motion + survey.finding_count + survey.skipped_bytes, 0);
	survey__free(&survey);
	fake__free(&fake);
}

/* A cache with @count blocks of 0x40 in its list; links mangled or not. */
static uint64_t add_cache(struct fake *fake, size_t count, bool mangled)
{
	uint64_t cache = fake__chunk(fake, 0x290, false), next = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t block = fake__chunk(fake, 0x40, false);

		fake__put(fake, block, mangled ? next ^ (block >> 12) : next);
		next = block;
	}
	fake__put(fake, cache + 2 * 2 / 8 * 8, (uint64_t)count << 32);
	fake__put(fake, cache + 128 + 8 * 2, next);
	return cache;
}

static void expect_cached(bool mangled)
{
	struct fake fake;
	struct survey survey;

	fake__begin(&fake);
	add_cache(&fake, 5, mangled);
	fake__chunk(&fake, 0x40, false);
	fake__end(&fake);
	survey = take(&fake);
	assert_int_equal(survey.live_count, 1);
	assert_int_equal(survey.own_count, 1);
	assert_int_equal(survey.arenas.data[0].cached_count, 5);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_what_a_thread_caches_is_free_with_mangled_links(void **state)
{
	expect_cached(true);
}

static void test_what_a_thread_caches_is_free_with_plain_links(void **state)
{
	expect_cached(false);
}

static void test_a_cache_without_blocks_is_known_by_its_thread(void **state)
{
	struct fake fake;
	struct survey survey;
	uint64_t cache;

	fake__begin(&fake);
	fake__chunk(&fake, 0x290, false); /* a program's own zeroes of the same size */
	cache = fake__chunk(&fake, 0x290, false);
	fake__end(&fake);
	fake.thread.thread_pointer = FAKE_ANON + CENSUS_PAGE;
	fake__put(&fake, FAKE_ANON + CENSUS_PAGE - 0x48, cache);
	survey = take(&fake);
	assert_int_equal(survey.own_count, 1);
	assert_int_equal(survey.live_count, 1);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_a_list_that_is_a_ring_ends(void **state)
{
	struct fake fake;
	struct survey survey;
	uint64_t block;

	fake__begin(&fake);
	block = fake__chunk(&fake, 0x20, false);
	fake__chunk(&fake, 0x20, false);
	fake__end(&fake);
	fake__put(&fake, FAKE_ARENA + ARENA_FASTBINS, block - CHUNK_HEADER);
	fake__put(&fake, block, (block - CHUNK_HEADER) ^ (block >> 12));
	survey = take(&fake);
	assert_int_equal(survey.live_count, 1);
	assert_true(survey.in_motion > 0);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_a_header_written_over_is_found_with_the_block_before(void **state)
{
	struct fake fake;
	struct survey survey;
	uint64_t before, broken;

	fake__begin(&fake);
	before = fake__chunk(&fake, 0x50, false);
	broken = fake__chunk(&fake, 0x50, false) - CHUNK_HEADER;
	for (size_t i = 0; i < 20; i++)
		fake__chunk(&fake, 0x60, false);
	fake__end(&fake);
	fake__put(&fake, broken + 8, 0x4141414141414141);
	survey = take(&fake);
	assert_int_equal(survey.finding_count, 1);
	assert_int_equal(survey.findings.data[0].address, broken);
	assert_int_equal(survey.findings.data[0].value, 0x4141414141414141);
	assert_int_equal(survey.findings.data[0].after, before);
	assert_int_equal(survey.findings.data[0].after_size, 0x48);
	/* The rest is understood again. */
	assert_int_equal(survey.live_count, 21);
	assert_int_equal(survey.skipped_bytes, 0x50);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_pages_that_are_swapped_out_are_not_read(void **state)
{
	struct fake fake;
	struct survey survey;

	fake__begin(&fake);
	for (size_t i = 0; i < 400; i++)
		fake__chunk(&fake, 0x100, false);
	fake__end(&fake);
	fake__set_page(&fake, FAKE_BRK + 2 * CENSUS_PAGE, PAGE_SWAPPED);
	survey = take(&fake);
	assert_int_equal(survey.finding_count, 0);
	assert_in_range(survey.swapped_bytes, CENSUS_PAGE - 0x200, CENSUS_PAGE + 0x200);
	assert_in_range(survey.live_count, 400 - 18, 400 - 14);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_blocks_with_own_mappings_are_found_aligned_ones_too(void **state)
{
	uint64_t at = FAKE_ANON + CENSUS_PAGE, aligned = at + 4 * CENSUS_PAGE;
	uint64_t chunk = aligned + 3 * CENSUS_PAGE - CHUNK_HEADER;
	struct fake fake;
	struct survey survey;

	fake__begin(&fake);
	fake__chunk(&fake, 0x20, false);
	fake__end(&fake);
	fake__put(&fake, at + 8, 4 * CENSUS_PAGE | CHUNK_IS_MAPPED);
	/* As memalign leaves it: the head at the mapping's beginning is still there. */
	fake__put(&fake, aligned + 8, 8 * CENSUS_PAGE | CHUNK_IS_MAPPED);
	fake__put(&fake, chunk, chunk - aligned);
	fake__put(&fake, chunk + 8, (aligned + 8 * CENSUS_PAGE - chunk) | CHUNK_IS_MAPPED);
	survey = take(&fake);
	assert_int_equal(survey.arenas.data[0].mapped_count, 2);
	assert_non_null(blocks__at(&survey.blocks, at + CHUNK_HEADER));
	assert_int_equal(survey.live_bytes, 0x18 + 4 * CENSUS_PAGE - 16 + 5 * CENSUS_PAGE);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_a_ring_of_arenas_that_does_not_close_is_no_heap(void **state)
{
	struct fake fake;
	struct survey survey;
	struct error err = {0};

	fake__begin(&fake);
	fake__end(&fake);
	fake__put(&fake, FAKE_ARENA + ARENA_NEXT, FAKE_ARENA + 8);
	assert_int_equal(survey__take(&fake.image, &survey, &err), -ENOENT);
	survey__free(&survey);
	fake__free(&fake);
}

static void test_the_account_adds_up_to_what_is_resident(void **state)
{
	struct fake fake;
	struct census census;
	struct error err = {0};
	uint64_t sum = 0, resident = FAKE_DATA_SIZE + FAKE_BRK_SIZE - 3 * CENSUS_PAGE;

	fake__begin(&fake);
	fake__chunk(&fake, 0x20, false);
	fake__chunk(&fake, 8 * CENSUS_PAGE, true);
	fake__chunk(&fake, 0x40, false);
	fake__end(&fake);
	for (size_t i = 0; i < 3; i++)
		fake__set_page(&fake, FAKE_BRK + (20 + i) * CENSUS_PAGE, PAGE_ABSENT);
	fake.ranges[FAKE_BRK_INDEX].resident -= 3 * CENSUS_PAGE;
	fake.ranges[FAKE_ANON_INDEX].resident = 0;
	assert_int_equal(census__take(&fake.image, &(struct census_options){0}, &census, &err), 0);
	for (enum account_part part = 0; part < ACCOUNT_PARTS; part++)
		sum += census.account.parts[part];
	assert_int_equal(sum, resident);
	assert_int_equal(census.account.parts[ACCOUNT_HEAP_LIVE], 0x20 + 0x40);
	assert_int_equal(census.account.parts[ACCOUNT_HEAP_FREE], 8 * CENSUS_PAGE);
	/* Whole pages behind the links, up to the next head; of the top those that are there. */
	assert_int_equal(census.account.returnable, (7 + 55 - 3) * CENSUS_PAGE);
	census__free(&census);
	fake__free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_free_and_top_are_told_apart),
		cmocka_unit_test(test_what_a_thread_caches_is_free_with_mangled_links),
		cmocka_unit_test(test_what_a_thread_caches_is_free_with_plain_links),
		cmocka_unit_test(test_a_cache_without_blocks_is_known_by_its_thread),
		cmocka_unit_test(test_a_list_that_is_a_ring_ends),
		cmocka_unit_test(test_a_header_written_over_is_found_with_the_block_before),
		cmocka_unit_test(test_pages_that_are_swapped_out_are_not_read),
		cmocka_unit_test(test_blocks_with_own_mappings_are_found_aligned_ones_too),
		cmocka_unit_test(test_a_ring_of_arenas_that_does_not_close_is_no_heap),
		cmocka_unit_test(test_the_account_adds_up_to_what_is_resident),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
