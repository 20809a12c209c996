/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A code object, read from outside: the names and the line table of one Python function. Nothing
 * in the process's memory is trusted: it may be another object's by now, or made to deceive.
 */
#ifndef MEMTRACE_PYTHON_CODE_H
#define MEMTRACE_PYTHON_CODE_H

#include <sys/types.h>

#include "python/layout.h"

/* Longest name and path that are read, in bytes of UTF-8; more is cut. */
#define PYTHON_NAME_SIZE 512
#define PYTHON_PATH_SIZE 1024
/* A line table that is longer is read up to here: a function of some 100,000 lines. */
#define PYTHON_LINES_MAX (1u << 20)

/* How memory is read: all @size bytes, 0 or a negative errno. */
typedef int (*python_read_fn)(void *context, uint64_t address, void *to, size_t size);

struct python_memory {
	python_read_fn read;
	void *context;
};

struct python_code {
	char name[PYTHON_NAME_SIZE]; /* qualified where the version has it: "Reader.read" */
	char file[PYTHON_PATH_SIZE];
	uint32_t first_line;
	uint8_t *lines; /* line_table.h */
	size_t lines_size;
	uint32_t identity; /* python.h */
};

/*
 * Reads the code object at @address. 0, or a negative errno: it cannot be read, or is none. The
 * caller calls python_code__free.
 */
int python_code__read(const struct python_memory *memory, const struct python_layout *layout,
	uint64_t address, struct python_code *out);
void python_code__free(struct python_code *code);

/* Copies the str at @address as UTF-8, at most @size bytes with the 0. 0 or a negative errno. */
int python_text__read(const struct python_memory *memory, const struct python_layout *layout,
	uint64_t address, char *out, size_t size);

/* The same of a text that was sent: @bytes of it, of which there are at most @room. */
void python_text__decode(
	const struct python_text *text, const uint8_t *bytes, size_t room, char *out, size_t size);

#endif
