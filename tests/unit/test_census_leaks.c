/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which blocks of a heap made by hand are lost, also in one whose pointers are moved meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "census/census.h"
#include "census_image.h"

/* A variable, outside of the arena. */
#define VARIABLE (FAKE_DATA + 0x10)

static struct census take(struct fake *fake, size_t looks)
{
	struct census_options options = {.looks = looks};
	struct census census;
	struct error err = {0};

	assert_int_equal(census__take(&fake->image, &options, &census, &err), 0);
	assert_int_equal(fake->wrong_reads, 0);
	assert_true(census.has_graph);
	return census;
}

static void expect(struct fake *fake, size_t definite, size_t indirect, size_t possible)
{
	struct census census = take(fake, 1);

	assert_int_equal(census.leaks.kinds[LEAK_DEFINITE].count, definite);
	assert_int_equal(census.leaks.kinds[LEAK_INDIRECT].count, indirect);
	assert_int_equal(census.leaks.kinds[LEAK_POSSIBLE].count, possible);
	census__free(&census);
	fake__free(fake);
}

/* Fills @blocks with @count blocks of 0x38 usable bytes. */
static void begin(struct fake *fake, uint64_t *blocks, size_t count)
{
	fake__begin(fake);
	for (size_t i = 0; i < count; i++)
		blocks[i] = fake__chunk(fake, 0x40, false);
	fake__end(fake);
}

static void test_what_a_variable_reaches_is_not_lost(void **state)
{
	struct fake fake;
	uint64_t blocks[3];

	begin(&fake, blocks, 3);
	fake__put(&fake, VARIABLE, blocks[0]);
	fake__put(&fake, blocks[0] + 16, blocks[1]);
	expect(&fake, 1, 0, 0);
}

static void test_one_of_a_ring_is_lost_and_the_others_with_it(void **state)
{
	struct fake fake;
	uint64_t blocks[3];

	begin(&fake, blocks, 3);
	for (size_t i = 0; i < 3; i++)
		fake__put(&fake, blocks[i] + 8, blocks[(i + 1) % 3]);
	expect(&fake, 1, 2, 0);
}

static void test_a_later_block_that_holds_a_lost_one_takes_its_place(void **state)
{
	struct fake fake;
	uint64_t blocks[3];

	begin(&fake, blocks, 3);
	fake__put(&fake, blocks[2], blocks[1]);
	fake__put(&fake, blocks[1], blocks[0]);
	expect(&fake, 1, 2, 0);
}

static void test_what_only_inner_pointers_reach_is_possibly_lost(void **state)
{
	struct fake fake;
	uint64_t blocks[2];

	begin(&fake, blocks, 2);
	fake__put(&fake, VARIABLE, blocks[0] + 20);
	fake__put(&fake, blocks[0], blocks[1]);
	expect(&fake, 0, 0, 2);
}

static void test_a_pointer_behind_an_arrays_count_is_one_to_its_start(void **state)
{
	struct fake fake;
	uint64_t block;

	begin(&fake, &block, 1);
	fake__put(&fake, block, 3);
	fake__put(&fake, VARIABLE, block + 8);
	expect(&fake, 0, 0, 0);
}

static void test_registers_and_the_stack_from_its_pointer_up_are_roots(void **state)
{
	uint64_t blocks[4];
	struct fake fake;

	begin(&fake, blocks, 4);
	fake.ranges[FAKE_ANON_INDEX].kind = RANGE_STACK;
	fake.thread.stack_pointer = FAKE_ANON + 0x1000;
	fake.thread.registers[0] = blocks[0];
	fake.thread.register_count = 1;
	fake__put(&fake, FAKE_ANON + 0x1008, blocks[1]);
	fake__put(&fake, FAKE_ANON + 0x1000 - 128, blocks[2]);
	fake__put(&fake, FAKE_ANON + 0x1000 - 136, blocks[3]);
	expect(&fake, 1, 0, 0);
}

static void test_the_whole_stack_of_a_running_thread_is_a_root(void **state)
{
	uint64_t block;
	struct fake fake;

	begin(&fake, &block, 1);
	fake.ranges[FAKE_ANON_INDEX].kind = RANGE_STACK;
	fake__put(&fake, FAKE_ANON + 0x100, block);
	expect(&fake, 0, 0, 0);
}

static void test_what_is_not_understood_may_hold_pointers(void **state)
{
	uint64_t blocks[24];
	struct fake fake;

	begin(&fake, blocks, 24);
	for (size_t i = 0; i < 24; i++)
		fake__put(&fake, VARIABLE + 8 * i, i == 23 ? 0 : blocks[i]);
	fake__put(&fake, blocks[2], blocks[23]);
	/* The header of the block before is written over: both are skipped. */
	fake__put(&fake, blocks[2] - 8, 0x4141414141414141);
	expect(&fake, 0, 0, 0);
}

/* --- owners */

static const struct owner *find_owner_named(const struct census *census, const char *name)
{
	vec_for_each (owner, &census->owners.all)
		if (!strcmp(owner->name, name))
			return owner;
	fail();
	return NULL;
}

static const struct owner *find_owner(const struct census *census, uint64_t variable)
{
	char name[64];

	snprintf(name, sizeof(name), "variable at 0x%llx", (unsigned long long)variable);
	return find_owner_named(census, name);
}

