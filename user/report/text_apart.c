/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/text_apart.h"

#include <string.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/python_site.h"

#define FUNCTION_WIDTH 60
/* Differences shown between one site and others that are printed alike. */
#define MOST_TOLD 2

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_address(const struct report_frame *a, const struct report_frame *b)
{
	return a->offset == b->offset && is_same_text(a->module, b->module) &&
	       (a->module || a->address == b->address);
}

/* Whether the same line is printed for both. */
static bool is_printed_alike(const struct report_frame *a, const struct report_frame *b)
{
	if (!a->function || !b->function)
		return !a->function && !b->function && is_same_address(a, b);
	return is_same_text(a->function, b->function) && a->line == b->line &&
	       is_same_text(a->file, b->file) && is_same_text(a->module, b->module);
}

/* Two sites and what is printed of each. */
struct pair_of_sites {
	const struct report_site *site;
	const struct report_site *other;
	struct text_frames shown;
	struct text_frames other_shown;
};

static bool is_native_alike(const struct report_site *site, const struct report_site *other)
{
	char native[PYTHON_NATIVE_SIZE], other_native[PYTHON_NATIVE_SIZE];

	python_site__describe_native(site, native);
	python_site__describe_native(other, other_native);
	return !strcmp(native, other_native);
}

static bool are_printed_alike(const struct pair_of_sites *pair)
{
	if (pair->site->special || pair->other->special || !pair->shown.count ||
		pair->shown.count != pair->other_shown.count)
		return false;
	for (size_t i = 0; i < pair->shown.count; i++)
		if (!is_printed_alike(text__shown_frame(pair->site, &pair->shown, i),
			    text__shown_frame(pair->other, &pair->other_shown, i)))
			return false;
	return !pair->shown.is_python || is_native_alike(pair->site, pair->other);
}

static void describe_frame(const struct report_frame *frame, char *out, size_t size)
{
	char name[NAME_SIZE];

	if (!frame->function) {
		snprintf(out, size, "%s+0x%llx",
			frame->module ? text__base_name(frame->module) : "(no file)",
			(unsigned long long)(frame->module ? frame->offset : frame->address));
		return;
	}
	function_name__shorten(frame->function, FUNCTION_WIDTH, name);
	if (frame->file && frame->line)
		snprintf(out, size, "%s  %s:%u", name, text__base_name(frame->file), frame->line);
	else
		snprintf(out, size, "%s", name);
}

/* What was called on the way to the allocation function, from the printed frames inwards. */
static bool tell_by_callee(const struct pair_of_sites *pair, char *out, size_t size)
{
	const struct report_frame *frame = pair->site->frames + pair->shown.first;
	const struct report_frame *other = pair->other->frames + pair->other_shown.first;
	size_t common = pair->shown.first < pair->other_shown.first ? pair->shown.first
								    : pair->other_shown.first;
	char text[2 * NAME_SIZE];

	for (size_t i = 1; i <= pair->shown.first; i++) {
		if (i <= common && is_printed_alike(frame - i, other - i))
			continue;
		describe_frame(frame - i, text, sizeof(text));
		snprintf(out, size, "through %s", text);
		return true;
	}
	return false;
}

/* Two calls in one line. */
static bool tell_by_address(const struct pair_of_sites *pair, char *out, size_t size)
{
	for (size_t i = 0; i < pair->shown.count; i++) {
		const struct report_frame *frame = text__shown_frame(pair->site, &pair->shown, i);

		if (is_same_address(frame, text__shown_frame(pair->other, &pair->other_shown, i)))
			continue;
		snprintf(out, size, "call at %s+0x%llx",
			frame->module ? text__base_name(frame->module) : "(no file)",
			(unsigned long long)(frame->module ? frame->offset : frame->address));
		return true;
	}
	return false;
}

/* From the printed frames outwards, or between them. */
static bool tell_by_caller(const struct pair_of_sites *pair, char *out, size_t size)
{
	size_t from = pair->shown.first, other_from = pair->other_shown.first;
	char text[2 * NAME_SIZE];

	for (size_t i = 1; from + i < pair->site->frame_count; i++) {
		const struct report_frame *frame = &pair->site->frames[from + i];
		const struct report_frame *other = &pair->other->frames[other_from + i];

		if (other_from + i < pair->other->frame_count && is_printed_alike(frame, other) &&
			is_same_address(frame, other))
			continue;
		describe_frame(frame, text, sizeof(text));
		snprintf(out, size, "called from %s", text);
		return true;
	}
	return false;
}

bool text__tell_apart(const struct text_page *page, const struct report_site *sites, size_t count,
	size_t index, char *out, size_t size)
{
	struct pair_of_sites pair = {.site = &sites[index]};
	size_t length = 0, told = 0;
	char text[3 * NAME_SIZE];

	*out = 0;
	pair.shown = text__frames(page, pair.site);
	for (size_t i = 0; i < count && told < MOST_TOLD; i++) {
		pair.other = &sites[i];
		pair.other_shown = text__frames(page, pair.other);
		if (i == index || !are_printed_alike(&pair))
			continue;
		if (!tell_by_callee(&pair, text, sizeof(text)) &&
			!tell_by_address(&pair, text, sizeof(text)) &&
			!tell_by_caller(&pair, text, sizeof(text)))
			continue;
		if (strstr(out, text) || length >= size)
			continue;
		length += snprintf(out + length, size - length, "%s%s", told ? ", " : "", text);
		told++;
	}
	return told > 0;
}
