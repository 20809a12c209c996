/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace heap: what is in a heap that grew before anyone looked. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "census/census.h"
#include "cmd/cmd.h"
#include "cmd/heap_names.h"
#include "cmd/heap_target.h"
#include "process/memory.h"
#include "report/census_diff.h"
#include "report/census_html.h"
#include "report/census_json.h"
#include "report/census_owners.h"
#include "report/census_text.h"
#include "report/human.h"
#include "report/output.h"
#include "version.h"

enum { KEY_JSON = 0x100, KEY_LOOKS, KEY_SAMPLES, KEY_EVERY, KEY_MEMORY_LIMIT };

enum census_format { CENSUS_TEXT, CENSUS_FOLDED, CENSUS_HTML };

/* From so much memory of its own on memtrace says what a census will take. */
#define WORTH_SAYING (256u << 20)

/* More looks than this are a slip of the finger. */
#define MAX_LOOKS 1000

struct census_command {
	pid_t pid;
	bool json;
	const char *json_path; /* NULL: stdout */
	size_t looks;
	bool samples;
	enum census_format format;
	uint64_t memory_limit; /* bytes; 0: none */
	const char *saved;     /* NULL: the census is not saved */
	uint64_t every_ns;     /* 0: one census */
};

static const struct argp_option argp_options[] = {
	{"pid", 'p', "PID", 0, "Look at the heap of this process", 0},
	{"json", KEY_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write JSON to FILE (default stdout)", 0},
	{"looks", KEY_LOOKS, "N", 0,
		"A block is lost if N looks find it so (default 3; 0: do not look for pointers)",
		0},
	{"format", 'F', "FORMAT", 0,
		"text (default), folded (chains of classes from owners, by bytes) or html (one "
		"page "
		"with treemaps and tables); to stdout, html also to the file given with -o",
		0},
	{"output", 'o', "FILE", 0,
		"Save the census to FILE, for memtrace diff; with -F html: the page", 0},
	{"memory-limit", KEY_MEMORY_LIMIT, "BYTES", 0,
		"Follow no pointers if that would take more memory than this of memtrace's own", 0},
	{"every", KEY_EVERY, "TIME", 0, "Repeat it every so often and show what grew", 0},
	{"samples", KEY_SAMPLES, 0, 0, "Show how a block of each class of text begins", 0},
	{"verbose", 'v', 0, 0, "Print more on stderr", 0},
	{0},
};

static error_t parse_format(
	struct census_command *options, const char *argument, struct argp_state *state)
{
	static const char *const names[] = {
		[CENSUS_TEXT] = "text", [CENSUS_FOLDED] = "folded", [CENSUS_HTML] = "html"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(argument, names[i]) == 0) {
			options->format = i;
			return 0;
		}
	argp_error(state, "-F %s: the formats are text, folded and html", argument);
	return EINVAL;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct census_command *options = state->input;
	unsigned long looks;
	char *end;
	pid_t pid;

	switch (key) {
	case 'p':
		if (units__parse_pid(argument, &pid))
			argp_error(state, "-p %s: not a valid PID", argument);
		if (options->pid)
			argp_error(state, "-p %s: one process at a time", argument);
		options->pid = pid;
		return 0;
	case KEY_JSON:
		options->json = true;
		options->json_path = argument;
		return 0;
	case KEY_LOOKS:
		looks = strtoul(argument, &end, 10);
		if (!*argument || *end || looks > MAX_LOOKS)
			argp_error(state, "--looks %s: not a number from 0 to %d", argument,
				MAX_LOOKS);
		options->looks = looks;
		return 0;
	case 'F':
		return parse_format(options, argument, state);
	case KEY_MEMORY_LIMIT:
		if (units__parse_bytes(argument, &options->memory_limit) || !options->memory_limit)
			argp_error(
				state, "--memory-limit %s: not a size like 500M or 2G", argument);
		return 0;
	case 'o':
		options->saved = argument;
		return 0;
	case KEY_EVERY:
		if (units__parse_time(argument, &options->every_ns) || !options->every_ns)
			argp_error(state, "--every %s: not a time like 30s or 10m", argument);
		return 0;
	case KEY_SAMPLES:
		options->samples = true;
		return 0;
	case 'v':
		log__set_verbose(true);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s': use -p PID", argument);
		return 0;
	case ARGP_KEY_END:
		if (!options->pid)
			argp_error(state, "give -p PID");
		if (options->format == CENSUS_HTML &&
			(options->every_ns ||
				(options->json && !options->json_path && !options->saved)))
			argp_error(state, "-F html is one page: not with --every, and not beside "
					  "--json on standard output");
		if (options->format == CENSUS_FOLDED && !options->looks)
			argp_error(state, "-F folded needs looks for pointers: not with --looks 0");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.args_doc = "-p PID",
	.doc = "Shows what is in the heap of a process, from the allocator's own bookkeeping, "
	       "without probes or history. The process is neither stopped nor changed.",
};

const struct argp *heap_argp(void)
{
	return &argp;
}

static int write_json(const char *path, const struct census *census, const struct census_head *head,
	struct error *error)
{
	struct output output;
	int err = output__open(&output, path, error);

	if (err)
		return err;
	census_json__write(output.file, census, head);
	err = output__commit(&output, error);
	output__abort(&output);
	return err;
}

/* To the file of -o, else to stdout. */
static int write_html(const char *path, const struct census *census, const struct census_head *head,
	struct error *error)
{
	struct output output;
	int err = output__open(&output, path, error);

	if (err)
		return err;
	err = census_html__write(output.file, census, head);
	if (err)
		error__set(error, err, "out of memory for the page");
	else
		err = output__commit(&output, error);
	output__abort(&output);
	return err;
}

/* Text goes to stdout unless the JSON does. */
static int write_reports(const struct census_command *options, const struct census *census,
	const struct census_head *head, struct error *error)
{
	int err = options->json ? write_json(options->json_path, census, head, error) : 0;

	if (!err && options->format == CENSUS_HTML)
		return write_html(options->saved, census, head, error);
	if (!err && options->saved)
		err = write_json(options->saved, census, head, error);
	if (err || (options->json && !options->json_path))
		return err;
	if (options->format == CENSUS_FOLDED)
		census_owners__write_folded(stdout, census);
	else
		census_text__write(stdout, census, head);
	return err;
}

/* How a block of text begins. */
static bool begin_of_block(void *context, uint64_t address, char *to, size_t size)
{
	const struct heap_target *target = context;
	long got = memory__read(target->process.pid, address, to, size - 1);

	if (got <= 0)
		return false;
	to[got] = '\0';
	text__make_printable(to);
	return true;
}

/* The census as a document, to compare the next one with. NULL: out of memory. */
static json_t *keep(const struct census *census, const struct census_head *head)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	json_t *document = NULL;

	if (memory) {
		census_json__write(memory, census, head);
		if (!fclose(memory))
			document = json_loadb(text, size, 0, NULL);
	}
	free(text);
	return document;
}

/* What grew since the last census, *@last, which is then this one. */
static int write_growth(const struct census *census, const struct census_head *head, json_t **last,
	struct error *error)
{
	struct census_diff diff;
	json_t *now = keep(census, head);
	int err = now ? 0 : -ENOMEM;

	if (!err && *last) {
		err = census_diff__compute(&diff, *last, json_incref(now));
		if (!err)
			census_diff__write_text(&diff, 0, stdout);
		census_diff__free(&diff);
		*last = NULL;
		fputc('\n', stdout);
		fflush(stdout);
	}
	json_decref(*last);
	*last = now;
	return err ? error__set(error, err, "out of memory for what grew") : 0;
}

/* *@last: the census before, of a repeated one, at first NULL; @last is NULL if not repeated. */
static int report(const struct census_command *options, struct heap_target *target,
	const struct census *census, uint64_t started, json_t **last, struct error *error)
{
	struct census_samples samples = {target, begin_of_block};
	struct census_head head = {
		.pid = options->pid,
		.version = MEMTRACE_VERSION,
		.command = target->process.command_line,
		.threads = target->threads.size,
		.took_ns = clock__now_ns() - started,
		.samples = options->samples ? &samples : NULL,
	};

	int err = last && *last ? 0 : write_reports(options, census, &head, error);

	if (!err && last && *last && options->saved)
		err = write_json(options->saved, census, &head, error);
	return err || !last ? err : write_growth(census, &head, last, error);
}

/* Before pointers are followed. */
static bool agree(void *context, uint64_t count, uint64_t bytes)
{
	const struct census_command *options = context;
	bool is_more = options->memory_limit && bytes > options->memory_limit;

	if (is_more)
		log__warn("%s blocks: to follow their pointers would take %s of memory, more than "
			  "--memory-limit; they are only counted",
			human__exact(count).text, human__bytes(bytes).text);
	else if (bytes >= WORTH_SAYING)
		fprintf(stderr, "%s blocks: following their pointers takes about %s of memory\n",
			human__exact(count).text, human__bytes(bytes).text);
	return !is_more;
}

static int look(const struct census_command *options, json_t **last, struct error *error)
{
	uint64_t started = clock__now_ns();
	struct heap_target target;
	struct heap_names names;
	struct census census;
	int err = options->json ? output__check(options->json_path, error) : 0;

	err = !err && options->saved ? output__check(options->saved, error) : err;
	err = err ? err : heap_target__open(options->pid, &target, error);
	if (err)
		return err;
	err = heap_names__open(&target, &names, error);
	if (!err) {
		struct census_options wanted = {
			.looks = options->looks,
			.names = &names.names,
			.agree = agree,
			.context = (void *)options,
		};

		err = census__take(&target.image, &wanted, &census, error);
		err = err ? err : report(options, &target, &census, started, last, error);
		census__free(&census);
	}
	heap_names__close(&names);
	heap_target__close(&target);
	return err;
}

/* One census, or one after the other until the process ends. */
static int look_repeatedly(const struct census_command *options, struct error *error)
{
	struct timespec pause = {options->every_ns / 1000000000, options->every_ns % 1000000000};
	json_t *last = NULL;
	int err;

	if (!options->every_ns)
		return look(options, NULL, error);
	err = look(options, &last, error);
	while (!err && !nanosleep(&pause, NULL)) {
		err = look(options, &last, error);
		/* It has ended: what there was to report about it was reported. */
		if (err == -ESRCH) {
			log__warn("%s", error->message);
			err = 0;
			break;
		}
	}
	json_decref(last);
	return err;
}

int cmd_heap(int argc, char **argv)
{
	struct census_command options = {.looks = CENSUS_LOOKS};
	struct error error = {0};
	int err = argp_parse(&argp, argc, argv, 0, NULL, &options);

	if (!err)
		err = look_repeatedly(&options, &error);
	return cmd__failed(&error, err) ? EXIT_COULD_NOT : EXIT_DONE;
}
