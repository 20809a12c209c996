/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Plans for this program's own functions, written below in assembly so that their code is known,
 * and for damaged files.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "plan_helpers.h"
#include "probe/delegate.h"

#ifdef __x86_64__
/*
 * `rjem` names are in the table through their prefix; a_ ones by --allocator FILE:a_. None is ever
 * called. Each jump leaves by a symbol that this program imports or defines.
 */
#define FUNCTION(name, body)                                                                       \
	".globl " name "\n.type " name ", @function\n.balign 16\n" name ":\n.cfi_startproc\n" body \
	".cfi_endproc\n.size " name ", . - " name "\n"

__asm__(".text\n"
	/* operator new as libstdc++ has it: malloc on every path that returns */
	FUNCTION("_ZnwmSt11align_val_t",
		"push %rbx\nmov %rdi, %rbx\n1: mov %rbx, %rdi\ncall malloc@plt\ntest %rax, %rax\n"
		"je 2f\npop %rbx\nret\n2: call abort@plt\njmp 1b\n")
	/* one that keeps small blocks itself */
	FUNCTION("_ZnamSt11align_val_t",
		"push %rbx\ncmp $64, %rdi\nja 1f\nmov %rdi, %rax\npop %rbx\nret\n"
		"1: call malloc@plt\npop %rbx\nret\n")
	/* one that leaves by a jump, to a function that others call, too; and one that leaves for
	 * where nobody knows */
	FUNCTION("_Znam", "cmp $64, %rdi\nja 1f\nmov %rdi, %rax\nrepz ret\n1: jmp pool_slow_path\n")
		FUNCTION("pool_slow_path", "xor %eax, %eax\nret\n")
			FUNCTION("_Znwm", "test %rdi, %rdi\nje 1f\njmp *%rsi\n1: ret\n")
	/* one that works alone */
	FUNCTION("_ZnwmSt11align_val_tRKSt9nothrow_t", "mov %rdi, %rax\nret\n")
	/* delete that lets NULL through to nobody */
	FUNCTION("_ZdlPvSt11align_val_t", "test %rdi, %rdi\nje 1f\njmp free@plt\n1: ret\n")
	/* delete that gives some blocks back to a pool */
	FUNCTION("_ZdaPvSt11align_val_t",
		"cmp $64, %rsi\nja 1f\nmov %rdi, (%rsi)\nret\n1: jmp free@plt\n")
	/* through a pointer that the loader fills (-fno-plt) */
	FUNCTION("_ZdlPvmSt11align_val_t", "jmp *free@GOTPCREL(%rip)\n")
	/* works alone, as far as can be seen here */
	FUNCTION("_ZdaPvmSt11align_val_t", "mov %rdi, %rax\nret\n")
	/* another name */
	FUNCTION("a_malloc", "endbr64\njmp malloc@plt\n")
	/* with its own meaning of the arguments: no other name */
	FUNCTION("a_calloc", "xchg %rdi, %rsi\njmp calloc@plt\n")
		FUNCTION("a_free", "mov %rdi, %rax\ntest %rax, %rax\nje 1f\n1: ret\n")
	/* calls free through a function of its own */
	FUNCTION("a_cfree", "call a_free\nret\n")
		FUNCTION("a_realloc", "push %rbx\npop %rbx\nret\n")
			FUNCTION("_rjem_malloc", "push %rbx\npop %rbx\nret\n"));
#endif

static int open_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

#ifdef __x86_64__
static int plan_self(void **state)
{
	static struct probe_plan plan;
	int fd = open_self();

	plan_file(&plan, fd, true, "a_");
	close(fd);
	*state = &plan;
	return 0;
}

static int free_plan(void **state)
{
	plan__free(*state);
	return 0;
}

static void test_operator_new_that_calls_malloc_is_a_hint(void **state)
{
	assert_program(*state, "_ZnwmSt11align_val_t", PROBE_PROGRAM_HINT);
}

static bool has_return(const struct probe_plan *plan, uint64_t offset)
{
	vec_for_each (site, &plan->sites[PROBE_PROGRAM_RET])
		if (site->offset == offset)
			return true;
	return false;
}

