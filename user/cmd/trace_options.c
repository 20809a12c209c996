/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "cmd/cmd.h"

enum {
	OPT_ALLOCATOR = 0x100,
	OPT_STACKS,
	OPT_PYTHON,
	OPT_PYTHON_ALLOCATOR,
	OPT_MAX_FRAMES,
	OPT_RING_SIZE,
	OPT_HOLD,
	OPT_EXIT_STATUS,
	OPT_KILL_ON_EXIT,
	OPT_LEAKS,
	OPT_LEAK_STATUS,
	OPT_SUPPRESSIONS,
	OPT_MODE,
	OPT_MAPPINGS,
	OPT_BUDGET,
	OPT_USDT,
	OPT_OOM,
};

/* Smallest ring: one page. Largest: what the kernel takes (its positions have 32 bits). */
#define MIN_RING_SIZE 4096
#define MAX_RING_SIZE (1ull << 31)
#define DEFAULT_RING_SIZE (64ull << 20)

/* How long a dlopen may wait for its new library to be probed; it is usually a few ms. */
#define DEFAULT_HOLD_NS 300000000ull

static const struct argp_option option_table[] = {
	{0, 0, 0, 0, "What is traced:", 1},
	{"pid", 'p', "PID", 0, "Trace this process; may be given several times", 0},
	{"follow", 'f', 0, 0, "Follow forks: children are traced too", 0},
	{"allocator", OPT_ALLOCATOR, "FILE[:PREFIX]", 0,
		"Trace the allocation functions that FILE (a library or program) defines, with "
		"PREFIX before their names, e.g. libfoo.so:je_",
		0},
	{"python-allocator", OPT_PYTHON_ALLOCATOR, 0, 0,
		"See each of Python's objects: a command is run without pymalloc "
		"(PYTHONMALLOC=malloc)",
		0},
	{"mode", OPT_MODE, "MODE", 0,
		"exact (default), growth (no probes: samples of the page faults that make "
		"resident memory grow) or samples (those that an allocator takes itself, by USDT)",
		0},
	{"usdt", OPT_USDT, "PROVIDER[:ALLOC[:FREE]]", 0,
		"Read an allocator's own samples from these USDT probes, too, as from "
		"otel_memory:alloc(ptr, size, weight) and otel_memory:free(ptr)",
		0},
	{0, 0, 0, 0, "How long:", 2},
	{"duration", 'd', "SECONDS", 0, "End after this time", 0},
	{"interval", 'i', "SECONDS", 0, "Print a report at this interval", 0},
	{"output", 'o', "FILE", 0, NULL, 0}, /* by command */
	{"oom", OPT_OOM, 0, 0,
		"Write a report at once when the kernel chooses a traced process to be killed for "
		"want of memory",
		0},
	{"exit-status", OPT_EXIT_STATUS, 0, 0, "Exit with the launched command's status", 0},
	{"kill-on-exit", OPT_KILL_ON_EXIT, 0, 0,
		"End the launched command if it is still running when memtrace ends", 0},
	{0, 0, 0, 0, "Leaks:", 3},
	{"leaks", OPT_LEAKS, 0, 0,
		"Tell which live blocks no pointer leads to, by call site: of a process that runs, "
		"and of one that ends in the memory that it leaves",
		0},
	{"exit-code-on-leak", OPT_LEAK_STATUS, "N", 0,
		"Exit with N if blocks are definitely lost (implies --leaks)", 0},
	{"suppressions", OPT_SUPPRESSIONS, "FILE", 0,
		"Leaks that are not to be reported, in valgrind's or LeakSanitizer's format; may "
		"be "
		"given several times (implies --leaks)",
		0},
	{0, 0, 0, 0, "Tuning:", 5},
	{"budget", OPT_BUDGET, "PERCENT", 0,
		"Probe in windows, so that the target loses at most this part of its time (0.1 to "
		"50), and estimate: rates, and which blocks stay",
		0},
	{"stacks", OPT_STACKS, "KIND", 0,
		"cfi (default: unwind tables), fp (frame pointers) or none", 0},
	{"python", OPT_PYTHON, "KIND", 0,
		"Stacks of Python programs: hybrid (default: native and Python frames), python or "
		"native",
		0},
	{"max-frames", OPT_MAX_FRAMES, "N", 0,
		"Greatest depth of a stack (default 256, at most 512)", 0},
	{"mappings", OPT_MAPPINGS, "WHICH", 0,
		"on (default: mmap, brk and their kind are followed) or off", 0},
	{"ring-size", OPT_RING_SIZE, "BYTES", 0,
		"Ring buffer, rounded up to a power of two (default 64M)", 0},
	{"hold", OPT_HOLD, "TIME", 0,
		"Longest that a new library, child or program waits for its probes (default 300ms; "
		"0: never)",
		0},
	{"verbose", 'v', 0, 0, "Print what is probed, where, and why", 0},
	{0},
};

