/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What code lay where in which epoch, and the log that tells of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "process/code_history.h"
#include "process/code_log.h"
#include "process/module.h"

static const struct module first = {.id = 1}, second = {.id = 2}, program = {.id = 3};

static struct code_range range_of(const struct module *module, uint64_t start, uint64_t end)
{
	return (struct code_range){.start = start, .end = end, .bias = start, .module = module};
}

/* A look at the program, and at @module at 0x5000 if there is one. */
static void look(struct code_history *history, const struct module *module, uint32_t since)
{
	struct code_range list[] = {
		range_of(&program, 0x1000, 0x2000), range_of(module, 0x5000, 0x6000)};
	code_ranges ranges = {.data = list, .size = module ? 2 : 1};

	assert_int_equal(code_history__look(history, &ranges, since, since), 0);
}

static void change(struct code_history *history, uint32_t number, bool came)
{
	struct code_event event = {
		.number = number, .time_ns = number, .start = 0x5000, .end = 0x6000, .came = came};

	assert_int_equal(code_history__change(history, &event), 0);
}

static const struct module *module_at(
	const struct code_history *history, uint32_t epoch, uint64_t address)
{
	const struct code_range *range;

	if (code_history__find(history, epoch, address, &range) != CODE_FOUND)
		return NULL;
	assert_true(range->start <= address && address < range->end);
	return range->module;
}

static enum code_answer answer_at(const struct code_history *history, uint32_t epoch)
{
	const struct code_range *range;

	return code_history__find(history, epoch, 0x5100, &range);
}

static void test_two_files_at_one_address_are_told_apart_by_epoch(void **state)
{
	struct code_history history = {0};

	look(&history, NULL, 0);
	change(&history, 1, true);
	look(&history, &first, 1);
	change(&history, 2, false);
	change(&history, 3, true);
	look(&history, &second, 3);
	assert_null(module_at(&history, 0, 0x5100));
	assert_ptr_equal(module_at(&history, 1, 0x5100), &first);
	assert_null(module_at(&history, 2, 0x5100));
	assert_ptr_equal(module_at(&history, 3, 0x5100), &second);
	assert_ptr_equal(module_at(&history, 9, 0x5fff), &second);
	for (uint32_t epoch = 0; epoch < 4; epoch++)
		assert_ptr_equal(module_at(&history, epoch, 0x1000), &program);
	code_history__free(&history);
}

static void test_code_that_nobody_looked_at_is_lost_and_not_its_neighbour_in_time(void **state)
{
	struct code_history history = {0};

	look(&history, NULL, 0);
	change(&history, 1, true);
	look(&history, &first, 1);
	change(&history, 2, false);
	change(&history, 3, true); /* another file, not seen */
	change(&history, 4, false);
	change(&history, 5, true);
	look(&history, &first, 5);
	assert_ptr_equal(module_at(&history, 1, 0x5100), &first);
	assert_int_equal(answer_at(&history, 3), CODE_LOST);
	assert_ptr_equal(module_at(&history, 5, 0x5100), &first);
	code_history__free(&history);
}

static void test_what_changed_while_it_was_looked_at_is_left_out(void **state)
{
	struct code_history history = {0};

	change(&history, 1, true);
	change(&history, 2, true);
	look(&history, &first, 1); /* begun in epoch 1 */
	assert_int_equal(answer_at(&history, 2), CODE_LOST);
	assert_ptr_equal(module_at(&history, 2, 0x1000), &program);
	look(&history, &first, 2);
	assert_ptr_equal(module_at(&history, 2, 0x5100), &first);
	assert_null(module_at(&history, 1, 0x5100));
	code_history__free(&history);
}

static void test_a_change_of_a_part_leaves_the_rest(void **state)
{
	struct code_event hole = {.number = 7, .start = 0x5400, .end = 0x5800};
	struct code_history history = {0};

	look(&history, &first, 0);
	assert_int_equal(code_history__change(&history, &hole), 0);
	assert_ptr_equal(module_at(&history, 8, 0x53ff), &first);
	assert_null(module_at(&history, 8, 0x5400));
	assert_null(module_at(&history, 8, 0x57ff));
	assert_ptr_equal(module_at(&history, 8, 0x5800), &first);
	assert_ptr_equal(module_at(&history, 6, 0x5400), &first);
	code_history__free(&history);
}

static void test_what_went_without_a_change_is_missed(void **state)
{
	struct code_range list[] = {
		range_of(&program, 0x1000, 0x2000), range_of(&second, 0x5800, 0x6800)};
	code_ranges ranges = {.data = list, .size = 2}, missed = {0};
	struct code_history history = {0};

	look(&history, &first, 0);
	assert_int_equal(code_history__missed(&history, &ranges, &missed), 0);
	assert_int_equal(missed.size, 1);
	assert_int_equal(missed.data[0].start, 0x5000);
	assert_int_equal(missed.data[0].end, 0x6000);
	vec_free(&missed);
	code_history__free(&history);
}

