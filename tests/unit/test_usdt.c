/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Notes of USDT probes and their arguments, and the sums of samples that come by them. */
#include <elf.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe/usdt_arguments.h"
#include "probe/usdt_notes.h"
#include "probe/usdt_plan.h"
#include "sampling/own_samples.h"

/* --- arguments */

static struct usdt_argument parse_one(const char *text, unsigned int machine)
{
	struct usdt_argument argument;

	assert_int_equal(usdt_arguments__parse(text, machine, &argument, 1), 1);
	return argument;
}

static void test_x86_operands(void **state)
{
	struct usdt_argument constant = parse_one("-4@$-7", EM_X86_64);
	struct usdt_argument reg = parse_one("4@%r10d", EM_X86_64);
	struct usdt_argument memory = parse_one("8@-16(%rbp)", EM_X86_64);
	struct usdt_argument indexed = parse_one("2@0x10(%rax,%rcx,4)", EM_X86_64);
	struct usdt_argument baseless = parse_one("1@8(,%rdx,8)", EM_X86_64);

	assert_int_equal(constant.place, USDT_CONSTANT);
	assert_int_equal(constant.value, -7);
	assert_true(constant.is_signed);
	assert_int_equal(reg.place, USDT_REGISTER);
	assert_int_equal(reg.base, 56);
	assert_int_equal(reg.size, 4);
	assert_int_equal(memory.place, USDT_MEMORY);
	assert_int_equal(memory.base, 32);
	assert_int_equal(memory.value, -16);
	assert_int_equal(indexed.base, 80);
	assert_int_equal(indexed.index, 88);
	assert_int_equal(indexed.shift, 2);
	assert_int_equal(indexed.value, 16);
	assert_int_equal(baseless.base, USDT_NO_REGISTER);
	assert_int_equal(baseless.index, 96);
}

static void test_arm64_operands(void **state)
{
	struct usdt_argument argument = parse_one("8@[sp, 16]", EM_AARCH64);

	assert_int_equal(argument.place, USDT_MEMORY);
	assert_int_equal(argument.base, 31 * 8);
	assert_int_equal(argument.value, 16);
	argument = parse_one("-4@w3", EM_AARCH64);
	assert_int_equal(argument.place, USDT_REGISTER);
	assert_int_equal(argument.base, 24);
	argument = parse_one("8@4096", EM_AARCH64);
	assert_int_equal(argument.place, USDT_CONSTANT);
	assert_int_equal(argument.value, 4096);
	argument = parse_one("8@[x29]", EM_AARCH64);
	assert_int_equal(argument.base, 29 * 8);
}

static void test_several_arguments_and_no_more_than_wanted(void **state)
{
	struct usdt_argument arguments[USDT_ARGUMENTS];

	assert_int_equal(usdt_arguments__parse("8@%rdi 8@%rsi -8@$1 4@%xmm0", EM_X86_64, arguments,
				 USDT_ARGUMENTS),
		3);
	assert_int_equal(arguments[2].value, 1);
	assert_int_equal(usdt_arguments__parse("", EM_X86_64, arguments, USDT_ARGUMENTS), 0);
	assert_int_equal(
		usdt_arguments__parse("8@[x0, 8] 8@x1", EM_AARCH64, arguments, USDT_ARGUMENTS), 2);
}

static void test_what_cannot_be_read_is_refused(void **state)
{
	static const char *const unsupported[] = {
		"8@%ah", "8@%xmm0", "8f@%xmm0", "8@counter(%rip)", "8@8(%rip)"};
	static const char *const malformed[] = {"8@", "@%rax", "8%rax", "3@%rax", "16@%rax", "8@$",
		"8@%", "8@8(%rax", "8@(%rax,%rbx,3)", "8@%rax)", "8@$99999999999999999999",
		"8@$12x", "0@%rax"};
	struct usdt_argument argument;

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		assert_int_equal(
			usdt_arguments__parse(unsupported[i], EM_X86_64, &argument, 1), -ENOTSUP);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_true(usdt_arguments__parse(malformed[i], EM_X86_64, &argument, 1) < 0);
	assert_int_equal(usdt_arguments__parse("8@x31", EM_AARCH64, &argument, 1), -ENOTSUP);
	assert_int_equal(usdt_arguments__parse("8@a0", EM_RISCV, &argument, 1), -ENOTSUP);
}

/* --- notes */

struct bytes_of_notes {
	uint8_t data[256];
	size_t size;
};

static void put(struct bytes_of_notes *notes, const void *data, size_t size)
{
	memcpy(notes->data + notes->size, data, size);
	notes->size += size;
}

static void put_note(struct bytes_of_notes *notes, uint32_t type, const char *strings, size_t size)
{
	uint32_t header[3] = {8, 24 + size, type};
	uint64_t addresses[3] = {0x1000, 0x5000, 0x6000};

	put(notes, header, sizeof(header));
	put(notes, "stapsdt", 8);
	put(notes, addresses, sizeof(addresses));
	put(notes, strings, size);
	while (notes->size % 4)
		put(notes, "", 1);
}

struct found {
	size_t count;
	struct usdt_note last;
};

static int count_note(void *context, const struct usdt_note *note)
{
	struct found *found = context;

	found->count++;
	found->last = *note;
	return 0;
}

