/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* From bytes of .eh_frame to rows: small images made by hand, and damaged ones. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cmocka.h>

#include "unwind/maps.h"
#include "unwind/range_pool.h"
#include "unwind/table.h"
#include "unwind/walk.h"

#define TEXT 0x1000
#define TEXT_SIZE 0x1000
#define FRAME_OFFSET 0x2000

/* An ELF image with one text segment at vaddr TEXT and .eh_frame bytes, found by its header. */
struct image {
	uint8_t bytes[0x4000];
	size_t size;
	size_t frame_size;
};

static void put(struct image *image, const void *bytes, size_t size)
{
	memcpy(image->bytes + image->size, bytes, size);
	image->size += size;
}

static void put_u32(struct image *image, uint32_t value)
{
	put(image, &value, sizeof(value));
}

static void begin(struct image *image, uint16_t machine)
{
	Elf64_Ehdr header = {.e_machine = machine,
		.e_type = ET_DYN,
		.e_phoff = sizeof(header),
		.e_phnum = 3,
		.e_phentsize = sizeof(Elf64_Phdr)};
	Elf64_Phdr segments[] = {
		{.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = TEXT,
			.p_vaddr = TEXT,
			.p_filesz = TEXT_SIZE,
			.p_memsz = TEXT_SIZE},
		{.p_type = PT_LOAD,
			.p_flags = PF_R,
			.p_offset = FRAME_OFFSET,
			.p_vaddr = FRAME_OFFSET,
			.p_filesz = 0x2000,
			.p_memsz = 0x2000},
		{.p_type = PT_GNU_EH_FRAME,
			.p_offset = FRAME_OFFSET,
			.p_vaddr = FRAME_OFFSET,
			.p_filesz = 8,
			.p_memsz = 8},
	};
	uint8_t frame_header[] = {1, 0x1b, 0xff, 0xff, 4, 0, 0, 0}; /* .eh_frame right behind */

	memset(image, 0, sizeof(*image));
	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	put(image, &header, sizeof(header));
	put(image, segments, sizeof(segments));
	image->size = FRAME_OFFSET;
	put(image, frame_header, sizeof(frame_header));
}

/* A CIE as gcc's: CFA = rsp+8, return address at CFA-8, pcrel|sdata4. At FRAME_OFFSET + 8. */
static void put_cie(struct image *image)
{
	static const uint8_t body[] = {
		1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0};

	put_u32(image, sizeof(body) + 4);
	put_u32(image, 0);
	put(image, body, sizeof(body));
}

static void put_fde(struct image *image, uint32_t start, uint32_t length, const uint8_t *program,
	size_t program_size)
{
	size_t padded = (program_size + 1 + 3) / 4 * 4 - 1;
	static const uint8_t zeros[8];

	put_u32(image, 12 + 1 + padded);
	put_u32(image, image->size - (FRAME_OFFSET + 8));
	put_u32(image, start - image->size);
	put_u32(image, length);
	put(image, zeros, 1);
	put(image, program, program_size);
	put(image, zeros, padded - program_size);
}
#define PUT_FDE(image, start, length, ...)                            \
	put_fde(image, start, length, (const uint8_t[]){__VA_ARGS__}, \
		sizeof((const uint8_t[]){__VA_ARGS__}))

static struct unwind_table *build(struct image *image)
{
	struct unwind_table *table = NULL;
	struct error err = {0};

	put_u32(image, 0);
	assert_int_equal(
		unwind_table__build_memory(image->bytes, sizeof(image->bytes), &table, &err), 0);
	return table;
}

static void test_a_push_moves_the_cfa_and_saves_rbp(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	put_cie(&image);
	/* advance 1; def_cfa_offset 16; offset rbp 2; advance 3; def_cfa_register rbp */
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6);
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT + 0xff), UNWIND_NO_RULE);
	assert_int_equal(unwind_table__find(table, TEXT + 0x100), unwind_rule(UNWIND_SP, 0, 0, 1));
	assert_int_equal(unwind_table__find(table, TEXT + 0x101), unwind_rule(UNWIND_SP, 2, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x103), unwind_rule(UNWIND_SP, 2, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x104), unwind_rule(UNWIND_BP, 2, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x13f), unwind_rule(UNWIND_BP, 2, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x140), UNWIND_NO_RULE);
	unwind_table__free(table);
}

