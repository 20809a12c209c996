/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arm64 walker, compiled here for whatever machine the tests run on, over stacks made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unwind.h"

#define TEXT 0x400000ull
#define STACK 0x7ff000ull
#define OTHER_STACK 0x900000ull
#define STACK_WORDS 512
/* What pointer authentication leaves above a return address of 48 bits. */
#define SIGNATURE (0x00a5ull << 48)

/* Functions of 256 bytes, each with one rule. */
enum {
	LEAF,		  /* return address in lr */
	WITH_RECORD,	  /* sp + 32, {x29, lr} at the stack pointer */
	BY_FRAME_POINTER, /* x29 + 48, the record where x29 points */
	LR_ALONE,	  /* sp + 48, lr at CFA-24, x29 untouched */
	SIGNAL_RETURN,
	OUTERMOST,
	FUNCTIONS
};
#define RETURN_TO(function) (TEXT + 256 * (function) + 100)

static uint64_t stacks[2][STACK_WORDS];
static struct unwind_walk walk;

static uint64_t *word_at(uint64_t address)
{
	uint64_t base = address < OTHER_STACK ? STACK : OTHER_STACK;

	return &stacks[base == OTHER_STACK][(address - base) / 8];
}

static int unwind_read(struct unwind_walk *w, void *to, uint32_t size, uint64_t address)
{
	uint64_t base = address < OTHER_STACK ? STACK : OTHER_STACK;

	if (address < base || address - base > sizeof(stacks[0]) - size)
		return -1;
	memcpy(to, (char *)word_at(base) + (address - base), size);
	return 0;
}

static uint32_t unwind_find_rule(struct unwind_walk *w, uint64_t pc)
{
	static const uint32_t rules[] = {
		[LEAF] = unwind_rule_arm64(UNWIND_SP, 0, 0),
		[WITH_RECORD] = unwind_rule_arm64(UNWIND_SP, 4, 4),
		[BY_FRAME_POINTER] = unwind_rule_arm64(UNWIND_BP, 6, 6),
		[LR_ALONE] = unwind_rule_arm64(UNWIND_RARE, 0, 0),
		[SIGNAL_RETURN] = UNWIND_SIGNAL,
		[OUTERMOST] = UNWIND_END,
	};

	return pc < TEXT || pc >= TEXT + 256 * FUNCTIONS ? UNWIND_OUTSIDE
							 : rules[(pc - TEXT) / 256];
}

static int unwind_find_rare(struct unwind_walk *w, uint32_t index, struct unwind_rare *rare)
{
	*rare = (struct unwind_rare){.base = UNWIND_SP,
		.cfa_offset = 48,
		.bp_offset = UNWIND_NOT_SAVED,
		.bx_offset = -24};
	return index ? -1 : 0;
}

#define MEMTRACE_ARCH_arm64
#include "unwind_step.h"

static int start(void **state)
{
	memset(stacks, 0, sizeof(stacks));
	memset(&walk, 0, sizeof(walk));
	return 0;
}

static int walk_from(uint64_t pc, uint64_t sp)
{
	int stop;

	walk.pc = pc;
	walk.sp = sp;
	unwind_begin(&walk, 32, UNWIND_FROM_RETURN);
	do
		stop = unwind_frame(&walk);
	while (stop == UNWIND_CONTINUE);
	unwind_end(&walk, UNWIND_FROM_RETURN, stop);
	return stop;
}

