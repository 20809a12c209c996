/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a recording gets besides the records: who was traced, how it stands, names, the end. */
#ifndef MEMTRACE_CMD_TRACE_RECORD_H
#define MEMTRACE_CMD_TRACE_RECORD_H

#include "report/model.h"
#include "stream/recorder.h"

/* The run as far as it is known before it starts. */
void trace_record__put_run(struct recorder *recorder, const struct report_run *run);

/*
 * How the run stands. @start_ns and @now_ns are CLOCK_MONOTONIC; @notes are those of the report
 * that ends the run, NULL for a status in the middle of it.
 */
void trace_record__put_status(struct recorder *recorder, const struct report_run *run,
	uint64_t start_ns, uint64_t now_ns, const struct report *ended);

/* The names of all addresses of all stacks. 0, or a negative errno of @name, or -ENOMEM. */
int trace_record__put_names(
	struct recorder *recorder, const struct heap *heap, report_name_fn *name, void *context);

#endif