static void test_functions_in_any_order_are_sorted(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	put_cie(&image);
	PUT_FDE(&image, TEXT + 0x300, 0x40, 0x0e, 32);
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x0e, 16);
	PUT_FDE(&image, TEXT + 0x200, 0x40, 0x0e, 24);
	table = build(&image);
	assert_int_equal(unwind_rule_offset(unwind_table__find(table, TEXT + 0x110)), 2);
	assert_int_equal(unwind_rule_offset(unwind_table__find(table, TEXT + 0x210)), 3);
	assert_int_equal(unwind_rule_offset(unwind_table__find(table, TEXT + 0x310)), 4);
	for (size_t i = 1; i < table->row_count; i++)
		assert_true(table->rows[i] > table->rows[i - 1]);
	unwind_table__free(table);
}

static void test_a_function_that_another_overlaps_ends_where_it_begins(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	put_cie(&image);
	PUT_FDE(&image, TEXT + 0x100, 0x200, 0x41, 0x0e, 16, 0x02, 0x80, 0x0e, 24);
	PUT_FDE(&image, TEXT + 0x140, 0x40, 0x0e, 64);
	table = build(&image);
	assert_int_equal(unwind_rule_offset(unwind_table__find(table, TEXT + 0x13f)), 2);
	assert_int_equal(unwind_rule_offset(unwind_table__find(table, TEXT + 0x140)), 8);
	assert_int_equal(unwind_table__find(table, TEXT + 0x181), UNWIND_NO_RULE);
	unwind_table__free(table);
}

static void test_a_frame_of_gigabytes_gets_a_rare_rule(void **state)
{
	struct image image;
	struct unwind_table *table;
	uint32_t rule;

	begin(&image, EM_X86_64);
	put_cie(&image);
	/* def_cfa_offset 0x40000008 */
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x0e, 0x88, 0x80, 0x80, 0x80, 0x04);
	table = build(&image);
	rule = unwind_table__find(table, TEXT + 0x100);
	assert_int_equal(unwind_rule_kind(rule), UNWIND_RARE);
	assert_int_equal(table->rare_count, 1);
	assert_int_equal(table->rare[unwind_rule_offset(rule)].cfa_offset, 0x40000008);
	assert_int_equal(table->rare[unwind_rule_offset(rule)].bp_offset, UNWIND_NOT_SAVED);
	unwind_table__free(table);
}

static void test_an_undefined_return_address_ends_the_stack(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	put_cie(&image);
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x07, 16);
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT + 0x100), UNWIND_END);
	unwind_table__free(table);
}

static void test_what_cannot_be_followed_is_marked_and_counted(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	put_cie(&image);
	/* def_cfa rdi 16; then an expression that no compiler writes */
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x0c, 5, 16, 0x50, 0x0f, 2, 0x31, 0x31);
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT + 0x100), UNWIND_BAD);
	assert_int_equal(unwind_table__find(table, TEXT + 0x110), UNWIND_BAD);
	assert_int_equal(table->statistics.defects[RULE_CFA_REGISTER], 1);
	assert_int_equal(table->statistics.defects[RULE_CFA_EXPRESSION], 1);
	unwind_table__free(table);
}

static void test_instructions_that_make_no_sense_end_a_functions_rows(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	put_cie(&image);
	/* restore_state without remember_state, after two good bytes */
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x42, 0x0e, 16, 0x42, 0x0b);
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT + 0x100), unwind_rule(UNWIND_SP, 0, 0, 1));
	assert_int_equal(unwind_table__find(table, TEXT + 0x102), unwind_rule(UNWIND_SP, 0, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x104), UNWIND_NO_RULE);
	assert_int_equal(table->statistics.malformed, 1);
	unwind_table__free(table);
}

