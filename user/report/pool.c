/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/pool.h"

#include <string.h>

#include "base/text.h"

/* Pools' own functions are the innermost frames; a few wrappers may be in front. */
#define FRAMES_LOOKED_AT 6

struct pool {
	const char *hint;
	const char *functions[8]; /* beginnings of names */
	const char *modules[4]; /* beginnings of file names; all of their mappings are the pool's */
};

static const struct pool pools[] = {
	{
		"Python's pool: --python-allocator or PYTHONMALLOC=malloc shows who uses it",
		{"_PyObject_", "PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc", "PyMem_",
			"_PyMem_", "new_arena", "pymalloc_alloc"},
		{NULL},
	},
	{
		"PHP's pool: USE_ZEND_ALLOC=0 shows who uses it",
		{"zend_mm_", "_zend_mm_", "_emalloc", "_ecalloc", "_erealloc", "alloc_globals_ctor",
			"start_memory_manager"},
		{NULL},
	},
	{
		"the Java VM's: -XX:NativeMemoryTracking=summary, then jcmd PID VM.native_memory",
		{"os::pd_reserve_memory", "os::pd_commit_memory", "os::reserve_memory",
			"os::commit_memory"},
		{"libjvm.so"},
	},
	{
		"Go's heap: go tool pprof shows who uses it (net/http/pprof, /debug/pprof/heap)",
		{"runtime.mmap", "runtime.sysMap", "runtime.sysAlloc", "runtime.sysReserve",
			"runtime.(*mheap)", "runtime.(*pageAlloc)", "runtime.persistentalloc"},
		{NULL},
	},
	{
		"V8's heap: node --heapsnapshot-signal=SIGUSR2, or --inspect, shows who uses it",
		{"v8::", "node::"},
		{"node", "libnode.so", "libv8.so", "chrome"},
	},
	{
		"Ruby's heap: ObjectSpace.dump_all shows who uses it",
		{"heap_page_allocate", "heap_page_create", "gc_aligned_malloc"},
		{NULL},
	},
	{
		"Lua's pool (LuaJIT): LuaJIT built with -DLUAJIT_USE_SYSMALLOC shows who uses it",
		{"lj_alloc_", "alloc_sys"},
		{"libluajit-5.1.so"},
	},
	{
		".NET's heap: dotnet-gcdump or dotnet-counters shows who uses it",
		{"GCToOSInterface::"},
		{"libclrgc.so", "libcoreclr.so"},
	},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* "libnode.so" is libnode.so.108, too; "node" is node and node18, but not node_exporter. */
static bool is_module(const char *path, const char *name)
{
	const char *base = text__base_name(path), *end = base + strlen(name);

	return begins_with(base, name) && (!*end || strspn(end, "0123456789.") == strlen(end));
}

static bool is_of_pool(const struct report_frame *frame, const struct pool *pool)
{
	for (size_t i = 0; frame->function && i < COUNT(pool->functions) && pool->functions[i]; i++)
		if (begins_with(frame->function, pool->functions[i]))
			return true;
	for (size_t i = 0; frame->module && i < COUNT(pool->modules) && pool->modules[i]; i++)
		if (is_module(frame->module, pool->modules[i]))
			return true;
	return false;
}

const char *pool__hint(const struct report_site *site)
{
	for (size_t i = 0; i < site->frame_count && i < FRAMES_LOOKED_AT; i++)
		for (size_t j = 0; j < COUNT(pools); j++)
			if (is_of_pool(&site->frames[i], &pools[j]))
				return pools[j].hint;
	return NULL;
}
