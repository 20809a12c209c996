/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/new_file.h"
#include "cmd/frame_names.h"
#include "cmd/recorded_leaks.h"
#include "cmd/recorded_locks.h"
#include "cmd/report_output.h"
#include "cmd/trace_facts.h"
#include "cmd/trace_memory.h"
#include "cmd/trace_record.h"
#include "cmd/trace_resident.h"
#include "report/estimates.h"
#include "report/html.h"
#include "report/human.h"
#include "report/live_line.h"
#include "report/loss.h"
#include "report/model.h"
#include "report/own_samples.h"
#include "symbols/symbolizer.h"
#include "symbols/trim.h"

struct trace_report {
	struct trace_report_source source;
	struct symbolizer *symbolizer;
	struct report_estimates estimates; /* of the latest figures, with --budget */
	struct report_own_samples own_samples;
	pid_t victim; /* the last process that the kernel killed for want of memory; 0: none */
	struct trace_facts facts;
	uint64_t now_ns;	   /* of the latest figures */
	struct recorder *recorder; /* NULL: none */
	uint64_t line_ns;	   /* when the live line was drawn last */
	uint64_t line_allocs;
	bool line_shown;
};

int trace_report__check_output(const struct trace_options *options, struct error *error)
{
	int err = report_output__check(&options->view, error);

	return !err && options->record_path ? new_file__check(options->record_path, error) : err;
}

struct trace_report *trace_report__new(
	const struct trace_report_source *source, struct error *error)
{
	struct trace_report *report = calloc(1, sizeof(*report));

	if (report) {
		report->source = *source;
		report->symbolizer =
			frame_names__symbolizer(&source->options->view, source->spaces);
		if (!trace_facts__init(&report->facts, &report->source) && report->symbolizer)
			return report;
	}
	trace_report__free(report);
	error__set(error, -ENOMEM, "out of memory");
	return NULL;
}

void trace_report__free(struct trace_report *report)
{
	if (!report)
		return;
	recorder__close(report->recorder, NULL);
	symbolizer__free(report->symbolizer);
	trace_facts__free(&report->facts);
	estimates__free(&report->estimates);
	report_own_samples__free(&report->own_samples);
	free(report);
}

/* CLOCK_MONOTONIC, as far as the clock ticks since boot tell; it began by then at the latest. */
static uint64_t find_start(const struct process_info *process)
{
	struct timespec boot, monotonic;
	uint64_t start = process->start_time * (1000000000ull / sysconf(_SC_CLK_TCK)), asleep;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	asleep = (boot.tv_sec - monotonic.tv_sec) * 1000000000ll + boot.tv_nsec - monotonic.tv_nsec;
	return start > asleep ? start - asleep : 0;
}

/* A launched one has not begun; what it will be keeps the number. */
static void watch_from_start(
	struct trace_report *report, const struct process_info *process, uint64_t start_ns)
{
	uint32_t image = tracer__image_of(report->source.tracer, process->pid);

	if (image)
		symbolizer__watch_jit(report->symbolizer, process, image,
			report->source.launch ? start_ns : find_start(process));
}

void trace_report__start(struct trace_report *report, uint64_t start_ns)
{
	report->line_ns = start_ns;
	trace_facts__start(&report->facts, start_ns);
	for (size_t i = 0; i < report->source.process_count; i++)
		watch_from_start(report, &report->source.processes[i], start_ns);
}

void trace_report__watch(struct trace_report *report, const struct tracer_start *start)
{
	struct process_info process;

	if (start->former)
		symbolizer__unwatch_jit(report->symbolizer, start->former);
	if (process__open(start->pid, &process, NULL))
		return;
	symbolizer__watch_jit(report->symbolizer, &process, start->process, start->time_ns);
	process__close(&process);
}

void trace_report__read_names(struct trace_report *report, uint32_t process)
{
	symbolizer__refresh_jit(report->symbolizer, process);
}

void trace_report__unwatch(struct trace_report *report, uint32_t process)
{
	symbolizer__unwatch_jit(report->symbolizer, process);
}

/* --- the live line */

