/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The walker over stacks made by hand: what ends a walk, what is guessed, what is put right. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unwind/walk.h"

#define TEXT 0x400000ull
#define JIT 0x500000ull
#define UPROBES 0x600000ull
#define STACK 0x7ff000ull /* one page; the next is not mapped */
#define STACK_WORDS 512

/*
 * Functions of 256 bytes, each with one rule: n has a frame of 8 * (n + 1) bytes; then special
 * ones.
 */
enum {
	WITH_RBP = 16,
	OUTERMOST,
	NO_FRAME_INFORMATION,
	CANNOT_BE_FOLLOWED,
	SIGNAL_RETURN,
	FUNCTIONS
};
#define RETURN_TO(function) (TEXT + 256 * (function) + 100)

static uint64_t rows[FUNCTIONS];
static struct unwind_table table = {.machine = EM_X86_64,
	.text_start = TEXT,
	.text_end = TEXT + 256 * FUNCTIONS,
	.rows = rows,
	.row_count = FUNCTIONS};
static const struct unwind_mapping mappings[] = {
	{.start = TEXT, .end = TEXT + 256 * FUNCTIONS, .table = &table},
	{.start = JIT, .end = JIT + 4096},
	{.start = UPROBES, .end = UPROBES + 4096, .is_uprobes = true},
};

struct stack {
	uint64_t words[STACK_WORDS];
	size_t reads;
	size_t failed_reads;
};

static int read_stack(void *context, void *to, size_t size, uint64_t address)
{
	struct stack *stack = context;
	uint64_t offset = address - STACK;

	stack->reads++;
	if (offset > sizeof(stack->words) || size > sizeof(stack->words) - offset) {
		stack->failed_reads++;
		return -EFAULT;
	}
	memcpy(to, (char *)stack->words + offset, size);
	return 0;
}

static int make_rows(void **state)
{
	for (int i = 0; i < WITH_RBP; i++)
		rows[i] = unwind_row(256 * i, unwind_rule(UNWIND_SP, 0, 0, i + 1));
	rows[WITH_RBP] = unwind_row(256 * WITH_RBP, unwind_rule(UNWIND_BP, 2, 0, 2));
	rows[OUTERMOST] = unwind_row(256 * OUTERMOST, UNWIND_END);
	rows[NO_FRAME_INFORMATION] = unwind_row(256 * NO_FRAME_INFORMATION, UNWIND_NO_RULE);
	rows[CANNOT_BE_FOLLOWED] = unwind_row(256 * CANNOT_BE_FOLLOWED, UNWIND_BAD);
	rows[SIGNAL_RETURN] = unwind_row(256 * SIGNAL_RETURN, UNWIND_SIGNAL);
	return 0;
}

static struct unwind_walk walk;

static int run(struct stack *stack, uint64_t pc, uint64_t sp_word, uint32_t limit)
{
	struct unwind_target target = {
		.mappings = mappings, .mapping_count = 3, .read = read_stack, .context = stack};

	walk.pc = pc;
	walk.sp = STACK + 8 * sp_word;
	return unwind__walk_native(&target, &walk, limit, UNWIND_FROM_RETURN);
}

static int clear_walk(void **state)
{
	memset(&walk, 0, sizeof(walk));
	return 0;
}

static void expect_frames(size_t count, const uint64_t *frames)
{
	assert_int_equal(walk.record.frame_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(walk.frames[i], frames[i]);
}
#define EXPECT_FRAMES(...) \
	expect_frames(sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})

static void test_a_stack_is_whole_when_its_outermost_function_is_reached(void **state)
{
	/* f2's frame is 3 words: the return address is the third. */
	struct stack stack = {.words = {[102] = RETURN_TO(0), [103] = RETURN_TO(OUTERMOST)}};

	assert_int_equal(run(&stack, RETURN_TO(2), 100, 128), STACK_COMPLETE);
	EXPECT_FRAMES(RETURN_TO(2), RETURN_TO(0), RETURN_TO(OUTERMOST));
}

static void test_a_return_address_of_zero_ends_a_thread(void **state)
{
	struct stack stack = {.words = {[102] = RETURN_TO(0)}};

	assert_int_equal(run(&stack, RETURN_TO(2), 100, 128), STACK_END_OF_THREAD);
	EXPECT_FRAMES(RETURN_TO(2), RETURN_TO(0));
}

static void test_a_call_as_last_instruction_belongs_to_its_function(void **state)
{
	/* The return address is the first byte of the function behind it. */
	struct stack stack = {.words = {[102] = RETURN_TO(OUTERMOST)}};

	assert_int_equal(run(&stack, TEXT + 256 * 3, 100, 128), STACK_COMPLETE);
	EXPECT_FRAMES(TEXT + 256 * 3, RETURN_TO(OUTERMOST));
}