static void test_a_signal_return_is_found_by_its_bytes(void **state)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	memcpy(image.bytes + TEXT + 0x800, code, sizeof(code));
	put_cie(&image);
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x0e, 16);
	table = build(&image);
	/* The handler's return address is looked up at the byte before it. */
	assert_int_equal(unwind_table__find(table, TEXT + 0x7fe), UNWIND_NO_RULE);
	assert_int_equal(unwind_table__find(table, TEXT + 0x7ff), UNWIND_SIGNAL);
	assert_int_equal(unwind_table__find(table, TEXT + 0x808), UNWIND_SIGNAL);
	assert_int_equal(unwind_table__find(table, TEXT + 0x809), UNWIND_NO_RULE);
	unwind_table__free(table);
}

static void test_signal_returns_side_by_side_are_one_piece(void **state)
{
	static const uint8_t code[] = {
		0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05, 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	memcpy(image.bytes + TEXT + 0x800, code, sizeof(code));
	table = build(&image);
	for (size_t i = 1; i < table->row_count; i++)
		assert_true(table->rows[i] > table->rows[i - 1]);
	assert_int_equal(unwind_table__find(table, TEXT + 0x7ff), UNWIND_SIGNAL);
	assert_int_equal(unwind_table__find(table, TEXT + 0x80d), UNWIND_SIGNAL);
	assert_int_equal(unwind_table__find(table, TEXT + 0x80e), UNWIND_NO_RULE);
	unwind_table__free(table);
}

static void test_the_start_of_a_context_is_a_base(void **state)
{
	/* glibc's __start_context, described as if it had been called. */
	static const uint8_t code[] = {0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0x85, 0xff};
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	memcpy(image.bytes + TEXT + 0x200, code, sizeof(code));
	put_cie(&image);
	PUT_FDE(&image, TEXT + 0x100, 0x100, 0x42, 0x0e, 16);
	PUT_FDE(&image, TEXT + 0x200, 26, 0);
	PUT_FDE(&image, TEXT + 0x300, 26, 0);
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT + 0x1fe), unwind_rule(UNWIND_SP, 0, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x1ff), UNWIND_END);
	assert_int_equal(unwind_table__find(table, TEXT + 0x219), UNWIND_END);
	assert_int_equal(unwind_table__find(table, TEXT + 0x300), unwind_rule(UNWIND_SP, 0, 0, 1));
	unwind_table__free(table);
}

/* CFA = sp, return address in x30; data alignment -8. */
static void put_arm64_cie(struct image *image)
{
	static const uint8_t body[] = {1, 'z', 'R', 0, 4, 0x78, 30, 1, 0x1b, 0x0c, 31, 0};

	put_u32(image, sizeof(body) + 4);
	put_u32(image, 0);
	put(image, body, sizeof(body));
}

static void test_arm64_frame_records(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_AARCH64);
	put_arm64_cie(&image);
	/* stp x29, x30, [sp, -32]!: advance 4; def_cfa_offset 32; x29 at CFA-32, x30 at CFA-24 */
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x41, 0x0e, 32, 0x9d, 4, 0x9e, 3);
	table = build(&image);
	assert_int_equal(
		unwind_table__find(table, TEXT + 0x100), unwind_rule_arm64(UNWIND_SP, 0, 0));
	assert_int_equal(
		unwind_table__find(table, TEXT + 0x104), unwind_rule_arm64(UNWIND_SP, 4, 4));
	unwind_table__free(table);
}

static void test_arm64_signal_return_is_found_by_its_bytes(void **state)
{
	/* The vDSO's, which describes nothing: mov x8, #139; svc #0. */
	static const uint8_t code[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_AARCH64);
	memcpy(image.bytes + TEXT + 0x800, code, sizeof(code));
	memcpy(image.bytes + TEXT + 0x902, code, sizeof(code)); /* no instruction begins there */
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT + 0x7fe), UNWIND_NO_RULE);
	assert_int_equal(unwind_table__find(table, TEXT + 0x7ff), UNWIND_SIGNAL);
	assert_int_equal(unwind_table__find(table, TEXT + 0x807), UNWIND_SIGNAL);
	assert_int_equal(unwind_table__find(table, TEXT + 0x808), UNWIND_NO_RULE);
	assert_int_equal(unwind_table__find(table, TEXT + 0x902), UNWIND_NO_RULE);
	unwind_table__free(table);
}

