/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Recordings that were cut, damaged, or written by others: read as far as they are good. */
#include <xxhash.h>

#include "recording_sample.h"
#include "stream/recording_format.h"

static uint64_t state = 88172645463325252ull;

static uint64_t random_number(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* End of the last whole frame within @size bytes; 0 without a whole head. */
static size_t last_boundary(const struct content *content, size_t size)
{
	size_t at = sizeof(struct recording_head), next = at;
	struct recording_frame frame;

	if (size < at)
		return 0;
	while (next <= size) {
		at = next;
		if (at + sizeof(frame) > content->size)
			break;
		memcpy(&frame, content->data + at, sizeof(frame));
		next = at + sizeof(frame) + frame.size;
	}
	return at;
}

/* The replay says that something is amiss with a file that has lost its end. */
static void check_cut(const struct content *content, size_t size)
{
	struct replay replay;
	struct error err = {0};
	size_t whole = last_boundary(content, size);
	int code = sample_replay(&replay, content->data, size, (struct replay_options){0}, &err);

	if (!whole) {
		assert_int_equal(code, -EINVAL);
		assert_true(err.message[0]);
	} else {
		assert_int_equal(code, 0);
		assert_int_equal(replay.problems.bytes, whole);
		assert_int_equal(replay.problems.is_cut, whole != size);
		assert_false(replay.problems.is_broken);
		assert_int_equal(replay.problems.damaged_frames, 0);
		assert_int_equal(replay.problems.has_end, size == content->size);
	}
	replay__free(&replay);
}

static void test_a_recording_cut_at_any_byte_is_read_to_its_last_whole_frame(void **test)
{
	struct content content = sample_recording(20);

	for (size_t size = 0; size <= content.size; size++)
		check_cut(&content, size);
	free(content.data);
}

static void test_a_large_recording_cut_anywhere_is_read_to_its_last_whole_frame(void **test)
{
	struct content content = sample_recording(100000);

	for (int i = 0; i < 60; i++)
		check_cut(&content, random_number() % content.size);
	free(content.data);
}

/* Either it is refused, or something is said to be missing. */
static void check_damage_is_noticed(const uint8_t *data, size_t size)
{
	struct replay replay;
	struct error err = {0};
	int code = sample_replay(&replay, data, size, (struct replay_options){0}, &err);

	if (code)
		assert_true(err.message[0]);
	else
		assert_true(replay.problems.is_broken || replay.problems.is_cut ||
			    replay.problems.damaged_frames);
	replay__free(&replay);
}

static void test_every_flipped_bit_of_a_recording_is_noticed(void **test)
{
	struct content content = sample_recording(20);

	for (size_t bit = 0; bit < content.size * 8; bit++) {
		content.data[bit / 8] ^= 1 << bit % 8;
		check_damage_is_noticed(content.data, content.size);
		content.data[bit / 8] ^= 1 << bit % 8;
	}
	free(content.data);
}

static void test_flipped_bits_of_a_large_recording_are_noticed(void **test)
{
	struct content content = sample_recording(100000);

	for (int i = 0; i < 60; i++) {
		size_t at = random_number() % content.size;
		uint8_t bit = 1 << random_number() % 8;

		content.data[at] ^= bit;
		check_damage_is_noticed(content.data, content.size);
		content.data[at] ^= bit;
	}
	free(content.data);
}

static void test_a_damaged_frame_is_left_out_and_the_rest_is_read(void **test)
{
	struct content content = sample_recording(100000);
	struct recording_frame frame = {0};
	struct replay replay;
	struct error err = {0};
	size_t at = sizeof(struct recording_head);

	/* The second frame of events: the first has the stack. */
	for (int events = 0;; at += sizeof(frame) + frame.size) {
		memcpy(&frame, content.data + at, sizeof(frame));
		if (frame.type == RECORDING_EVENTS && ++events == 2)
			break;
	}
	content.data[at + sizeof(frame) + frame.size / 2] ^= 0x10;
	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		0);
	assert_int_equal(replay.problems.damaged_frames, 1);
	assert_int_equal(replay.problems.damaged_records, frame.records);
	assert_int_equal(replay.records, 150001 - frame.records);
	assert_true(replay.problems.has_end);
	replay__free(&replay);
	free(content.data);
}

static void rewrite_head(struct content *content, uint32_t version)
{
	struct recording_head head;

	memcpy(&head, content->data, sizeof(head));
	head.version = version;
	head.checksum = XXH3_64bits(&head, offsetof(struct recording_head, checksum));
	memcpy(content->data, &head, sizeof(head));
}

static void test_a_newer_version_is_refused_by_its_number(void **test)
{
	struct content content = sample_recording(1);
	struct replay replay;
	struct error err = {0};

	rewrite_head(&content, 42);
	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		-EINVAL);
	assert_non_null(strstr(err.message, "version 42"));
	replay__free(&replay);
	free(content.data);
}

static void test_a_file_of_another_kind_is_refused(void **test)
{
	static const uint8_t text[] = "#!/bin/sh\necho this is no recording at all\n";
	struct replay replay;
	struct error err = {0};

	assert_int_equal(
		sample_replay(&replay, text, sizeof(text), (struct replay_options){0}, &err),
		-EINVAL);
	assert_non_null(strstr(err.message, "not a memtrace recording"));
	replay__free(&replay);
}

static void test_a_frame_of_an_unknown_type_is_skipped(void **test)
{
	struct content content = sample_recording(20);
	struct recording_frame frame;
	struct replay replay;
	struct error err = {0};
	uint8_t *at = content.data + sizeof(struct recording_head);

	memcpy(&frame, at, sizeof(frame));
	frame.type = 4711;
	frame.checksum = XXH3_64bits(&frame, offsetof(struct recording_frame, checksum));
	memcpy(at, &frame, sizeof(frame));
	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		0);
	assert_int_equal(replay.problems.unknown_frames, 1);
	assert_int_equal(replay.records, 31);
	replay__free(&replay);
	free(content.data);
}

static void test_a_frame_that_claims_to_be_huge_is_not_believed(void **test)
{
	struct content content = sample_recording(20);
	struct recording_frame frame;
	struct replay replay;
	struct error err = {0};
	uint8_t *at = content.data + sizeof(struct recording_head);

	memcpy(&frame, at, sizeof(frame));
	frame.raw_size = 0xfffffff0;
	frame.checksum = XXH3_64bits(&frame, offsetof(struct recording_frame, checksum));
	memcpy(at, &frame, sizeof(frame));
	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		0);
	assert_true(replay.problems.is_broken);
	replay__free(&replay);
	free(content.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_recording_cut_at_any_byte_is_read_to_its_last_whole_frame),
		cmocka_unit_test(
			test_a_large_recording_cut_anywhere_is_read_to_its_last_whole_frame),
		cmocka_unit_test(test_every_flipped_bit_of_a_recording_is_noticed),
		cmocka_unit_test(test_flipped_bits_of_a_large_recording_are_noticed),
		cmocka_unit_test(test_a_damaged_frame_is_left_out_and_the_rest_is_read),
		cmocka_unit_test(test_a_newer_version_is_refused_by_its_number),
		cmocka_unit_test(test_a_file_of_another_kind_is_refused),
		cmocka_unit_test(test_a_frame_of_an_unknown_type_is_skipped),
		cmocka_unit_test(test_a_frame_that_claims_to_be_huge_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
