/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/allocators.h"

#include <string.h>

#define NONE PROBE_NO_ARGUMENT

#define ALLOC(name, function, size)                                     \
	{                                                               \
		name, function, PROBE_ALLOC, size, NONE, NONE, 0, false \
	}
#define ALLOC_N(name, function, count, size)                             \
	{                                                                \
		name, function, PROBE_ALLOC, size, count, NONE, 0, false \
	}
#define REALLOC(name, function, size)                                  \
	{                                                              \
		name, function, PROBE_REALLOC, size, NONE, 0, 0, false \
	}
#define REALLOC_N(name, function, count, size)                          \
	{                                                               \
		name, function, PROBE_REALLOC, size, count, 0, 0, false \
	}
#define REALLOC_FLAGS(name, function, size, flags)                        \
	{                                                                 \
		name, function, PROBE_REALLOC, size, NONE, 0, flags, true \
	}
#define MEMALIGN_OUT(name)                                                                \
	{                                                                                 \
		name, FUNCTION_POSIX_MEMALIGN, PROBE_POSIX_MEMALIGN, 2, NONE, 0, 0, false \
	}
#define FREE(name, function)                                        \
	{                                                           \
		name, function, PROBE_FREE, NONE, NONE, 0, 0, false \
	}
#define NEW(name, function)                                                       \
	{                                                                         \
		name, function, PROBE_ALLOC, 0, NONE, NONE, PROBE_MAY_THROW, true \
	}
#define NEW_NOTHROW(name, function)                                 \
	{                                                           \
		name, function, PROBE_ALLOC, 0, NONE, NONE, 0, true \
	}
#define DELETE(name, function)                                     \
	{                                                          \
		name, function, PROBE_FREE, NONE, NONE, 0, 0, true \
	}

/* Names that only one library has. */
#define OWN_ALLOC(name, function, size)                                \
	{                                                              \
		name, function, PROBE_ALLOC, size, NONE, NONE, 0, true \
	}
#define OWN_ALLOC_N(name, function, count, size)                        \
	{                                                               \
		name, function, PROBE_ALLOC, size, count, NONE, 0, true \
	}
#define OWN_REALLOC(name, function, size, pointer)                          \
	{                                                                   \
		name, function, PROBE_REALLOC, size, NONE, pointer, 0, true \
	}
#define OWN_REALLOC_N(name, function, count, size, pointer)                  \
	{                                                                    \
		name, function, PROBE_REALLOC, size, count, pointer, 0, true \
	}
#define OWN_MEMALIGN_OUT(name)                                                           \
	{                                                                                \
		name, FUNCTION_POSIX_MEMALIGN, PROBE_POSIX_MEMALIGN, 2, NONE, 0, 0, true \
	}
#define OWN_FREE(name, function)                                   \
	{                                                          \
		name, function, PROBE_FREE, NONE, NONE, 0, 0, true \
	}