static int add_pid(struct argp_state *state, struct trace_options *options, const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || end == text || pid <= 0 || pid > INT32_MAX)
		return options__bad_value(state, "-p PID", text);
	vec_for_each (known, &options->pids)
		if (*known == pid)
			return 0;
	return vec_push(&options->pids, pid) ? ENOMEM : 0;
}

static int parse_choice(const char *text, const char *const names[], int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

static int parse_stacks(struct argp_state *state, struct trace_options *options, const char *text)
{
	static const char *const names[] = {"none", "fp", "cfi"};
	int choice = parse_choice(text, names, 3);

	if (choice < 0)
		return options__bad_value(state, "--stacks cfi|fp|none", text);
	options->stacks = choice;
	return 0;
}

static int parse_python(struct argp_state *state, struct trace_options *options, const char *text)
{
	static const char *const names[] = {"hybrid", "python", "native"};
	int choice = parse_choice(text, names, 3);

	if (choice < 0)
		return options__bad_value(state, "--python hybrid|python|native", text);
	options->python = choice;
	return 0;
}

static int parse_mode(struct argp_state *state, struct trace_options *options, const char *text)
{
	static const char *const names[] = {"exact", "growth", "samples"};
	int choice = parse_choice(text, names, 3);

	if (choice < 0)
		return options__bad_value(state, "--mode exact|growth|samples", text);
	options->mode = choice;
	return 0;
}

static int parse_usdt(struct argp_state *state, struct trace_options *options, const char *text)
{
	struct usdt_provider provider;

	if (!usdt_provider__parse(text, &provider))
		return options__bad_value(state, "--usdt PROVIDER[:ALLOC[:FREE]]", text);
	return vec_push(&options->usdt, provider) ? ENOMEM : 0;
}

/* The probes that are looked for in any case: the OpenTelemetry profiler's contract. */
static int add_known_provider(struct trace_options *options)
{
	struct usdt_provider provider;

	usdt_provider__parse("otel_memory", &provider);
	return vec_push(&options->usdt, provider) ? ENOMEM : 0;
}

static int parse_mappings(struct argp_state *state, struct trace_options *options, const char *text)
{
	static const char *const names[] = {"on", "off"};
	int choice = parse_choice(text, names, 2);

	if (choice < 0)
		return options__bad_value(state, "--mappings on|off", text);
	options->without_mappings = choice;
	return 0;
}

static int parse_count(struct argp_state *state, const char *option, const char *text, uint64_t min,
	uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || *out < min || *out > max)
		return options__bad_value(state, option, text);
	return 0;
}

static int parse_ring_size(
	struct argp_state *state, struct trace_options *options, const char *text)
{
	uint64_t bytes, size = MIN_RING_SIZE;

	if (units__parse_bytes(text, &bytes) || bytes > MAX_RING_SIZE)
		return options__bad_value(state, "--ring-size BYTES (at most 2G)", text);
	while (size < bytes)
		size *= 2;
	options->ring_size = size;
	return 0;
}

