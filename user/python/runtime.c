/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/elf_file.h"

#define SYMBOL_RUNTIME "_PyRuntime"
#define SYMBOL_LOOP "_PyEval_EvalFrameDefault"

/* Py_Version is PY_VERSION_HEX: 0x030b02f0 is 3.11.2. */
static int minor_of_version(uint32_t version)
{
	return version >> 24 == 3 ? (int)(version >> 16 & 0xff) : 0;
}

/* Until 3.10 there is no Py_Version: "python3.9", "libpython3.10.so.1.0". */
static int minor_of_name(const char *name)
{
	const char *at = strstr(name, "python3.");

	return at ? atoi(at + strlen("python3.")) : 0;
}

static bool read_file(const struct module *module, uint64_t vaddr, void *to, size_t size)
{
	uint64_t offset;

	return module__vaddr_to_offset(module, vaddr, &offset) &&
	       pread(module->fd, to, size, (off_t)offset) == (ssize_t)size;
}

static void add_loop(struct python_runtime *out, const struct elf_symbol *symbol)
{
	if (out->loop_parts == PYTHON_LOOP_PARTS)
		return;
	out->loop[out->loop_parts].start = symbol->value;
	out->loop[out->loop_parts++].end = symbol->value + symbol->size;
}

/* "_PyEval_EvalFrameDefault", "_PyEval_EvalFrameDefault.cold", "....localalias" */
static bool take_loop(void *context, const struct elf_symbol *symbol)
{
	struct python_runtime *out = context;
	size_t length = strlen(SYMBOL_LOOP);

	if (symbol->defined && symbol->size && symbol->type == STT_FUNC &&
		!strncmp(symbol->name, SYMBOL_LOOP, length) &&
		(!symbol->name[length] || symbol->name[length] == '.') &&
		!python_runtime__in_loop(out, symbol->value))
		add_loop(out, symbol);
	return true;
}

static void set_layout(const struct module *module, int minor, struct python_runtime *out)
{
	uint8_t offsets[PYTHON_DEBUG_OFFSETS_SIZE];
	const struct python_layout *layout = python_layout__find(minor);
	const char *wrong = NULL;

	if (!minor)
		wrong = "its version is unknown";
	else if (!layout)
		wrong = "only 3.9 to 3.14 are supported";
	else if (minor >= 13 && !read_file(module, out->runtime, offsets, sizeof(offsets)))
		wrong = "it does not describe its layout";
	else
		wrong = python_layout__check(layout, offsets, sizeof(offsets));
	if (!wrong && module->elf_machine != EM_X86_64)
		wrong = "its thread states can be found on x86-64 only";
	if (wrong)
		snprintf(out->refusal, sizeof(out->refusal), "CPython 3.%d: %s", minor, wrong);
	else
		out->layout = layout;
}

static bool is_pypy(const struct module *module, struct elf_file *file)
{
	struct elf_wanted wanted[] = {
		{.name = "pypy_main_startup"}, {.name = "pypy_execute_source"}};

	return strstr(module->name, "pypy") &&
	       elf_file__find_symbols(file, ELF_DYNSYM, wanted, 2) > 0;
}

static bool find_in(const struct module *module, struct elf_file *file, struct python_runtime *out)
{
	struct elf_wanted wanted[] = {
		{.name = SYMBOL_RUNTIME}, {.name = SYMBOL_LOOP}, {.name = "Py_Version"}};
	uint32_t version;
	int minor;

	if (is_pypy(module, file)) {
		snprintf(out->refusal, sizeof(out->refusal), "PyPy: only CPython is supported");
		return true;
	}
	if (elf_file__find_symbols(file, ELF_DYNSYM, wanted, 3) < 2 &&
		elf_file__find_symbols(file, ELF_SYMTAB, wanted, 3) < 2)
		return false;
	if (!wanted[0].found || !wanted[1].found || wanted[0].symbol.type != STT_OBJECT)
		return false;
	out->runtime = wanted[0].symbol.value;
	add_loop(out, &wanted[1].symbol);
	elf_file__each_symbol(file, ELF_SYMTAB, take_loop, out);
	if (wanted[2].found && read_file(module, wanted[2].symbol.value, &version, sizeof(version)))
		minor = minor_of_version(version);
	else
		minor = minor_of_name(module->name);
	set_layout(module, minor, out);
	return true;
}

/* A library's name tells; a program may have the interpreter linked into it. */
static bool may_have_python(const struct module *module)
{
	return strstr(module->name, "python") || strstr(module->name, "pypy") ||
	       !strstr(module->name, ".so");
}

bool python_runtime__find(const struct module *module, struct python_runtime *out)
{
	struct elf_file *file;
	bool found;

	*out = (struct python_runtime){0};
	if (module->is_vdso || !may_have_python(module) || elf_file__open(module->fd, &file, NULL))
		return false;
	found = find_in(module, file, out);
	elf_file__close(file);
	return found;
}

bool python_runtime__in_loop(const struct python_runtime *runtime, uint64_t vaddr)
{
	for (size_t i = 0; i < runtime->loop_parts; i++)
		if (vaddr >= runtime->loop[i].start && vaddr < runtime->loop[i].end)
			return true;
	return false;
}

struct python_space python_runtime__space(const struct python_runtime *runtime, uint64_t bias)
{
	const struct python_layout *layout = runtime->layout;
	struct python_space space = layout->walk;

	space.code_name = layout->code_qualname ? layout->code_qualname : layout->code_name;
	space.code_file = layout->code_filename;
	space.code_lines = layout->code_lines;
	space.ascii_size = layout->ascii_size;
	space.compact_size = layout->compact_size;
	space.minor = layout->minor;
	space.tss_key = bias + runtime->runtime + layout->tss_key;
	if (layout->tstate_current)
		space.tstate_current = bias + runtime->runtime + layout->tstate_current;
	return space;
}
