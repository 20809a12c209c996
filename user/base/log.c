/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"

/* The program has fewer warnings; one that finds no place is always shown. */
#define KIND_LIMIT 64
/* A kind is shown again after so long, with how often it came meanwhile. */
#define KIND_INTERVAL_NS 10000000000ull
/* What is kept of a warning that was not shown, for the line that reports it. */
#define EXAMPLE_SIZE 160
/* Longer lines are cut. */
#define LINE_SIZE 4096

struct warning_kind {
	const char *format;
	uint64_t since_ns;
	unsigned int shown; /* since then */
	uint64_t hidden;    /* not reported yet */
	char example[EXAMPLE_SIZE];
};

static bool verbose_lines;
static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER;
static struct warning_kind kinds[KIND_LIMIT];

void log__set_verbose(bool verbose)
{
	verbose_lines = verbose;
}

bool log__is_verbose(void)
{
	return verbose_lines;
}

/*
 * One write per line, so that lines of several threads do not mix. Names in it are a target's, or
 * of files that others made: they don't move the cursor, and don't begin lines.
 */
static void print_line(const char *level, const char *format, va_list args)
{
	char line[LINE_SIZE];

	vsnprintf(line, sizeof(line), format, args);
	text__make_printable(line);
	fprintf(stderr, "%s%s\n", level, line);
}

void log__status(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log__debug(const char *format, ...)
{
	va_list args;

	if (!verbose_lines)
		return;
	va_start(args, format);
	print_line("memtrace: ", format, args);
	va_end(args);
}

static struct warning_kind *find_kind(const char *format)
{
	for (int i = 0; i < KIND_LIMIT; i++) {
		if (!kinds[i].format)
			kinds[i].format = format;
		if (kinds[i].format == format)
			return &kinds[i];
	}
	return NULL;
}

static void tell_hidden(struct warning_kind *kind)
{
	if (!kind->hidden)
		return;
	fprintf(stderr, "memtrace: warning: %s (%llu more of this kind not shown)\n", kind->example,
		(unsigned long long)kind->hidden);
	kind->hidden = 0;
}

/* Whether to show a warning of this kind now; else it is counted. */
static bool admit(struct warning_kind *kind, const char *format, va_list args)
{
	uint64_t now = clock__now_ns();

	if (!kind->since_ns || now - kind->since_ns > KIND_INTERVAL_NS) {
		tell_hidden(kind);
		kind->since_ns = now;
		kind->shown = 0;
	}
	if (kind->shown < LOG_WARNINGS_OF_A_KIND) {
		kind->shown++;
		return true;
	}
	kind->hidden++;
	vsnprintf(kind->example, sizeof(kind->example), format, args);
	text__make_printable(kind->example);
	return false;
}

void log__warn(const char *format, ...)
{
	struct warning_kind *kind;
	bool admitted = true;
	va_list args;

	pthread_mutex_lock(&kinds_lock);
	kind = verbose_lines ? NULL : find_kind(format);
	va_start(args, format);
	if (kind)
		admitted = admit(kind, format, args);
	va_end(args);
	va_start(args, format);
	if (admitted)
		print_line("memtrace: warning: ", format, args);
	va_end(args);
	pthread_mutex_unlock(&kinds_lock);
}

void log__error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("memtrace: ", format, args);
	va_end(args);
}

void log__flush(void)
{
	pthread_mutex_lock(&kinds_lock);
	for (int i = 0; i < KIND_LIMIT && kinds[i].format; i++)
		tell_hidden(&kinds[i]);
	pthread_mutex_unlock(&kinds_lock);
}