static void test_operator_new_with_a_pool_is_probed_at_each_ret(void **state)
{
	struct probe_plan *plan = *state;
	enum probe_program program;
	const struct probe_site *site = find_site(plan, "_ZnamSt11align_val_t", &program);

	assert_non_null(site);
	assert_int_equal(program, PROBE_PROGRAM_THROWING);
	assert_true(PROBE_COOKIE_FLAGS(site->cookie) & PROBE_AT_RETURNS);
	/* push rbx; cmp; ja; mov; pop rbx; ret; call malloc; pop rbx; ret */
	assert_true(has_return(plan, site->offset + 11));
	assert_true(has_return(plan, site->offset + 18));
}

static void test_returns_of_a_function_that_is_jumped_to_are_the_callers(void **state)
{
	struct probe_plan *plan = *state;
	enum probe_program program;
	const struct probe_site *site = find_site(plan, "_Znam", &program);
	uint64_t slow;

	assert_non_null(site);
	assert_int_equal(program, PROBE_PROGRAM_THROWING);
	assert_string_equal(site->name, "_Znam+4");
	assert_true(has_return(plan, site->offset - 4 + 9));
	slow = site->offset - 4 + 16;
	assert_true(has_return(plan, slow + 2));
}

static void test_function_that_ends_by_a_jump_anywhere_is_probed_and_noted(void **state)
{
	struct probe_plan *plan = *state;
	bool is_noted = false;

	assert_program(plan, "_Znwm", PROBE_PROGRAM_THROWING);
	assert_int_equal(plan->untraced.size, 0);
	vec_for_each (note, &plan->notes)
		is_noted |= strstr(*note, "_Znwm:") && strstr(*note, "to an address in a register");
	assert_true(is_noted);
}

static void test_operator_new_of_its_own_is_probed_at_its_returns(void **state)
{
	assert_program(*state, "_ZnwmSt11align_val_tRKSt9nothrow_t", PROBE_PROGRAM_THROWING);
}

/* The file has operators new that give out blocks themselves: theirs may not be free's. */
static void test_operator_delete_beside_a_probed_operator_new_is_probed_at_its_returns(void **state)
{
	assert_program(*state, "_ZdlPvSt11align_val_t", PROBE_PROGRAM_THROWING);
}

static void test_operator_delete_with_a_pool_is_probed_at_its_returns(void **state)
{
	assert_program(*state, "_ZdaPvSt11align_val_t", PROBE_PROGRAM_THROWING);
}

static void test_operator_delete_of_a_program_is_probed_at_its_returns(void **state)
{
	assert_program(*state, "_ZdaPvmSt11align_val_t", PROBE_PROGRAM_THROWING);
}

static void test_call_through_the_global_offset_table_is_followed(void **state)
{
	assert_not_probed(*state, "_ZdlPvmSt11align_val_t");
}

static void test_lone_jump_to_malloc_is_another_name_of_it(void **state)
{
	assert_not_probed(*state, "a_malloc");
}

static void test_jump_with_exchanged_arguments_is_a_function_of_its_own(void **state)
{
	assert_program(*state, "a_calloc", PROBE_PROGRAM_THROWING);
}

static void test_free_of_its_own_is_probed_at_entry_alone(void **state)
{
	enum probe_program program;
	const struct probe_site *site = find_site(*state, "a_free", &program);

	assert_non_null(site);
	assert_int_equal(program, PROBE_PROGRAM_FREE);
	assert_true(site->emulated);
	assert_string_equal(site->name, "a_free+6");
	assert_int_equal(PROBE_COOKIE_OPERATION(site->cookie), PROBE_FREE);
}

static void test_call_inside_the_file_is_followed(void **state)
{
	assert_not_probed(*state, "a_cfree");
}

static void test_prefixed_functions_are_found(void **state)
{
	assert_program(*state, "a_realloc", PROBE_PROGRAM_THROWING);
	assert_program(*state, "_rjem_malloc", PROBE_PROGRAM_THROWING);
}

