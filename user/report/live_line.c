/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/live_line.h"

#include <stdio.h>

#include "report/human.h"

void live_line__format(const struct live_line *line, char *out)
{
	double rate = line->interval_ns ? line->alloc_count * 1e9 / line->interval_ns : 0;
	char text[8 * HUMAN_SIZE], end[3 * HUMAN_SIZE];

	/* There is no room for all: how many blocks there are can wait, losses cannot. */
	if (line->others)
		snprintf(end, sizeof(end), "| %s lost, %s other losses",
			human__count(line->lost).text, human__count(line->others).text);
	else
		snprintf(end, sizeof(end), "in %s blocks | %s lost",
			human__count(line->live_count).text, human__count(line->lost).text);
	snprintf(text, sizeof(text), "%s | %s allocs/s | %s live %s",
		human__duration(line->elapsed_ns).text, human__count((uint64_t)rate).text,
		human__bytes(line->live_bytes).text, end);
	snprintf(out, LIVE_LINE_SIZE, "%.*s", LIVE_LINE_SIZE - 1, text);
}
