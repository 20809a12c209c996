/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Python frames: line tables of all versions, names out of memory, runs among native frames. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "python/frames.h"
#include "python/line_table.h"
#include "python/merge.h"
#include "python_lines_sample.h"

static void check_lines(int minor, const uint8_t *table, size_t size, uint32_t first,
	const uint16_t *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(line_table__find(minor, table, size, first, 2 * i), lines[i]);
}

#define CHECK_LINES(minor)                                                                     \
	check_lines(minor, table_##minor, sizeof(table_##minor), FIRST_##minor, lines_##minor, \
		sizeof(lines_##minor) / sizeof(*lines_##minor))

static void test_every_instruction_has_the_line_that_python_gives_it(void **state)
{
	CHECK_LINES(9);
	CHECK_LINES(10);
	CHECK_LINES(11);
	CHECK_LINES(12);
	CHECK_LINES(13);
}

static void test_instruction_behind_the_table_has_no_line(void **state)
{
	assert_int_equal(line_table__find(10, table_10, sizeof(table_10), 1, 100000), 0);
	assert_int_equal(line_table__find(11, table_11, sizeof(table_11), 1, 100000), 0);
}

static void test_cut_table_gives_no_line(void **state)
{
	/* A long form whose numbers never end. */
	const uint8_t endless[] = {0xf0, 0x7f, 0x7f, 0x7f};

	assert_int_equal(line_table__find(11, endless, sizeof(endless), 1, 0), 0);
	assert_int_equal(line_table__find(11, NULL, 0, 1, 0), 0);
}

static void test_lines_before_the_first_are_none(void **state)
{
	/* No columns, 1 unit, two lines back from line 1. */
	const uint8_t back[] = {0xe8, 0x05};

	assert_int_equal(line_table__find(11, back, sizeof(back), 1, 0), 0);
}

/* A process of one page. */
#define PAGE 0x10000
#define PAGE_SIZE 4096
static uint8_t page[PAGE_SIZE];

static int read_page(void *context, uint64_t address, void *to, size_t size)
{
	if (address < PAGE || size > PAGE_SIZE || address - PAGE > PAGE_SIZE - size)
		return -EFAULT;
	memcpy(to, page + (address - PAGE), size);
	return 0;
}

static void put(uint64_t address, const void *bytes, size_t size)
{
	memcpy(page + (address - PAGE), bytes, size);
}

static void put_number(uint64_t address, uint64_t value)
{
	put(address, &value, sizeof(value));
}

#define KIND(bytes) ((bytes) << 2 | 1 << 5)
#define ASCII (1 << 6)

static void put_text(const struct python_layout *layout, uint64_t address, uint32_t state,
	const void *characters, size_t count, size_t bytes)
{
	put_number(address + 16, count);
	put(address + 32, &state, sizeof(state));
	put(address + (state & ASCII ? layout->ascii_size : layout->compact_size), characters,
		bytes);
}

#define CODE (PAGE + 0x100)
#define NAME (PAGE + 0x200)
#define FILE_NAME (PAGE + 0x300)
#define LINES (PAGE + 0x400)

static struct python_process make_process(int minor)
{
	const struct python_layout *layout = python_layout__find(minor);

	return (struct python_process){
		.layout = layout, .memory = {read_page, NULL}, .space = layout->walk};
}

static void put_code(const struct python_layout *layout, const char *name, uint32_t first_line)
{
	/* No columns, 8 units, on the first line. */
	const uint8_t lines[] = {0xef, 0x00};

	memset(page, 0, sizeof(page));
	put(CODE + layout->walk.code_first_line, &first_line, sizeof(first_line));
	put_number(CODE + layout->code_filename, FILE_NAME);
	put_number(CODE + layout->code_name, NAME);
	put_number(CODE + layout->code_qualname, NAME);
	put_number(CODE + layout->code_lines, LINES);
	put_text(layout, NAME, KIND(1) | ASCII, name, strlen(name), strlen(name));
	put_text(layout, FILE_NAME, KIND(1) | ASCII, "app.py", 6, 6);
	put_number(LINES + 16, sizeof(lines));
	put(LINES + 32, lines, sizeof(lines));
}

static struct python_place place_of(uint32_t first_line)
{
	return (struct python_place){
		.code = CODE, .identity = python_identity_of(first_line, FILE_NAME, NAME)};
}

static void test_code_object_is_named(void **state)
{
	struct python_process process = make_process(11);
	struct python_frames *frames = python_frames__new();
	struct python_place place = place_of(41);
	const struct python_frame *frame;

	put_code(process.layout, "Reader.read", 41);
	frame = python_frames__get(frames, python_frames__resolve(frames, &process, 1, &place));
	assert_string_equal(frame->function, "Reader.read");
	assert_string_equal(frame->file, "app.py");
	assert_int_equal(frame->line, 41);
	python_frames__free(frames);
}

static void test_code_object_at_a_reused_address_is_noticed(void **state)
{
	struct python_process process = make_process(11);
	struct python_frames *frames = python_frames__new(), *late = python_frames__new();
	struct python_place old = place_of(41), new = place_of(50);
	uint32_t first, second;

	put_code(process.layout, "first", 41);
	first = python_frames__resolve(frames, &process, 1, &old);
	put_code(process.layout, "second", 50);
	second = python_frames__resolve(frames, &process, 1, &new);
	assert_string_equal(python_frames__get(frames, first)->function, "first");
	assert_string_equal(python_frames__get(frames, second)->function, "second");
	/* What was read in time keeps its name; else it is lost, which is no wrong name. */
	assert_int_equal(python_frames__resolve(frames, &process, 1, &old), first);
	assert_true(python_frame__is_lost(
		python_frames__get(late, python_frames__resolve(late, &process, 1, &old))));
	python_frames__free(late);
	python_frames__free(frames);
}

static void test_unreadable_code_object_is_lost(void **state)
{
	struct python_process process = make_process(12);
	struct python_frames *frames = python_frames__new();
	struct python_place place = {.code = 0xdead0000};

	assert_true(python_frame__is_lost(
		python_frames__get(frames, python_frames__resolve(frames, &process, 1, &place))));
	assert_null(python_frames__get(frames, 0));
	assert_null(python_frames__get(frames, 99));
	python_frames__free(frames);
}

static void test_texts_of_every_width_become_utf8(void **state)
{
	struct python_process process = make_process(13);
	const uint16_t two[] = {'n', 0x4e2d, 0xe9};
	const uint32_t four[] = {0x1f40d};
	const uint8_t one[] = {'n', 0xe9};
	char text[16];

	put_text(process.layout, NAME, KIND(1), one, 2, sizeof(one));
	assert_int_equal(
		python_text__read(&process.memory, process.layout, NAME, text, sizeof(text)), 0);
	assert_string_equal(text, "n\xc3\xa9");
	put_text(process.layout, NAME, KIND(2), two, 3, sizeof(two));
	assert_int_equal(
		python_text__read(&process.memory, process.layout, NAME, text, sizeof(text)), 0);
	assert_string_equal(text, "n\xe4\xb8\xad\xc3\xa9");
	put_text(process.layout, NAME, KIND(4), four, 1, sizeof(four));
	assert_int_equal(
		python_text__read(&process.memory, process.layout, NAME, text, sizeof(text)), 0);
	assert_string_equal(text, "\xf0\x9f\x90\x8d");
	/* Cut at a character's start. */
	assert_int_equal(python_text__read(&process.memory, process.layout, NAME, text, 4), 0);
	assert_string_equal(text, "");
}

static void test_what_is_no_text_is_refused(void **state)
{
	struct python_process process = make_process(13);
	char text[16];

	put_text(process.layout, NAME, 7 << 2 | 1 << 5, "x", 1, 1);
	assert_int_equal(
		python_text__read(&process.memory, process.layout, NAME, text, sizeof(text)),
		-EBADMSG);
	put_text(process.layout, NAME, KIND(1) | ASCII, "x", 1, 1);
	put_number(NAME + 16, UINT64_MAX);
	assert_int_equal(
		python_text__read(&process.memory, process.layout, NAME, text, sizeof(text)),
		-EBADMSG);
}

static void test_runs_stand_where_their_loops_are(void **state)
{
	const struct python_place places[] = {
		{.code = 1}, {.code = 2, .is_entry = true}, {.code = 3, .is_entry = true}};
	struct python_merge merge = python_merge__begin(places, 3, 2);
	size_t first;

	assert_int_equal(python_merge__next(&merge, &first), 2);
	assert_int_equal(first, 0);
	assert_int_equal(python_merge__next(&merge, &first), 1);
	assert_int_equal(first, 2);
	assert_int_equal(python_merge__rest(&merge, &first), 0);
}

static void test_outermost_loop_takes_what_is_left(void **state)
{
	const struct python_place places[] = {{.is_entry = true}, {.is_entry = true}, {0}};
	struct python_merge merge = python_merge__begin(places, 3, 1);
	size_t first;

	assert_int_equal(python_merge__next(&merge, &first), 3);
	/* Without any: they come behind all native frames. */
	merge = python_merge__begin(places, 3, 0);
	assert_int_equal(python_merge__rest(&merge, &first), 3);
}

static void test_loop_that_runs_nothing_stays(void **state)
{
	const struct python_place places[] = {{.is_entry = true}};
	struct python_merge merge = python_merge__begin(places, 1, 2);
	size_t first;

	assert_int_equal(python_merge__next(&merge, &first), 1);
	assert_int_equal(python_merge__next(&merge, &first), 0);
}

static void test_chain_without_end_ends(void **state)
{
	struct python_process process = make_process(11);
	struct python_place places[16];
	const uint64_t frame = PAGE + 0x500, cframe = PAGE + 0x600, thread = PAGE + 0x700;

	put_code(process.layout, "again", 1);
	put_number(thread + process.space.thread_frame, cframe);
	put_number(cframe + process.space.cframe_frame, frame);
	put_number(frame + process.space.frame_code, CODE);
	put_number(frame + process.space.frame_previous, frame);
	put_number(frame + process.space.frame_instr, CODE + process.space.code_bytes + 10);
	assert_int_equal(python_stack__walk(&process, thread, places, 16), 16);
	assert_int_equal(places[0].code, CODE);
	assert_int_equal(places[0].offset, 10);
}

#define FRAMES (PAGE + 0x800)
#define THREAD (PAGE + 0x700)
#define CFRAME (PAGE + 0x600)

/* Frames of 3.11 at @at, innermost first, each the caller of the one before it. */
static void put_frames(const struct python_process *process, const uint64_t *at, size_t count)
{
	put_code(process->layout, "again", 1);
	put_number(THREAD + process->space.thread_frame, CFRAME);
	put_number(CFRAME + process->space.cframe_frame, at[0]);
	for (size_t i = 0; i < count; i++) {
		put_number(at[i] + process->space.frame_code, CODE);
		put_number(at[i] + process->space.frame_previous, i + 1 < count ? at[i + 1] : 0);
		put_number(at[i] + process->space.frame_instr,
			CODE + process->space.code_bytes + 2 * i);
	}
}

static void check_frames(const struct python_process *process, size_t count)
{
	struct python_place places[16];

	assert_int_equal(python_stack__walk(process, THREAD, places, 16), count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(places[i].offset, 2 * i);
}

static void test_frames_are_found_wherever_they_lie(void **state)
{
	struct python_process process = make_process(11);
	/* Side by side, at both ends of the page, behind one another, out of line. */
	const uint64_t beside[] = {FRAMES + 0x180, FRAMES + 0x100, FRAMES + 0x80, FRAMES};
	const uint64_t apart[] = {PAGE + PAGE_SIZE - 72, PAGE, FRAMES, FRAMES + 0x100, PAGE + 0x50};
	const uint64_t odd[] = {FRAMES + 0x101, FRAMES + 0x80};

	put_frames(&process, beside, 4);
	check_frames(&process, 4);
	put_frames(&process, apart, 5);
	check_frames(&process, 5);
	put_frames(&process, odd, 2);
	check_frames(&process, 2);
}

static void test_frame_that_is_nowhere_ends_the_walk(void **state)
{
	struct python_process process = make_process(11);
	const uint64_t frame = FRAMES;
	const uint64_t nowhere[] = {
		UINT64_MAX - 7, UINT64_MAX - 80, PAGE - 72, PAGE + PAGE_SIZE - 64, 8};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
		put_frames(&process, &frame, 1);
		put_number(frame + process.space.frame_previous, nowhere[i]);
		check_frames(&process, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_instruction_has_the_line_that_python_gives_it),
		cmocka_unit_test(test_instruction_behind_the_table_has_no_line),
		cmocka_unit_test(test_cut_table_gives_no_line),
		cmocka_unit_test(test_lines_before_the_first_are_none),
		cmocka_unit_test(test_code_object_is_named),
		cmocka_unit_test(test_code_object_at_a_reused_address_is_noticed),
		cmocka_unit_test(test_unreadable_code_object_is_lost),
		cmocka_unit_test(test_texts_of_every_width_become_utf8),
		cmocka_unit_test(test_what_is_no_text_is_refused),
		cmocka_unit_test(test_runs_stand_where_their_loops_are),
		cmocka_unit_test(test_outermost_loop_takes_what_is_left),
		cmocka_unit_test(test_loop_that_runs_nothing_stays),
		cmocka_unit_test(test_chain_without_end_ends),
		cmocka_unit_test(test_frames_are_found_wherever_they_lie),
		cmocka_unit_test(test_frame_that_is_nowhere_ends_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
