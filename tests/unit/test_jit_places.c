/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Addresses of code made at run time, as of their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "process/jit_places.h"

enum { PARENT = 1, CHILD = 2, GRANDCHILD = 3 };

static void change(struct jit_places *places, uint32_t process, uint32_t number, uint64_t before,
	uint32_t flags)
{
	struct code_change change = {
		.process = process,
		.number = number,
		.start = 0x1000,
		.end = 0x1080,
		.page = before,
		.inode = flags & CODE_NAMED ? 7 : 0,
		.flags = flags,
	};

	assert_int_equal(jit_places__change(places, &change), 0);
}

static struct jit_place get(struct jit_places *places, uint32_t number, unsigned int generation)
{
	struct jit_place place;

	assert_true(jit_places__get(places, number, generation, &place));
	return place;
}

static void test_a_process_that_makes_no_code_has_no_places(void **state)
{
	struct jit_places places = {0};

	assert_int_equal(jit_places__at(&places, PARENT, 1, 0x1000), 0);
	change(&places, PARENT, 1, 0, 0);
	assert_int_equal(jit_places__at(&places, PARENT, 1, 0x1000), 0);
	jit_places__free(&places);
}

static void test_a_new_name_makes_another_place(void **state)
{
	struct jit_places places = {0};
	uint32_t first, second;

	change(&places, PARENT, 1, 0, CODE_CAME);
	change(&places, PARENT, 2, 0, CODE_NAMED);
	first = jit_places__at(&places, PARENT, 2, 0x1000);
	change(&places, PARENT, 3, 12, CODE_NAMED | CODE_RENAMED);
	second = jit_places__at(&places, PARENT, 3, 0x1000);
	assert_int_not_equal(first, second);
	assert_int_equal(jit_places__at(&places, PARENT, 2, 0x1000), first);
	assert_int_equal(jit_places__at(&places, PARENT, 2, 0x1080),
		jit_places__at(&places, PARENT, 3, 0x1080));
	assert_int_equal(get(&places, first, 0).limit, 12);
	assert_true(get(&places, first, 0).may_be_later);
	assert_int_equal(get(&places, second, 0).floor, 12);
	assert_int_equal(get(&places, second, 0).limit, UINT64_MAX);
	assert_false(get(&places, second, 0).may_be_later);
	jit_places__free(&places);
}

static void test_a_first_name_tells_of_no_change_unless_some_were_missed(void **state)
{
	struct jit_places places = {0};
	uint32_t first;

	change(&places, PARENT, 1, 0, CODE_CAME);
	first = jit_places__at(&places, PARENT, 1, 0x1000);
	change(&places, PARENT, 2, 0, CODE_NAMED);
	assert_int_equal(jit_places__at(&places, PARENT, 2, 0x1000), first);
	change(&places, CHILD, 3, 0, CODE_CAME);
	first = jit_places__at(&places, CHILD, 3, 0x1000);
	change(&places, CHILD, 4, 100, CODE_NAMED);
	assert_int_not_equal(jit_places__at(&places, CHILD, 4, 0x1000), first);
	jit_places__free(&places);
}

static void test_other_memory_at_the_address_takes_the_name_away(void **state)
{
	struct jit_places places = {0};
	uint32_t first, second;

	change(&places, PARENT, 1, 0, CODE_CAME);
	change(&places, PARENT, 2, 0, CODE_NAMED);
	first = jit_places__at(&places, PARENT, 2, 0x1000);
	change(&places, PARENT, 3, 12, CODE_CAME);
	second = jit_places__at(&places, PARENT, 3, 0x1000);
	assert_int_equal(get(&places, first, 0).limit, 12);
	assert_int_equal(get(&places, second, 0).floor, 12);
	jit_places__free(&places);
}

static void test_a_child_has_its_parents_code_until_it_names_its_own(void **state)
{
	struct jit_places places = {0};
	uint32_t parents, own;

	change(&places, PARENT, 1, 0, CODE_CAME);
	change(&places, PARENT, 2, 0, CODE_NAMED);
	parents = jit_places__at(&places, PARENT, 2, 0x1000);
	assert_int_equal(jit_places__fork(&places, PARENT, CHILD, 2), 0);
	assert_int_equal(jit_places__fork(&places, CHILD, GRANDCHILD, 2), 0);
	change(&places, PARENT, 3, 12, CODE_NAMED | CODE_RENAMED);
	assert_int_equal(jit_places__at(&places, CHILD, 3, 0x1000), parents);
	jit_places__forget(&places, CHILD);
	assert_int_equal(jit_places__at(&places, GRANDCHILD, 3, 0x1000), parents);
	change(&places, GRANDCHILD, 4, 0, CODE_NAMED | CODE_RENAMED);
	own = jit_places__at(&places, GRANDCHILD, 4, 0x1000);
	assert_int_equal(get(&places, own, 0).process, GRANDCHILD);
	assert_int_equal(get(&places, own, 1).process, PARENT);
	assert_int_equal(get(&places, own, 1).limit, 12);
	jit_places__free(&places);
}

static void test_a_file_counts_from_where_it_began(void **state)
{
	struct jit_places places = {0};
	struct code_change line = {.process = PARENT, .number = 1, .flags = CODE_NAMED};

	line.inode = 7;
	assert_int_equal(jit_places__change(&places, &line), 0);
	line.inode = 8;
	line.into = 100;
	assert_int_equal(jit_places__change(&places, &line), 0);
	assert_int_equal(jit_places__base(&places, PARENT, 7), 0);
	assert_int_equal(jit_places__base(&places, PARENT, 8), 100);
	assert_int_equal(jit_places__base(&places, PARENT, 9), 0);
	jit_places__free(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_process_that_makes_no_code_has_no_places),
		cmocka_unit_test(test_a_new_name_makes_another_place),
		cmocka_unit_test(test_a_first_name_tells_of_no_change_unless_some_were_missed),
		cmocka_unit_test(test_other_memory_at_the_address_takes_the_name_away),
		cmocka_unit_test(test_a_child_has_its_parents_code_until_it_names_its_own),
		cmocka_unit_test(test_a_file_counts_from_where_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
