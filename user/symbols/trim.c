/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/trim.h"

#include <string.h>

/* Whole names of functions, without parameters. */
static const char *const names[] = {"malloc", "calloc", "realloc", "reallocarray", "memalign",
	"aligned_alloc", "posix_memalign", "valloc", "pvalloc", "__libc_malloc", "__libc_calloc",
	"__libc_realloc", "__libc_memalign", "__libc_valloc", "__libc_pvalloc", "operator new",
	"operator new[]", "__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc", "__rdl_alloc",
	"__rdl_alloc_zeroed", "__rdl_realloc", "__rg_alloc", "__rg_alloc_zeroed", "__rg_realloc",
	"alloc::alloc::alloc", "alloc::alloc::alloc_zeroed", "alloc::alloc::realloc",
	"alloc::alloc::exchange_malloc", "mmap", "mmap64", "__mmap", "__mmap64", "mremap",
	"__mremap", "brk", "__brk", "__brk_call", "sbrk", "__sbrk", "mprotect", "__mprotect"};

/* Beginnings of the names of all variants: operator new by its parameters, in mangled form. */
static const char *const prefixes[] = {"_Znwm", "_Znam", "alloc::alloc::Global::alloc_impl",
	"<alloc::alloc::Global as ", "<alloc::alloc::Global>::", "<std::alloc::System as ",
	"std::sys::alloc::", "std::sys::pal::unix::alloc::", "__rustc::__rust_", "__rustc::__rdl_",
	"__rustc::__rg_"};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The length of the name in front of "(parameters)", "@plt" or "[clone...". */
static size_t name_length(const char *function)
{
	const char *at = function + strcspn(function, "(@");

	while (at > function && at[-1] == ' ')
		at--;
	return at - function;
}

bool trim__is_allocator(const char *function)
{
	size_t length = function ? name_length(function) : 0;

	for (size_t i = 0; length && i < COUNT(names); i++)
		if (strlen(names[i]) == length && memcmp(names[i], function, length) == 0)
			return true;
	for (size_t i = 0; length && i < COUNT(prefixes); i++)
		if (strncmp(function, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool trim__is_artefact(const char *module_path)
{
	return module_path && strcmp(module_path, "[uprobes]") == 0;
}
