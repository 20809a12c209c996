/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The report for people: at most @width columns on a terminal, and by default one screen. Only
 * ASCII of its own, so that it survives any terminal, pipe and mailer.
 */
#ifndef MEMTRACE_REPORT_TEXT_H
#define MEMTRACE_REPORT_TEXT_H

#include <stdio.h>

#include "report/model.h"

struct text_options {
	unsigned int width; /* columns of a terminal; 0: none, whose lines are whole */
	unsigned int rows;  /* of the screen; 0: 24 */
	bool color;
	size_t top;	  /* exactly so many sites, however many rows they take; 0: what fits */
	bool full_stacks; /* every frame of every site that is shown */
};

/* Writes the report; errors of the stream are the caller's (ferror). */
void text__write_report(
	const struct report *report, const struct text_options *options, FILE *file);

/*
 * The loss in words, for @size bytes at @out: "no events lost", or "5,678 of 1,234,567 events lost:
 * ring buffer full (raise --ring-size)", several causes one after the other,
 * and what a recording lacks.
 */
void text__describe_loss(const struct report *report, char *out, size_t size);

#endif
