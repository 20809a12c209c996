/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The heap model when records get lost: any of them, at any moment. */
#include "heap_feed.h"

#define BLOCKS 64
#define THREADS 3

/* A program that does random things; each of its records is lost with some probability. */
struct program {
	struct feed feed;
	uint64_t address[BLOCKS]; /* 0: not allocated */
	uint64_t size[BLOCKS];
	uint64_t next_address;
	uint32_t sequences[THREADS];
	unsigned int loss_percent;
	bool may_fail; /* reallocs may fail or free */
	uint64_t lost;
	uint64_t truth; /* units: alloc 1, failed 1, free 1, realloc 2 or 1 */
};

static bool is_lost(struct program *program)
{
	bool lost = (unsigned int)(random() % 100) < program->loss_percent;

	program->lost += lost;
	return lost;
}

static void become_thread(struct program *program, unsigned int thread)
{
	program->feed.tid = 100 + thread;
	program->feed.sequence = program->sequences[thread];
}

/* Often an address that was freed just now, as allocators do. */
static uint64_t new_address(struct program *program, uint64_t freed)
{
	return random() % 2 && freed ? freed : (program->next_address += 64);
}

static void do_alloc(struct program *program, unsigned int i)
{
	program->size[i] = random() % 500;
	program->address[i] = new_address(program, 0);
	program->truth++;
	if (is_lost(program))
		program->feed.sequence++;
	else
		feed_alloc(&program->feed, program->address[i], program->size[i], STACK_A);
}

static void do_free(struct program *program, unsigned int i)
{
	program->truth++;
	if (!is_lost(program))
		feed_free(&program->feed, program->address[i]);
	program->address[i] = 0;
}

static void do_realloc(struct program *program, unsigned int i)
{
	enum realloc_outcome outcome = program->may_fail ? random() % 3 : REALLOC_MOVED;
	uint64_t old = program->address[i];

	if (!is_lost(program))
		feed_realloc_begin(&program->feed, old);
	if (outcome != REALLOC_FAILED)
		program->address[i] = outcome == REALLOC_FREED ? 0 : new_address(program, old);
	if (outcome == REALLOC_MOVED)
		program->size[i] = random() % 500;
	program->truth += outcome == REALLOC_MOVED ? 2 : 1;
	if (!is_lost(program))
		feed_realloc_end(&program->feed, outcome, old,
			outcome == REALLOC_MOVED ? program->address[i] : 0, program->size[i],
			STACK_B);
	else
		program->feed.sequence += outcome == REALLOC_MOVED;
}

static void step(struct program *program)
{
	unsigned int thread = random() % THREADS, i = random() % BLOCKS;

	become_thread(program, thread);
	if (!program->address[i])
		do_alloc(program, i);
	else if (random() % 2)
		do_free(program, i);
	else
		do_realloc(program, i);
	program->sequences[thread] = program->feed.sequence;
}

/* Ends what is still between a begin and an end: each thread begins another realloc. */
static void settle(struct program *program)
{
	for (unsigned int thread = 0; thread < THREADS; thread++) {
		become_thread(program, thread);
		feed_realloc_begin(&program->feed, 1 + thread);
		feed_realloc_end(&program->feed, REALLOC_MOVED, 1 + thread,
			0x10000000 + thread * 64, 1, STACK_A);
		program->truth += 2;
	}
}

static struct program run(unsigned int seed, unsigned int loss_percent, bool may_fail)
{
	struct program program = {
		.next_address = 0x1000, .loss_percent = loss_percent, .may_fail = may_fail};

	srandom(seed);
	program.feed = feed_start();
	for (unsigned int i = 0; i < 3000; i++) {
		step(&program);
		if (i % 100 == 0)
			feed_check_balance(&program.feed);
	}
	settle(&program);
	return program;
}

static void test_seen_and_lost_add_up_to_the_truth(void **state)
{
	for (unsigned int seed = 0; seed < 60; seed++) {
		struct program program = run(seed, seed, false);
		struct heap_totals totals = feed_totals(&program.feed);

		assert_int_equal(heap__seen(&totals) + program.lost, program.truth);
		feed_stop(&program.feed);
	}
}

static void test_books_balance_whatever_is_lost(void **state)
{
	for (unsigned int seed = 0; seed < 60; seed++) {
		struct program program = run(seed, seed, true);

		feed_life(&program.feed, EVENT_EXIT, 1, 0, 0);
		assert_int_equal(feed_totals(&program.feed).live_count, 0);
		feed_stop(&program.feed);
	}
}

static void test_without_loss_every_figure_is_the_programs_own(void **state)
{
	for (unsigned int seed = 0; seed < 20; seed++) {
		struct program program = run(seed, 0, true);
		struct heap_totals totals = feed_totals(&program.feed);
		uint64_t count = 3, bytes = 3; /* from settle */

		for (unsigned int i = 0; i < BLOCKS; i++) {
			count += program.address[i] != 0;
			bytes += program.address[i] ? program.size[i] : 0;
		}
		assert_int_equal(totals.live_count, count);
		assert_int_equal(totals.live_bytes, bytes);
		assert_int_equal(totals.counts.implied_free_count, 0);
		assert_int_equal(totals.counts.untracked_free_count, 3);
		assert_int_equal(heap__seen(&totals), program.truth);
		feed_stop(&program.feed);
	}
}

/* Records with nothing but noise in them: as a damaged recording may have. */
static void test_noise_does_no_harm(void **state)
{
	union {
		struct event_header header;
		uint64_t words[8];
	} record;
	struct feed feed = feed_start();

	srandom(1);
	for (unsigned int i = 0; i < 200000; i++) {
		for (unsigned int j = 0; j < 8; j++)
			record.words[j] = (uint64_t)random() % 200 << (random() % 4 ? 0 : 50);
		record.header.kind = random() % 16;
		record.header.process = random() % 6;
		heap__apply(feed.heap, &record.header, random() % (sizeof(record) + 1));
	}
	feed_stop(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen_and_lost_add_up_to_the_truth),
		cmocka_unit_test(test_books_balance_whatever_is_lost),
		cmocka_unit_test(test_without_loss_every_figure_is_the_programs_own),
		cmocka_unit_test(test_noise_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
