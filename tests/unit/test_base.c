/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Units, printable text, hash tables and growable arrays. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/units.h"
#include "base/vec.h"

/* --- units */

static void test_sizes_are_powers_of_1024(void **state)
{
	const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {{"0", 0}, {"4096", 4096}, {"64K", 65536}, {"1.5M", 1572864},
		{"2GiB", 2ull << 30}, {"1tb", 1ull << 40}, {"7B", 7}};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(units__parse_bytes(sizes[i].text, &bytes), 0);
		assert_int_equal(bytes, sizes[i].bytes);
	}
}

static void test_times_are_seconds_without_a_unit(void **state)
{
	const struct {
		const char *text;
		uint64_t ns;
	} times[] = {{"10", 10000000000}, {"1.5s", 1500000000}, {"20ms", 20000000}, {"50us", 50000},
		{"3ns", 3}, {"5m", 300000000000}, {"2h", 7200000000000}};
	uint64_t ns;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(units__parse_time(times[i].text, &ns), 0);
		assert_int_equal(ns, times[i].ns);
	}
}

static void test_what_is_no_size_no_time_and_no_pid_is_refused(void **state)
{
	const char *const wrong[] = {"", " 1", "-1", "+1", "inf", "nan", "0x10", "1e300", "1Q",
		"1 K", "K", "1.2.3", "99999999999999999999"};
	const char *const no_pids[] = {"", "0", "-1", "1x", "4194305", "99999999999999999999"};
	uint64_t value;
	pid_t pid;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(units__parse_bytes(wrong[i], &value), -EINVAL);
		assert_int_equal(units__parse_time(wrong[i], &value), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(no_pids) / sizeof(no_pids[0]); i++)
		assert_int_equal(units__parse_pid(no_pids[i], &pid), -EINVAL);
	assert_int_equal(units__parse_pid("4194304", &pid), 0);
	assert_int_equal(pid, 4194304);
}

/* --- text */

static void expect_printable(const char *text, const char *expected)
{
	char copy[64];

	strcpy(copy, text);
	text__make_printable(copy);
	assert_string_equal(copy, expected);
}

static void test_text_of_all_languages_stays(void **state)
{
	expect_printable("plain", "plain");
	expect_printable(
		"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80", "\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80");
}

static void test_controls_and_bytes_that_are_not_utf8_become_question_marks(void **state)
{
	expect_printable("a\x1b[2Jb", "a?[2Jb");
	expect_printable("a\nb\x7f", "a?b?");
	expect_printable("\xff\xc3", "??");
	expect_printable("\xc0\xaf", "??");	      /* overlong */
	expect_printable("\xed\xa0\x80", "???");      /* a surrogate */
	expect_printable("\xf4\x90\x80\x80", "????"); /* beyond U+10FFFF */
}

static void test_characters_that_hide_or_turn_text_become_question_marks(void **state)
{
	expect_printable("a\xe2\x80\xae"
			 "b",
		"a?b"); /* right-to-left override */
	expect_printable("a\xe2\x80\x8b"
			 "b",
		"a?b"); /* zero-width space */
	expect_printable("\xef\xbb\xbf"
			 "a",
		"?a"); /* byte order mark */
	expect_printable("\xc2\x9b"
			 "2J",
		"?2J"); /* a C1 control: CSI */
}

/* --- hash tables */

/* All keys have one of four homes, so that runs are long and wrap around. */
static inline uint64_t crowded_hash(uint64_t key)
{
	return key % 4 - 2;
}

DEFINE_HASH(crowded_map, uint64_t, uint64_t, crowded_hash, hash_same_number);
DEFINE_HASH_PAIR(pair_numbers, int);

#define KEYS 200

static void expect_map(struct crowded_map *map, const bool *present)
{
	size_t count = 0, seen = 0;

	for (uint64_t key = 0; key < KEYS; key++) {
		const uint64_t *value = crowded_map__find(map, key);

		assert_int_equal(value != NULL, present[key]);
		if (value)
			assert_int_equal(*value, key * 3);
		count += present[key];
	}
	hash_for_each (slot, map)
		seen += present[slot->key];
	assert_int_equal(map->size, count);
	assert_int_equal(seen, count);
}

