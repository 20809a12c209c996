/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "report/rust_names.h"

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/*
 * The length of a piece that looks like a bracket but is part of a name, 0 if there is none here:
 * an operator's symbol, or a name that C++ demanglers write in parentheses or braces.
 */
static size_t literal_length(const char *at, const char *start)
{
	static const char *const operators[] = {
		"operator<=>",
		"operator<<=",
		"operator>>=",
		"operator->*",
		"operator<<",
		"operator>>",
		"operator<=",
		"operator>=",
		"operator->",
		"operator()",
		"operator<",
		"operator>",
	};
	static const char anonymous[] = "(anonymous namespace)";
	bool starts_word = at == start || !strchr("_abcdefghijklmnopqrstuvwxyz", at[-1]);

	if (starts_with(at, anonymous))
		return strlen(anonymous);
	for (size_t i = 0; starts_word && i < sizeof(operators) / sizeof(*operators); i++)
		if (starts_with(at, operators[i]))
			return strlen(operators[i]);
	return 0;
}

/* The bracket that closes @open, or NULL. */
static const char *find_close(const char *open, const char *start)
{
	size_t depth = 0;

	for (const char *at = open; *at; at++) {
		size_t literal = at == open ? 0 : literal_length(at, start);

		if (literal) {
			at += literal - 1;
		} else if (strchr("(<{[", *at)) {
			depth++;
		} else if (strchr(")>}]", *at)) {
			if (at[0] == '>' && at[-1] == '-')
				continue; /* an arrow, as Rust writes return types */
			if (--depth == 0)
				return at;
		}
	}
	return NULL;
}

static void append(char *out, size_t *length, const char *text, size_t count)
{
	if (count > NAME_SIZE - 1 - *length)
		count = NAME_SIZE - 1 - *length;
	memcpy(out + *length, text, count);
	*length += count;
	out[*length] = 0;
}

/*
 * Copies @name without what stands in those of the @brackets that are round, and with "..." in
 * those that are pointed. A name that starts with a bracket (Rust's <T as Trait>::f) keeps it: it
 * is not an argument list.
 */
static void collapse(const char *name, const char *brackets, char *out)
{
	size_t length = 0, literal;
	const char *close;

	*out = 0;
	for (const char *at = name; *at; at++) {
		literal = literal_length(at, name);
		close = strchr(brackets, *at) && at != name && !literal ? find_close(at, name)
									: NULL;
		if (literal) {
			append(out, &length, at, literal);
			at += literal - 1;
		} else if (close) {
			if (*at == '<')
				append(out, &length, "<...>", 5);
			at = close;
		} else {
			append(out, &length, at, 1);
		}
	}
}

/* Cuts at a character's start, so that no half UTF-8 sequence is left. */
static void keep_tail(char *text, size_t width)
{
	size_t length = strlen(text);
	char *tail;

	if (length <= width)
		return;
	tail = text + length - (width - 3);
	while ((*tail & 0xc0) == 0x80)
		tail++;
	memmove(text + 3, tail, strlen(tail) + 1);
	memcpy(text, "...", 3);
}

void names__shorten(const char *name, size_t width, char *out)
{
	if (strlen(name) <= width) {
		strcpy(out, name);
		return;
	}
	collapse(name, "(", out);
	if (strlen(out) <= width && *out)
		return;
	/* From the whole name again: in a cut one the brackets would have no ends. */
	collapse(name, "(<", out);
	keep_tail(out, width);
}

const char *names__base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
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

/*
 * Copies the qualified name alone: without parameters, and without the return type that C++
 * demanglers write in front of templates ("std::vector<int> make<int>()" is not a function of std).
 */
static void copy_bare_name(const char *function, char *out)
{
	const char *start = function, *at, *close;
	size_t literal, length;

	for (at = function; *at && *at != '('; at++) {
		literal = literal_length(at, function);
		if (literal) {
			at += literal - 1;
			continue;
		}
		close = *at == '<' ? find_close(at, function) : NULL;
		if (close)
			at = close;
		else if (*at == ' ' && !(at - start >= 8 && starts_with(at - 8, "operator")))
			start = at + 1;
	}
	/* Rust's names have neither. */
	if (*at != '(')
		start = function;
	length = at - start;
	if (length > NAME_SIZE - 1)
		length = NAME_SIZE - 1;
	memcpy(out, start, length);
	out[length] = 0;
}

bool names__is_plumbing(const char *function)
{
	char name[NAME_SIZE];

	copy_bare_name(function, name);
	if (*function == '<')
		return rust_names__is_plumbing(function);
	return is_of_language(name) || rust_names__is_plumbing(name) || is_wrapper(name) ||
	       is_pool(name) || is_cgo(name);
}
