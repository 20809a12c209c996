/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The one line that shows on a terminal while memtrace runs. */
#ifndef MEMTRACE_REPORT_LIVE_LINE_H
#define MEMTRACE_REPORT_LIVE_LINE_H

#include <stdint.h>

#define LIVE_LINE_SIZE 81 /* 80 columns and the final 0 */

struct live_line {
	uint64_t elapsed_ns;
	uint64_t alloc_count; /* since the line before, */
	uint64_t interval_ns; /* this long ago */
	uint64_t live_bytes;
	uint64_t live_count;
	uint64_t lost;	 /* events so far */
	uint64_t others; /* losses of other kinds: shown where there are any */
};

/* Writes the line, without a newline, to @out (LIVE_LINE_SIZE bytes). */
void live_line__format(const struct live_line *line, char *out);

#endif