static void test_removal_leaves_all_others_to_be_found(void **state)
{
	struct crowded_map map = {0};
	bool present[KEYS] = {0};
	uint64_t random = 1, old;

	assert_false(crowded_map__remove(&map, 1, NULL));
	for (int step = 0; step < 3000; step++) {
		uint64_t key;

		random = hash_mix(random + step);
		key = random % KEYS;
		if (present[key]) {
			assert_true(crowded_map__remove(&map, key, &old));
			assert_int_equal(old, key * 3);
		} else {
			assert_false(crowded_map__remove(&map, key, NULL));
			*crowded_map__insert(&map, key) = key * 3;
		}
		present[key] = !present[key];
		if (step % 50 == 0)
			expect_map(&map, present);
	}
	expect_map(&map, present);
	crowded_map__free(&map);
	assert_null(crowded_map__find(&map, 1));
}

static void test_a_key_that_comes_back_begins_at_zero(void **state)
{
	struct crowded_map map = {0};

	*crowded_map__insert(&map, 7) = 21;
	assert_true(crowded_map__remove(&map, 7, NULL));
	assert_int_equal(*crowded_map__insert(&map, 7), 0);
	crowded_map__free(&map);
}

static void test_pairs_are_told_apart_by_both_numbers(void **state)
{
	struct pair_numbers map = {0};

	*pair_numbers__insert(&map, (struct hash_pair){1, 2}) = 12;
	*pair_numbers__insert(&map, (struct hash_pair){2, 1}) = 21;
	assert_int_equal(*pair_numbers__find(&map, (struct hash_pair){1, 2}), 12);
	assert_int_equal(*pair_numbers__find(&map, (struct hash_pair){2, 1}), 21);
	assert_null(pair_numbers__find(&map, (struct hash_pair){1, 1}));
	pair_numbers__free(&map);
}

/* --- arrays */

typedef VEC(int) number_vec;

/* As its callers use it, with numbers that the compiler does not know. */
static __attribute__((noipa)) void splice(
	number_vec *numbers, size_t at, size_t removed, size_t added)
{
	vec_splice(numbers, at, removed, added);
}

static void test_splicing_moves_what_is_behind(void **state)
{
	number_vec numbers = {0};

	assert_int_equal(vec_reserve(&numbers, 8), 0);
	splice(&numbers, 0, 0, 0); /* of nothing, nothing */
	assert_int_equal(numbers.size, 0);
	for (int i = 0; i < 5; i++)
		vec_push(&numbers, i);
	splice(&numbers, 1, 2, 1); /* 0 . 3 4 */
	numbers.data[1] = 9;
	assert_memory_equal(numbers.data, ((int[]){0, 9, 3, 4}), 4 * sizeof(int));
	splice(&numbers, 4, 0, 2); /* at the end */
	numbers.data[4] = 5;
	numbers.data[5] = 6;
	splice(&numbers, 0, 1, 2); /* one more at the front */
	numbers.data[0] = 7;
	numbers.data[1] = 8;
	assert_memory_equal(numbers.data, ((int[]){7, 8, 9, 3, 4, 5, 6}), 7 * sizeof(int));
	splice(&numbers, 0, 7, 0);
	assert_int_equal(numbers.size, 0);
	vec_free(&numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_are_powers_of_1024),
		cmocka_unit_test(test_times_are_seconds_without_a_unit),
		cmocka_unit_test(test_what_is_no_size_no_time_and_no_pid_is_refused),
		cmocka_unit_test(test_text_of_all_languages_stays),
		cmocka_unit_test(test_controls_and_bytes_that_are_not_utf8_become_question_marks),
		cmocka_unit_test(test_characters_that_hide_or_turn_text_become_question_marks),
		cmocka_unit_test(test_removal_leaves_all_others_to_be_found),
		cmocka_unit_test(test_a_key_that_comes_back_begins_at_zero),
		cmocka_unit_test(test_pairs_are_told_apart_by_both_numbers),
		cmocka_unit_test(test_splicing_moves_what_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
