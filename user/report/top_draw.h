/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Draws `memtrace top`: what the model has, in the window that the terminal is. */
#ifndef MEMTRACE_REPORT_TOP_DRAW_H
#define MEMTRACE_REPORT_TOP_DRAW_H

#include <stdbool.h>

#include "report/top_model.h"

enum top_pane { TOP_SITES = 0, TOP_THREADS, TOP_LOCKS, TOP_PANE_COUNT };

/* Smallest terminal that is drawn to; in a smaller one a line says so. */
#define TOP_MIN_COLUMNS 40
#define TOP_MIN_ROWS 10

/* All that is not in the model. */
struct top_view {
	enum top_pane pane;
	bool paused;
	bool help;
	bool editing; /* the filter */
	bool deadlock;
	bool has_baseline;
	size_t selected[TOP_PANE_COUNT]; /* a row; of the locks, the first line shown */
	size_t first[TOP_PANE_COUNT];	 /* row at the top of the list */
	const char *title;		 /* "PID COMMAND" */
	uint64_t elapsed_ns;
	uint64_t lost; /* events */
	uint64_t other_losses;
	const char *locks;   /* text of the locks' pane; NULL: not looked yet */
	const char *stack;   /* of the selected site; NULL: unknown */
	const char *message; /* in the last line; "": the keys */
};

/* Name of a site for its row; what it returns is valid until the next call. */
typedef const char *top_title_fn(void *context, uint32_t site);
/* Name of a thread. */
typedef const char *top_thread_fn(void *context, const struct top_thread_row *row);

struct top_namer {
	top_title_fn *site;
	top_thread_fn *thread;
	void *context;
};

/* Rows of the list in the window as it is. */
int top_draw__list_rows(const struct top_view *view);

/* Draws all of it. */
void top_draw__all(
	const struct top_model *model, struct top_view *view, const struct top_namer *namer);

#endif