void trace_report__draw_live_line(struct trace_report *report)
{
	uint64_t now = clock__now_ns(), losses[LOSS_COUNT];
	struct live_line line = {0};
	char text[LIVE_LINE_SIZE];
	struct heap_totals totals;

	tracer__losses(report->source.tracer, losses);
	stream__lock(report->source.stream);
	heap__totals(report->source.feed->heap, &totals);
	feed__add_losses(report->source.feed, losses);
	stream__unlock(report->source.stream);
	line.elapsed_ns = now - report->facts.start_ns;
	line.alloc_count = totals.counts.alloc_count - report->line_allocs;
	line.interval_ns = now - report->line_ns;
	line.live_bytes = totals.live_bytes;
	line.live_count = totals.live_count;
	line.lost = loss__events(losses);
	line.others = loss__others(losses);
	live_line__format(&line, text);
	fprintf(stderr, "\r%s\033[K", text);
	report->line_ns = now;
	report->line_allocs = totals.counts.alloc_count;
	report->line_shown = true;
}

static void clear_live_line(struct trace_report *report)
{
	if (report->line_shown)
		fprintf(stderr, "\r\033[K");
	report->line_shown = false;
}

/* --- names */

int trace_report__name_frame(
	void *context, const struct site_frame *address, struct report_frames *frames)
{
	struct trace_report *report = context;
	struct frame_namer namer = {report->symbolizer, report->source.modules,
		report->source.spaces, report->source.feed->python_frames};

	return frame_names__name(&namer, address, frames);
}

/* --- the report */

static int note_holds(struct trace_report *report, struct report *out)
{
	struct tracer_holds holds;
	char timeouts[80] = "";

	tracer__holds(report->source.tracer, &holds);
	if (!holds.count)
		return 0;
	if (holds.timeouts)
		snprintf(timeouts, sizeof(timeouts), "; %llu went on unprobed at --hold",
			(unsigned long long)holds.timeouts);
	return report__note(out,
		"new processes and libraries waited %llu time%s for their probes, %.1f ms in all, "
		"%.1f at most%s.",
		(unsigned long long)holds.count, holds.count == 1 ? "" : "s", holds.total_ns / 1e6,
		holds.longest_ns / 1e6, timeouts);
}

/* What the figures of --mode growth are. */
static int note_samples(struct trace_report *report, struct report *out)
{
	uint64_t seen = tracer__faults_seen(report->source.tracer);

	if (report->source.options->mode != MODE_GROWTH)
		return 0;
	return report__note(out,
		"Bytes are estimates: a sample was taken %s times in %s page faults, those of "
		"files "
		"among them.",
		human__exact(out->heap.counts.alloc_count).text, human__exact(seen).text);
}

/* A probe is a breakpoint in the code: one that ran elsewhere ends the program. */
static int note_trap(struct trace_report *report, struct report *out)
{
	int status = out->run.exit_status;

	if (!out->run.has_ended || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTRAP ||
		report->source.options->mode == MODE_GROWTH)
		return 0;
	return report__note(out,
		"SIGTRAP ended it: a program that copies its own code, onto huge pages for "
		"instance, copies the probes with it. --mode growth and memtrace heap place none.");
}

/* An allocator that nobody has mapped under the name that was given: a typing error, or too soon.
 */
static int note_missing_allocators(struct trace_report *report, struct report *out)
{
	const char *spec;
	size_t from = 0;
	int err = 0;

	while (!err && (spec = tracer__next_missing_allocator(report->source.tracer, &from)))
		err = report__note(out, "--allocator %s: no traced process has mapped it.", spec);
	return err;
}

/* --- the recording */

int trace_report__record(struct trace_report *report, struct error *error)
{
	const char *path = report->source.options->record_path;
	struct report_run run = {0};

	if (!path)
		return 0;
	report->recorder = recorder__open(path, error);
	if (!report->recorder)
		return error->code;
	stream__lock(report->source.stream);
	trace_facts__describe(&report->facts, report->now_ns, &run);
	trace_record__put_run(report->recorder, &run);
	report->source.feed->recorder = report->recorder;
	stream__unlock(report->source.stream);
	return 0;
}

int trace_report__show_recording(struct trace_report *report, struct error *error)
{
	return report->recorder ? recorder__appear(report->recorder, error) : 0;
}

