/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/new_file.h"
#include "cmd/recorded_locks.h"
#include "cmd/report_output.h"
#include "cmd/trace_memory.h"
#include "cmd/trace_record.h"
#include "report/html.h"
#include "report/human.h"
#include "report/live_line.h"
#include "report/loss.h"
#include "report/model.h"
#include "symbols/symbolizer.h"
#include "symbols/trim.h"
#include "version.h"

/* The settings that shape what a report can say. */
enum {
	SETTING_STACKS,
	SETTING_MAX_FRAMES,
	SETTING_RING_SIZE,
	SETTING_FOLLOW,
	SETTING_COUNT,
};

struct trace_report {
	struct trace_report_source source;
	struct symbolizer *symbolizer;
	struct report_target *targets;
	size_t target_count;
	char *command; /* of a launch, joined */
	uint64_t start_ns;
	uint64_t start_unix_ns;
	uint64_t now_ns;	   /* of the latest figures */
	struct recorder *recorder; /* NULL: none */
	struct report_setting settings[SETTING_COUNT];
	char setting_values[SETTING_COUNT][24];
	uint64_t line_ns; /* when the live line was drawn last */
	uint64_t line_allocs;
	bool line_shown;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int trace_report__check_output(const struct trace_options *options, struct error *err)
{
	int code = report_output__check(&options->view, err);

	return !code && options->record_path ? new_file__check(options->record_path, err) : code;
}

static void list_settings(struct trace_report *report)
{
	static const char *const names[] = {"stacks", "max_frames", "ring_size", "follow"};
	static const char *const stacks[] = {"none", "fp", "cfi"};
	const struct trace_options *options = report->source.options;
	char(*values)[sizeof(report->setting_values[0])] = report->setting_values;

	snprintf(values[SETTING_STACKS], sizeof(*values), "%s", stacks[options->stacks]);
	snprintf(values[SETTING_MAX_FRAMES], sizeof(*values), "%u", options->max_frames);
	snprintf(values[SETTING_RING_SIZE], sizeof(*values), "%llu",
		(unsigned long long)options->ring_size);
	snprintf(values[SETTING_FOLLOW], sizeof(*values), "%s", options->follow ? "yes" : "no");
	for (int i = 0; i < SETTING_COUNT; i++)
		report->settings[i] = (struct report_setting){names[i], values[i]};
}

static char *join_arguments(char *const argv[])
{
	size_t size = 1;
	char *joined;

	for (int i = 0; argv[i]; i++)
		size += strlen(argv[i]) + 1;
	joined = calloc(1, size);
	for (int i = 0; joined && argv[i]; i++) {
		if (i)
			strcat(joined, " ");
		strcat(joined, argv[i]);
	}
	return joined;
}

static int list_targets(struct trace_report *report)
{
	const struct trace_report_source *source = &report->source;

	report->target_count = source->launch ? 1 : source->process_count;
	report->targets = calloc(report->target_count, sizeof(*report->targets));
	if (!report->targets)
		return -ENOMEM;
	if (source->launch) {
		report->command = join_arguments(source->options->command);
		report->targets[0].pid = source->launch->pid;
		report->targets[0].command = report->command;
		return report->command ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < report->target_count; i++) {
		report->targets[i].pid = source->processes[i].pid;
		report->targets[i].command = source->processes[i].command_line;
	}
	return 0;
}

struct trace_report *trace_report__new(const struct trace_report_source *source, struct error *err)
{
	struct symbolizer_options options = {
		.debug_dirs = source->options->view.debug_dirs.data,
		.debug_dir_count = source->options->view.debug_dirs.size,
		.no_demangle = !source->options->view.demangle,
		.debuginfod = source->options->view.debuginfod,
	};
	struct trace_report *report = calloc(1, sizeof(*report));