static void test_notes_follow_a_file_that_was_moved(void **state)
{
	struct bytes_of_notes notes = {.size = 0};
	struct found found = {0};

	put_note(&notes, 3,
		"otel_memory\0alloc\0"
		"8@%rdi",
		25);
	put_note(&notes, 4, "another\0type\0", 14);
	put_note(&notes, 3, "p\0n\0", 5);
	assert_int_equal(
		usdt_notes__each_in(notes.data, notes.size, 0x5800, count_note, &found), 0);
	assert_int_equal(found.count, 2);
	assert_string_equal(found.last.provider, "p");
	assert_string_equal(found.last.arguments, "");
	assert_int_equal(found.last.address, 0x1800);
	assert_int_equal(found.last.semaphore, 0x6800);
	usdt_notes__each_in(notes.data, notes.size, 0, count_note, &found);
	assert_int_equal(found.last.address, 0x1000);
}

/* Whatever length is cut, nothing is read beyond it, and no string without its end is one. */
static void test_notes_that_are_cut_are_left_out(void **state)
{
	struct bytes_of_notes notes = {.size = 0};

	put_note(&notes, 3,
		"otel_memory\0alloc\0"
		"8@%rdi",
		25);
	for (size_t size = 0; size < notes.size; size++) {
		uint8_t *copy = malloc(size + 1);
		struct found found = {0};

		memcpy(copy, notes.data, size);
		usdt_notes__each_in(copy, size, 0, count_note, &found);
		assert_int_equal(found.count, size >= 12 + 8 + 24 + 25);
		free(copy);
	}
	/* A description that ends within its strings. */
	notes.data[4] = 24 + 20;
	struct found found = {0};
	usdt_notes__each_in(notes.data, notes.size, 0, count_note, &found);
	assert_int_equal(found.count, 0);
}

static void test_providers_are_named_with_their_probes(void **state)
{
	struct usdt_provider provider;
	char longest[80];

	assert_true(usdt_provider__parse("arena", &provider));
	assert_string_equal(provider.alloc, "alloc");
	assert_true(usdt_provider__parse("arena:take:give", &provider));
	assert_string_equal(provider.free, "give");
	assert_false(usdt_provider__parse("", &provider));
	assert_false(usdt_provider__parse("a::b", &provider));
	assert_false(usdt_provider__parse("a:b:c:d", &provider));
	memset(longest, 'x', sizeof(longest));
	longest[79] = '\0';
	assert_false(usdt_provider__parse(longest, &provider));
}

/* --- sums */

static void take(struct own_samples *samples, uint32_t process, uint64_t address, uint64_t size,
	uint64_t weight, uint32_t site)
{
	struct event_sample event = {.header = {.kind = EVENT_SAMPLE, .process = process},
		.address = address,
		.size = size,
		.weight = weight};

	assert_int_equal(own_samples__apply(samples, &event.header, sizeof(event), site), 0);
}

static void give(struct own_samples *samples, uint32_t process, uint64_t address)
{
	struct event_free event = {
		.header = {.kind = EVENT_SAMPLE_FREE, .process = process}, .address = address};

	assert_int_equal(own_samples__apply(samples, &event.header, sizeof(event), 0), 0);
}

static void test_weights_are_added_up_as_they_are(void **state)
{
	struct own_samples *samples = own_samples__new();
	struct own_totals totals;

	take(samples, 1, 0x10, 64, 1000, 7);
	take(samples, 1, 0x20, 1000, 1000, 7);
	take(samples, 2, 0x10, 10, 500, 8);
	give(samples, 1, 0x10);
	give(samples, 1, 0x30);
	totals = own_samples__totals(samples);
	assert_int_equal(totals.allocated.weight, 2500);
	assert_int_equal(totals.allocated.samples, 3);
	assert_int_equal(totals.live.weight, 1500);
	assert_int_equal(totals.unknown_frees, 1);
	assert_true(fabs(totals.allocated.blocks - (1000 / 64.0 + 1 + 50)) < 1e-9);
	assert_true(fabs(totals.allocated.variance - (1000.0 * 936 + 500.0 * 490)) < 1e-6);
	assert_int_equal(own_samples__sites(samples)->size, 2);
	own_samples__free(samples);
}

static void test_what_a_process_held_is_left_at_its_exit_and_gone_by_exec(void **state)
{
	struct own_samples *samples = own_samples__new();
	struct event_process exit = {.header = {.kind = EVENT_EXIT, .process = 1}};
	struct event_process exec = {
		.header = {.kind = EVENT_EXEC, .process = 3}, .parent_process = 2};
	struct own_totals totals;

	take(samples, 1, 0x10, 10, 100, 7);
	take(samples, 2, 0x10, 10, 200, 7);
	/* Its free was lost: the address has a new block. */
	take(samples, 2, 0x10, 10, 300, 7);
	assert_int_equal(own_samples__totals(samples).live.weight, 400);
	own_samples__apply(samples, &exit.header, sizeof(exit), 0);
	own_samples__apply(samples, &exec.header, sizeof(exec), 0);
	totals = own_samples__totals(samples);
	assert_int_equal(totals.live.samples, 0);
	assert_int_equal(totals.at_exit.weight, 100);
	assert_int_equal(totals.allocated.weight, 600);
	own_samples__free(samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_operands),
		cmocka_unit_test(test_arm64_operands),
		cmocka_unit_test(test_several_arguments_and_no_more_than_wanted),
		cmocka_unit_test(test_what_cannot_be_read_is_refused),
		cmocka_unit_test(test_notes_follow_a_file_that_was_moved),
		cmocka_unit_test(test_notes_that_are_cut_are_left_out),
		cmocka_unit_test(test_providers_are_named_with_their_probes),
		cmocka_unit_test(test_weights_are_added_up_as_they_are),
		cmocka_unit_test(test_what_a_process_held_is_left_at_its_exit_and_gone_by_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
