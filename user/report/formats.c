/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/formats.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "report/estimates.h"
#include "report/folded.h"
#include "report/html.h"
#include "report/leaks.h"
#include "report/pprof.h"
#include "report/speedscope.h"
#include "report/text.h"

/* Call sites in a text that goes to a file or a pipe, where no screen sets a limit. */
#define FILE_SITES 10

static bool terminal_size(struct winsize *size)
{
	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, size);
}

unsigned int formats__columns(void)
{
	struct winsize size;

	if (!terminal_size(&size))
		return 0;
	return size.ws_col >= 80 ? size.ws_col : 80;
}

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static void write_text(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	struct text_options text = {.top = options->top, .full_stacks = options->full_stacks};
	struct winsize size;

	if (file == stdout && terminal_size(&size)) {
		text.width = formats__columns();
		text.rows = size.ws_row;
		text.color = wants_color();
	} else if (!text.top) {
		text.top = FILE_SITES;
	}
	if (extra->heading)
		fprintf(file, "%s\n", extra->heading);
	if (report->estimates)
		estimates__write_text(report, &text, file);
	else
		text__write_report(report, &text, file);
	report_leaks__write_text(report, options->top, options->full_stacks, text.width, file);
	if (extra->write_text)
		extra->write_text(extra->context, options->full_stacks, file);
}

static void write_dot(const struct report_extra *extra, FILE *file)
{
	if (extra->write_dot)
		extra->write_dot(extra->context, file);
	else
		fputs("digraph waits {\n}\n", file);
}

/* Graphviz draws: its stdin is a file with the graph, its stdout the output. */
static int write_svg(const struct report_extra *extra, FILE *file)
{
	char *argv[] = {"dot", "-Tsvg", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	FILE *graph = tmpfile();
	int err, status;
	pid_t pid;

	if (!graph)
		return -errno;
	write_dot(extra, graph);
	if (fflush(graph) || fseek(graph, 0, SEEK_SET) || fflush(file)) {
		fclose(graph);
		return -EIO;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(graph), STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(file), STDOUT_FILENO);
	interrupt__spawn_attributes(&attributes);
	err = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	fclose(graph);
	if (err)
		return -err;
	if (waitpid(pid, &status, 0) < 0 || status)
		return -EIO;
	return 0;
}

/* --- the formats */

static int as_text(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	write_text(report, extra, options, file);
	return 0;
}

static int as_json(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	if (report->estimates)
		estimates__write_json(report, file);
	else
		json__write_report(report, file, extra->write_json, extra->context);
	return 0;
}

static int as_pprof(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	return pprof__write_report(report, file);
}

static int as_folded(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	folded__write_report(
		report, options->has_weight ? options->weight : weight__default(report), file);
	return 0;
}

static int as_speedscope(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	return speedscope__write_report(report, file);
}

static int as_html(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	struct error unused;

	return html__write_report_with(report, extra->write_json, extra->context, file, &unused);
}

static int as_dot(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	write_dot(extra, file);
	return 0;
}

static int as_svg(const struct report *report, const struct report_extra *extra,
	const struct format_options *options, FILE *file)
{
	return write_svg(extra, file);
}

static const struct output_format formats[FORMAT_COUNT] = {
	[FORMAT_TEXT] = {"text", "the report for people", false, as_text},
	[FORMAT_JSON] = {"json", "the report for programs", false, as_json},
	[FORMAT_NDJSON] = {"ndjson", "every event, one JSON object per line", false, NULL},
	[FORMAT_PPROF] = {"pprof", "for go tool pprof", true, as_pprof},
	[FORMAT_FOLDED] = {"folded", "stacks for flamegraph.pl and similar tools (see --weight)",
		false, as_folded},
	[FORMAT_SPEEDSCOPE] = {"speedscope", "for www.speedscope.app", false, as_speedscope},
	[FORMAT_HTML] = {"html", "one page for a browser: flame graph, table, heap over time",
		false, as_html},
	[FORMAT_DOT] = {"dot", "who waits for whom, for Graphviz", false, as_dot},
	[FORMAT_SVG] = {"svg", "the same, drawn by Graphviz", false, as_svg},
};

const struct output_format *formats__get(enum report_format format)
{
	return &formats[format];
}

void formats__join(
	const char *const *names, size_t count, const char *separator, const char *last, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += snprintf(out + used, FORMAT_NAMES_SIZE - used, "%s%s",
			i == 0		 ? ""
			: i == count - 1 ? last
					 : separator,
			names[i]);
}

void formats__list(const char *separator, const char *last, char *out)
{
	const char *names[FORMAT_COUNT];
	size_t count = 0;

	for (int i = 1; i < FORMAT_COUNT; i++)
		names[count++] = formats[i].name;
	formats__join(names, count, separator, last, out);
}

int formats__write(enum report_format format, const struct report *report,
	const struct report_extra *extra, const struct format_options *options, FILE *file)
{
	if (report->estimates && format != FORMAT_TEXT && format != FORMAT_JSON)
		return -ENOTSUP;
	return formats[format].write ? formats[format].write(report, extra, options, file)
				     : -ENOTSUP;
}
