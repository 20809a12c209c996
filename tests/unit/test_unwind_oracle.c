/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Every row of the machine's real libraries, against libdw. */
#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unwind/known_code.h"
#include "unwind/walk.h"
#include "unwind_oracle.h"

struct comparison {
	const struct unwind_table *table;
	struct elf_image image;
	struct unwind_mapping mapping;
	Dwarf_CFI *cfi;
	size_t compared;
	size_t unsupported; /* both give up, or ours does where it says so */
	size_t differences;
};

static int read_made_up(void *context, void *to, size_t size, uint64_t address)
{
	uint64_t *words = to;

	if (size & 7 || address & 7)
		return -EFAULT;
	for (size_t i = 0; i < size / 8; i++)
		words[i] = oracle_memory(address + 8 * i);
	return 0;
}

/* The caller's registers by our walker; the enum stack_stop that ended it. */
static int unwind_ours(
	struct comparison *c, const struct oracle_registers *r, struct oracle_registers *caller)
{
	const struct unwind_target target = {
		.mappings = &c->mapping, .mapping_count = 1, .read = read_made_up};
	static struct unwind_walk w;
	int stop;

	w.pc = r->pc;
	w.sp = r->sp;
	w.bp = r->bp;
	w.bx = r->bx;
	stop = unwind__walk_native(&target, &w, 1, UNWIND_FROM_PC);
	*caller = (struct oracle_registers){.pc = w.pc, .sp = w.sp, .bp = w.bp, .bx = w.bx};
	return stop;
}

static void report(struct comparison *c, const char *what, uint64_t pc)
{
	uint32_t rule = unwind_table__find(c->table, pc);

	if (c->differences++ < 10)
		print_error(
			"%#lx: %s (rule %#x, kind %u)\n", pc, what, rule, unwind_rule_kind(rule));
}

/* An interrupted pc is given as if it were a return address: one more. */
static void compare_at(struct comparison *c, Dwarf_Frame *frame, uint64_t pc, bool signal)
{
	const struct oracle_registers r = {
		.pc = pc, .sp = 0x700000000000, .bp = 0x710000000000, .bx = 0x720000000000};
	struct oracle_registers theirs, ours;
	enum oracle_verdict verdict = oracle_unwind(frame, &r, &theirs);
	int stop = unwind_ours(c, &r, &ours);

	c->compared++;
	if (verdict == ORACLE_OUTERMOST) {
		if (stop != STACK_COMPLETE)
			report(c, "not seen as outermost", pc);
	} else if (verdict == ORACLE_UNKNOWN || stop == STACK_BAD_RULE) {
		if (!c->unsupported++)
			print_message("  the first place beyond our rules: %#lx\n", pc);
		if (stop != STACK_BAD_RULE && stop != STACK_TRUNCATED)
			report(c, "unexpected stop", pc);
	} else if (stop != STACK_TRUNCATED) {
		report(c, "stopped", pc);
	} else if (ours.sp != theirs.sp || ours.pc != theirs.pc + signal) {
		report(c, "another CFA or return address", pc);
	} else if (ours.bp != theirs.bp || ours.bx != theirs.bx) {
		report(c, "another rbp or rbx", pc);
	}
}

/* Ours knows better than the file that nothing has called a context's first function. */
static bool is_known_base(struct comparison *c, uint64_t start, uint64_t end)
{
	if (!known_code__is_context_start(&c->image, start, end))
		return false;
	if (unwind_table__find(c->table, start) != UNWIND_END)
		report(c, "not seen as a context's start", start);
	return true;
}

/* From frame to frame as libdw has them: first and last byte of each. */
static void compare_all(struct comparison *c)
{
	uint64_t pc = c->table->text_start, start, end;
	Dwarf_Frame *frame;
	bool signal;

	while (pc < c->table->text_end) {
		if (dwarf_cfi_addrframe(c->cfi, pc, &frame)) {
			pc++; /* between functions */
			continue;
		}
		dwarf_frame_info(frame, &start, &end, &signal);
		if (!is_known_base(c, start, end)) {
			compare_at(c, frame, pc, signal);
			compare_at(c, frame, end - 1, signal);
		}
		free(frame);
		pc = end > pc ? end : pc + 1;
	}
}

static void compare_file(const char *path, double max_unsupported)
{
	struct comparison c = {0};
	struct unwind_table *table;
	struct error err = {0};
	int fd = open(path, O_RDONLY);
	Elf *elf;

	if (fd < 0) {
		print_message("%s is not installed\n", path);
		return;
	}
	assert_int_equal(unwind_table__build(fd, &table, &err), 0);
	assert_int_equal(elf_image__read_fd(&c.image, fd, &err), 0);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	c.table = table;
	c.cfi = dwarf_getcfi_elf(elf);
	assert_non_null(c.cfi);
	c.mapping = (struct unwind_mapping){
		.start = table->text_start, .end = table->text_end, .table = table};
	compare_all(&c);
	print_message("%s: %zu places compared, %zu beyond our rules, %zu different\n", path,
		c.compared, c.unsupported, c.differences);
	assert_true(c.compared > 100);
	assert_int_equal(c.differences, 0);
	assert_true(c.unsupported <= max_unsupported * c.compared);
	dwarf_cfi_end(c.cfi);
	elf_end(elf);
	elf_image__free(&c.image);
	close(fd);
	unwind_table__free(table);
}

#define LIBRARIES "/usr/lib/x86_64-linux-gnu/"

static void test_every_row_of_libc_does_what_libdw_says(void **state)
{
	compare_file(LIBRARIES "libc.so.6", 0.001);
}

static void test_every_row_of_the_loader_does_what_libdw_says(void **state)
{
	compare_file("/lib64/ld-linux-x86-64.so.2", 0.001);
}

static void test_every_row_of_libstdcxx_does_what_libdw_says(void **state)
{
	compare_file(LIBRARIES "libstdc++.so.6", 0);
}

static void test_every_row_of_python_does_what_libdw_says(void **state)
{
	/* Built with -fstack-clash-protection it has loops whose CFA is r11's: nothing is called
	 * there. */
	compare_file("/usr/bin/python3", 0.001);
	compare_file(LIBRARIES "libpython3.11.so.1.0", 0);
}

/* Hand-written assembly: a percent has its CFA in scratch registers, in leaf functions. */
static void test_every_row_of_libcrypto_does_what_libdw_says(void **state)
{
	compare_file(LIBRARIES "libcrypto.so.3", 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_of_libc_does_what_libdw_says),
		cmocka_unit_test(test_every_row_of_the_loader_does_what_libdw_says),
		cmocka_unit_test(test_every_row_of_libstdcxx_does_what_libdw_says),
		cmocka_unit_test(test_every_row_of_python_does_what_libdw_says),
		cmocka_unit_test(test_every_row_of_libcrypto_does_what_libdw_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
