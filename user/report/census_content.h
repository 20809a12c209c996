/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a census found in the heap: classes, owners and leaks, as text and as JSON. */
#ifndef MEMTRACE_REPORT_CENSUS_CONTENT_H
#define MEMTRACE_REPORT_CENSUS_CONTENT_H

#include <stdio.h>

#include "census/census.h"
#include "report/json_writer.h"

/* How blocks of text begin, where that is asked for. */
struct census_samples {
	void *context;
	/* Writes how the block at @address begins, printable; false: it cannot be had. */
	bool (*begin)(void *context, uint64_t address, char *to, size_t size);
};

/* @samples may be NULL. */
void census_content__write_text(
	FILE *file, const struct census *census, const struct census_samples *samples);

/* The keys classes, owners and leaks, within an object. */
void census_content__write_json(struct json_writer *json, const struct census *census,
	const struct census_samples *samples);

#endif
