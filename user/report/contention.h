/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Reports of contention: text of 80 columns, and JSON. */
#ifndef MEMTRACE_REPORT_CONTENTION_H
#define MEMTRACE_REPORT_CONTENTION_H

#include <stdio.h>

#include "contention/contention.h"

struct contention_process {
	pid_t pid;
	const char *command;
};

/* What was looked at, and how it is to be shown. */
struct contention_report {
	struct contention *model;
	const struct contention_process *processes; /* those that were asked for */
	size_t process_count;
	const char *scope;   /* in words, where no processes were named: "the whole machine" */
	const char *version; /* of the memtrace that traced */
	uint64_t start_unix_ns;
	uint64_t duration_ns;
	struct contention_losses losses;
	struct contention_filter filter;
	size_t top; /* locks, functions and stacks of a lock that the text shows */
	bool full_stacks;
};

/* 0 or -ENOMEM; errors of the stream are the caller's (ferror). */
int contention_text__write(const struct contention_report *report, FILE *file);

/*
 * The same. All locks, whatever the filter says: contention_profile.h reads it again.
 */
#define CONTENTION_JSON_VERSION 1
int contention_json__write(const struct contention_report *report, FILE *file);

/* The page (report/html) with the profile as JSON in it. The same. */
int contention_html__write(
	const struct contention_report *report, enum contention_side side, FILE *file);

/* Stacks folded, each with its nanoseconds: what flamegraph.pl takes. The same. */
int contention_folded__write(
	const struct contention_report *report, enum contention_side side, FILE *file);

/* speedscope's JSON: time waited, and waits. The same. */
int contention_speedscope__write(
	const struct contention_report *report, enum contention_side side, FILE *file);

/* Who called whom and waited, as a graph for dot(1): the functions with most of the time. The same.
 */
int contention_dot__write(
	const struct contention_report *report, enum contention_side side, FILE *file);

/* As Go's mutex profile: contentions/count and delay/nanoseconds, gzipped. The same. */
int contention_pprof__write(
	const struct contention_report *report, enum contention_side side, FILE *file);

/*
 * What a difference starts from: the sums of all rows now, for contention_before__free;
 * NULL: no memory. Then the profile of what came since, as contention_pprof__write has it.
 */
struct contention_before;
struct contention_before *contention_before__take(
	const struct contention_report *report, enum contention_side side);
void contention_before__free(struct contention_before *before);
int contention_pprof__write_since(const struct contention_report *report, enum contention_side side,
	struct contention_before *before, FILE *file);

#endif
