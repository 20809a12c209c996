/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Who owns the blocks of a heap: as text, as JSON, and as folded stacks for flame graphs. */
#ifndef MEMTRACE_REPORT_CENSUS_OWNERS_H
#define MEMTRACE_REPORT_CENSUS_OWNERS_H

#include <stdio.h>

#include "census/census.h"
#include "report/json_writer.h"

void census_owners__write_text(FILE *file, const struct census *census);

/* The key owners, within an object. */
void census_owners__write_json(struct json_writer *json, const struct census *census);

/* A line for each chain: "owner;class;class BYTES"; what no root reaches has the owner "(lost)". */
void census_owners__write_folded(FILE *file, const struct census *census);

#endif
