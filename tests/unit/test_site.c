/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The choice of a probe site, over the code of functions as compilers write them. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe.h"
#include "probe/insn.h"
#include "probe/site.h"

#define ADDRESS 0x401000
#define FIRST_ARGUMENT 1
#define TWO_ARGUMENTS 3

struct decoders {
	struct decoder *x86, *x86_wide, *arm64;
};

static int open_decoders(void **state)
{
	static struct decoders decoders;

	decoders.x86 = decoder__new(EM_X86_64, false, NULL);
	decoders.x86_wide = decoder__new(EM_X86_64, true, NULL);
	decoders.arm64 = decoder__new(EM_AARCH64, false, NULL);
	*state = &decoders;
	return decoders.x86 && decoders.x86_wide && decoders.arm64 ? 0 : -1;
}

static int close_decoders(void **state)
{
	struct decoders *decoders = *state;

	decoder__free(decoders->x86);
	decoder__free(decoders->x86_wide);
	decoder__free(decoders->arm64);
	return 0;
}

static struct decoder *x86(void **state)
{
	return ((struct decoders *)*state)->x86;
}

static struct decoder *arm64(void **state)
{
	return ((struct decoders *)*state)->arm64;
}

#define CHOOSE(decoder, code, arguments) CHOOSE_FOR(decoder, code, arguments, false)
#define CHOOSE_FOR(decoder, code, arguments, entry_only)                 \
	site__choose(decoder, code, sizeof(code), sizeof(code), ADDRESS, \
		(struct site_needs){arguments, entry_only})