static void test_a_forked_child_keeps_what_its_parent_lost_later(void **state)
{
	struct code_history parent = {0}, child = {0};

	look(&parent, &first, 0);
	change(&parent, 5, false);
	change(&parent, 6, true);
	look(&parent, &second, 6);
	change(&child, 8, false); /* heard of before the fork */
	assert_int_equal(code_history__fork(&child, &parent, 4), 0);
	assert_ptr_equal(module_at(&child, 4, 0x5100), &first);
	assert_ptr_equal(module_at(&child, 7, 0x5100), &first);
	assert_null(module_at(&child, 8, 0x5100));
	assert_ptr_equal(module_at(&child, 8, 0x1100), &program);
	code_history__free(&parent);
	code_history__free(&child);
}

static void test_lost_changes_end_what_was_known(void **state)
{
	struct code_history history = {0};

	look(&history, &first, 0);
	assert_int_equal(code_history__lose(&history, 3, 9, 0), 0);
	assert_ptr_equal(module_at(&history, 3, 0x5100), &first);
	assert_null(module_at(&history, 4, 0x1100));
	look(&history, &first, 9);
	assert_null(module_at(&history, 8, 0x5100));
	assert_ptr_equal(module_at(&history, 9, 0x5100), &first);
	code_history__free(&history);
}

static void test_a_hundred_thousand_libraries_need_no_memory(void **state)
{
	struct code_history history = {0};

	for (uint32_t i = 1; i < 200000; i += 2) {
		change(&history, i, true);
		look(&history, i % 4 == 1 ? &first : &second, i);
		change(&history, i + 1, false);
		if (i % 100 == 1 && i > 100)
			code_history__forget(&history, i - 100);
	}
	assert_true(history.past.capacity < 1024);
	assert_true(history.events.capacity < 1024);
	assert_int_equal(history.current.size, 1);
	assert_ptr_equal(module_at(&history, 199999, 0x5100), &second);
	assert_ptr_equal(module_at(&history, 199997, 0x5100), &first);
	assert_null(module_at(&history, 1, 0x5100));
	code_history__free(&history);
}

/* --- the log */

struct shared_log {
	struct code_change entries[CODE_LOG_SIZE];
	uint32_t newest;
	uint32_t epochs[CODE_EPOCHS];
};

static void test_changes_are_read_in_order_and_an_overrun_is_told(void **state)
{
	static struct shared_log shared;
	struct code_log log = {
		.entries = shared.entries, .newest = &shared.newest, .epochs = shared.epochs};
	struct code_change change;

	assert_int_equal(code_log__next(&log, &change), CODE_LOG_END);
	for (uint32_t i = 1; i <= 3; i++)
		code_log__add(&log, 7, i * 0x1000, i * 0x1000 + 0x1000);
	assert_int_equal(code_log__epoch(&log, 7), 3);
	assert_int_equal(code_log__epoch(&log, 8), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(code_log__next(&log, &change), CODE_LOG_CHANGE);
		assert_int_equal(change.number, i);
		assert_int_equal(change.start, i * 0x1000);
	}
	assert_int_equal(code_log__next(&log, &change), CODE_LOG_END);
	for (uint32_t i = 0; i < CODE_LOG_SIZE + 5; i++)
		code_log__add(&log, 7, 0, 0x1000);
	assert_int_equal(code_log__next(&log, &change), CODE_LOG_OVERRUN);
	assert_int_equal(code_log__next(&log, &change), CODE_LOG_CHANGE);
	assert_int_equal(change.number, log.read);
	assert_true(log.read > 3);
}

static void test_a_change_that_is_being_written_is_not_read(void **state)
{
	static struct shared_log shared;
	struct code_log log = {
		.entries = shared.entries, .newest = &shared.newest, .epochs = shared.epochs};
	struct code_change change;

	shared.newest = 1;
	assert_int_equal(code_log__next(&log, &change), CODE_LOG_END);
	assert_int_equal(log.read, 0);
	shared.entries[1].number = 1;
	assert_int_equal(code_log__next(&log, &change), CODE_LOG_CHANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_files_at_one_address_are_told_apart_by_epoch),
		cmocka_unit_test(
			test_code_that_nobody_looked_at_is_lost_and_not_its_neighbour_in_time),
		cmocka_unit_test(test_what_changed_while_it_was_looked_at_is_left_out),
		cmocka_unit_test(test_a_change_of_a_part_leaves_the_rest),
		cmocka_unit_test(test_what_went_without_a_change_is_missed),
		cmocka_unit_test(test_a_forked_child_keeps_what_its_parent_lost_later),
		cmocka_unit_test(test_lost_changes_end_what_was_known),
		cmocka_unit_test(test_a_hundred_thousand_libraries_need_no_memory),
		cmocka_unit_test(test_changes_are_read_in_order_and_an_overrun_is_told),
		cmocka_unit_test(test_a_change_that_is_being_written_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