static const struct allocator_function table[] = {
	/* C */
	ALLOC("malloc", FUNCTION_MALLOC, 0),
	ALLOC_N("calloc", FUNCTION_CALLOC, 0, 1),
	REALLOC("realloc", FUNCTION_REALLOC, 1),
	REALLOC_N("reallocarray", FUNCTION_REALLOCARRAY, 1, 2),
	FREE("free", FUNCTION_FREE),
	FREE("cfree", FUNCTION_FREE),
	FREE("free_sized", FUNCTION_FREE),
	FREE("free_aligned_sized", FUNCTION_FREE),
	MEMALIGN_OUT("posix_memalign"),
	ALLOC("aligned_alloc", FUNCTION_ALIGNED_ALLOC, 1),
	ALLOC("memalign", FUNCTION_MEMALIGN, 1),
	ALLOC("valloc", FUNCTION_VALLOC, 0),
	ALLOC("pvalloc", FUNCTION_PVALLOC, 0),
	REALLOC_FLAGS("reallocf", FUNCTION_REALLOC, 1, PROBE_FREES_ON_FAILURE),

	/* C++ */
	NEW("_Znwm", FUNCTION_NEW),
	NEW("_Znam", FUNCTION_NEW_ARRAY),
	NEW("_ZnwmSt11align_val_t", FUNCTION_NEW),
	NEW("_ZnamSt11align_val_t", FUNCTION_NEW_ARRAY),
	NEW_NOTHROW("_ZnwmRKSt9nothrow_t", FUNCTION_NEW),
	NEW_NOTHROW("_ZnamRKSt9nothrow_t", FUNCTION_NEW_ARRAY),
	NEW_NOTHROW("_ZnwmSt11align_val_tRKSt9nothrow_t", FUNCTION_NEW),
	NEW_NOTHROW("_ZnamSt11align_val_tRKSt9nothrow_t", FUNCTION_NEW_ARRAY),
	DELETE("_ZdlPv", FUNCTION_DELETE),
	DELETE("_ZdaPv", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvm", FUNCTION_DELETE),
	DELETE("_ZdaPvm", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvSt11align_val_t", FUNCTION_DELETE),
	DELETE("_ZdaPvSt11align_val_t", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvmSt11align_val_t", FUNCTION_DELETE),
	DELETE("_ZdaPvmSt11align_val_t", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvRKSt9nothrow_t", FUNCTION_DELETE),
	DELETE("_ZdaPvRKSt9nothrow_t", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvmRKSt9nothrow_t", FUNCTION_DELETE),
	DELETE("_ZdaPvmRKSt9nothrow_t", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvSt11align_val_tRKSt9nothrow_t", FUNCTION_DELETE),
	DELETE("_ZdaPvSt11align_val_tRKSt9nothrow_t", FUNCTION_DELETE_ARRAY),
	DELETE("_ZdlPvmSt11align_val_tRKSt9nothrow_t", FUNCTION_DELETE),
	DELETE("_ZdaPvmSt11align_val_tRKSt9nothrow_t", FUNCTION_DELETE_ARRAY),

	/* glibc's other names, which preloaded allocators define too */
	OWN_ALLOC("__libc_malloc", FUNCTION_MALLOC, 0),
	OWN_ALLOC_N("__libc_calloc", FUNCTION_CALLOC, 0, 1),
	OWN_REALLOC("__libc_realloc", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC_N("__libc_reallocarray", FUNCTION_REALLOCARRAY, 1, 2, 0),
	OWN_FREE("__libc_free", FUNCTION_FREE),
	OWN_FREE("__libc_cfree", FUNCTION_FREE),
	OWN_ALLOC("__libc_memalign", FUNCTION_MEMALIGN, 1),
	OWN_ALLOC("__libc_valloc", FUNCTION_VALLOC, 0),
	OWN_ALLOC("__libc_pvalloc", FUNCTION_PVALLOC, 0),
	OWN_MEMALIGN_OUT("__posix_memalign"),

	/* jemalloc; sdallocx and __size_returning_new (a pair in rax:rdx) are tcmalloc's too */
	OWN_ALLOC("mallocx", FUNCTION_MALLOC, 0),
	REALLOC_FLAGS("rallocx", FUNCTION_REALLOC, 1, PROBE_ZERO_SIZE_KEEPS),
	REALLOC_FLAGS("xallocx", FUNCTION_REALLOC, 1, PROBE_ZERO_SIZE_KEEPS | PROBE_RETURNS_SIZE),
	OWN_FREE("dallocx", FUNCTION_FREE),
	OWN_FREE("sdallocx", FUNCTION_FREE),
	NEW("__size_returning_new", FUNCTION_NEW),
	NEW("__size_returning_new_aligned", FUNCTION_NEW),
	NEW("__size_returning_new_hot_cold", FUNCTION_NEW),
	NEW("__size_returning_new_aligned_hot_cold", FUNCTION_NEW),

	/* with a hint for where it should lie, as clang passes it to tcmalloc (MemProf) */
	NEW("_Znwm12__hot_cold_t", FUNCTION_NEW),
	NEW("_Znam12__hot_cold_t", FUNCTION_NEW_ARRAY),
	NEW("_ZnwmSt11align_val_t12__hot_cold_t", FUNCTION_NEW),
	NEW("_ZnamSt11align_val_t12__hot_cold_t", FUNCTION_NEW_ARRAY),
	NEW_NOTHROW("_ZnwmRKSt9nothrow_t12__hot_cold_t", FUNCTION_NEW),
	NEW_NOTHROW("_ZnamRKSt9nothrow_t12__hot_cold_t", FUNCTION_NEW_ARRAY),
	NEW_NOTHROW("_ZnwmSt11align_val_tRKSt9nothrow_t12__hot_cold_t", FUNCTION_NEW),
	NEW_NOTHROW("_ZnamSt11align_val_tRKSt9nothrow_t12__hot_cold_t", FUNCTION_NEW_ARRAY),

	/* mimalloc; of functions with a heap as first argument the others move one up */
	OWN_ALLOC("mi_malloc", FUNCTION_MALLOC, 0),
	OWN_ALLOC("mi_malloc_small", FUNCTION_MALLOC, 0),
	OWN_ALLOC("mi_zalloc", FUNCTION_CALLOC, 0),
	OWN_ALLOC("mi_zalloc_small", FUNCTION_CALLOC, 0),
	OWN_ALLOC_N("mi_calloc", FUNCTION_CALLOC, 0, 1),
	OWN_ALLOC_N("mi_mallocn", FUNCTION_MALLOC, 0, 1),
	OWN_REALLOC("mi_realloc", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC_N("mi_reallocn", FUNCTION_REALLOCARRAY, 1, 2, 0),
	OWN_REALLOC_N("mi_reallocarray", FUNCTION_REALLOCARRAY, 1, 2, 0),
	REALLOC_FLAGS("mi_reallocf", FUNCTION_REALLOC, 1, PROBE_FREES_ON_FAILURE),
	OWN_REALLOC("mi_rezalloc", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC_N("mi_recalloc", FUNCTION_REALLOCARRAY, 1, 2, 0),
	REALLOC_FLAGS("mi_expand", FUNCTION_REALLOC, 1, PROBE_ZERO_SIZE_KEEPS),
	OWN_FREE("mi_free", FUNCTION_FREE),
	OWN_FREE("mi_cfree", FUNCTION_FREE),
	OWN_FREE("mi_free_size", FUNCTION_FREE),
	OWN_FREE("mi_free_aligned", FUNCTION_FREE),
	OWN_FREE("mi_free_size_aligned", FUNCTION_FREE),
	OWN_MEMALIGN_OUT("mi_posix_memalign"),
	OWN_ALLOC("mi_aligned_alloc", FUNCTION_ALIGNED_ALLOC, 1),
	OWN_ALLOC("mi_memalign", FUNCTION_MEMALIGN, 1),
	OWN_ALLOC("mi_valloc", FUNCTION_VALLOC, 0),
	OWN_ALLOC("mi_pvalloc", FUNCTION_PVALLOC, 0),
	OWN_ALLOC("mi_malloc_aligned", FUNCTION_ALIGNED_ALLOC, 0),
	OWN_ALLOC("mi_malloc_aligned_at", FUNCTION_ALIGNED_ALLOC, 0),
	OWN_ALLOC("mi_zalloc_aligned", FUNCTION_ALIGNED_ALLOC, 0),
	OWN_ALLOC("mi_zalloc_aligned_at", FUNCTION_ALIGNED_ALLOC, 0),
	OWN_ALLOC_N("mi_calloc_aligned", FUNCTION_ALIGNED_ALLOC, 0, 1),
	OWN_ALLOC_N("mi_calloc_aligned_at", FUNCTION_ALIGNED_ALLOC, 0, 1),
	OWN_REALLOC("mi_realloc_aligned", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC("mi_realloc_aligned_at", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC("mi_rezalloc_aligned", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC("mi_rezalloc_aligned_at", FUNCTION_REALLOC, 1, 0),
	OWN_REALLOC_N("mi_recalloc_aligned", FUNCTION_REALLOCARRAY, 1, 2, 0),
	OWN_REALLOC_N("mi_recalloc_aligned_at", FUNCTION_REALLOCARRAY, 1, 2, 0),
	NEW("mi_new", FUNCTION_NEW),
	NEW("mi_new_aligned", FUNCTION_NEW),
	{"mi_new_n", FUNCTION_NEW_ARRAY, PROBE_ALLOC, 1, 0, NONE, PROBE_MAY_THROW, true},
	NEW_NOTHROW("mi_new_nothrow", FUNCTION_NEW),
	NEW_NOTHROW("mi_new_aligned_nothrow", FUNCTION_NEW),
	REALLOC_FLAGS(
		"mi_new_realloc", FUNCTION_REALLOC, 1, PROBE_MAY_THROW | PROBE_ZERO_SIZE_KEEPS),
	{"mi_new_reallocn", FUNCTION_REALLOCARRAY, PROBE_REALLOC, 2, 1, 0,
		PROBE_MAY_THROW | PROBE_ZERO_SIZE_KEEPS, true},
	{"mi_heap_alloc_new", FUNCTION_NEW, PROBE_ALLOC, 1, NONE, NONE, PROBE_MAY_THROW, true},
	{"mi_heap_alloc_new_n", FUNCTION_NEW_ARRAY, PROBE_ALLOC, 2, 1, NONE, PROBE_MAY_THROW, true},
	OWN_ALLOC("mi_heap_malloc", FUNCTION_MALLOC, 1),
	OWN_ALLOC("mi_heap_malloc_small", FUNCTION_MALLOC, 1),
	OWN_ALLOC("mi_heap_zalloc", FUNCTION_CALLOC, 1),
	OWN_ALLOC_N("mi_heap_calloc", FUNCTION_CALLOC, 1, 2),
	OWN_ALLOC_N("mi_heap_mallocn", FUNCTION_MALLOC, 1, 2),
	OWN_REALLOC("mi_heap_realloc", FUNCTION_REALLOC, 2, 1),
	OWN_REALLOC_N("mi_heap_reallocn", FUNCTION_REALLOCARRAY, 2, 3, 1),
	{"mi_heap_reallocf", FUNCTION_REALLOC, PROBE_REALLOC, 2, NONE, 1, PROBE_FREES_ON_FAILURE,
		true},
	OWN_REALLOC("mi_heap_rezalloc", FUNCTION_REALLOC, 2, 1),
	OWN_REALLOC_N("mi_heap_recalloc", FUNCTION_REALLOCARRAY, 2, 3, 1),
	OWN_ALLOC("mi_heap_malloc_aligned", FUNCTION_ALIGNED_ALLOC, 1),
	OWN_ALLOC("mi_heap_malloc_aligned_at", FUNCTION_ALIGNED_ALLOC, 1),
	OWN_ALLOC("mi_heap_zalloc_aligned", FUNCTION_ALIGNED_ALLOC, 1),
	OWN_ALLOC("mi_heap_zalloc_aligned_at", FUNCTION_ALIGNED_ALLOC, 1),
	OWN_ALLOC_N("mi_heap_calloc_aligned", FUNCTION_ALIGNED_ALLOC, 1, 2),
	OWN_ALLOC_N("mi_heap_calloc_aligned_at", FUNCTION_ALIGNED_ALLOC, 1, 2),
	OWN_REALLOC("mi_heap_realloc_aligned", FUNCTION_REALLOC, 2, 1),
	OWN_REALLOC("mi_heap_realloc_aligned_at", FUNCTION_REALLOC, 2, 1),
	OWN_REALLOC("mi_heap_rezalloc_aligned", FUNCTION_REALLOC, 2, 1),
	OWN_REALLOC("mi_heap_rezalloc_aligned_at", FUNCTION_REALLOC, 2, 1),
	OWN_REALLOC_N("mi_heap_recalloc_aligned", FUNCTION_REALLOCARRAY, 2, 3, 1),
	OWN_REALLOC_N("mi_heap_recalloc_aligned_at", FUNCTION_REALLOCARRAY, 2, 3, 1),

	/* tcmalloc (gperftools) */
	OWN_ALLOC("tc_malloc", FUNCTION_MALLOC, 0),
	OWN_ALLOC("tc_malloc_skip_new_handler", FUNCTION_MALLOC, 0),
	OWN_ALLOC_N("tc_calloc", FUNCTION_CALLOC, 0, 1),
	OWN_REALLOC("tc_realloc", FUNCTION_REALLOC, 1, 0),
	OWN_FREE("tc_free", FUNCTION_FREE),
	OWN_FREE("tc_free_sized", FUNCTION_FREE),
	OWN_FREE("tc_cfree", FUNCTION_FREE),
	OWN_ALLOC("tc_memalign", FUNCTION_MEMALIGN, 1),
	OWN_MEMALIGN_OUT("tc_posix_memalign"),
	OWN_ALLOC("tc_valloc", FUNCTION_VALLOC, 0),
	OWN_ALLOC("tc_pvalloc", FUNCTION_PVALLOC, 0),
	NEW("tc_new", FUNCTION_NEW),
	NEW("tc_newarray", FUNCTION_NEW_ARRAY),
	NEW("tc_new_aligned", FUNCTION_NEW),
	NEW("tc_newarray_aligned", FUNCTION_NEW_ARRAY),
	NEW_NOTHROW("tc_new_nothrow", FUNCTION_NEW),
	NEW_NOTHROW("tc_newarray_nothrow", FUNCTION_NEW_ARRAY),
	NEW_NOTHROW("tc_new_aligned_nothrow", FUNCTION_NEW),
	NEW_NOTHROW("tc_newarray_aligned_nothrow", FUNCTION_NEW_ARRAY),
	DELETE("tc_delete", FUNCTION_DELETE),
	DELETE("tc_deletearray", FUNCTION_DELETE_ARRAY),
	DELETE("tc_delete_sized", FUNCTION_DELETE),
	DELETE("tc_deletearray_sized", FUNCTION_DELETE_ARRAY),
	DELETE("tc_delete_nothrow", FUNCTION_DELETE),
	DELETE("tc_deletearray_nothrow", FUNCTION_DELETE_ARRAY),
	DELETE("tc_delete_aligned", FUNCTION_DELETE),
	DELETE("tc_deletearray_aligned", FUNCTION_DELETE_ARRAY),
	DELETE("tc_delete_sized_aligned", FUNCTION_DELETE),
	DELETE("tc_deletearray_sized_aligned", FUNCTION_DELETE_ARRAY),
	DELETE("tc_delete_aligned_nothrow", FUNCTION_DELETE),
	DELETE("tc_deletearray_aligned_nothrow", FUNCTION_DELETE_ARRAY),
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

/* "je_" is jemalloc's usual prefix (Redis, Rust's sys crates before 2018), "_rjem_" Rust's. */
static const char *const prefixes[] = {"je_", "_rjem_", NULL};

static const char *const function_names[FUNCTION_COUNT] = {
	[FUNCTION_NONE] = "?",
	[FUNCTION_MALLOC] = "malloc",
	[FUNCTION_CALLOC] = "calloc",
	[FUNCTION_REALLOC] = "realloc",
	[FUNCTION_REALLOCARRAY] = "reallocarray",
	[FUNCTION_POSIX_MEMALIGN] = "posix_memalign",
	[FUNCTION_ALIGNED_ALLOC] = "aligned_alloc",
	[FUNCTION_MEMALIGN] = "memalign",
	[FUNCTION_VALLOC] = "valloc",
	[FUNCTION_PVALLOC] = "pvalloc",
	[FUNCTION_FREE] = "free",
	[FUNCTION_NEW] = "operator new",
	[FUNCTION_NEW_ARRAY] = "operator new[]",
	[FUNCTION_DELETE] = "operator delete",
	[FUNCTION_DELETE_ARRAY] = "operator delete[]",
	[FUNCTION_MMAP] = "mmap",
	[FUNCTION_MUNMAP] = "munmap",
	[FUNCTION_MREMAP] = "mremap",
	[FUNCTION_BRK] = "brk",
	[FUNCTION_MPROTECT] = "mprotect",
	[FUNCTION_PAGE_FAULT] = "page fault",
};

size_t allocators__count(void)
{
	return TABLE_SIZE;
}

const struct allocator_function *allocators__at(size_t index)
{
	return index < TABLE_SIZE ? &table[index] : NULL;
}

/*
 * Every traced name starts with one of these letters, and of the mangled ones only operators new
 * and delete matter: this turns away nearly all names of a large table before any is compared.
 */
static bool name_is_plausible(const char *symbol)
{
	if (!*symbol || !strchr("_acdfmprstvx", *symbol))
		return false;
	return symbol[1] != 'Z' || symbol[2] == 'n' || symbol[2] == 'd';
}

const struct allocator_function *allocators__find(const char *symbol)
{
	if (!name_is_plausible(symbol))
		return NULL;
	for (size_t i = 0; i < TABLE_SIZE; i++)
		if (table[i].name[1] == symbol[1] && !strcmp(table[i].name, symbol))
			return &table[i];
	return NULL;
}

const struct allocator_function *allocators__find_prefixed(const char *symbol, const char *prefix)
{
	const struct allocator_function *function;
	size_t length = strlen(prefix);

	if (strncmp(symbol, prefix, length))
		return NULL;
	function = allocators__find(symbol + length);
	return function && !allocators__is_operator(function) ? function : NULL;
}

const char *const *allocators__prefixes(void)
{
	return prefixes;
}

bool allocators__is_operator(const struct allocator_function *function)
{
	switch (function->function) {
	case FUNCTION_NEW:
	case FUNCTION_NEW_ARRAY:
	case FUNCTION_DELETE:
	case FUNCTION_DELETE_ARRAY:
		return true;
	default:
		return false;
	}
}

bool allocators__is_free(const struct allocator_function *function)
{
	return function->operation == PROBE_FREE;
}

uint8_t allocators__arguments(const struct allocator_function *function)
{
	uint8_t arguments = 0;

	if (function->size != NONE)
		arguments |= 1 << function->size;
	if (function->count != NONE)
		arguments |= 1 << function->count;
	if (function->pointer != NONE)
		arguments |= 1 << function->pointer;
	return arguments;
}

uint64_t allocators__cookie(
	const struct allocator_function *function, enum probe_operation operation)
{
	return PROBE_COOKIE(operation, function->function, function->size, function->count,
		function->pointer, function->flags);
}

const char *allocators__function_name(enum event_function function)
{
	return function < FUNCTION_COUNT && function_names[function] ? function_names[function]
								     : "?";
}
