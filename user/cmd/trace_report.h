/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The reports of a trace: interim, final, and the live line. */
#ifndef MEMTRACE_CMD_TRACE_REPORT_H
#define MEMTRACE_CMD_TRACE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cmd/trace_facts.h"

struct trace_report;

/* Says early whether the report can be written where the options want it. 0 or negative errno. */
int trace_report__check_output(const struct trace_options *options, struct error *error);

/* NULL with @error set: no memory. */
struct trace_report *trace_report__new(
	const struct trace_report_source *source, struct error *error);
void trace_report__free(struct trace_report *report);

/* The run begins now, at @start_ns (CLOCK_MONOTONIC). */
void trace_report__start(struct trace_report *report, uint64_t start_ns);

/* A process is traced from now on: the code that it makes at run time may have names. */
void trace_report__watch(struct trace_report *report, const struct tracer_start *start);
/* It has written some. */
void trace_report__read_names(struct trace_report *report, uint32_t process);
/* It has ended. */
void trace_report__unwatch(struct trace_report *report, uint32_t process);

/*
 * Records the run from now on, where the options say: to be called before anything is attached.
 * Returns 0, or a negative errno with @error set.
 */
int trace_report__record(struct trace_report *report, struct error *error);

/* The run begins: the recording, if there is one, appears under its name. 0 or a negative errno. */
int trace_report__show_recording(struct trace_report *report, struct error *error);

/*
 * Lets the recording know how things stand, and makes it safe from a kill; about every second.
 * -EPIPE: it goes into a pipe that nobody reads any more.
 */
int trace_report__flush_recording(struct trace_report *report);

/* Redraws the live line on stderr. */
void trace_report__draw_live_line(struct trace_report *report);

/* The names of a frame, for report__name and the like; @context is the trace_report. */
int trace_report__name_frame(
	void *context, const struct site_frame *address, struct report_frames *frames);

/* Writes a report of the run so far to a file, as html. */
int trace_report__write_file(struct trace_report *report, const char *path, struct error *error);

/*
 * A report of the run so far; the trace goes on. 0, or a negative errno, with a warning printed;
 * -EPIPE, without one: nobody reads the reports any more.
 */
int trace_report__print_interim(struct trace_report *report);

/* The same, of a run in which the kernel kills @pid for want of memory; later ones say so, too. */
int trace_report__print_victim(struct trace_report *report, pid_t pid);

/*
 * The report, after the stream was stopped. @status: of a launched command that has @ended, as
 * wait(2) gives it. Returns 0, or a negative errno with @error set.
 */
int trace_report__print_final(
	struct trace_report *report, bool ended, int status, struct error *error);

#endif