static void test_arm64_start_of_a_context_is_a_base(void **state)
{
	/* glibc's __startcontext: nop or bti c; mov x0, x19; cbnz x0, setcontext; b exit. */
	static const uint8_t code[] = {0x1f, 0x20, 0x03, 0xd5, 0xe0, 0x03, 0x13, 0xaa, 0xc0, 0xf9,
		0xff, 0xb5, 0x52, 0xf5, 0xff, 0x17};
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_AARCH64);
	memcpy(image.bytes + TEXT + 0x200, code, sizeof(code));
	put_arm64_cie(&image);
	PUT_FDE(&image, TEXT + 0x100, 0x100, 0x42, 0x0e, 16);
	PUT_FDE(&image, TEXT + 0x200, sizeof(code), 0);
	PUT_FDE(&image, TEXT + 0x300, sizeof(code), 0);
	table = build(&image);
	assert_int_equal(
		unwind_table__find(table, TEXT + 0x1fe), unwind_rule_arm64(UNWIND_SP, 0, 2));
	assert_int_equal(unwind_table__find(table, TEXT + 0x1ff), UNWIND_END);
	assert_int_equal(
		unwind_table__find(table, TEXT + 0x300), unwind_rule_arm64(UNWIND_SP, 0, 0));
	unwind_table__free(table);
}

static void test_a_file_without_frame_information_has_an_empty_table(void **state)
{
	struct image image;
	struct unwind_table *table;

	begin(&image, EM_X86_64);
	table = build(&image);
	assert_int_equal(unwind_table__find(table, TEXT), UNWIND_NO_RULE);
	assert_int_equal(unwind_table__find(table, 0), UNWIND_NO_RULE);
	assert_int_equal(unwind_table__find(table, UINT64_MAX), UNWIND_NO_RULE);
	unwind_table__free(table);
}

static void test_what_is_not_elf_is_refused_with_a_reason(void **state)
{
	struct unwind_table *table;
	struct error err = {0};
	char text[256] = "#!/bin/sh\n";

	assert_int_equal(unwind_table__build_memory(text, sizeof(text), &table, &err), -ENOEXEC);
	assert_string_equal(err.message, "not an ELF file");
	assert_int_equal(unwind_table__build_memory(text, 3, &table, &err), -ENOEXEC);
	assert_null(table);
}

/* Every bit of every byte of the frame information flipped, one at a time: no crash, no hang. */
static void test_no_damaged_bit_does_harm(void **state)
{
	struct unwind_table *table;
	struct image image;
	size_t tables = 0;

	begin(&image, EM_X86_64);
	put_cie(&image);
	PUT_FDE(&image, TEXT + 0x100, 0x40, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6);
	PUT_FDE(&image, TEXT + 0x200, 0x40, 0x0f, 3, 0x77, 8, 0x06, 0x10, 6, 2, 0x76, 0);
	put_u32(&image, 0);
	for (size_t bit = FRAME_OFFSET * 8; bit < image.size * 8; bit++) {
		image.bytes[bit / 8] ^= 1 << bit % 8;
		if (!unwind_table__build_memory(image.bytes, image.size, &table, NULL)) {
			for (size_t i = 1; i < table->row_count; i++)
				assert_true(table->rows[i] > table->rows[i - 1]);
			unwind_table__free(table);
			tables++;
		}
		image.bytes[bit / 8] ^= 1 << bit % 8;
	}
	assert_true(tables > 0);
}

static void test_the_vdso_has_rules(void **state)
{
	const uint8_t *vdso = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	struct unwind_table *table;
	struct error err = {0};

	if (!vdso)
		skip();
	assert_int_equal(
		unwind_table__build_memory(vdso, 2 * sysconf(_SC_PAGESIZE), &table, &err), 0);
	assert_true(table->row_count > 4);
	unwind_table__free(table);
}

