/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/internal_calls.h"

#include <string.h>

/* The functions that may hold the calls, as the compiler inlined them. */
static const char *const shutdown_functions[] = {
	"tcache_thread_shutdown",
	"__malloc_arena_thread_freeres",
	"arena_thread_freeres",
	"__libc_thread_freeres",
};

/* If a direct call of @target is at @code, which runs at @address: its length, else 0. */
static size_t call_length(const struct elf_view *view, const uint8_t *code, size_t available,
	uint64_t address, uint64_t target)
{
	int32_t displacement;

	if (view->header->e_machine == EM_X86_64) {
		if (available < 5 || code[0] != 0xe8) /* call rel32 */
			return 0;
		memcpy(&displacement, code + 1, sizeof(displacement));
		return address + 5 + (int64_t)displacement == target ? 5 : 0;
	}
	if (available < 4 || address % 4)
		return 0;
	memcpy(&displacement, code, sizeof(displacement));
	if ((displacement & 0xfc000000) != 0x94000000) /* bl imm26 */
		return 0;
	displacement = (int32_t)((uint32_t)displacement << 6) >> 4;
	return address + (int64_t)displacement == target ? 4 : 0;
}

static int scan(const struct elf_view *view, uint64_t start, uint64_t size, uint64_t target,
	return_addresses *out)
{
	size_t available, length;
	const uint8_t *code = elf_file__at(view->file, start, size, &available);

	if (!code)
		return 0;
	if (size > available)
		size = available;
	for (uint64_t i = 0; i < size; i++) {
		length = call_length(view, code + i, available - i, start + i, target);
		if (length && vec_push(out, start + i + length))
			return -ENOMEM;
	}
	return 0;
}

static bool is_shutdown_function(const char *name)
{
	for (size_t i = 0; i < sizeof(shutdown_functions) / sizeof(shutdown_functions[0]); i++)
		if (strcmp(name, shutdown_functions[i]) == 0)
			return true;
	return false;
}

static int scan_functions(const struct elf_view *view, uint64_t target, return_addresses *out)
{
	struct elf_symtab table;
	int err = 0;

	if (!elf_view__symtab(view, &table))
		return 0;
	for (size_t i = 0; i < table.count && !err; i++) {
		const Elf64_Sym *symbol = &table.symbols[i];

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_size &&
			is_shutdown_function(elf_symtab__name(&table, symbol)))
			err = scan(view, symbol->st_value, symbol->st_size, target, out);
	}
	return err;
}

int internal_calls__find(const struct elf_view *view, uint64_t free_address, return_addresses *out)
{
	int err = 0;

	if (!view->soname || strcmp(view->soname, "libc.so.6"))
		return scan_functions(view, free_address, out);
	for (size_t i = 0; i < view->segment_count && !err; i++) {
		const Elf64_Phdr *segment = &view->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X)
			err = scan(view, segment->p_vaddr, segment->p_filesz, free_address, out);
	}
	return err;
}
