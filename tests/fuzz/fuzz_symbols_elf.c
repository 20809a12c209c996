/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as a module that is mapped: tables, PLT, DWARF and MiniDebugInfo of a hostile file. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/elf_file.h"
#include "symbols/symbolizer.h"

/* Addresses that are looked up in each file, spread over its code. */
#define LOOKUPS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct module *module)
{
	uint64_t span = module->text_end - module->text_start;
	struct symbolizer *s = symbolizer__new(NULL);

	for (uint64_t i = 0; i < LOOKUPS; i++) {
		uint64_t vaddr = module->text_start + span / LOOKUPS * i + i;
		struct symbol_frames answer;

		if (symbolizer__resolve(s, module, vaddr, i & 1, &answer) == 0 && !answer.count)
			abort();
		for (size_t f = 0; f < answer.count; f++)
			if (answer.frames[f].function && !strlen(answer.frames[f].function))
				abort();
	}
	symbolizer__free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct modules *registry = modules__new();
	struct elf_wanted wanted[] = {{.name = "malloc"}, {.name = "main"}};
	struct elf_file *file;
	struct module *module;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (write(fd, data, size) != (ssize_t)size)
		abort();
	if (elf_file__open(fd, &file, NULL) == 0) {
		elf_file__find_symbols(file, ELF_ANY_TABLE, wanted, 2);
		elf_file__soname(file);
		elf_file__close(file);
	}
	module = modules__add_file(registry, fd, "/fuzz", NULL);
	if (module)
		look_up(module);
	modules__free(registry);
	close(fd);
	return 0;
}