static void test_the_limit_cuts_and_says_so(void **state)
{
	struct stack stack = {.reads = 0};

	for (int i = 100; i < 110; i++)
		stack.words[i] = RETURN_TO(0);
	stack.words[110] = RETURN_TO(OUTERMOST);
	assert_int_equal(run(&stack, RETURN_TO(0), 100, 5), STACK_TRUNCATED);
	assert_int_equal(walk.record.frame_count, 5);
	/* Exactly as many as the limit is whole. */
	assert_int_equal(run(&stack, RETURN_TO(0), 100, 12), STACK_COMPLETE);
	assert_int_equal(walk.record.frame_count, 12);
}

static void test_the_hash_tells_stacks_apart_and_same_ones_together(void **state)
{
	struct stack stack = {.words = {[102] = RETURN_TO(0), [103] = RETURN_TO(OUTERMOST)}};
	uint64_t first;

	run(&stack, RETURN_TO(2), 100, 128);
	first = walk.hash;
	walk.hash = 0;
	run(&stack, RETURN_TO(2), 100, 128);
	assert_int_equal(walk.hash, first);
	stack.words[102]++;
	walk.hash = 0;
	run(&stack, RETURN_TO(2), 100, 128);
	assert_int_not_equal(walk.hash, first);
}

static void test_a_frame_without_rule_is_guessed_by_frame_pointer_and_counted(void **state)
{
	struct stack stack = {.words = {
				      [200] = STACK + 8 * 300, /* the caller's rbp */
				      [201] = RETURN_TO(WITH_RBP),
				      [300] = 0,
				      [301] = RETURN_TO(OUTERMOST),
			      }};

	walk.bp = STACK + 8 * 200;
	assert_int_equal(run(&stack, JIT + 50, 100, 128), STACK_COMPLETE);
	EXPECT_FRAMES(JIT + 50, RETURN_TO(WITH_RBP), RETURN_TO(OUTERMOST));
	assert_int_equal(walk.record.guessed_frames, 1);
}

static void test_a_guess_that_leads_to_no_code_is_taken_back(void **state)
{
	struct stack stack = {.words = {[200] = STACK + 8 * 300, [201] = 0x1234567}};

	walk.bp = STACK + 8 * 200;
	assert_int_equal(run(&stack, RETURN_TO(NO_FRAME_INFORMATION), 100, 128), STACK_NO_RULE);
	EXPECT_FRAMES(RETURN_TO(NO_FRAME_INFORMATION));
	assert_int_equal(walk.record.guessed_frames, 0);
}

static void test_a_frame_pointer_below_the_stack_pointer_is_no_guess(void **state)
{
	struct stack stack = {.words = {[50] = STACK + 8 * 300, [51] = RETURN_TO(0)}};

	walk.bp = STACK + 8 * 50;
	assert_int_equal(run(&stack, JIT + 50, 100, 128), STACK_NO_RULE);
	EXPECT_FRAMES(JIT + 50);
}

/* The kernel's frame at word 100: rbp, rsp, rip of where the signal came. */
#define SIGNAL_AT(bp, sp_word, pc) \
	[100 + 15] = (bp), [100 + 20] = STACK + 8 * (sp_word), [100 + 21] = (pc)

static void test_a_call_of_a_bad_pointer_is_seen_behind_its_signal(void **state)
{
	struct stack stack = {.words = {SIGNAL_AT(STACK + 8 * 300, 200, 0), [200] = RETURN_TO(0),
				      [201] = RETURN_TO(OUTERMOST), [301] = RETURN_TO(OUTERMOST)}};

	assert_int_equal(run(&stack, RETURN_TO(SIGNAL_RETURN), 100, 128), STACK_COMPLETE);
	EXPECT_FRAMES(RETURN_TO(SIGNAL_RETURN), 1, RETURN_TO(0), RETURN_TO(OUTERMOST));
	assert_int_equal(walk.record.guessed_frames, 1);
}

static void test_a_signal_nowhere_without_a_return_address_ends_the_walk(void **state)
{
	struct stack stack = {.words = {SIGNAL_AT(0, 200, 0x123), [200] = 0x4567}};

	assert_int_equal(run(&stack, RETURN_TO(SIGNAL_RETURN), 100, 128), STACK_NO_RULE);
	EXPECT_FRAMES(RETURN_TO(SIGNAL_RETURN), 0x124);
	assert_int_equal(walk.record.guessed_frames, 0);
}

static void test_a_rule_that_cannot_be_followed_is_counted_as_such(void **state)
{
	struct stack stack = {.reads = 0};

	assert_int_equal(run(&stack, RETURN_TO(CANNOT_BE_FOLLOWED), 100, 128), STACK_BAD_RULE);
}

