/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/plumbing.h"

#include <string.h>
#include <strings.h>

#include "report/function_name.h"
#include "report/rust_names.h"

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

/* xmalloc, g_malloc0, _PyObject_Malloc, Perl_safesysrealloc: whom they serve is the question. */
static bool is_wrapper(const char *function)
{
	static const char *const ends[] = {"malloc", "malloc0", "calloc", "realloc", "strdup",
		"strndup", "memdup", "mallocz", "memdupz", "malloc_n", "malloc0_n", "realloc_n",
		"malloc2", "realloc2"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (ends_with(function, ends[i]))
			return true;
	return false;
}

/* Functions of pools and allocators' own interfaces, by how their names begin. */
static bool is_pool(const char *function)
{
	static const char *const beginnings[] = {
		/* PostgreSQL */
		"palloc",
		"repalloc",
		"MemoryContext",
		"AllocSet",
		"GenerationAlloc",
		"SlabAlloc",
		/* mimalloc, jemalloc, tcmalloc */
		"mi_new",
		"mi_heap_",
		"mi_zalloc",
		"mi_calloc",
		"je_",
		"tc_new",
		/* Apache, nginx, GLib, talloc */
		"apr_palloc",
		"apr_pcalloc",
		"apr_pstr",
		"apr_pool_create",
		"apr_allocator_alloc",
		"allocator_alloc",
		"ngx_palloc",
		"ngx_pcalloc",
		"ngx_pnalloc",
		"ngx_alloc",
		"ngx_create_pool",
		"g_slice_alloc",
		"g_slice_copy",
		"talloc_",
		"_talloc",
		/* Python, PHP, SQLite, OpenSSL */
		"PyMem_",
		"_PyMem_",
		"_PyObject_Arena",
		"pymalloc_alloc",
		"new_arena",
		"zend_mm_",
		"sqlite3Malloc",
		"sqlite3DbMalloc",
		"mallocWithAlarm",
		"sqlite3_malloc",
		"sqlite3Realloc",
		"sqlite3_realloc",
		"sqlite3DbRealloc",
		"sqlite3DbStr",
		"dbMallocRaw",
		"pcache1Alloc",
		"_emalloc",
		"_safe_emalloc",
		"CRYPTO_zalloc",
		/* curl, FFmpeg, Lua, Tcl, Qt */
		"Curl_dyn_",
		"curlx_dyn_",
		"dyn_nappend",
		"Curl_memdup",
		"Curl_saferealloc",
		"av_malloc",
		"av_realloc",
		"av_calloc",
		"av_fast_",
		"av_buffer_alloc",
		"av_buffer_realloc",
		"luaM_",
		"l_alloc",
		"Tcl_Alloc",
		"TclpAlloc",
		"QArrayData::allocate",
		"QArrayData::reallocate",
	};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (starts_with(function, beginnings[i]))
			return true;
	return false;
}

/* The glue that cgo makes for each C function that a Go program calls. */
static bool is_cgo(const char *function)
{
	return starts_with(function, "_cgo_") && strstr(function, "_Cfunc_");
}

static bool is_of_language(const char *function)
{
	static const char *const prefixes[] = {
		"std::",
		"__gnu_cxx::",
		"operator new",
		"__rust_",
		"__rdl_",
		"__rg_alloc",
		"zmalloc_",
		"zcalloc_",
		"ztrymalloc_",
		"ztrycalloc_",
		"ztryrealloc_",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (starts_with(function, prefixes[i]))
			return true;
	return false;
}

bool plumbing__has(const char *function)
{
	char name[NAME_SIZE];

	function_name__bare(function, name);
	if (*function == '<')
		return rust_names__is_plumbing(function);
	return is_of_language(name) || rust_names__is_plumbing(name) || is_wrapper(name) ||
	       is_pool(name) || is_cgo(name);
}
