#include "cmd/trace_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "report/json.h"
#include "report/live_line.h"
#include "report/model.h"
#include "report/output.h"
#include "report/text.h"
#include "symbols/symbolizer.h"
#include "symbols/trim.h"

struct trace_report {
	struct trace_report_source source;
	struct symbolizer *symbolizer;
	struct report_target *targets;
	size_t target_count;
	char *command; /* of a launch, joined */
	uint64_t start_ns;
	uint64_t start_unix_ns;
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
	return options->json ? output__check(options->json_path, err) : 0;
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
		.debug_dirs = source->options->debug_dirs.data,
		.debug_dir_count = source->options->debug_dirs.size,
		.no_demangle = !source->options->demangle,
		.debuginfod = source->options->debuginfod,
	};
	struct trace_report *report = calloc(1, sizeof(*report));

	if (report) {
		report->source = *source;
		report->symbolizer = symbolizer__new(&options);
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

/* --- the live line */

void trace_report__draw_live_line(struct trace_report *report)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), losses[LOSS_COUNT];
	struct live_line line = {0};
	char text[LIVE_LINE_SIZE];
	struct heap_totals totals;

	stream__lock(report->source.stream);
	heap__totals(report->source.feed->heap, &totals);
	stream__unlock(report->source.stream);
	tracer__losses(report->source.tracer, losses);
	line.elapsed_ns = now - report->start_ns;
	line.alloc_count = totals.counts.alloc_count - report->line_allocs;
	line.interval_ns = now - report->line_ns;
	line.live_bytes = totals.live_bytes;
	line.live_count = totals.live_count;
	for (int i = 0; i < LOSS_EVENT_COUNT; i++)
		line.lost += losses[i];
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

/* JIT code is named by any process of the run that has a name for it. */
static int resolve_jit(struct trace_report *report, uint64_t address, struct symbol_frames *symbols)
{
	for (size_t i = 0; i < report->source.process_count; i++) {
		int err = symbolizer__resolve_jit(report->symbolizer,
			report->source.processes[i].pid, address, true, symbols);

		if (err || symbols->frames[0].function)
			return err;
	}
	return 0;
}

static int name_frame(void *context, const struct site_frame *address, struct report_frames *frames)
{
	static const struct symbol_frame nameless;
	struct symbol_frames symbols = {&nameless, 1};
	struct trace_report *report = context;
	const struct module *module = NULL;
	int err;

	if (address->module)
		module = modules__find(report->source.modules, address->module);
	if (module)
		err = symbolizer__resolve(
			report->symbolizer, module, address->offset, true, &symbols);
	else
		err = resolve_jit(report, address->address, &symbols);
	for (size_t i = 0; i < symbols.count && !err; i++)
		err = add_frame(frames, &symbols.frames[i], address, module);
	return err;
}

/* --- the report */

static void describe_run(struct trace_report *report, struct report_run *run)
{
	const struct trace_report_source *source = &report->source;

	run->version = MEMTRACE_VERSION;
	run->targets = report->targets;
	run->target_count = report->target_count;
	run->start_unix_ns = report->start_unix_ns;
	run->duration_ns = clock_ns(CLOCK_MONOTONIC) - report->start_ns;
	run->launched = source->launch != NULL;
	run->has_symbols = true;
	tracer__losses(source->tracer, run->losses);
	memcpy(run->stack_stops, source->feed->stack_stops, sizeof(run->stack_stops));
	run->guessed_frames = source->feed->guessed_frames;
}

static int note_holds(struct trace_report *report, struct report *out)
{
	struct tracer_holds holds;

	tracer__holds(report->source.tracer, &holds);
	if (!holds.count)
		return 0;
	return report__note(out,
		"the loader waited %llu times, %.1f ms in all, for new libraries to be probed%s.",
		(unsigned long long)holds.count, holds.total_ns / 1e6,
		holds.timeouts ? "; some reached --hold and went on before it was done" : "");
}

static void text_size(struct text_options *options)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return;
	options->width = size.ws_col >= 80 ? size.ws_col : 80;
	options->rows = size.ws_row;
}

static int write_text(struct trace_report *report, const struct report *out, struct error *err)
{
	struct text_options options = {
		.top = report->source.options->top,
		.full_stacks = report->source.options->full_stacks,
	};

	text_size(&options);
	text__write_report(out, &options, stdout);
	trace_locks__write_text(report->source.locks, options.full_stacks, stdout);
	if (fflush(stdout) || ferror(stdout))
		return error__set(err, -EIO, "cannot write the report to standard output: %m");
	return 0;
}

static int write_json(struct trace_report *report, const struct report *out, struct error *err)
{
	struct output output;
	int code = output__open(&output, report->source.options->json_path, err);

	if (code)
		return code;
	json__write_report(out, output.file, trace_locks__write_json, report->source.locks);
	return output__commit(&output, err);
}

static int print_report(struct trace_report *report, struct report *out, struct error *err)
{
	const struct trace_options *options = report->source.options;
	int code;

	code = report__name(out, name_frame, report);
	if (!code)
		code = note_holds(report, out);
	if (code)
		return error__set(err, code, "out of memory for the report");
	if (options->json)
		code = write_json(report, out, err);
	/* A file for tools leaves the terminal to the reader. */
	if (!code && (!options->json || options->json_path))
		code = write_text(report, out, err);
	return code;
}

static int collect(struct trace_report *report, struct report *out)
{
	const struct trace_options *options = report->source.options;
	struct report_options report_options = {
		.sort = (enum report_sort)options->sort,
		.top = options->top,
		.older_than_ns = options->older_than_ns,
		.now_ns = clock_ns(CLOCK_MONOTONIC),
	};

	describe_run(report, &out->run);
	return report__collect(out, report->source.feed->heap, &report_options);
}

void trace_report__print_interim(struct trace_report *report)
{
	struct error err = {0};
	struct report out = {0};
	int code;

	clear_live_line(report);
	stream__lock(report->source.stream);
	code = collect(report, &out);
	stream__unlock(report->source.stream);
	if (!code)
		code = print_report(report, &out, &err);
	if (code)
		log__warn("no interim report: %s", err.code ? err.message : strerror(-code));
	report__free(&out);
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
		report->source.locks, report->source.feed->heap, name_frame, report);
	if (code)
		error__set(err, code, "out of memory for the report");
	else
		code = print_report(report, &out, err);
	report__free(&out);
	return code;
}
