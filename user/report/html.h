/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The report as one page that a browser opens from disk, without a network: flame graph, plot over
 * time, table of call sites, wait-for graph. The page is html/page.bundled.html, made of the other
 * files there. Its data are the report as JSON (json.h) with this in place of sites[]:
 *
 *	flame
 *	strings[]
 *	frames[]	[function, file, module, line, inlined, offset]; strings by number, 0: none
 *	sites[]		v: figures in the order of put_figures; s: frames by number, innermost first
 *	slices		width_ns, count, lost; cells[]: [site, slice, live_count, live_bytes,
 *			alloc_count, alloc_bytes, temporary_count] at the slice's end
 *	threads[]	[site, process, tid, and the figures that a cell has]
 */
#ifndef MEMTRACE_REPORT_HTML_H
#define MEMTRACE_REPORT_HTML_H

#include "base/error.h"
#include "report/json.h"

/*
 * The page around data that @write writes as JSON: a report as above, or a profile of contention.
 * What @write returns, or -ENOMEM.
 */
typedef int html_data_fn(const void *context, FILE *file);
int html__write_page(html_data_fn *write, const void *context, FILE *file);

/* Writes the page. 0, or -ENOMEM with @error set. Errors of the stream are the caller's (ferror).
 */
int html__write_report(const struct report *report, FILE *file, struct error *error);

/* The same with what @more adds, such as locks_json__put: waits are drawn as a graph. */
int html__write_report_with(const struct report *report, json_more_fn *more, const void *context,
	FILE *file, struct error *error);

#endif
