/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/suppressions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "report/arena.h"
#include "symbols/demangle.h"
#include "symbols/trim.h"

/* A file of more than this is none of suppressions. */
#define MAX_FILE (16u << 20)

enum frame_kind { FRAME_FUNCTION, FRAME_OBJECT, FRAME_SOURCE, FRAME_ANY_NUMBER };

struct frame_pattern {
	enum frame_kind kind;
	const char *pattern;
	const char *demangled; /* NULL: it is none, or has wildcards */
	uint32_t line;	       /* of a source; 0: any */
};

struct suppression {
	const char *name;
	bool is_anywhere;    /* LeakSanitizer's: its one pattern, in any frame */
	uint32_t kinds;	     /* bits of enum report_reach */
	size_t first, count; /* in frames */
};

struct suppressions {
	VEC(struct suppression) all;
	VEC(struct frame_pattern) frames;
	struct arena arena;
};

struct suppressions *suppressions__new(void)
{
	return calloc(1, sizeof(struct suppressions));
}

void suppressions__free(struct suppressions *suppressions)
{
	if (!suppressions)
		return;
	vec_free(&suppressions->all);
	vec_free(&suppressions->frames);
	arena__free(&suppressions->arena);
	free(suppressions);
}

/* --- reading */

#define LOST_KINDS (1u << REPORT_DEFINITE | 1u << REPORT_INDIRECT | 1u << REPORT_POSSIBLE)

struct parser {
	struct suppressions *out;
	const char *path;
	unsigned int line;
	bool is_open;	  /* within { } */
	bool is_leak;	  /* of Memcheck:Leak */
	unsigned int row; /* within it: 0 its name, 1 its tool */
	struct suppression current;
};

static int complain(const struct parser *parser, struct error *error, const char *what)
{
	return error__set(error, -EINVAL, "%s:%u: %s", parser->path, parser->line, what);
}

static const char *keep(struct parser *parser, const char *text)
{
	return arena__copy(&parser->out->arena, text);
}

static int add_frame(
	struct parser *parser, enum frame_kind kind, const char *text, struct error *error)
{
	struct frame_pattern frame = {.kind = kind, .pattern = keep(parser, text)};
	char *demangled = NULL, *colon;

	if (!frame.pattern)
		return error__set(error, -ENOMEM, "out of memory");
	if (kind == FRAME_FUNCTION && !strpbrk(text, "*?"))
		demangled = demangle__symbol(text);
	if (demangled)
		frame.demangled = keep(parser, demangled);
	free(demangled);
	if (kind == FRAME_SOURCE && (colon = strrchr(frame.pattern, ':')) && isdigit(colon[1])) {
		frame.line = strtoul(colon + 1, NULL, 10);
		*colon = '\0';
	}
	parser->current.count++;
	return vec_push(&parser->out->frames, frame) ? error__set(error, -ENOMEM, "out of memory")
						     : 0;
}

static uint32_t parse_kinds(const char *text)
{
	static const struct {
		const char *name;
		uint32_t kinds;
	} names[] = {
		{"definite", 1u << REPORT_DEFINITE},
		{"indirect", 1u << REPORT_INDIRECT},
		{"possible", 1u << REPORT_POSSIBLE},
		{"reachable", 0},
		{"all", LOST_KINDS},
		{"none", 0},
	};
	uint32_t kinds = 0;

	while (*(text += strspn(text, " \t,"))) {
		size_t length = strcspn(text, " \t,");

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strlen(names[i].name) == length &&
				!strncmp(text, names[i].name, length))
				kinds |= names[i].kinds;
		text += length;
	}
	return kinds;
}

/* "Memcheck:Leak", or a list of tools: "Memcheck,DRD:Leak". */
static bool is_leak_of_memcheck(const char *text)
{
	const char *colon = strchr(text, ':');

	return colon && strcasecmp(colon + 1, "leak") == 0 && strcasestr(text, "memcheck") &&
	       strcasestr(text, "memcheck") < colon;
}

static int end_suppression(struct parser *parser, struct error *error)
{
	struct suppressions *out = parser->out;

	parser->is_open = false;
	if (!parser->is_leak) {
		out->frames.size = parser->current.first;
		return 0;
	}
	if (!parser->current.count)
		return complain(parser, error, "a suppression without frames");
	return vec_push(&out->all, parser->current) ? error__set(error, -ENOMEM, "out of memory")
						    : 0;
}