static void test_ranges_given_back_rest_before_they_are_used_again(void **state)
{
	struct range_pool pool = {.size = 100};

	assert_int_equal(range_pool__take(&pool, 60, 0), 0);
	assert_int_equal(range_pool__take(&pool, 40, 0), 60);
	assert_int_equal(range_pool__take(&pool, 1, 0), -ENOSPC);
	range_pool__give(&pool, 0, 60, 1000);
	assert_int_equal(range_pool__take(&pool, 1, 1000), -ENOSPC);
	assert_int_equal(range_pool__take(&pool, 10, 1000 + RANGE_POOL_REST_NS), 0);
	assert_int_equal(pool.used, 50);
	range_pool__free(&pool);
}

static void test_neighbouring_ranges_become_one_again(void **state)
{
	struct range_pool pool = {.size = 90};

	for (int i = 0; i < 3; i++)
		assert_int_equal(range_pool__take(&pool, 30, 0), 30 * i);
	range_pool__give(&pool, 0, 30, 0);
	range_pool__give(&pool, 60, 30, 0);
	assert_int_equal(range_pool__take(&pool, 31, RANGE_POOL_REST_NS), -ENOSPC);
	range_pool__give(&pool, 30, 30, 0);
	assert_int_equal(range_pool__take(&pool, 90, RANGE_POOL_REST_NS), 0);
	range_pool__free(&pool);
}

/*
 * Processes that come and go without end: each piece has a neighbour that was freed after it. What
 * has rested is used again all the same.
 */
static void test_churn_lives_on_the_ranges_of_a_second(void **state)
{
	const uint64_t life_ns = RANGE_POOL_REST_NS / 50; /* 50 processes a second... */
	const uint32_t count = 10;			  /* ... of ten ranges: 500 rest */
	struct range_pool pool = {.size = 600};
	int64_t former = -1;

	for (uint64_t i = 0; i < 10000; i++) {
		int64_t first = range_pool__take(&pool, count, i * life_ns);

		assert_true(first >= 0);
		if (former >= 0)
			range_pool__give(&pool, former, count, i * life_ns);
		former = first;
	}
	assert_int_equal(pool.used, count);
	assert_true(pool.resting.size <= 2 * 51);
	range_pool__free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_push_moves_the_cfa_and_saves_rbp),
		cmocka_unit_test(test_functions_in_any_order_are_sorted),
		cmocka_unit_test(test_a_function_that_another_overlaps_ends_where_it_begins),
		cmocka_unit_test(test_a_frame_of_gigabytes_gets_a_rare_rule),
		cmocka_unit_test(test_an_undefined_return_address_ends_the_stack),
		cmocka_unit_test(test_what_cannot_be_followed_is_marked_and_counted),
		cmocka_unit_test(test_instructions_that_make_no_sense_end_a_functions_rows),
		cmocka_unit_test(test_a_signal_return_is_found_by_its_bytes),
		cmocka_unit_test(test_signal_returns_side_by_side_are_one_piece),
		cmocka_unit_test(test_the_start_of_a_context_is_a_base),
		cmocka_unit_test(test_arm64_frame_records),
		cmocka_unit_test(test_arm64_signal_return_is_found_by_its_bytes),
		cmocka_unit_test(test_arm64_start_of_a_context_is_a_base),
		cmocka_unit_test(test_a_file_without_frame_information_has_an_empty_table),
		cmocka_unit_test(test_what_is_not_elf_is_refused_with_a_reason),
		cmocka_unit_test(test_no_damaged_bit_does_harm),
		cmocka_unit_test(test_the_vdso_has_rules),
		cmocka_unit_test(test_ranges_given_back_rest_before_they_are_used_again),
		cmocka_unit_test(test_neighbouring_ranges_become_one_again),
		cmocka_unit_test(test_churn_lives_on_the_ranges_of_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
