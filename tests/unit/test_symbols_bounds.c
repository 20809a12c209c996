/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Symbol tables of hostile size: reading names has a bound in time and in memory. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/plan.h"
#include "symbols/symbolizer.h"

#define TEXT_SIZE (1u << 20)
#define NAME_SIZE 100000
#define SYMBOLS_AT 4096
/*
 * The documented bounds are 2 s and 256 MiB. Twice that, since there is more in the process than
 * names; and the sanitizers make all of it slower, on a slow machine beyond any exact limit.
 */
#ifdef __SANITIZE_ADDRESS__
#define MOST_SECONDS 30
#else
#define MOST_SECONDS 8
#endif
#define MOST_MIB 512

static void write_at(int fd, const void *bytes, size_t size, off_t offset)
{
	assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
}

/* A program of @count functions, 8 bytes apart and over again, all of one name of NAME_SIZE. */
static int make_program(size_t count)
{
	uint64_t names_at = SYMBOLS_AT + count * sizeof(Elf64_Sym);
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shoff = 1024,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3};
	Elf64_Phdr segment = {.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_filesz = TEXT_SIZE,
		.p_memsz = TEXT_SIZE};
	Elf64_Shdr sections[3] = {{0},
		{.sh_type = SHT_SYMTAB,
			.sh_offset = SYMBOLS_AT,
			.sh_size = count * sizeof(Elf64_Sym),
			.sh_link = 2},
		{.sh_type = SHT_STRTAB, .sh_offset = names_at, .sh_size = NAME_SIZE + 2}};
	int fd = memfd_create("hostile", MFD_CLOEXEC);
	Elf64_Sym *block = calloc(4096, sizeof(*block));
	char *name = calloc(1, NAME_SIZE + 2);

	memset(name + 1, 'f', NAME_SIZE);
	write_at(fd, &header, sizeof(header), 0);
	write_at(fd, &segment, sizeof(segment), sizeof(header));
	write_at(fd, sections, sizeof(sections), header.e_shoff);
	for (size_t i = 0; i < 4096; i++)
		block[i] = (Elf64_Sym){.st_name = 1,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = 1,
			.st_value = 4096 + i * 8,
			.st_size = 8};
	for (size_t i = 0; i < count; i += 4096)
		write_at(fd, block, (count - i < 4096 ? count - i : 4096) * sizeof(*block),
			SYMBOLS_AT + i * sizeof(*block));
	write_at(fd, name, NAME_SIZE + 2, names_at);
	free(name);
	free(block);
	return fd;
}

static void read_names(int fd)
{
	struct modules *modules = modules__new();
	struct module *module = modules__add_file(modules, fd, "/hostile", NULL);
	struct symbolizer *symbolizer = symbolizer__new(NULL);
	struct symbol_frames frames;

	if (!module)
		_exit(2);
	for (uint64_t i = 0; i < 100; i++)
		symbolizer__resolve(symbolizer, module, 4096 + i * 8, false, &frames);
	symbolizer__free(symbolizer);
	modules__free(modules);
}

static void plan_probes(int fd)
{
	struct plan_options options = {.is_executable = true, .all_symbols = true};
	struct probe_plan plan;

	if (plan__make(&plan, fd, &options, NULL))
		_exit(2);
	plan__free(&plan);
}

/* Does @work in a process of its own, and holds its time and its memory against the bounds. */
static void expect_bounded(size_t symbols, void (*work)(int fd))
{
	int fd = make_program(symbols), status;
	struct rusage usage;
	pid_t pid = fork();

	if (!pid) {
		work(fd);
		_exit(0);
	}
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	print_message("%zu symbols: %ld.%02ld s, %ld MiB\n", symbols, usage.ru_utime.tv_sec,
		usage.ru_utime.tv_usec / 10000, usage.ru_maxrss / 1024);
	assert_true(usage.ru_utime.tv_sec < MOST_SECONDS);
	assert_true(usage.ru_maxrss / 1024 < MOST_MIB);
	close(fd);
}

static void test_two_million_symbols_of_one_long_name_take_little_time(void **state)
{
	expect_bounded(2000000, read_names);
}

static void test_ten_million_symbols_take_little_memory(void **state)
{
	expect_bounded(10000000, read_names);
}

static void test_probes_are_planned_without_reading_long_names(void **state)
{
	expect_bounded(2000000, plan_probes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_million_symbols_of_one_long_name_take_little_time),
		cmocka_unit_test(test_ten_million_symbols_take_little_memory),
		cmocka_unit_test(test_probes_are_planned_without_reading_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
