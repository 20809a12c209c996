/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * Real names reach some 10 KB mangled (Boost, LLVM). Substitutions let a hostile one of 200 bytes
 * stand for more text than fits any memory, hence the limit on what comes out.
 */
#define MAX_MANGLED 16384
#define MAX_DEMANGLED 65536

struct demangled {
	char *text;
	size_t size;
	size_t capacity;
	jmp_buf give_up;
};

/* The library cannot be asked to stop, but holds nothing except its stack while it prints. */
static void append(const char *piece, size_t length, void *opaque)
{
	struct demangled *out = opaque;

	if (out->size + length + 1 > MAX_DEMANGLED)
		longjmp(out->give_up, 1);
	if (out->size + length + 1 > out->capacity) {
		size_t capacity = (out->size + length + 1) * 2;
		char *grown = realloc(out->text, capacity);

		if (!grown)
			longjmp(out->give_up, 1);
		out->text = grown;
		out->capacity = capacity;
	}
	memcpy(out->text + out->size, piece, length);
	out->size += length;
	out->text[out->size] = '\0';
}

static bool demangle(const char *mangled, struct demangled *out)
{
	int options = DMGL_PARAMS | DMGL_ANSI;

	if (setjmp(out->give_up))
		return false;
	/* Rust's legacy scheme looks like C++ except for its hash: it must be tried first. */
	if (rust_demangle_callback(mangled, options, append, out) && out->size)
		return true;
	out->size = 0;
	return cplus_demangle_v3_callback(mangled, options, append, out) && out->size;
}

char *demangle__symbol(const char *mangled)
{
	struct demangled out = {0};

	if (mangled[0] != '_' || (mangled[1] != 'Z' && mangled[1] != 'R') ||
		strnlen(mangled, MAX_MANGLED) == MAX_MANGLED)
		return NULL;
	if (demangle(mangled, &out))
		return out.text;
	free(out.text);
	return NULL;
}