static void test_a_cfa_that_does_not_grow_ends_the_walk(void **state)
{
	struct stack stack = {.reads = 0};

	walk.bp = STACK + 8 * 10;
	assert_int_equal(run(&stack, RETURN_TO(WITH_RBP), 100, 128), STACK_NO_PROGRESS);
	walk.bp = STACK + 8 * 200 + 4; /* not aligned */
	assert_int_equal(run(&stack, RETURN_TO(WITH_RBP), 100, 128), STACK_NO_PROGRESS);
}

static void test_unreadable_memory_ends_the_walk(void **state)
{
	struct stack stack = {.reads = 0};

	walk.bp = STACK + 8 * STACK_WORDS;
	assert_int_equal(run(&stack, RETURN_TO(WITH_RBP), 100, 128), STACK_BAD_MEMORY);
}

static void test_a_replaced_return_address_is_put_right(void **state)
{
	struct stack stack = {.words = {[102] = UPROBES, [103] = RETURN_TO(OUTERMOST)}};

	assert_int_equal(run(&stack, RETURN_TO(2), 100, 128), STACK_BAD_RULE);
	EXPECT_FRAMES(RETURN_TO(2));
	walk.saved[1] =
		(struct unwind_saved_return){.cfa = STACK + 8 * 103, .address = RETURN_TO(0)};
	assert_int_equal(run(&stack, RETURN_TO(2), 100, 128), STACK_COMPLETE);
	EXPECT_FRAMES(RETURN_TO(2), RETURN_TO(0), RETURN_TO(OUTERMOST));
}

/* At a stack's end a whole window cannot be read; that is found out once. */
static void test_the_end_of_the_stack_is_remembered(void **state)
{
	struct stack stack = {.words = {[STACK_WORDS - 10] = RETURN_TO(0),
				      [STACK_WORDS - 9] = RETURN_TO(OUTERMOST)}};

	assert_int_equal(run(&stack, RETURN_TO(2), STACK_WORDS - 12, 128), STACK_COMPLETE);
	assert_int_equal(walk.record.frame_count, 3);
	assert_int_equal(stack.failed_reads, 1);
	assert_int_equal(run(&stack, RETURN_TO(2), STACK_WORDS - 12, 128), STACK_COMPLETE);
	assert_int_equal(walk.record.frame_count, 3);
	assert_int_equal(stack.failed_reads, 1);
}

static void test_most_frames_need_no_read_of_their_own(void **state)
{
	struct stack stack = {.reads = 0};

	for (int i = 100; i < 140; i++)
		stack.words[i] = RETURN_TO(0);
	stack.words[140] = RETURN_TO(OUTERMOST);
	assert_int_equal(run(&stack, RETURN_TO(0), 100, 128), STACK_COMPLETE);
	assert_int_equal(walk.record.frame_count, 42);
	assert_int_equal(stack.reads, 1);
}

static void test_from_a_pc_the_first_frame_is_that_pc(void **state)
{
	struct stack stack = {.words = {[103] = RETURN_TO(OUTERMOST)}};
	struct unwind_target target = {
		.mappings = mappings, .mapping_count = 3, .read = read_stack, .context = &stack};

	walk.pc = TEXT + 256 * 3; /* the first byte of f3, whose frame is 4 words */
	walk.sp = STACK + 8 * 100;
	assert_int_equal(unwind__walk_native(&target, &walk, 128, UNWIND_FROM_PC), STACK_COMPLETE);
	EXPECT_FRAMES(TEXT + 256 * 3, RETURN_TO(OUTERMOST));
}

#define with_walk(test) cmocka_unit_test_setup(test, clear_walk)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_walk(test_a_stack_is_whole_when_its_outermost_function_is_reached),
		with_walk(test_a_return_address_of_zero_ends_a_thread),
		with_walk(test_a_call_as_last_instruction_belongs_to_its_function),
		with_walk(test_the_limit_cuts_and_says_so),
		with_walk(test_the_hash_tells_stacks_apart_and_same_ones_together),
		with_walk(test_a_frame_without_rule_is_guessed_by_frame_pointer_and_counted),
		with_walk(test_a_guess_that_leads_to_no_code_is_taken_back),
		with_walk(test_a_frame_pointer_below_the_stack_pointer_is_no_guess),
		with_walk(test_a_call_of_a_bad_pointer_is_seen_behind_its_signal),
		with_walk(test_a_signal_nowhere_without_a_return_address_ends_the_walk),
		with_walk(test_a_rule_that_cannot_be_followed_is_counted_as_such),
		with_walk(test_a_cfa_that_does_not_grow_ends_the_walk),
		with_walk(test_unreadable_memory_ends_the_walk),
		with_walk(test_a_replaced_return_address_is_put_right),
		with_walk(test_the_end_of_the_stack_is_remembered),
		with_walk(test_most_frames_need_no_read_of_their_own),
		with_walk(test_from_a_pc_the_first_frame_is_that_pc),
	};

	return cmocka_run_group_tests(tests, make_rows, NULL);
}