static int parse_time(struct argp_state *state, const char *option, const char *text, uint64_t *out)
{
	return units__parse_time(text, out) ? options__bad_value(state, option, text) : 0;
}

static int parse_positive_time(
	struct argp_state *state, const char *option, const char *text, uint64_t *out)
{
	if (units__parse_time(text, out) || *out == 0)
		return options__bad_value(state, option, text);
	return 0;
}

static error_t parse_leak_option(int key, char *arg, struct argp_state *state)
{
	struct trace_options *options = state->input;
	uint64_t status;
	int err;

	switch (key) {
	case OPT_LEAKS:
		options->leaks = true;
		return 0;
	case OPT_LEAK_STATUS:
		err = parse_count(state, "--exit-code-on-leak N", arg, 0, 255, &status);
		options->leak_status = status;
		options->leaks = true;
		return err;
	case OPT_SUPPRESSIONS:
		options->leaks = true;
		return vec_push(&options->suppressions, arg) ? ENOMEM : 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Less is too little to see anything, more is cheaper to have exact. */
#define LEAST_BUDGET 0.1
#define MOST_BUDGET 50

static int parse_budget(struct argp_state *state, struct trace_options *options, const char *text)
{
	char *end;

	errno = 0;
	options->budget = strtod(text, &end);
	if (end != text && *end == '%')
		end++;
	if (errno || *end || end == text ||
		!(options->budget >= LEAST_BUDGET && options->budget <= MOST_BUDGET))
		return options__bad_value(state, "--budget PERCENT (0.1 to 50)", text);
	return 0;
}

static error_t parse_tuning_option(int key, char *arg, struct argp_state *state)
{
	struct trace_options *options = state->input;
	uint64_t frames;
	int err;

	switch (key) {
	case OPT_STACKS:
		return parse_stacks(state, options, arg);
	case OPT_PYTHON:
		return parse_python(state, options, arg);
	case OPT_MODE:
		return parse_mode(state, options, arg);
	case OPT_USDT:
		return parse_usdt(state, options, arg);
	case OPT_MAPPINGS:
		return parse_mappings(state, options, arg);
	case OPT_MAX_FRAMES:
		err = parse_count(state, "--max-frames N", arg, 1, EVENT_MAX_FRAMES, &frames);
		options->max_frames = frames;
		return err;
	case OPT_RING_SIZE:
		return parse_ring_size(state, options, arg);
	case OPT_HOLD:
		return parse_time(state, "--hold TIME", arg, &options->hold_limit_ns);
	case OPT_BUDGET:
		return parse_budget(state, options, arg);
	case 'v':
		options->verbose = true;
		return 0;
	default:
		return parse_leak_option(key, arg, state);
	}
}

/* The first argument that is not an option: with "--" before it, it begins the command. */
static int take_command(struct argp_state *state, struct trace_options *options)
{
	if (!state->quoted)
		argp_error(state, "unknown command '%s' (a program to launch goes after --)",
			state->argv[state->next - 1]);
	options->command = &state->argv[state->next - 1];
	state->next = state->argc;
	return 0;
}

static void check_live_view(struct argp_state *state, const struct trace_options *options)
{
	if (options->command)
		argp_error(state, "top needs the terminal for itself: give -p PID, not a command");
	if (options->interval_ns || options->view.format)
		argp_error(state,
			"top cannot be combined with --interval or -F; its key w writes a report");
}

static void check_budget(struct argp_state *state, const struct trace_options *options)
{
	const struct view_options *view = &options->view;

	if (options->live_view)
		argp_error(state, "top shows what is exact: it cannot be combined with --budget");
	if (options->leaks)
		argp_error(state, "--leaks needs exact tracing, without --budget");
	if (view->format && view->format != FORMAT_TEXT && view->format != FORMAT_JSON)
		argp_error(state, "--budget gives estimates, as text or as JSON (--json)");
	if (view->min_size || view->max_size || view->older_than_ns)
		argp_error(state, "--min-size, --max-size and --older-than need exact tracing, "
				  "without --budget");
}

static void check_samples(struct argp_state *state, const struct trace_options *options)
{
	bool named = options->usdt.size > 1;

	if (options->budget && (named || options->mode == MODE_SAMPLES))
		argp_error(state, "--budget has windows, which would miss samples: leave it out, "
				  "the allocator's own samples cost little");
	if (options->mode == MODE_GROWTH && named)
		argp_error(state, "--mode growth has no probes: leave out --usdt");
	if (options->mode != MODE_SAMPLES)
		return;
	if (options->leaks || options->allocators.size || options->live_view)
		argp_error(state,
			"--mode samples sees only what the allocator samples: leave out "
			"%s",
			options->leaks		   ? "--leaks"
			: options->allocators.size ? "--allocator"
						   : "top");
	if (options->view.min_size || options->view.max_size || options->view.older_than_ns)
		argp_error(state, "--min-size, --max-size and --older-than need exact tracing, "
				  "without --mode samples");
}

static void check_options(struct argp_state *state, struct trace_options *options)
{
	if (options->live_view)
		check_live_view(state, options);
	if (options->budget)
		check_budget(state, options);
	if (options->command && options->pids.size)
		argp_error(state, "-p PID and a command to launch cannot be combined");
	if (!options->command && !options->pids.size)
		argp_error(state, "nothing to trace: give -p PID, or -- COMMAND [ARG]...");
	if (options->mode == MODE_GROWTH && options->allocators.size)
		argp_error(state, "--mode growth probes no allocation functions: leave out "
				  "--allocator");
	if (options->mode == MODE_GROWTH && options->leaks)
		argp_error(state, "--mode growth sees no blocks that could be lost: leave out "
				  "--leaks");
	if (options->mode == MODE_GROWTH && options->without_mappings)
		argp_error(state, "--mode growth needs the mappings to know what was given back: "
				  "leave out --mappings=off");
	check_samples(state, options);
	if (options->exit_status && !options->command)
		argp_error(state, "--exit-status needs a command to launch");
	if (options->kill_on_exit && !options->command)
		argp_error(state, "--kill-on-exit needs a command to launch");
	if (options->record_only && options->view.format)
		argp_error(state, "-F is for memtrace report, once the recording is made");
	if (options->record_only && !options->record_path)
		argp_error(state, "record needs -o FILE");
	if (options->view.format) {
		options->view.output = options->record_path;
		options->record_path = NULL;
	}
	view_options__check(state, &options->view);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct trace_options *options = state->input;

	switch (key) {
	case 'p':
		return add_pid(state, options, arg);
	case 'f':
		options->follow = true;
		return 0;
	case OPT_ALLOCATOR:
		return vec_push(&options->allocators, arg) ? ENOMEM : 0;
	case OPT_PYTHON_ALLOCATOR:
		options->python_allocator = true;
		return 0;
	case 'd':
		return parse_positive_time(state, "-d SECONDS", arg, &options->duration_ns);
	case 'i':
		return parse_positive_time(state, "-i SECONDS", arg, &options->interval_ns);
	case 'o':
		options->record_path = arg;
		return 0;
	case OPT_OOM:
		options->oom = true;
		return 0;
	case OPT_EXIT_STATUS:
		options->exit_status = true;
		return 0;
	case OPT_KILL_ON_EXIT:
		options->kill_on_exit = true;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return add_known_provider(options);
	case ARGP_KEY_ARG:
		return take_command(state, options);
	case ARGP_KEY_END:
		check_options(state, options);
		return 0;
	default:
		return parse_tuning_option(key, arg, state);
	}
}

/* What one of the three commands is called, says of itself and does not offer. */
struct trace_command {
	const char *title;
	const char *args;
	const char *doc;
	enum view_offer view;
	const char *output; /* what its -o is */
	int hidden[3];	    /* options that it refuses with a reason; 0: no more */
};

#define EXIT_WORDS "\vExit status: 0 success, 1 failure, 2 usage error, 3 a deadlock was found."

static const struct trace_command trace_command = {
	.title = "memtrace trace",
	.args = "-p PID\n-- COMMAND [ARG]...",
	.doc = "Reconstructs every live heap allocation of a running process, with its call stack, "
	       "from outside: the process is not stopped or changed, and none of its locks is "
	       "taken." EXIT_WORDS
	       " `memtrace help` lists the other commands; memtrace(8) has the details.",
	.output = "Record the run to FILE, for memtrace report; with -F: the report's file",
};

static const struct trace_command record_command = {
	.title = "memtrace record",
	.args = "-o FILE -p PID\n-o FILE -- COMMAND [ARG]...",
	.doc = "Records a run, to be reported later, on any machine." EXIT_WORDS,
	.view = VIEW_RECORD,
	.output = "Record the run to FILE, for memtrace report and diff",
	.hidden = {'i'},
};

static const struct trace_command top_command = {
	.title = "memtrace top",
	.args = "-p PID",
	.doc = "Shows a live view of a process: call sites, stacks, threads, locks. Its key h "
	       "lists its keys." EXIT_WORDS,
	.view = VIEW_LIVE,
	.output = "Record the run to FILE as well, for memtrace report and diff",
	.hidden = {'i', OPT_EXIT_STATUS},
};

static const struct trace_command *find_command(const char *title)
{
	if (strcmp(title, record_command.title) == 0)
		return &record_command;
	return strcmp(title, top_command.title) == 0 ? &top_command : &trace_command;
}

static void choose_options(const struct trace_command *command, struct argp_option *options)
{
	const int *hidden = command->hidden;

	for (size_t i = 0; i < sizeof(option_table) / sizeof(option_table[0]); i++) {
		if (options[i].key == 'o')
			options[i].doc = command->output;
		for (int j = 0; j < 3 && hidden[j]; j++)
			if (options[i].key == hidden[j])
				options[i].flags |= OPTION_HIDDEN;
	}
}

const struct argp *trace_options__argp(const char *title)
{
	static struct argp_option options[sizeof(option_table) / sizeof(option_table[0])];
	static struct argp_child children[2];
	static struct argp argp;
	const struct trace_command *command = find_command(title);

	memcpy(options, option_table, sizeof(options));
	choose_options(command, options);
	children[0] = (struct argp_child){view_options__argp(command->view), 0, "The report:", 4};
	argp = (struct argp){
		.options = options,
		.parser = parse_option,
		.children = children,
		.args_doc = command->args,
		.doc = command->doc,
	};
	return &argp;
}

int trace_options__parse(int argc, char **argv, struct trace_options *options)
{
	int err;

	*options = (struct trace_options){
		.stacks = STACKS_CFI,
		.max_frames = EVENT_DEFAULT_FRAMES,
		.ring_size = DEFAULT_RING_SIZE,
		.hold_limit_ns = DEFAULT_HOLD_NS,
		.live_view = argc > 0 && find_command(argv[0]) == &top_command,
		.record_only = argc > 0 && find_command(argv[0]) == &record_command,
	};
	view_options__init(&options->view);
	err = argp_parse(trace_options__argp(argc > 0 ? argv[0] : ""), argc, argv, ARGP_IN_ORDER,
		NULL, options);
	if (err) {
		log__error("%s", strerror(err));
		trace_options__free(options);
		return 1 + EXIT_COULD_NOT;
	}
	return 0;
}

void trace_options__free(struct trace_options *options)
{
	vec_free(&options->pids);
	vec_free(&options->allocators);
	vec_free(&options->usdt);
	vec_free(&options->suppressions);
	view_options__free(&options->view);
}