	if (report) {
		report->source = *source;
		report->symbolizer = symbolizer__new(&options);
		list_settings(report);
		if (report->symbolizer && !list_targets(report))
			return report;
	}
	trace_report__free(report);
	error__set(err, -ENOMEM, "out of memory");
	return NULL;
}

void trace_report__free(struct trace_report *report)
{
	if (!report)
		return;
	recorder__close(report->recorder, NULL);
	symbolizer__free(report->symbolizer);
	free(report->targets);
	free(report->command);
	free(report);
}

void trace_report__start(struct trace_report *report, uint64_t start_ns)
{
	report->start_ns = report->line_ns = start_ns;
	report->start_unix_ns = clock_ns(CLOCK_REALTIME);
	for (size_t i = 0; i < report->source.process_count; i++)
		symbolizer__watch_jit(report->symbolizer, &report->source.processes[i]);
}

void trace_report__watch(struct trace_report *report, pid_t pid)
{
	struct process_info process;

	if (process__open(pid, &process, NULL))
		return;
	symbolizer__watch_jit(report->symbolizer, &process);
	process__close(&process);
}

void trace_report__unwatch(struct trace_report *report, pid_t pid)
{
	symbolizer__unwatch_jit(report->symbolizer, pid);
}

/* --- the live line */

void trace_report__draw_live_line(struct trace_report *report)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), losses[LOSS_COUNT];
	struct live_line line = {0};
	char text[LIVE_LINE_SIZE];
	struct heap_totals totals;

	tracer__losses(report->source.tracer, losses);
	stream__lock(report->source.stream);
	heap__totals(report->source.feed->heap, &totals);
	feed__add_losses(report->source.feed, losses);
	stream__unlock(report->source.stream);
	line.elapsed_ns = now - report->start_ns;
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

static int add_frame(struct report_frames *frames, const struct symbol_frame *symbol,
	const struct site_frame *address, const struct module *module)
{
	struct report_frame frame = {
		.address = address->address,
		.module = module ? module->path : NULL,
		.build_id = module && module->build_id.size ? module->build_id.hex : NULL,
		.offset = address->offset,
		.function = symbol->function,
		.function_offset = symbol->function_offset,
		.file = symbol->file,
		.line = symbol->line,
		.inlined = symbol->inlined,
	};

	return vec_push(&frames->list, frame);
}

static int add_python_frame(
	struct trace_report *report, struct report_frames *frames, const struct site_frame *address)
{
	const struct python_frame *python =
		python_frames__get(report->source.feed->python_frames, address->offset);
	struct report_frame frame = {.is_python = true};

	if (python) {
		frame.function = python->function;
		frame.file = python->file;
		frame.line = python->line;
	}
	return vec_push(&frames->list, frame);
}

int trace_report__name_frame(
	void *context, const struct site_frame *address, struct report_frames *frames)
{
	static const struct symbol_frame nameless;
	struct symbol_frames symbols = {&nameless, 1};
	struct trace_report *report = context;
	const struct module *module = NULL;
	int err;

	if (address->module == SITE_MODULE_PYTHON)
		return add_python_frame(report, frames, address);
	if (address->module)
		module = modules__find(report->source.modules, address->module);
	if (module)
		err = symbolizer__resolve(
			report->symbolizer, module, address->offset, true, &symbols);
	else
		err = symbolizer__resolve_any_jit(
			report->symbolizer, address->address, true, &symbols);
	for (size_t i = 0; i < symbols.count && !err; i++)
		err = add_frame(frames, &symbols.frames[i], address, module);
	return err;
}

/* --- the report */

/* Under the stream's lock, as the reader counts in the feed. */
static void describe_run(struct trace_report *report, struct report_run *run)
{
	const struct trace_report_source *source = &report->source;

	run->version = MEMTRACE_VERSION;
	run->targets = report->targets;
	run->target_count = report->target_count;
	run->start_unix_ns = report->start_unix_ns;
	run->duration_ns = report->now_ns - report->start_ns;
	run->launched = source->launch != NULL;
	run->has_symbols = true;
	run->settings = report->settings;
	run->setting_count = SETTING_COUNT;
	tracer__losses(source->tracer, run->losses);
	feed__add_losses(source->feed, run->losses);
	memcpy(run->stack_stops, source->feed->stack_stops, sizeof(run->stack_stops));
	run->guessed_frames = source->feed->guessed_frames;
}

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
		"%.1f at the most%s.",
		(unsigned long long)holds.count, holds.count == 1 ? "" : "s", holds.total_ns / 1e6,
		holds.longest_ns / 1e6, timeouts);
}

/* An allocator that nobody has mapped under the name that was given: a typing error, or too soon.
 */
static int note_missing_allocators(struct trace_report *report, struct report *out)
{
	const char *spec;
	size_t from = 0;
	int code = 0;

	while (!code && (spec = tracer__next_missing_allocator(report->source.tracer, &from)))
		code = report__note(out, "--allocator %s: no traced process has mapped it.", spec);
	return code;
}

/* --- the recording */

