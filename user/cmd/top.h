/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace top: the live view of a trace, between the keyboard and the model. */
#ifndef MEMTRACE_CMD_TOP_H
#define MEMTRACE_CMD_TOP_H

#include <stdbool.h>

#include "cmd/trace_report.h"

/* How often the figures are refreshed. */
#define TOP_INTERVAL_NS 1000000000ull

struct top;

/* Takes the terminal. NULL with @error set: it is none, or no memory. @source outlives it. */
struct top *top__new(const struct trace_report_source *source, struct trace_report *report,
	uint64_t start_ns, struct error *error);
/* Gives the terminal back; @top may be NULL. */
void top__free(struct top *top);

/* Refreshes the figures and draws them. */
void top__tick(struct top *top);

/* Reads what was typed, and draws. True: the person wants to end. */
bool top__read_keys(struct top *top);

#endif
