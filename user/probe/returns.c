/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/returns.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "process/allocators.h"
#include "unwind/cfi.h"

/*
 * More functions than operator new of any allocator jumps to (tcmalloc: 8), and more returns: each
 * is single-stepped for whoever meets it.
 */
#define MAX_FUNCTIONS 32
#define MAX_RETURNS 64
/* Code that is read for one function; each instruction takes about a microsecond. */
#define MAX_CODE_BYTES (64 << 10)

struct function_part {
	uint64_t start;
	uint64_t end;
};

struct returns_finder {
	const struct elf_view *view;
	struct decoder *decoder;
	VEC(struct function_part) functions; /* sorted */
};

/* One search: the functions that are or will be read. */
struct returns_search {
	struct returns_finder *finder;
	struct function_part functions[MAX_FUNCTIONS];
	size_t count;
	size_t code_bytes;
	return_places *out;
	size_t first; /* of @out, that this search found */
	bool has_exits;
	struct returns_problem *problem;
};

static int compare_ranges(const void *a, const void *b)
{
	const struct function_part *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

static int read_functions(struct returns_finder *finder, const struct elf_image *image)
{
	struct cfi_iterator it = {.section = {.bytes = &image->eh_frame}};
	struct cfi_fde fde;

	if (!image->eh_frame.data)
		return 0;
	while (cfi__next_fde(&it, &fde))
		if (fde.end > fde.start &&
			vec_push(&finder->functions, (struct function_part){fde.start, fde.end}))
			return -ENOMEM;
	if (finder->functions.size)
		qsort(finder->functions.data, finder->functions.size, sizeof(struct function_part),
			compare_ranges);
	return 0;
}

struct returns_finder *returns__open(int fd, const struct elf_view *view, struct decoder *decoder)
{
	struct returns_finder *finder = calloc(1, sizeof(*finder));
	struct elf_image image;
	int err = 0;

	if (!finder)
		return NULL;
	finder->view = view;
	finder->decoder = decoder;
	if (elf_image__read_fd(&image, fd, NULL) == 0) {
		err = read_functions(finder, &image);
		elf_image__free(&image);
	}
	if (!err)
		return finder;
	returns__close(finder);
	return NULL;
}

void returns__close(struct returns_finder *finder)
{
	if (!finder)
		return;
	vec_free(&finder->functions);
	free(finder);
}

static const struct function_part *find_function(
	const struct returns_finder *finder, uint64_t address)
{
	const struct function_part *functions = finder->functions.data;
	/* The one behind the last that starts at or before the address. */
	size_t after = search_first(finder->functions.size, i, functions[i].start <= address);

	return after && address < functions[after - 1].end ? &functions[after - 1] : NULL;
}

static int give_up(struct returns_search *search, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int give_up(struct returns_search *search, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(search->problem->text, sizeof(search->problem->text), format, args);
	va_end(args);
	return -ENOTSUP;
}

/* A path that ends with a jump to where returns cannot be searched; the first is reported. */
static int note_exit(struct returns_search *search, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int note_exit(struct returns_search *search, const char *format, ...)
{
	va_list args;

	search->has_exits = true;
	if (*search->problem->text)
		return 0;
	va_start(args, format);
	vsnprintf(search->problem->text, sizeof(search->problem->text), format, args);
	va_end(args);
	return 0;
}

static int add_range(struct returns_search *search, struct function_part range)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->functions[i].start == range.start)
			return 0;
	search->code_bytes += range.end - range.start;
	if (search->count == MAX_FUNCTIONS || search->code_bytes > MAX_CODE_BYTES)
		return give_up(search, "it jumps to too much other code");
	search->functions[search->count++] = range;
	return 0;
}

static int add_function(struct returns_search *search, uint64_t address)
{
	const struct function_part *function = find_function(search->finder, address);

	if (!function)
		return note_exit(search, "no unwind table gives the length of the code at 0x%llx",
			(unsigned long long)address);
	return add_range(search, *function);
}

/* The function that is asked for; hand-written code may have no unwind table. */
static int add_first(struct returns_search *search, uint64_t address, uint64_t size)
{
	if (find_function(search->finder, address))
		return add_function(search, address);
	if (size)
		return add_range(search, (struct function_part){address, address + size});
	return give_up(search, "no unwind table or symbol gives its length");
}

static int take_return(struct returns_search *search, uint64_t address, bool returns_argument)
{
	if (search->out->size - search->first == MAX_RETURNS)
		return give_up(search, "it has more than %d returns", MAX_RETURNS);
	return vec_push(search->out, (struct return_place){address, returns_argument});
}

/* Functions of the C library that end calls of calloc and realloc, and return the block. */
static bool is_returning_argument(const char *name)
{
	static const char *const names[] = {
		"memset", "memcpy", "memmove", "__memset_chk", "__memcpy_chk", "__memmove_chk"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* A stub, or a jump without one, goes where the loader binds the pointer at @slot to. */
static int follow_slot(struct returns_search *search, const struct instruction *insn, uint64_t slot)
{
	const char *name = elf_view__bound_name(search->finder->view, slot);
	const Elf64_Sym *symbol = name ? elf_view__find_dynamic(search->finder->view, name) : NULL;

	if (!name)
		return note_exit(search, "the jump at 0x%llx goes through a pointer",
			(unsigned long long)insn->address);
	if (insn->flow == FLOW_JUMP && is_returning_argument(name))
		return take_return(search, insn->address, true);
	/* What is traced there ends the call. */
	if ((!symbol || symbol->st_shndx == SHN_UNDEF) && allocators__find(name))
		return search->has_exits = true, 0;
	if (!symbol || symbol->st_shndx == SHN_UNDEF)
		return note_exit(search, "it jumps to %.60s in another file", name);
	return add_function(search, symbol->st_value);
}

/* A jump or branch that leaves the function it is in. */
static int follow_jump(struct returns_search *search, const struct instruction *insn)
{
	const struct returns_finder *finder = search->finder;
	uint64_t slot = insn->slot;
	const uint8_t *code;
	size_t available;

	if (insn->target) {
		code = elf_view__at(finder->view, insn->target, &available);
		slot = code ? decoder__read_stub(finder->decoder, code, available, insn->target)
			    : 0;
		if (!slot)
			return add_function(search, insn->target);
	}
	if (!slot)
		return note_exit(search, "the jump at 0x%llx goes to an address in a register",
			(unsigned long long)insn->address);
	return follow_slot(search, insn, slot);
}

static int read_instruction(struct returns_search *search, const struct function_part *function,
	const struct instruction *insn)
{
	if (insn->flow == FLOW_RETURN)
		return take_return(search, insn->address, false);
	if (insn->flow != FLOW_JUMP && insn->flow != FLOW_BRANCH)
		return 0;
	if (insn->target >= function->start && insn->target < function->end)
		return 0;
	return follow_jump(search, insn);
}

static int read_function(struct returns_search *search, const struct function_part *function)
{
	struct returns_finder *finder = search->finder;
	struct instruction insn;
	size_t available, size = function->end - function->start, offset = 0;
	const uint8_t *code = elf_view__at(finder->view, function->start, &available);
	int result = 0;

	if (!code || available < size)
		return give_up(search, "its code is not in the file");
	while (offset < size && !result) {
		if (!decoder__read(finder->decoder, code + offset, size - offset,
			    function->start + offset, &insn))
			return give_up(search, "the code at 0x%llx cannot be read",
				(unsigned long long)(function->start + offset));
		offset += insn.length;
		result = read_instruction(search, function, &insn);
	}
	return result;
}

int returns__find(struct returns_finder *finder, uint64_t address, uint64_t size,
	return_places *out, struct returns_problem *problem)
{
	struct returns_search search = {
		.finder = finder, .out = out, .first = out->size, .problem = problem};
	int err;

	*problem->text = '\0';
	err = add_first(&search, address, size);
	/* Reading one may add more. */
	for (size_t i = 0; i < search.count && !err; i++)
		err = read_function(&search, &search.functions[i]);
	if (!err && out->size == search.first && !search.has_exits)
		err = give_up(&search, "it has none");
	if (err)
		out->size = search.first;
	return err;
}
