/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The report as one JSON document. Its keys are relied upon by other tools: new ones may come,
 * none goes or changes its meaning without a new JSON_REPORT_VERSION. Counts and bytes are exact
 * integers, times are ns; what is unknown is absent.
 *
 *	version		of this layout
 *	memtrace	version of the program
 *	target		{pid, command} of the first target; all of them in targets[]
 *	duration_ns, started_unix_ns, settings{}
 *	command_status	{exited|signal} of a launched command that has ended
 *	events		{seen, lost, lost_by_cause{}}: heap records; the rest in other_losses{}
 *	heap		totals; live_* of the processes that are alive, at_exit_* left by those that
 *			ended, inherited_* copies by fork, in neither; with live_at_exit only one
 *			process was traced and has ended, and live_* is what it held then
 *	mappings	the account of mmap, munmap, mremap, brk; apart from the heap
 *	stacks		distinct stacks by how their walk ended
 *	sites[]		sorted; lifetimes[] by log2 of ns; growth{} of those that only grow; with
 *			several processes, process_count and processes[] with what each holds
 *	processes[], threads[], series{}, lifetimes[], notes[]
 */
#ifndef MEMTRACE_REPORT_JSON_H
#define MEMTRACE_REPORT_JSON_H

#include "report/json_writer.h"
#include "report/model.h"

#define JSON_REPORT_VERSION 2

/*
 * Writes the document. What others add to it (waits, deadlocks) is written by @more (may be NULL),
 * called inside the outermost object after the totals.
 */
typedef void json_more_fn(struct json_writer *json, const void *context);
void json__write_report(
	const struct report *report, FILE *file, json_more_fn *more, const void *context);

/* Inside the outermost object: what every document says of its run, and of what was lost. */
void json__write_run(struct json_writer *json, const struct report_run *run);
void json__write_events(struct json_writer *json, const struct report *report);

/* Inside an object: how the site's stack ends, or, under "unknown", why it has none. */
void json__write_stack_end(struct json_writer *json, const struct report_site *site);

/* Inside an object: the key "stack" with the site's frames. */
void json__write_stack(struct json_writer *json, const struct report_site *site);

#endif
