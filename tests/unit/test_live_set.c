/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The table of live blocks, held against a table that cannot be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/live_set.h"

#define ADDRESSES 5000
/* A machine that has been up for years. */
#define TIME_NS (1ull << 56)

/* Addresses as allocators give them: steps of 16 to 4096 bytes in one region. */
static uint64_t address_of(unsigned int i, unsigned int step)
{
	return 0x7f0000001010ull + (uint64_t)i * step;
}

struct pair {
	struct live_set set;
	uint64_t truth[ADDRESSES]; /* size of the block at each address; 0: none */
	size_t count;
	unsigned int step;
};

static void insert(struct pair *pair, unsigned int i)
{
	/* One in eight is too large for 32 bits. */
	uint64_t size = (1 + random()) * (random() % 8 ? 1 : 1000);
	struct block block = {.address = address_of(i, pair->step),
		.size = size,
		.time_ns = TIME_NS + i,
		.site = i | (i & 1 ? BLOCK_INHERITED : 0),
		.thread = i % (BLOCK_MAX_THREAD + 1)};
	struct block before = {0};
	int known = live_set__put(&pair->set, &block, &before);

	assert_int_equal(known, pair->truth[i] != 0);
	assert_int_equal(before.size, pair->truth[i]);
	pair->count += !known;
	pair->truth[i] = size;
}

static void remove_one(struct pair *pair, unsigned int i)
{
	struct block old;
	bool was = live_set__remove(&pair->set, address_of(i, pair->step), &old);

	assert_int_equal(was, pair->truth[i] != 0);
	if (was)
		assert_int_equal(old.size, pair->truth[i]);
	pair->count -= was;
	pair->truth[i] = 0;
}

static void check_all(struct pair *pair)
{
	size_t visited = 0;

	for (unsigned int i = 0; i < ADDRESSES; i++) {
		struct block found = {0};
		bool is_there = live_set__find(&pair->set, address_of(i, pair->step), &found);

		assert_int_equal(is_there, pair->truth[i] != 0);
		assert_int_equal(found.size, pair->truth[i]);
	}
	live_set_for_each(at, &pair->set)
	{
		unsigned int i = (at.block.address - address_of(0, pair->step)) / pair->step;

		assert_int_equal(at.block.size, pair->truth[i]);
		assert_int_equal(at.block.time_ns, TIME_NS + i);
		assert_int_equal(block_site(&at.block), i);
		assert_int_equal(at.block.thread, i % (BLOCK_MAX_THREAD + 1));
		visited++;
	}
	assert_int_equal(visited, pair->count);
	assert_int_equal(live_set__size(&pair->set), pair->count);
}

/* Phases that mostly grow and mostly shrink, so that every stage of a move sees every operation. */
static void run_random(unsigned int seed)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	unsigned int inserts = 50;

	srandom(seed);
	pair->step = 16 << random() % 9;
	for (unsigned int i = 0; i < 20000; i++) {
		if (i % 1000 == 0)
			inserts = 10 + random() % 85;
		if (random() % 100 < inserts)
			insert(pair, random() % ADDRESSES);
		else
			remove_one(pair, random() % ADDRESSES);
		if (random() % 500 == 0)
			check_all(pair);
	}
	check_all(pair);
	live_set__free(&pair->set);
	free(pair);
}

static void test_random_operations_agree_with_the_truth(void **state)
{
	for (unsigned int seed = 0; seed < 30; seed++)
		run_random(seed);
}

static void test_every_operation_works_in_the_middle_of_a_move(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	unsigned int i = 0;

	pair->step = 48;
	while (i < 1000 || !pair->set.old.size)
		insert(pair, i++);
	assert_true(pair->set.old_moved < pair->set.old.capacity / 2);
	check_all(pair);
	for (unsigned int j = 0; j < i; j += 2)
		remove_one(pair, j);
	assert_true(pair->set.old.size > 0);
	check_all(pair);
	for (unsigned int j = 0; j < i; j += 4)
		insert(pair, j);
	check_all(pair);
	live_set__free(&pair->set);
	free(pair);
}

static void test_copy_in_the_middle_of_a_move_is_complete_and_apart(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	struct live_set original;
	unsigned int i = 0;

	pair->step = 16;
	while (i < 1000 || !pair->set.old.size)
		insert(pair, i++);
	original = pair->set;
	assert_int_equal(live_set__copy(&pair->set, &original, NULL, 0), 0);
	live_set__free(&original);
	check_all(pair);
	live_set__free(&pair->set);
	free(pair);
}

static void test_empty_set_has_nothing(void **state)
{
	struct live_set set = {0}, copy;
	struct block_cursor cursor = {0};
	struct block old;

	assert_false(live_set__find(&set, 0x1000, NULL));
	assert_false(live_set__remove(&set, 0x1000, &old));
	assert_false(live_set__next(&set, &cursor));
	assert_int_equal(live_set__copy(&copy, &set, NULL, 0), 0);
	live_set__free(&copy);
	live_set__free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_operations_agree_with_the_truth),
		cmocka_unit_test(test_every_operation_works_in_the_middle_of_a_move),
		cmocka_unit_test(test_copy_in_the_middle_of_a_move_is_complete_and_apart),
		cmocka_unit_test(test_empty_set_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
