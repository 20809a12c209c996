/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * -F ndjson of a live run: the events are kept as a recording of our own, which is listed once the
 * run is over and then deleted.
 */
#ifndef MEMTRACE_CMD_LIVE_EVENTS_H
#define MEMTRACE_CMD_LIVE_EVENTS_H

#include "base/error.h"
#include "cmd/trace_options.h"

struct live_events {
	char path[32]; /* "": they are not wanted; else that of the descriptor */
	int fd;	       /* of a file without a name, so that no end of memtrace leaves it behind */
};

/*
 * If @options want events: makes the file, in $TMPDIR or /tmp, and has them record to it. Returns
 * 0 or a negative errno with @error set. live_events__free ends it.
 */
int live_events__prepare(
	struct live_events *events, struct trace_options *options, struct error *error);

/* Lists them where @options say, after the recording was closed. 0 or a negative errno. */
int live_events__write(
	const struct live_events *events, const struct trace_options *options, struct error *error);

void live_events__free(struct live_events *events);

#endif