static void test_an_owner_retains_what_it_alone_reaches(void **state)
{
	uint64_t blocks[7];
	struct fake fake;
	struct census census;
	const struct owner *owner;

	begin(&fake, blocks, 7);
	fake.ranges[FAKE_ANON_INDEX].kind = RANGE_STACK;
	/* 0 → 1 → 2, and 3 → 2 → 4: 2 and 4 are shared. 5 → 6 are the stack's. */
	fake__put(&fake, VARIABLE, blocks[0]);
	fake__put(&fake, VARIABLE + 8, blocks[3]);
	fake__put(&fake, blocks[0], blocks[1]);
	fake__put(&fake, blocks[1], blocks[2]);
	fake__put(&fake, blocks[3], blocks[2]);
	fake__put(&fake, blocks[2], blocks[4]);
	fake__put(&fake, FAKE_ANON + 8, blocks[5]);
	fake__put(&fake, FAKE_ANON + 16, blocks[1]); /* in a variable's hands already */
	fake__put(&fake, blocks[5], blocks[6]);
	census = take(&fake, 1);
	owner = find_owner(&census, VARIABLE);
	assert_int_equal(owner->count, 2);
	assert_int_equal(owner->bytes, 2 * 0x38);
	assert_int_equal(find_owner(&census, VARIABLE + 8)->count, 1);
	assert_string_equal(census.owners.all.data[0].name, "(shared)");
	assert_int_equal(census.owners.all.data[0].count, 2);
	assert_int_equal(find_owner_named(&census, "stack of thread 0")->count, 2);
	census__free(&census);
	fake__free(&fake);
}

static void test_a_list_is_one_step_of_an_owners_way(void **state)
{
	uint64_t blocks[20];
	uint32_t steps[OWNER_STEPS];
	struct fake fake;
	struct census census;

	begin(&fake, blocks, 20);
	fake__put(&fake, VARIABLE, blocks[0]);
	for (size_t i = 0; i + 1 < 20; i++)
		fake__put(&fake, blocks[i], blocks[i + 1]);
	census = take(&fake, 1);
	assert_int_equal(owners__way(&census.owners, find_owner(&census, VARIABLE), steps), 1);
	assert_int_equal(census.owners.chains.data[steps[0]].count, 20);
	census__free(&census);
	fake__free(&fake);
}

/* --- in motion */

/* Where the only pointer is, which moves with every pause from one variable to the next. */
struct mover {
	struct fake *fake;
	uint64_t block;
	size_t pauses;
};

static struct mover mover;

static long read_without_pointer(void *context, uint64_t address, void *to, size_t size)
{
	struct fake *fake = context;
	long got;

	/* A look never sees it: it is in the register of a thread that runs. A hunt does at times.
	 */
	fake__put(fake, VARIABLE, mover.pauses > 8 && mover.pauses % 3 == 0 ? mover.block : 0);
	got = fake__read(context, address, to, size);
	fake__put(fake, VARIABLE, 0);
	return got;
}

static void count_pause(void *context)
{
	mover.pauses++;
	fake__put(context, VARIABLE + 8, mover.pauses);
}

static void test_a_pointer_that_no_look_sees_is_hunted_for(void **state)
{
	uint64_t blocks[3];
	struct fake fake;
	struct census census;

	begin(&fake, blocks, 3);
	fake__put(&fake, blocks[0], blocks[1]);
	mover = (struct mover){&fake, blocks[0], 0};
	fake.image.memory.read = read_without_pointer;
	fake.image.memory.pause = count_pause;
	census = take(&fake, 3);
	/* The third is lost indeed; the second is what the moving one holds. */
	assert_int_equal(census.leaks.kinds[LEAK_DEFINITE].count, 1);
	assert_int_equal(census.leaks.kinds[LEAK_INDIRECT].count, 0);
	assert_int_equal(census.leaks.groups.data[0].samples[0], blocks[2]);
	assert_int_equal(census.acquitted, 1);
	assert_int_equal(census.looks, 3);
	census__free(&census);
	fake__free(&fake);
}

static void change_block(void *context)
{
	mover.pauses++;
	fake__put(context, mover.block + 8, mover.pauses);
}

static void test_a_block_that_changes_is_not_lost(void **state)
{
	struct fake fake;
	struct census census;
	uint64_t block;

	begin(&fake, &block, 1);
	mover = (struct mover){&fake, block, 0};
	fake.image.memory.pause = change_block;
	census = take(&fake, 2);
	assert_int_equal(census.leaks.kinds[LEAK_DEFINITE].count, 0);
	assert_int_equal(census.acquitted, 1);
	census__free(&census);
	fake__free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_variable_reaches_is_not_lost),
		cmocka_unit_test(test_one_of_a_ring_is_lost_and_the_others_with_it),
		cmocka_unit_test(test_a_later_block_that_holds_a_lost_one_takes_its_place),
		cmocka_unit_test(test_what_only_inner_pointers_reach_is_possibly_lost),
		cmocka_unit_test(test_a_pointer_behind_an_arrays_count_is_one_to_its_start),
		cmocka_unit_test(test_registers_and_the_stack_from_its_pointer_up_are_roots),
		cmocka_unit_test(test_the_whole_stack_of_a_running_thread_is_a_root),
		cmocka_unit_test(test_what_is_not_understood_may_hold_pointers),
		cmocka_unit_test(test_an_owner_retains_what_it_alone_reaches),
		cmocka_unit_test(test_a_list_is_one_step_of_an_owners_way),
		cmocka_unit_test(test_a_pointer_that_no_look_sees_is_hunted_for),
		cmocka_unit_test(test_a_block_that_changes_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