int trace_report__flush_recording(struct trace_report *report)
{
	struct report_run run = {0};

	if (!report->recorder)
		return 0;
	if (recorder__has_no_reader(report->recorder))
		return -EPIPE;
	stream__lock(report->source.stream);
	trace_memory__look(report->source.feed);
	recorder__flush(report->recorder);
	report->now_ns = clock__now_ns();
	trace_facts__describe(&report->facts, report->now_ns, &run);
	stream__unlock(report->source.stream);
	trace_record__put_status(
		report->recorder, &run, report->facts.start_ns, report->now_ns, NULL);
	return 0;
}

static int note_recording(
	struct trace_report *report, struct report *out, const struct recorder_state *state)
{
	if (!state->missing)
		return 0;
	return report__note(out, "The recording %s lacks %s of %s records: %s.",
		report->source.options->record_path, human__exact(state->missing).text,
		human__exact(state->records).text,
		state->error ? strerror(-state->error) : "they came faster than they were written");
}

/* All that only the end knows, after the last record. */
static int end_recording(struct trace_report *report, struct report *out)
{
	struct recorder_state state;
	int err;

	if (!report->recorder)
		return 0;
	err = trace_record__put_names(
		report->recorder, report->source.feed->heap, trace_report__name_frame, report);
	if (err)
		return err;
	recorded_locks__put(report->recorder, report->source.locks);
	if (out->leaks.looked)
		recorded_leaks__put(report->recorder, out);
	state = recorder__drain(report->recorder);
	err = note_recording(report, out, &state);
	trace_record__put_status(
		report->recorder, &out->run, report->facts.start_ns, report->now_ns, out);
	state = recorder__drain(report->recorder);
	if (state.error || report->source.options->view.format == FORMAT_NDJSON)
		return err;
	fprintf(stderr, "recorded %s records to %s: %s, %.1f bytes each\n",
		human__exact(state.records).text, report->source.options->record_path,
		human__bytes(state.bytes).text,
		state.records ? (double)state.bytes / state.records : 0.0);
	return err;
}

static int close_recording(struct trace_report *report, struct error *error)
{
	struct recorder *recorder = report->recorder;
	int err;

	report->source.feed->recorder = NULL;
	report->recorder = NULL;
	err = recorder__close(recorder, error);
	if (err != -EPIPE)
		return err;
	log__warn("%s", error->message);
	return 0;
}

/* --- printing */

/* Whether the person wants to see a report: one who records wants it later. */
static bool wants_report(const struct trace_options *options)
{
	return !(options->record_only || options->live_view) || options->view.json;
}

static void write_locks_dot(const void *context, FILE *file)
{
	trace_locks__write_dot(context, file);
}

static void write_locks_text(const void *context, bool full_stacks, FILE *file)
{
	trace_locks__write_text(context, full_stacks, file);
}

/* Of several reports in a row each says when it is from. */
static void write_heading(const struct trace_report *report, char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm local;
	char clock[32];

	strftime(clock, sizeof(clock), "%F %T", localtime_r(&now, &local));
	snprintf(out, size, "--- %s, %s into the run ---", clock,
		human__duration(report->now_ns - report->facts.start_ns).text);
}

static int write_report(struct trace_report *report, const struct report *out, struct error *error)
{
	char heading[160];
	const struct trace_options *options = report->source.options;
	struct view_options view = options->view;
	struct report_extra extra = {
		.write_json = trace_locks__write_json,
		.write_text = write_locks_text,
		.write_dot = write_locks_dot,
		.context = report->source.locks,
	};

	if (!wants_report(options))
		return 0;
	if (options->interval_ns) {
		write_heading(report, heading, sizeof(heading));
		extra.heading = heading;
	}
	/* Events are listed from the recording, once it is closed. */
	if (view.format == FORMAT_NDJSON) {
		if (!view.output)
			return 0;
		view.format = FORMAT_NONE;
	}
	if ((options->record_only || options->live_view) && view.json_path) {
		view.format = FORMAT_JSON;
		view.output = view.json_path;
		view.json = false;
	}
	return report_output__write(out, &extra, &view, error);
}

