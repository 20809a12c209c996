/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The programs of tests/targets/unwind, walked natively while they run: each tells where it is and
 * which of its functions are on its stack, and waits. Skipped if they are not built.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../targets/unwind/known_stack.h"
#include "unwind/cfi.h"
#include "unwind/store.h"

struct target {
	pid_t pid;
	int records; /* read end */
	int answers; /* write end */
	struct modules *modules;
	struct unwind_store *store;
	size_t cases;
};

/* build/unit/test_x -> build/targets/unwind/NAME; in a sanitized build, the plain build's. */
static bool find_program(const char *name, char *path, size_t size)
{
	static const char *const ways[] = {"../targets", "../../targets"};
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, size, "%s/%s/unwind/%s", self, ways[i], name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void run_program(const char *path, int out, int in, bool partial)
{
	char pipes[64];

	snprintf(pipes, sizeof(pipes), "%d,%d", out, in);
	setenv("STACK_PIPE", pipes, 1);
	if (partial)
		setenv("STACK_PARTIAL", "1", 1);
	alarm(60);
	execl(path, path, NULL);
	_exit(127);
}

static void start_target(struct target *target, const char *path, bool partial)
{
	int records[2], answers[2];

	*target = (struct target){.modules = modules__new(), .store = unwind_store__new(NULL)};
	assert_int_equal(pipe(records), 0);
	assert_int_equal(pipe(answers), 0);
	target->pid = fork();
	assert_true(target->pid >= 0);
	if (!target->pid)
		run_program(path, records[1], answers[0], partial);
	close(records[1]);
	close(answers[0]);
	target->records = records[0];
	target->answers = answers[1];
}

static void end_target(struct target *target)
{
	int status;

	close(target->records);
	close(target->answers);
	assert_int_equal(waitpid(target->pid, &status, 0), target->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	unwind_store__free(target->store);
	modules__free(target->modules);
}

/* Where the function that holds @address begins, by the program's FDEs; 0 if none holds it. */
static uint64_t find_function(struct target *target, const struct maps *maps, uint64_t address)
{
	const struct mapping *mapping = maps__find(maps, address);
	struct module *module;
	struct cfi_fde fde;
	struct elf_image image;
	uint64_t bias, start = 0;

	module = mapping ? modules__get(target->modules, target->pid, mapping, NULL) : NULL;
	if (!module || !module__bias(module, mapping, &bias) ||
		elf_image__read_fd(&image, module->fd, NULL))
		return 0;
	struct cfi_iterator it = {.section = {.bytes = &image.eh_frame}};
	while (image.eh_frame.data && cfi__next_fde(&it, &fde))
		if (address - bias >= fde.start && address - bias < fde.end)
			start = fde.start + bias;
	elf_image__free(&image);
	return start;
}

static bool is_known(const struct known_record *record, uint64_t function)
{
	for (size_t i = 0; i < record->count; i++)
		if (function && record->functions[i] == function)
			return true;
	return false;
}

/* Through qsort or raise: in one without frame information a counted end, not a lie. */
static bool leads_through_c_library(const char *label)
{
	return !strcmp(label, "through qsort") || strstr(label, "signal");
}

static void check_frames(struct target *target, const struct known_record *record,
	const struct maps *maps, const struct unwind_walk *walk)
{
	size_t next = 0;

	for (size_t i = 0; i < walk->record.frame_count; i++) {
		uint64_t function = find_function(target, maps, walk->frames[i] - (i > 0));

		if (!is_known(record, function))
			continue;
		if (next == record->count || record->functions[next] != function)
			fail_msg("%s: frame %zu is in another function", record->label, i);
		next++;
	}
	if (!record->expects_whole && leads_through_c_library(record->label) && next >= 3 &&
		walk->record.header.flags == STACK_NO_RULE)
		return;
	if (next != record->count)
		fail_msg("%s: %zu of %lu functions found, stop %u after %u frames", record->label,
			next, record->count, walk->record.header.flags, walk->record.frame_count);
}

static void check_record(struct target *target, const struct known_record *record)
{
	static struct unwind_walk walk;
	struct unwind_target walked = {.read = unwind__read_process, .context = &target->pid};
	unwind_mapping_vec mappings = {0};
	struct maps maps;

	assert_int_equal(maps__read(target->pid, &maps, NULL), 0);
	assert_int_equal(unwind_store__describe(
				 target->store, target->modules, target->pid, &maps, &mappings),
		0);
	walked.mappings = mappings.data;
	walked.mapping_count = mappings.size;
	walk.pc = record->pc;
	walk.sp = record->sp;
	walk.bp = record->bp;
	walk.bx = record->bx;
	unwind__walk_native(&walked, &walk, EVENT_MAX_FRAMES, UNWIND_FROM_PC);
	check_frames(target, record, &maps, &walk);
	if (record->expects_whole || !leads_through_c_library(record->label)) {
		assert_int_equal(walk.record.header.flags, STACK_COMPLETE);
		assert_int_equal(walk.record.guessed_frames, 0);
	}
	vec_free(&mappings);
	maps__free(&maps);
	target->cases++;
}

static void check_program(const char *name, size_t cases, bool partial)
{
	struct known_record record;
	char path[PATH_MAX + 64];
	struct target target;

	if (!find_program(name, path, sizeof(path))) {
		print_message("%s is not built\n", name);
		skip();
	}
	start_target(&target, path, partial);
	while (read(target.records, &record, sizeof(record)) == sizeof(record)) {
		check_record(&target, &record);
		assert_int_equal(write(target.answers, "", 1), 1);
	}
	end_target(&target);
	assert_int_equal(target.cases, cases);
}

#define FRAMES_CASES 25

static void test_frames_of_all_shapes_in_a_pie(void **state)
{
	check_program("frames", FRAMES_CASES, false);
}

static void test_frames_in_a_program_at_a_fixed_address(void **state)
{
	check_program("frames_no_pie", FRAMES_CASES, false);
}

static void test_frames_in_a_static_program(void **state)
{
	check_program("frames_static", FRAMES_CASES, false);
}

static void test_frames_in_a_static_pie(void **state)
{
	check_program("frames_static_pie", FRAMES_CASES, false);
}

static void test_frames_with_cf_protection(void **state)
{
	check_program("frames_cet", FRAMES_CASES, false);
}

static void test_frames_at_the_highest_optimization(void **state)
{
	check_program("frames_o3", FRAMES_CASES, false);
}

static void test_frames_that_clang_made(void **state)
{
	check_program("frames_clang", FRAMES_CASES, false);
}

/* musl describes no frames of its own; its signal return and its callers of main and of threads'
 * functions are known by their bytes. */
static void test_frames_over_musl(void **state)
{
	check_program("frames_musl", FRAMES_CASES, true);
}

static void test_frames_in_a_static_program_with_musl(void **state)
{
	check_program("frames_musl_static", FRAMES_CASES, true);
}

static void test_frames_around_exceptions(void **state)
{
	check_program("exceptions", 5, false);
}

static void test_frames_inside_of_lazy_binding(void **state)
{
	check_program("lazy", 1, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_of_all_shapes_in_a_pie),
		cmocka_unit_test(test_frames_in_a_program_at_a_fixed_address),
		cmocka_unit_test(test_frames_in_a_static_program),
		cmocka_unit_test(test_frames_in_a_static_pie),
		cmocka_unit_test(test_frames_with_cf_protection),
		cmocka_unit_test(test_frames_at_the_highest_optimization),
		cmocka_unit_test(test_frames_that_clang_made),
		cmocka_unit_test(test_frames_over_musl),
		cmocka_unit_test(test_frames_in_a_static_program_with_musl),
		cmocka_unit_test(test_frames_around_exceptions),
		cmocka_unit_test(test_frames_inside_of_lazy_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