static void test_imported_functions_are_not_probed(void **state)
{
	assert_not_probed(*state, "malloc");
	assert_not_probed(*state, "free");
	assert_not_probed(*state, "calloc");
}

static void test_prefix_that_was_not_asked_for_is_not_looked_for(void **state)
{
	struct probe_plan plan;
	int fd = open_self();

	plan_file(&plan, fd, true, NULL);
	assert_not_probed(&plan, "a_realloc");
	assert_program(&plan, "_rjem_malloc", PROBE_PROGRAM_THROWING);
	plan__free(&plan);
	close(fd);
}
#endif

static int make_file(const void *data, size_t size)
{
	int fd = memfd_create("plan", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	return fd;
}

static void test_file_that_is_no_elf_is_refused(void **state)
{
	struct plan_options options = {0};
	struct probe_plan plan;
	struct error err;
	static const char script[] =
		"#!/bin/sh\nthis file is longer than an ELF header, but it is none at all\n";
	int fd = make_file(script, sizeof(script));

	assert_int_equal(plan__make(&plan, fd, &options, &err), -ENOEXEC);
	plan__free(&plan);
	close(fd);
}

static uint8_t *read_file(int fd, size_t *size)
{
	struct stat stat;
	uint8_t *data;

	assert_int_equal(fstat(fd, &stat), 0);
	data = malloc(stat.st_size);
	assert_non_null(data);
	assert_int_equal(pread(fd, data, stat.st_size, 0), stat.st_size);
	*size = stat.st_size;
	return data;
}

/* Headers, tables and code with random damage: a plan or an error, never a crash or a hang. */
static void test_damaged_file_does_no_harm(void **state)
{
	struct plan_options options = {.is_executable = true, .all_symbols = true};
	int library = open_library("libstdc++.so.6");
	size_t size;
	uint8_t *data = read_file(library, &size);

	srand(2);
	for (int round = 0; round < 200; round++) {
		size_t kept = round % 4 ? size : 64 + (size_t)rand() % (size - 64);
		int fd = make_file(data, kept);
		struct probe_plan plan;

		for (int i = rand() % 6; i >= 0; i--) {
			uint8_t byte = rand();
			/* Half of the damage in the program headers, which lead everywhere. */
			off_t where = i & 1 ? 64 + rand() % 600 : rand() % (off_t)kept;

			assert_int_equal(pwrite(fd, &byte, 1, where), 1);
		}
		plan__make(&plan, fd, &options, NULL);
		plan__free(&plan);
		close(fd);
	}
	free(data);
	close(library);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __x86_64__
		cmocka_unit_test_setup_teardown(
			test_operator_new_that_calls_malloc_is_a_hint, plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_operator_new_with_a_pool_is_probed_at_each_ret, plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_returns_of_a_function_that_is_jumped_to_are_the_callers, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_function_that_ends_by_a_jump_anywhere_is_probed_and_noted, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_operator_new_of_its_own_is_probed_at_its_returns, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_operator_delete_beside_a_probed_operator_new_is_probed_at_its_returns,
			plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_operator_delete_with_a_pool_is_probed_at_its_returns, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_operator_delete_of_a_program_is_probed_at_its_returns, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_call_through_the_global_offset_table_is_followed, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_lone_jump_to_malloc_is_another_name_of_it, plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_jump_with_exchanged_arguments_is_a_function_of_its_own, plan_self,
			free_plan),
		cmocka_unit_test_setup_teardown(
			test_free_of_its_own_is_probed_at_entry_alone, plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_call_inside_the_file_is_followed, plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_prefixed_functions_are_found, plan_self, free_plan),
		cmocka_unit_test_setup_teardown(
			test_imported_functions_are_not_probed, plan_self, free_plan),
		cmocka_unit_test(test_prefix_that_was_not_asked_for_is_not_looked_for),
#endif
		cmocka_unit_test(test_file_that_is_no_elf_is_refused),
		cmocka_unit_test(test_damaged_file_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