static int name_report(struct trace_report *report, struct report *out)
{
	int err = report__name(out, trace_report__name_frame, report);

	if (!err)
		err = trace_leaks__suppress(report->source.leaks, out);
	if (!report->source.options->view.full_stacks)
		report__trim(out);
	if (!err)
		err = note_missing_allocators(report, out);
	if (!err)
		err = note_samples(report, out);
	if (!err && report->victim)
		err = report__note(out,
			"out of memory: the kernel has chosen process %d to be killed.",
			report->victim);
	if (!err)
		err = note_trap(report, out);
	return err ? err : note_holds(report, out);
}

static int collect(struct trace_report *report, struct report *out)
{
	const struct trace_options *options = report->source.options;
	struct report_options report_options = {
		.sort = options->view.sort,
		.top = options->view.top,
		.older_than_ns = options->view.older_than_ns,
	};
	int err;

	trace_memory__look(report->source.feed);
	trace_resident__look(report->source.feed);
	report->now_ns = report_options.now_ns = clock__now_ns();
	trace_facts__describe(&report->facts, report->now_ns, &out->run);
	if (report->source.feed->sampling) {
		estimates__free(&report->estimates);
		report->estimates = (struct report_estimates){0};
		return estimates__collect(out, &report->estimates, report->source.feed->heap,
			report->source.feed->sampling, &report_options);
	}
	report_own_samples__free(&report->own_samples);
	report->own_samples = (struct report_own_samples){0};
	err = report__collect(out, report->source.feed->heap, &report_options);
	if (!err)
		err = report_own_samples__collect(out, &report->own_samples,
			report->source.feed->heap, report->source.feed->own_samples);
	return err ? err : trace_leaks__add_to(report->source.leaks, out);
}

int trace_report__print_interim(struct trace_report *report)
{
	struct error error = {0};
	struct report out = {0};
	int err;

	clear_live_line(report);
	trace_leaks__look(report->source.leaks);
	if (report->source.windows)
		trace_windows__settle(report->source.windows, false);
	stream__lock(report->source.stream);
	err = collect(report, &out);
	stream__unlock(report->source.stream);
	if (!err)
		err = name_report(report, &out);
	if (!err)
		err = write_report(report, &out, &error);
	if (err && err != -EPIPE)
		log__warn("cannot write the interim report: %s",
			error.code ? error.message : strerror(-err));
	report__free(&out);
	return err;
}

/* Longest wait for the reader of the ring. */
#define VICTIM_SETTLE_TRIES 100

int trace_report__print_victim(struct trace_report *report, pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	size_t rounds = stream__rounds(report->source.stream);

	report->victim = pid;
	for (int i = 0;
		i < VICTIM_SETTLE_TRIES && stream__rounds(report->source.stream) < rounds + 2; i++)
		nanosleep(&pause, NULL);
	return trace_report__print_interim(report);
}

int trace_report__write_file(struct trace_report *report, const char *path, struct error *error)
{
	struct report_extra extra = {
		.write_json = trace_locks__write_json,
		.context = report->source.locks,
	};
	struct view_options view = report->source.options->view;
	struct report out = {0};
	int err;

	view.format = FORMAT_HTML;
	view.output = path;
	view.format_only = true;
	view.json = false;
	trace_leaks__look(report->source.leaks);
	stream__lock(report->source.stream);
	err = collect(report, &out);
	stream__unlock(report->source.stream);
	if (!err)
		err = name_report(report, &out);
	if (err)
		error__set(error, err, "out of memory for the report");
	else
		err = report_output__write(&out, &extra, &view, error);
	report__free(&out);
	return err;
}

int trace_report__print_final(
	struct trace_report *report, bool ended, int status, struct error *error)
{
	struct report out = {.run = {.has_ended = ended, .exit_status = status}};
	int err;

	clear_live_line(report);
	/* At those that have ended, which the model has only now, with the last record. */
	trace_leaks__look(report->source.leaks);
	err = collect(report, &out);
	/* Only now: the model no longer changes. */
	trace_locks__name_blocks(
		report->source.locks, report->source.feed->heap, trace_report__name_frame, report);
	if (!err)
		err = name_report(report, &out);
	if (!err)
		err = end_recording(report, &out);
	if (err)
		error__set(error, err, "out of memory for the report");
	else
		err = write_report(report, &out, error);
	report__free(&out);
	return err ? err : close_recording(report, error);
}