static void test_push_at_the_entry_is_taken(void **state)
{
	/* push %r12; ret */
	static const uint8_t code[] = {0x41, 0x54, 0xc3};
	struct chosen_site site = CHOOSE(x86(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 0);
	assert_true(site.emulated);
}

static void test_free_of_glibc_is_probed_on_its_je(void **state)
{
	/* test %rdi,%rdi; je +2; push %rbp; push %rbx; ret */
	static const uint8_t code[] = {0x48, 0x85, 0xff, 0x0f, 0x84, 2, 0, 0, 0, 0x55, 0x53, 0xc3};
	struct chosen_site site = CHOOSE(x86(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 3);
	assert_true(site.emulated);
	assert_string_equal(site.reason, "je, emulated");
}

static void test_endbr64_is_stepped_over(void **state)
{
	/* endbr64; jmp */
	static const uint8_t code[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xe9, 0, 1, 0, 0};
	struct chosen_site site = CHOOSE(x86(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 4);
	assert_true(site.emulated);
}

static void test_stack_pointer_is_never_moved(void **state)
{
	/* sub $8,%rsp; call; add $8,%rsp; ret */
	static const uint8_t code[] = {
		0x48, 0x83, 0xec, 8, 0xe8, 0, 1, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3};
	struct chosen_site site = CHOOSE(x86(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 0);
	assert_false(site.emulated);
}

static void test_stack_pointer_may_move_where_no_return_is_probed(void **state)
{
	/* endbr64; sub $8,%rsp; call; add $8,%rsp; ret */
	static const uint8_t code[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 8, 0xe8, 0, 1, 0,
		0, 0x48, 0x83, 0xc4, 8, 0xc3};

	assert_int_equal(CHOOSE_FOR(x86(state), code, FIRST_ARGUMENT, true).offset, 8);
	assert_int_equal(CHOOSE_FOR(x86(state), code, FIRST_ARGUMENT, false).offset, 0);
}

static void test_needed_argument_is_not_lost(void **state)
{
	/* lea 8(%rdi),%rdi; je +0; ret */
	static const uint8_t code[] = {0x48, 0x8d, 0x7f, 8, 0x74, 0, 0xc3};

	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 0);
}

static void test_argument_that_nobody_reads_may_change(void **state)
{
	/* mov 0x10(%rax),%rdx; je +0; ret: free needs no %rdx */
	static const uint8_t code[] = {0x48, 0x8b, 0x50, 0x10, 0x74, 0, 0xc3};

	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 4);
	assert_int_equal(CHOOSE(x86(state), code, 4).offset, 0);
}

static void test_half_of_a_register_is_the_register(void **state)
{
	/* xor %esi,%esi; jmp */
	static const uint8_t code[] = {0x31, 0xf6, 0xe9, 0, 1, 0, 0};

	assert_int_equal(CHOOSE(x86(state), code, TWO_ARGUMENTS).offset, 0);
	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 2);
}

static void test_value_is_followed_to_the_register_it_is_copied_to(void **state)
{
	/* mov %rdi,%rsi; mov %fs:(%rax),%rdi; cmp $0x400,%rsi; ja +0; ret */
	static const uint8_t code[] = {0x48, 0x89, 0xfe, 0x64, 0x48, 0x8b, 0x38, 0x48, 0x81, 0xfe,
		0, 4, 0, 0, 0x77, 0, 0xc3};
	struct chosen_site site = CHOOSE(x86(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 14);
	assert_int_equal(site.argument_in[0], 1);
	/* The second argument was overwritten by the copy. */
	assert_int_equal(CHOOSE(x86(state), code, TWO_ARGUMENTS).offset, 0);
}

static void test_value_is_followed_into_rax(void **state)
{
	/* mov %rdi,%rax; mov %fs:(%rdx),%rdi; cmp $1,%rax; je +0; ret: calloc of mimalloc */
	static const uint8_t code[] = {
		0x48, 0x89, 0xf8, 0x64, 0x48, 0x8b, 0x3a, 0x48, 0x83, 0xf8, 1, 0x74, 0, 0xc3};
	struct chosen_site site = CHOOSE(x86(state), code, TWO_ARGUMENTS);

	assert_int_equal(site.offset, 11);
	assert_int_equal(site.argument_in[0], PROBE_RAX);
	assert_int_equal(site.argument_in[1], 1);
}

static void test_exchanged_arguments_are_told_apart(void **state)
{
	/* mov %rdi,%rcx; mov %rsi,%rdi; mov %rcx,%rsi; jmp */
	static const uint8_t code[] = {
		0x48, 0x89, 0xf9, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xce, 0xe9, 0, 1, 0, 0};
	struct chosen_site site = CHOOSE(x86(state), code, TWO_ARGUMENTS);

	assert_int_equal(site.offset, 9);
	/* The first is in %rcx and %rsi: the lowest is named. */
	assert_int_equal(site.argument_in[0], 1);
	assert_int_equal(site.argument_in[1], 0);
}

static void test_implicit_writes_count(void **state)
{
	/* mul %rsi; je +0; ret: mul writes %rdx */
	static const uint8_t code[] = {0x48, 0xf7, 0xe6, 0x74, 0, 0xc3};

	assert_int_equal(CHOOSE(x86(state), code, 7).offset, 0);
}

static void test_loop_back_into_the_prologue_keeps_the_probe_at_the_entry(void **state)
{
	/* test %rdi,%rdi; L: cmp $1,%rdi; je out; inc %rax; jmp L; out: ret */
	static const uint8_t code[] = {
		0x48, 0x85, 0xff, 0x48, 0x83, 0xff, 1, 0x74, 5, 0x48, 0xff, 0xc0, 0xeb, 0xf5, 0xc3};
	struct chosen_site site = CHOOSE(x86(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 0);
	assert_string_equal(site.reason, "entry: a jump leads to +3");
}

static void test_loop_back_to_the_site_itself_keeps_the_probe_at_the_entry(void **state)
{
	/* test %rdi,%rdi; L: je out; inc %rax; jmp L; out: ret */
	static const uint8_t code[] = {
		0x48, 0x85, 0xff, 0x74, 5, 0x48, 0xff, 0xc0, 0xeb, 0xf9, 0xc3};

	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 0);
}

static void test_loop_behind_the_site_does_no_harm(void **state)
{
	/* test %rdi,%rdi; je out; L: inc %rax; jne L; out: ret */
	static const uint8_t code[] = {
		0x48, 0x85, 0xff, 0x74, 5, 0x48, 0xff, 0xc0, 0x75, 0xfb, 0xc3};

	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 3);
}

static void test_function_of_unknown_size_is_probed_at_its_entry(void **state)
{
	static const uint8_t code[] = {0x48, 0x85, 0xff, 0x74, 0, 0xc3};
	struct chosen_site site = site__choose(x86(state), code, sizeof(code), 0, ADDRESS,
		(struct site_needs){FIRST_ARGUMENT, false});

	assert_int_equal(site.offset, 0);
}

static void test_walk_ends_with_the_function(void **state)
{
	/* test %rdi,%rdi; then the next function: push %rbp */
	static const uint8_t code[] = {0x48, 0x85, 0xff, 0x55};
	struct chosen_site site = site__choose(x86(state), code, sizeof(code), 3, ADDRESS,
		(struct site_needs){FIRST_ARGUMENT, false});

	assert_int_equal(site.offset, 0);
}

static void test_bytes_that_are_no_code_stop_the_walk(void **state)
{
	/* test %rdi,%rdi; an opcode that 64-bit mode does not have */
	static const uint8_t code[] = {0x48, 0x85, 0xff, 0x06, 0x06, 0x74, 0, 0xc3};
	static const uint8_t none[] = {0x06};

	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 0);
	assert_int_equal(CHOOSE(x86(state), none, FIRST_ARGUMENT).offset, 0);
}