/* A line within { }. */
static int parse_row(struct parser *parser, char *line, struct error *error)
{
	static const struct {
		const char *prefix;
		enum frame_kind kind;
	} prefixes[] = {
		{"fun:", FRAME_FUNCTION},
		{"obj:", FRAME_OBJECT},
		{"src:", FRAME_SOURCE},
	};
	static const char kinds[] = "match-leak-kinds:";

	if (strcmp(line, "}") == 0)
		return end_suppression(parser, error);
	switch (parser->row++) {
	case 0:
		parser->current.name = keep(parser, line);
		return parser->current.name ? 0 : error__set(error, -ENOMEM, "out of memory");
	case 1:
		parser->is_leak = is_leak_of_memcheck(line);
		return 0;
	}
	if (!parser->is_leak)
		return 0;
	if (strncmp(line, kinds, sizeof(kinds) - 1) == 0) {
		parser->current.kinds = parse_kinds(line + sizeof(kinds) - 1);
		return 0;
	}
	if (strcmp(line, "...") == 0)
		return add_frame(parser, FRAME_ANY_NUMBER, line, error);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(line, prefixes[i].prefix, 4) == 0)
			return add_frame(parser, prefixes[i].kind, line + 4, error);
	return complain(parser, error, "neither fun:, obj:, src: nor ...");
}

static int parse_line(struct parser *parser, char *line, struct error *error)
{
	int err;

	if (!*line || *line == '#')
		return 0;
	if (parser->is_open)
		return parse_row(parser, line, error);
	parser->row = 0;
	parser->is_leak = false;
	parser->current = (struct suppression){
		.kinds = LOST_KINDS,
		.first = parser->out->frames.size,
	};
	if (strcmp(line, "{") == 0) {
		parser->is_open = true;
		return 0;
	}
	if (strncmp(line, "leak:", 5) != 0)
		return complain(parser, error, "neither { nor leak:PATTERN");
	parser->current.is_anywhere = true;
	parser->current.name = keep(parser, line + 5);
	err = add_frame(parser, FRAME_FUNCTION, line + 5, error);
	if (err)
		return err;
	return vec_push(&parser->out->all, parser->current)
		       ? error__set(error, -ENOMEM, "out of memory")
		       : 0;
}

static char *strip(char *line)
{
	size_t length;

	line += strspn(line, " \t\r");
	length = strlen(line);
	while (length && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
	return line;
}

int suppressions__parse(struct suppressions *suppressions, const char *path, const char *text,
	size_t size, struct error *error)
{
	struct parser parser = {.out = suppressions, .path = path};
	char *copy = strndup(text, size), *rest = copy, *line;
	int err = copy ? 0 : error__set(error, -ENOMEM, "out of memory");

	while (!err && rest && (line = strsep(&rest, "\n"))) {
		parser.line++;
		err = parse_line(&parser, strip(line), error);
	}
	if (!err && parser.is_open)
		err = complain(&parser, error, "a suppression without its }");
	free(copy);
	return err;
}

int suppressions__read(struct suppressions *suppressions, const char *path, struct error *error)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(MAX_FILE) : NULL;
	size_t size;
	int err;

	if (!file)
		return error__set(error, -errno, "cannot read the suppressions %s: %m", path);
	if (!text) {
		fclose(file);
		return error__set(error, -ENOMEM, "out of memory");
	}
	size = fread(text, 1, MAX_FILE, file);
	if (ferror(file))
		err = error__set(error, -EIO, "cannot read the suppressions %s", path);
	else
		err = suppressions__parse(suppressions, path, text, size, error);
	fclose(file);
	free(text);
	return err;
}

/* --- matching */

/* * and ?, which are all the wildcards that there are. */
static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	if (!text || !pattern)
		return false;
	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			again = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* A function as it is printed, "take(int)", is also known without its arguments. */
static bool function_matches(const struct frame_pattern *pattern, const char *function)
{
	char name[512];
	size_t length;

	if (!function)
		return glob(pattern->pattern, "???");
	if (glob(pattern->pattern, function) ||
		(pattern->demangled && strcmp(pattern->demangled, function) == 0))
		return true;
	length = strcspn(function, "(");
	if (length >= sizeof(name))
		return false;
	memcpy(name, function, length);
	name[length] = '\0';
	return glob(pattern->pattern, name);
}

static bool frame_matches(const struct frame_pattern *pattern, const struct report_frame *frame)
{
	switch (pattern->kind) {
	case FRAME_FUNCTION:
		return function_matches(pattern, frame->function);
	case FRAME_OBJECT:
		return glob(pattern->pattern, frame->module);
	case FRAME_SOURCE:
		return frame->file && (!pattern->line || pattern->line == frame->line) &&
		       (glob(pattern->pattern, frame->file) ||
			       glob(pattern->pattern, text__base_name(frame->file)));
	default:
		return false;
	}
}

