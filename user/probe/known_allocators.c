/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/known_allocators.h"

#include <stdio.h>
#include <string.h>

static uint64_t find(const struct known_file *file, const char *prefix, const char *name)
{
	char symbol[128];

	if (snprintf(symbol, sizeof(symbol), "%s%s", prefix, name) >= (int)sizeof(symbol))
		return 0;
	return candidates__find_function(file->view, symbol, file->is_executable);
}

static bool is_c_library(const struct known_file *file)
{
	return elf_view__find_dynamic(file->view, "__libc_start_main") &&
	       elf_view__find_dynamic(file->view, "__errno_location");
}

/* glibc's malloc.c, linked into the program: each of its functions has one of these names, too. */
static bool is_in_static_glibc(const struct known_file *file, const struct candidate *candidate)
{
	static const char *const names[] = {"__libc_malloc", "__libc_calloc", "__libc_realloc",
		"__libc_reallocarray", "__libc_free", "__libc_memalign", "__libc_valloc",
		"__libc_pvalloc", "__posix_memalign"};

	if (!find(file, "", "_int_malloc"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (find(file, "", names[i]) == candidate->address)
			return true;
	return false;
}

/* Who replaces musl's malloc replaces the others, too; malloc is then not its weak default. */
static bool is_in_static_musl(const struct known_file *file)
{
	uint64_t malloc_address = find(file, "", "malloc");

	return malloc_address && find(file, "", "__init_libc") &&
	       find(file, "", "default_malloc") == malloc_address;
}

static bool is_in_jemalloc(const struct known_file *file, const struct candidate *candidate)
{
	char prefix[sizeof(candidate->name)];
	size_t length = strlen(candidate->name), name_length = strlen(candidate->function->name);

	/* What stands before the table's name: candidates may have any prefix. */
	if (length < name_length)
		return false;
	snprintf(prefix, sizeof(prefix), "%.*s", (int)(length - name_length), candidate->name);
	return find(file, prefix, "mallctl") && find(file, prefix, "mallctlbymib") &&
	       find(file, prefix, "mallocx");
}

/*
 * Of an allocator whose own names begin with @own: in a library all its functions; in a program the
 * one that has such a name, be it beside another.
 */
static bool is_named(
	const struct known_file *file, const struct candidate *candidate, const char *own)
{
	if (!file->is_executable || !strncmp(candidate->name, own, strlen(own)))
		return true;
	return find(file, own, candidate->function->name) == candidate->address;
}

static bool is_in_tcmalloc(const struct known_file *file, const struct candidate *candidate)
{
	if (find(file, "", "tc_version") && find(file, "", "tc_malloc"))
		return is_named(file, candidate, "tc_");
	return !strcmp(candidate->name, "malloc") &&
	       find(file, "", "TCMallocInternalMalloc") == candidate->address;
}

static bool is_in_mimalloc(const struct known_file *file, const struct candidate *candidate)
{
	return find(file, "", "mi_version") && find(file, "", "mi_malloc") &&
	       is_named(file, candidate, "mi_");
}

/* Those that come as libraries only, all of whose functions they are. */
static bool is_known_library(const struct known_file *file)
{
	return find(file, "", "__TBB_malloc_proxy") ||
	       (find(file, "", "__sanitizer_print_stack_trace") &&
		       find(file, "", "__sanitizer_get_allocated_size"));
}

bool known_allocators__own(const struct known_file *file, const struct candidate *candidate)
{
	if (!file->is_executable && (is_c_library(file) || is_known_library(file)))
		return true;
	if (file->is_executable && allocators__is_operator(candidate->function))
		return false;
	if (file->is_executable && (is_c_library(file) || is_in_static_glibc(file, candidate) ||
					   is_in_static_musl(file)))
		return true;
	return is_in_jemalloc(file, candidate) || is_in_tcmalloc(file, candidate) ||
	       is_in_mimalloc(file, candidate);
}
