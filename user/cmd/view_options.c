/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/view_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

enum {
	OPT_SORT = 0x200,
	OPT_TOP,
	OPT_MIN_SIZE,
	OPT_MAX_SIZE,
	OPT_OLDER_THAN,
	OPT_JSON,
	OPT_WEIGHT,
	OPT_FULL_STACKS,
	OPT_NO_DEMANGLE,
	OPT_DEBUG_DIR,
	OPT_DEBUGINFOD,
};

static const struct argp_option option_table[] = {
	{"json", OPT_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write JSON, to stdout or FILE", 0},
	{"format", 'F', "FORMAT", 0, NULL, 0}, /* its help is made of the list of formats */
	{"weight", OPT_WEIGHT, "WEIGHT", 0,
		"What folded stacks count: live-bytes (default), live-count, peak-bytes, "
		"peak-count, alloc-bytes, alloc-count, temporary, mapped-bytes, left-bytes or "
		"left-count",
		0},
	{"top", OPT_TOP, "N", 0,
		"Show N call sites (default: as many as fit on the terminal; 10 in text to a file "
		"or pipe; all in other formats)",
		0},
	{"sort", OPT_SORT, "KEY", 0,
		"By live, growth, alloc, count, temporary, age or peak (default: up to three sites "
		"that only grow, then live)",
		0},
	{"min-size", OPT_MIN_SIZE, "BYTES", 0, "Only allocations of at least this size", 0},
	{"max-size", OPT_MAX_SIZE, "BYTES", 0, "Only allocations of at most this size", 0},
	{"older-than", OPT_OLDER_THAN, "TIME", 0,
		"Count as live only blocks of at least this age (10, 1.5s, 20ms, 5m)", 0},
	{"full-stacks", OPT_FULL_STACKS, 0, 0,
		"Show whole stacks, including the allocator's frames", 0},
	{"no-demangle", OPT_NO_DEMANGLE, 0, 0, "Show C++ and Rust names as the linker sees them",
		0},
	{"debug-dir", OPT_DEBUG_DIR, "DIR", 0,
		"Also look here for separate debug files (default /usr/lib/debug)", 0},
	{"debuginfod", OPT_DEBUGINFOD, 0, 0, "Ask the servers in DEBUGINFOD_URLS", 0},
	{0},
};

int options__bad_value(struct argp_state *state, const char *option, const char *value)
{
	argp_error(state, "%s: '%s' is not understood", option, value);
	return EINVAL;
}

static int parse_choice(const char *text, const char *const names[], int count)
{
	for (int i = 0; i < count; i++)
		if (names[i] && strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

static int parse_sort(struct argp_state *state, struct view_options *view, const char *text)
{
	static const char *const names[] = {
		[REPORT_SORT_LIVE] = "live",
		[REPORT_SORT_GROWTH] = "growth",
		[REPORT_SORT_ALLOC] = "alloc",
		[REPORT_SORT_COUNT] = "count",
		[REPORT_SORT_TEMPORARY] = "temporary",
		[REPORT_SORT_AGE] = "age",
		[REPORT_SORT_PEAK] = "peak",
	};
	int choice = parse_choice(text, names, sizeof(names) / sizeof(names[0]));

	if (choice < 0)
		return options__bad_value(
			state, "--sort live|growth|alloc|count|temporary|age|peak", text);
	view->sort = choice;
	return 0;
}

static int parse_format(struct argp_state *state, struct view_options *view, const char *text)
{
	char names[FORMAT_NAMES_SIZE];

	for (int i = 1; i < FORMAT_COUNT; i++) {
		if (strcmp(text, formats__get(i)->name) != 0)
			continue;
		view->format = i;
		return 0;
	}
	formats__list("|", "|", names);
	argp_error(state, "-F %s: '%s' is not understood", names, text);
	return EINVAL;
}

static int parse_weight(struct argp_state *state, struct view_options *view, const char *text)
{
	int weight = weight__parse(text);

	if (weight < 0)
		return options__bad_value(state, "--weight WEIGHT", text);
	view->has_weight = true;
	view->weight = weight;
	return 0;
}

static int parse_top(struct argp_state *state, struct view_options *view, const char *text)
{
	char *end;

	errno = 0;
	view->top = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || !view->top || view->top > UINT32_MAX)
		return options__bad_value(state, "--top N", text);
	return 0;
}

static int parse_bytes(
	struct argp_state *state, const char *option, const char *text, uint64_t *out)
{
	return units__parse_bytes(text, out) ? options__bad_value(state, option, text) : 0;
}

static int parse_filter(int key, char *arg, struct argp_state *state)
{
	struct view_options *view = state->input;

	switch (key) {
	case OPT_MIN_SIZE:
		return parse_bytes(state, "--min-size BYTES", arg, &view->min_size);
	case OPT_MAX_SIZE:
		return parse_bytes(state, "--max-size BYTES", arg, &view->max_size);
	case OPT_OLDER_THAN:
		return units__parse_time(arg, &view->older_than_ns)
			       ? options__bad_value(state, "--older-than TIME", arg)
			       : 0;
	case OPT_TOP:
		return parse_top(state, view, arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_view_option(int key, char *arg, struct argp_state *state)
{
	struct view_options *view = state->input;

	switch (key) {
	case OPT_JSON:
		if (arg && !*arg)
			return options__bad_value(state, "--json=FILE", arg);
		view->json = true;
		view->json_path = arg && strcmp(arg, "-") ? arg : NULL;
		return 0;
	case 'F':
		return parse_format(state, view, arg);
	case OPT_WEIGHT:
		return parse_weight(state, view, arg);
	case OPT_SORT:
		return parse_sort(state, view, arg);
	case OPT_FULL_STACKS:
		view->full_stacks = true;
		return 0;
	case OPT_NO_DEMANGLE:
		view->demangle = false;
		return 0;
	case OPT_DEBUG_DIR:
		return vec_push(&view->debug_dirs, arg) ? ENOMEM : 0;
	case OPT_DEBUGINFOD:
		view->debuginfod = true;
		return 0;
	default:
		return parse_filter(key, arg, state);
	}
}

static bool is_offered(int key, enum view_offer offer)
{
	switch (key) {
	case 'F':
	case OPT_WEIGHT:
		return offer == VIEW_ALL;
	case OPT_SORT:
	case OPT_TOP:
	case OPT_FULL_STACKS:
		return offer != VIEW_LIVE;
	default:
		return true;
	}
}

const struct argp *view_options__argp(enum view_offer offer)
{
	static struct argp_option options[sizeof(option_table) / sizeof(option_table[0])];
	static const struct argp argp = {.options = options, .parser = parse_view_option};
	static char format_help[FORMAT_NAMES_SIZE + 80];
	char names[FORMAT_NAMES_SIZE];

	formats__list(", ", " or ", names);
	snprintf(format_help, sizeof(format_help),
		"%s (see memtrace help formats); to stdout or the file given with -o", names);
	memcpy(options, option_table, sizeof(options));
	for (struct argp_option *option = options; option->key; option++) {
		if (option->key == 'F')
			option->doc = format_help;
		if (!is_offered(option->key, offer))
			option->flags |= OPTION_HIDDEN;
	}
	return &argp;
}

void view_options__init(struct view_options *view)
{
	*view = (struct view_options){.demangle = true};
}

void view_options__free(struct view_options *view)
{
	vec_free(&view->debug_dirs);
}

void view_options__check(struct argp_state *state, const struct view_options *view)
{
	bool json_to_stdout = view->json && !view->json_path;

	if (view->max_size && view->min_size > view->max_size)
		argp_error(state, "--min-size is larger than --max-size");
	if (view->output && !view->format)
		argp_error(state, "-o FILE needs -F FORMAT");
	if (view->format && json_to_stdout && !view->output)
		argp_error(
			state, "--json and -F would both write to standard output: give -o FILE");
	if (view->format && formats__get(view->format)->is_binary && !view->output &&
		isatty(STDOUT_FILENO))
		argp_error(state, "%s is binary: give -o FILE", formats__get(view->format)->name);
}