/* How many of the patterns come before the next "...". */
static size_t segment_length(const struct frame_pattern *patterns, size_t count)
{
	size_t length = 0;

	while (length < count && patterns[length].kind != FRAME_ANY_NUMBER)
		length++;
	return length;
}

static bool segment_matches(const struct frame_pattern *patterns, size_t count,
	const struct report_frame *frames, size_t frame_count)
{
	for (size_t i = 0; i < count; i++)
		if (i >= frame_count || !frame_matches(&patterns[i], &frames[i]))
			return false;
	return true;
}

/*
 * Whether the patterns match the first frames of a stack; what is further out may be anything. So
 * the first place where what is between two "..." matches is as good as any.
 */
static bool stack_matches(const struct frame_pattern *patterns, size_t count,
	const struct report_frame *frames, size_t frame_count)
{
	bool is_fixed = true;

	while (count) {
		size_t length = segment_length(patterns, count);

		while (!segment_matches(patterns, length, frames, frame_count)) {
			if (is_fixed || !frame_count)
				return false;
			frames++, frame_count--;
		}
		frames += length, frame_count -= length;
		patterns += length, count -= length;
		if (!count)
			return true;
		patterns++, count--;
		is_fixed = false;
	}
	return true;
}

static size_t count_allocators(const struct report_site *site)
{
	size_t count = 0;

	while (count < site->frame_count && trim__is_allocator(site->frames[count].function))
		count++;
	return count;
}

/*
 * Valgrind has one frame of the allocator in a stack, its own replacement's; ours may have none or
 * more. So the pattern of an allocation function stands for all of them.
 */
static bool valgrind_matches(
	const struct frame_pattern *patterns, size_t count, const struct report_site *site)
{
	size_t own = count_allocators(site);

	if (stack_matches(patterns, count, site->frames, site->frame_count) ||
		stack_matches(patterns, count, site->frames + own, site->frame_count - own))
		return true;
	if (count && patterns->kind == FRAME_FUNCTION &&
		(trim__is_allocator(patterns->pattern) || trim__is_allocator(patterns->demangled) ||
			strchr(patterns->pattern, '*')))
		patterns++, count--;
	return count && stack_matches(patterns, count, site->frames + own, site->frame_count - own);
}

/* LeakSanitizer's templates: found anywhere in the text, unless ^ and $ say where. */
static bool template_matches(const char *pattern, const char *text)
{
	size_t length = strlen(pattern);
	char full[1024];
	bool from_start = *pattern == '^', to_end = length && pattern[length - 1] == '$';

	if (!text || length + 3 > sizeof(full))
		return false;
	snprintf(full, sizeof(full), "%s%.*s%s", from_start ? "" : "*",
		(int)(length - from_start - to_end), pattern + from_start, to_end ? "" : "*");
	return glob(full, text);
}

static bool anywhere_matches(const char *pattern, const struct report_site *site)
{
	for (size_t i = 0; i < site->frame_count; i++) {
		const struct report_frame *frame = &site->frames[i];

		if (template_matches(pattern, frame->function) ||
			template_matches(pattern, frame->file) ||
			template_matches(pattern, frame->module))
			return true;
	}
	return false;
}

/* A suppression that is for some kinds only leaves a site that lost blocks in other ways, too. */
static bool is_for(const struct suppression *suppression, const struct report_leak *leak)
{
	for (int i = REPORT_DEFINITE; i < REPORT_REACHES; i++)
		if (leak->sums[i].count && !(suppression->kinds & 1u << i))
			return false;
	return true;
}

int suppressions__apply(const struct suppressions *suppressions, struct report *report)
{
	if (!suppressions)
		return 0;
	vec_for_each (leak, &report->leaks.sites)
		vec_for_each (suppression, &suppressions->all) {
			const struct frame_pattern *patterns =
				suppressions->frames.data + suppression->first;
			bool matches = suppression->is_anywhere
					       ? anywhere_matches(patterns->pattern, &leak->site)
					       : valgrind_matches(
							 patterns, suppression->count, &leak->site);

			if (!matches || !is_for(suppression, leak))
				continue;
			leak->suppressed = arena__copy(&report->arena, suppression->name);
			if (!leak->suppressed)
				return -ENOMEM;
			break;
		}
	return 0;
}
