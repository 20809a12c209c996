/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Writes JSON as a stream: a report of a hundred thousand sites needs no tree of it in memory.
 * Nesting, commas and escaping are its business; errors of the stream are the caller's (ferror).
 */
#ifndef MEMTRACE_REPORT_JSON_WRITER_H
#define MEMTRACE_REPORT_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
	FILE *file;
	unsigned int depth;
	bool is_first;	/* in the innermost object or array */
	bool after_key; /* a value must follow */
	unsigned int
		compact_below; /* objects and arrays at this depth and below stay on one line */
};

/* @compact_below: see above; 0 writes everything on one line. */
void json__start(struct json_writer *json, FILE *file, unsigned int compact_below);
/* The newline after the document. */
void json__finish(struct json_writer *json);

void json__begin_object(struct json_writer *json);
void json__end_object(struct json_writer *json);
void json__begin_array(struct json_writer *json);
void json__end_array(struct json_writer *json);

/* In an object: the next value's name. */
void json__key(struct json_writer *json, const char *key);

/*
 * Values. Integers beyond 2^63 - 1 are written as that: many readers, jansson among them, refuse
 * the whole document otherwise; only sums of sizes that no allocation can have come that far.
 */
void json__integer(struct json_writer *json, uint64_t value);
/* A measured or estimated number, to six digits; not finite: null. */
void json__number(struct json_writer *json, double value);
void json__boolean(struct json_writer *json, bool value);
/* Bytes that are not UTF-8 become U+FFFD; NULL is null. */
void json__string(struct json_writer *json, const char *text);

/* A key with its value. */
void json__put_integer(struct json_writer *json, const char *key, uint64_t value);
void json__put_number(struct json_writer *json, const char *key, double value);
void json__put_boolean(struct json_writer *json, const char *key, bool value);
void json__put_string(struct json_writer *json, const char *key, const char *text);

#endif