int trace_report__record(struct trace_report *report, struct error *err)
{
	const char *path = report->source.options->record_path;
	struct report_run run = {0};

	if (!path)
		return 0;
	report->recorder = recorder__open(path, err);
	if (!report->recorder)
		return err->code;
	stream__lock(report->source.stream);
	describe_run(report, &run);
	trace_record__put_run(report->recorder, &run);
	report->source.feed->recorder = report->recorder;
	stream__unlock(report->source.stream);
	return 0;
}

int trace_report__show_recording(struct trace_report *report, struct error *err)
{
	return report->recorder ? recorder__appear(report->recorder, err) : 0;
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
	report->now_ns = clock_ns(CLOCK_MONOTONIC);
	describe_run(report, &run);
	stream__unlock(report->source.stream);
	trace_record__put_status(report->recorder, &run, report->start_ns, report->now_ns, NULL);
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
	state = recorder__drain(report->recorder);
	err = note_recording(report, out, &state);
	trace_record__put_status(
		report->recorder, &out->run, report->start_ns, report->now_ns, out);
	state = recorder__drain(report->recorder);
	if (state.error || report->source.options->view.format == FORMAT_NDJSON)
		return err;
	fprintf(stderr, "recorded %s records to %s: %s, %.1f bytes each\n",
		human__exact(state.records).text, report->source.options->record_path,
		human__bytes(state.bytes).text,
		state.records ? (double)state.bytes / state.records : 0.0);
	return err;
}

static int close_recording(struct trace_report *report, struct error *err)
{
	struct recorder *recorder = report->recorder;
	int code;

	report->source.feed->recorder = NULL;
	report->recorder = NULL;
	code = recorder__close(recorder, err);
	if (code != -EPIPE)
		return code;
	log__warn("%s", err->message);
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
		human__duration(report->now_ns - report->start_ns).text);
}

static int write_report(struct trace_report *report, const struct report *out, struct error *err)
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
	return report_output__write(out, &extra, &view, err);
}

static int name_report(struct trace_report *report, struct report *out)
{
	int code = report__name(out, trace_report__name_frame, report);

	if (!report->source.options->view.full_stacks)
		report__trim(out);
	if (!code)
		code = note_missing_allocators(report, out);
	return code ? code : note_holds(report, out);
}

static int collect(struct trace_report *report, struct report *out)
{
	const struct trace_options *options = report->source.options;
	struct report_options report_options = {
		.sort = options->view.sort,
		.top = options->view.top,
		.older_than_ns = options->view.older_than_ns,
	};

	trace_memory__look(report->source.feed);
	report->now_ns = report_options.now_ns = clock_ns(CLOCK_MONOTONIC);
	describe_run(report, &out->run);
	return report__collect(out, report->source.feed->heap, &report_options);
}

int trace_report__print_interim(struct trace_report *report)
{
	struct error err = {0};
	struct report out = {0};
	int code;

	clear_live_line(report);
	stream__lock(report->source.stream);
	code = collect(report, &out);
	stream__unlock(report->source.stream);
	if (!code)
		code = name_report(report, &out);
	if (!code)
		code = write_report(report, &out, &err);
	if (code && code != -EPIPE)
		log__warn("no interim report: %s", err.code ? err.message : strerror(-code));
	report__free(&out);
	return code;
}

int trace_report__write_file(struct trace_report *report, const char *path, struct error *err)
{
	struct report_extra extra = {
		.write_json = trace_locks__write_json,
		.context = report->source.locks,
	};
	struct view_options view = report->source.options->view;
	struct report out = {0};
	int code;

	view.format = FORMAT_HTML;
	view.output = path;
	view.format_only = true;
	view.json = false;
	stream__lock(report->source.stream);
	code = collect(report, &out);
	stream__unlock(report->source.stream);
	if (!code)
		code = name_report(report, &out);
	if (code)
		error__set(err, code, "out of memory for the report");
	else
		code = report_output__write(&out, &extra, &view, err);
	report__free(&out);
	return code;
}

int trace_report__print_final(
	struct trace_report *report, bool ended, int status, struct error *err)
{
	struct report out = {.run = {.has_ended = ended, .exit_status = status}};
	int code;

	clear_live_line(report);
	code = collect(report, &out);
	/* Only now: the model no longer changes. */
	trace_locks__name_blocks(
		report->source.locks, report->source.feed->heap, trace_report__name_frame, report);
	if (!code)
		code = name_report(report, &out);
	if (!code)
		code = end_recording(report, &out);
	if (code)
		error__set(err, code, "out of memory for the report");
	else
		code = write_report(report, &out, err);
	report__free(&out);
	return code ? code : close_recording(report, err);
}