static void test_wide_nop_is_taken_only_where_it_is_emulated(void **state)
{
	/* nopl 0(%rax); push %rbp; ret */
	static const uint8_t code[] = {0x0f, 0x1f, 0x40, 0, 0x55, 0xc3};
	struct decoders *decoders = *state;

	assert_int_equal(CHOOSE(decoders->x86, code, FIRST_ARGUMENT).offset, 4);
	assert_int_equal(CHOOSE(decoders->x86_wide, code, FIRST_ARGUMENT).offset, 0);
	assert_true(CHOOSE(decoders->x86_wide, code, FIRST_ARGUMENT).emulated);
}

static void test_return_address_stays_in_place(void **state)
{
	/* pop %rax; push %rax; ret */
	static const uint8_t code[] = {0x58, 0x50, 0xc3};

	assert_int_equal(CHOOSE(x86(state), code, FIRST_ARGUMENT).offset, 0);
}

static void test_arm64_takes_a_branch_behind_bti(void **state)
{
	/* bti c; mov x2, x0; cbz x0, +8; ret */
	static const uint8_t code[] = {0x5f, 0x24, 0x03, 0xd5, 0xe2, 0x03, 0x00, 0xaa, 0x40, 0x00,
		0x00, 0xb4, 0xc0, 0x03, 0x5f, 0xd6};
	struct chosen_site site = CHOOSE(arm64(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 8);
	assert_true(site.emulated);
}

static void test_arm64_does_not_pass_signing_of_the_return_address(void **state)
{
	/* paciasp; cbz x0, +8; ret */
	static const uint8_t code[] = {
		0x3f, 0x23, 0x03, 0xd5, 0x40, 0x00, 0x00, 0xb4, 0xc0, 0x03, 0x5f, 0xd6};

	assert_int_equal(CHOOSE(arm64(state), code, FIRST_ARGUMENT).offset, 0);
}

static void test_arm64_does_not_pass_a_push(void **state)
{
	/* stp x29, x30, [sp, #-16]!; bl; ret */
	static const uint8_t code[] = {
		0xfd, 0x7b, 0xbf, 0xa9, 0x02, 0x00, 0x00, 0x94, 0xc0, 0x03, 0x5f, 0xd6};
	struct chosen_site site = CHOOSE(arm64(state), code, FIRST_ARGUMENT);

	assert_int_equal(site.offset, 0);
	assert_false(site.emulated);
}

/* Random bytes and sizes: the site must stay inside, whatever they decode to. */
static void test_site_lies_inside_whatever_the_bytes_are(void **state)
{
	uint8_t code[96];

	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t size = rand() % sizeof(code) + 1;
		struct chosen_site site;

		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = rand();
		site = site__choose(round & 1 ? x86(state) : arm64(state), code, sizeof(code), size,
			ADDRESS, (struct site_needs){rand() & 63, rand() & 1});
		assert_true(site.offset < size);
		for (int i = 0; i < SITE_ARGUMENTS; i++)
			assert_true(site.argument_in[i] < 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push_at_the_entry_is_taken),
		cmocka_unit_test(test_free_of_glibc_is_probed_on_its_je),
		cmocka_unit_test(test_endbr64_is_stepped_over),
		cmocka_unit_test(test_stack_pointer_is_never_moved),
		cmocka_unit_test(test_stack_pointer_may_move_where_no_return_is_probed),
		cmocka_unit_test(test_needed_argument_is_not_lost),
		cmocka_unit_test(test_argument_that_nobody_reads_may_change),
		cmocka_unit_test(test_half_of_a_register_is_the_register),
		cmocka_unit_test(test_value_is_followed_to_the_register_it_is_copied_to),
		cmocka_unit_test(test_value_is_followed_into_rax),
		cmocka_unit_test(test_exchanged_arguments_are_told_apart),
		cmocka_unit_test(test_implicit_writes_count),
		cmocka_unit_test(test_loop_back_into_the_prologue_keeps_the_probe_at_the_entry),
		cmocka_unit_test(test_loop_back_to_the_site_itself_keeps_the_probe_at_the_entry),
		cmocka_unit_test(test_loop_behind_the_site_does_no_harm),
		cmocka_unit_test(test_function_of_unknown_size_is_probed_at_its_entry),
		cmocka_unit_test(test_walk_ends_with_the_function),
		cmocka_unit_test(test_bytes_that_are_no_code_stop_the_walk),
		cmocka_unit_test(test_wide_nop_is_taken_only_where_it_is_emulated),
		cmocka_unit_test(test_return_address_stays_in_place),
		cmocka_unit_test(test_arm64_takes_a_branch_behind_bti),
		cmocka_unit_test(test_arm64_does_not_pass_signing_of_the_return_address),
		cmocka_unit_test(test_arm64_does_not_pass_a_push),
		cmocka_unit_test(test_site_lies_inside_whatever_the_bytes_are),
	};

	return cmocka_run_group_tests(tests, open_decoders, close_decoders);
}