static void assert_frames(const uint64_t *frames, uint32_t count)
{
	assert_int_equal(walk.record.frame_count, count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(walk.frames[i], frames[i]);
}
#define ASSERT_FRAMES(...) \
	assert_frames((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

/* An rt_sigframe at @address; the kernel's layout: registers behind siginfo and ucontext. */
static void put_signal_frame(uint64_t address, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t lr)
{
	uint64_t *regs = word_at(address + 312);

	regs[29] = fp;
	regs[30] = lr;
	regs[31] = sp;
	regs[32] = pc;
}

static void test_records_and_frame_pointers_lead_to_the_base(void **state)
{
	*word_at(STACK) = STACK + 64; /* x29 of the caller */
	*word_at(STACK + 8) = RETURN_TO(BY_FRAME_POINTER);
	*word_at(STACK + 64) = 0;
	*word_at(STACK + 72) = RETURN_TO(OUTERMOST);
	assert_int_equal(walk_from(RETURN_TO(WITH_RECORD), STACK), STACK_COMPLETE);
	ASSERT_FRAMES(RETURN_TO(WITH_RECORD), RETURN_TO(BY_FRAME_POINTER), RETURN_TO(OUTERMOST));
	assert_int_equal(walk.record.guessed_frames, 0);
}

static void test_lr_saved_without_the_frame_pointer_is_found(void **state)
{
	walk.bp = 0x1234; /* any value: the program uses x29 for something else */
	*word_at(STACK + 24) = RETURN_TO(LR_ALONE);
	*word_at(STACK + 48 + 24) = RETURN_TO(OUTERMOST);
	assert_int_equal(walk_from(RETURN_TO(LR_ALONE), STACK), STACK_COMPLETE);
	ASSERT_FRAMES(RETURN_TO(LR_ALONE), RETURN_TO(LR_ALONE), RETURN_TO(OUTERMOST));
	assert_int_equal(walk.bp, 0x1234);
}

static void test_signatures_are_stripped_from_return_addresses(void **state)
{
	*word_at(STACK + 8) = SIGNATURE | RETURN_TO(LR_ALONE);
	*word_at(STACK + 32 + 24) = SIGNATURE | RETURN_TO(OUTERMOST);
	assert_int_equal(walk_from(RETURN_TO(WITH_RECORD), STACK), STACK_COMPLETE);
	ASSERT_FRAMES(RETURN_TO(WITH_RECORD), RETURN_TO(LR_ALONE), RETURN_TO(OUTERMOST));
}

static void test_a_signal_at_a_first_instruction_finds_the_return_address_in_lr(void **state)
{
	*word_at(OTHER_STACK + 8) = RETURN_TO(SIGNAL_RETURN);
	put_signal_frame(OTHER_STACK + 32, TEXT + 256 * LEAF, STACK, 0, RETURN_TO(OUTERMOST));
	assert_int_equal(walk_from(RETURN_TO(WITH_RECORD), OTHER_STACK), STACK_COMPLETE);
	ASSERT_FRAMES(RETURN_TO(WITH_RECORD), RETURN_TO(SIGNAL_RETURN), TEXT + 256 * LEAF + 1,
		RETURN_TO(OUTERMOST));
	assert_int_equal(walk.record.guessed_frames, 0);
}

static void test_a_call_through_a_bad_pointer_is_followed_by_lr(void **state)
{
	*word_at(STACK + 8) = RETURN_TO(SIGNAL_RETURN);
	put_signal_frame(STACK + 32, 0, STACK + 2048, 0, RETURN_TO(LR_ALONE));
	*word_at(STACK + 2048 + 24) = RETURN_TO(OUTERMOST);
	assert_int_equal(walk_from(RETURN_TO(WITH_RECORD), STACK), STACK_COMPLETE);
	ASSERT_FRAMES(RETURN_TO(WITH_RECORD), RETURN_TO(SIGNAL_RETURN), 1, RETURN_TO(LR_ALONE),
		RETURN_TO(OUTERMOST));
	assert_int_equal(walk.record.guessed_frames, 1);
}

static void test_lr_is_the_return_address_of_the_innermost_frame_alone(void **state)
{
	/* The caller of a function that saved its record would be a leaf itself: that cannot be. */
	*word_at(STACK + 8) = RETURN_TO(LEAF);
	walk.bx = RETURN_TO(OUTERMOST);
	assert_int_equal(walk_from(RETURN_TO(WITH_RECORD), STACK), STACK_NO_PROGRESS);
	ASSERT_FRAMES(RETURN_TO(WITH_RECORD), RETURN_TO(LEAF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_records_and_frame_pointers_lead_to_the_base, start),
		cmocka_unit_test_setup(test_lr_saved_without_the_frame_pointer_is_found, start),
		cmocka_unit_test_setup(test_signatures_are_stripped_from_return_addresses, start),
		cmocka_unit_test_setup(
			test_a_signal_at_a_first_instruction_finds_the_return_address_in_lr, start),
		cmocka_unit_test_setup(test_a_call_through_a_bad_pointer_is_followed_by_lr, start),
		cmocka_unit_test_setup(
			test_lr_is_the_return_address_of_the_innermost_frame_alone, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
