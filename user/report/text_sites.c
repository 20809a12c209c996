/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/text_sites.h"

#include <string.h>

#include "base/text.h"
#include "report/callers.h"
#include "report/function_name.h"
#include "report/human.h"
#include "report/loss.h"
#include "report/pool.h"
#include "report/python_site.h"
#include "report/text_apart.h"
#include "report/text_processes.h"

/* Columns before a frame, and those kept for where it is and for how many are folded. */
#define FRAME_INDENT 6
#define LOCATION_WIDTH 22
#define FOLD_WIDTH 11
#define APART_SIZE 1024

/* Less than this that the program mapped itself is not worth lines, beside a heap at least. */
#define MAPPED_WORTH_SHOWING (1u << 20)
/* Sites of mappings, unless --top says how many; those with less than a 64th of all are left out.
 */
#define MAPPED_SITES 3

/* Lines of a folded stack: three on a small screen, more where there is room. */
static unsigned int folded_frames(const struct text_page *page)
{
	if (page->top)
		return 4;
	return page->rows <= 30 ? 3 : page->rows <= 45 ? 4 : TEXT_FOLDED_FRAMES;
}

/* "file.c:42", or "module+0x1234", in at most @width bytes. */
static void describe_location(const struct report_frame *frame, size_t width, char *out)
{
	char text[NAME_SIZE];

	if (frame->is_python)
		python_site__describe_place(frame, text, sizeof(text));
	else if (frame->file && frame->line)
		snprintf(text, sizeof(text), "%s:%u", text__base_name(frame->file), frame->line);
	else if (frame->module && frame->function)
		snprintf(text, sizeof(text), "%s", text__base_name(frame->module));
	else if (frame->module)
		snprintf(text, sizeof(text), "%s+0x%llx", text__base_name(frame->module),
			(unsigned long long)frame->offset);
	else
		strcpy(text, "(no file)");
	text__make_printable(text);
	function_name__shorten(text, width, out);
}

static void describe_function(const struct report_frame *frame, size_t width, char *out)
{
	char address[32];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)frame->address);
	if (frame->is_python)
		strcpy(address, "(unknown)");
	function_name__shorten(frame->function ? frame->function : address, width, out);
}

/* In a file there is room for everything: the columns are there for the short names. */
static void print_whole_frame(
	struct text_page *page, const struct report_frame *frame, int width, const char *more)
{
	char address[32], where[32] = "", place[2 * NAME_SIZE];
	const char *file = frame->file && frame->line ? frame->file : frame->module;

	if (frame->is_python) {
		python_site__describe_place(frame, place, sizeof(place));
		text__print_line(page, "%*s%-*s  %s%s", FRAME_INDENT, "", width,
			frame->function ? frame->function : "(unknown)", place, more);
		return;
	}
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)frame->address);
	if (frame->file && frame->line)
		snprintf(where, sizeof(where), ":%u", frame->line);
	else if (frame->module && !frame->function)
		snprintf(where, sizeof(where), "+0x%llx", (unsigned long long)frame->offset);
	text__print_line(page, "%*s%-*s  %s%s%s", FRAME_INDENT, "", width,
		frame->function ? frame->function : address,
		file ? text__base_name(file) : "(no file)", where, more);
}

static void print_frame(struct text_page *page, const struct report_frame *frame, size_t folded)
{
	char function[NAME_SIZE], location[NAME_SIZE], more[40] = "";
	size_t width = page->width - FRAME_INDENT - LOCATION_WIDTH - FOLD_WIDTH - 2;

	if (folded)
		snprintf(more, sizeof(more), " (+%zu more)", folded);
	if (!page->is_cut) {
		print_whole_frame(page, frame, width, more);
		return;
	}
	if (width > NAME_SIZE - 1)
		width = NAME_SIZE - 1;
	describe_function(frame, width, function);
	describe_location(frame, LOCATION_WIDTH + FOLD_WIDTH - strlen(more), location);
	text__print_line(
		page, "%*s%-*s  %s%s", FRAME_INDENT, "", (int)width, function, location, more);
}

/* A Python developer reads Python's lines: what is between them and below is one line (native). */
static struct text_frames python_frames(
	const struct text_page *page, const struct report_site *site)
{
	struct text_frames frames = {.first = python_site__first(site), .is_python = true};

	for (size_t i = frames.first; i < site->frame_count; i++) {
		const struct report_frame *frame = &site->frames[i];

		if (!frame->is_python || (i > frames.first && python_site__is_importing(frame)))
			continue;
		if (frames.count < folded_frames(page))
			frames.shown[frames.count++] = i;
		else
			frames.folded++;
		frames.end = i + 1;
	}
	return frames;
}

/* Of a folded stack what containers and the like do between the program's functions is left out. */
struct text_frames text__frames(const struct text_page *page, const struct report_site *site)
{
	struct text_frames frames = {.end = site->frame_count, .count = site->frame_count};

	frames.are_all = page->full_stacks;
	if (frames.are_all)
		return frames;
	if (python_site__has_python(site))
		return python_frames(page, site);
	frames.first = callers__first(site);
	frames.end = callers__end(site);
	frames.count = 0;
	for (size_t i = frames.first; i < frames.end && frames.count < folded_frames(page); i++)
		if (i == frames.first || !callers__is_plumbing(&site->frames[i]))
			frames.shown[frames.count++] = i;
	frames.folded = frames.end - frames.first - frames.count;
	return frames;
}

/* The wrapper that the stacks showed, which a reader may not take for one: NULL if none. */
static const struct report_frame *wrapper_of(
	const struct report_site *site, const struct text_frames *frames)
{
	for (size_t i = frames->is_python ? 0 : frames->first; i > 0; i--)
		if (site->frames[i - 1].is_wrapper)
			return &site->frames[i - 1];
	return NULL;
}

static void print_wrapper(struct text_page *page, const struct report_frame *frame)
{
	if (frame->function)
		text__print_line(page, "%*sthrough %s, which allocates for many", FRAME_INDENT, "",
			frame->function);
	else
		text__print_line(page, "%*sthrough %s+0x%llx, which allocates for many",
			FRAME_INDENT, "", text__base_name(frame->module),
			(unsigned long long)frame->offset);
}

static size_t count_native_lines(const struct report_site *site, const struct text_frames *frames)
{
	char native[PYTHON_NATIVE_SIZE] = "";

	if (frames->is_python)
		python_site__describe_native(site, native);
	return *native != 0;
}

/* What the frame that names the site called on the way to the allocation. */
static void print_native(
	struct text_page *page, const struct report_site *site, const struct text_frames *frames)
{
	char native[PYTHON_NATIVE_SIZE];

	if (!frames->is_python)
		return;
	python_site__describe_native(site, native);
	text__make_printable(native);
	if (*native)
		text__print_line(page, "%*s%s", FRAME_INDENT + 2, "", native);
}

void text__print_stack(struct text_page *page, const struct report_site *site)
{
	struct text_frames frames = text__frames(page, site);
	const struct report_frame *wrapper = wrapper_of(site, &frames);

	if (site->special) {
		text__print_line(page, "%*s%s", FRAME_INDENT, "", site->special);
		return;
	}
	if (wrapper)
		print_wrapper(page, wrapper);
	for (size_t i = 0; i < frames.count; i++) {
		print_frame(page, text__shown_frame(site, &frames, i),
			i + 1 == frames.count ? frames.folded : 0);
		if (i == 0)
			print_native(page, site, &frames);
	}
	if (callers__remark(site))
		text__print_line(page, "%*s%s", FRAME_INDENT, "", callers__remark(site));
	if (page->full_stacks && site->stop > STACK_END_OF_THREAD)
		text__print_line(
			page, "%*s... (%s)", FRAME_INDENT, "", loss__stop_words(site->stop));
}

/* What tells site @index apart from those of @count that are printed alike, if there are any. */
static void print_apart(
	struct text_page *page, const struct report_site *sites, size_t count, size_t index)
{
	char apart[APART_SIZE];

	if (text__tell_apart(page, sites, count, index, apart, sizeof(apart)))
		text__print_line(page, "%*s(%s)", FRAME_INDENT, "", apart);
}

/* What the site holds, as the order is by it; at the peak if that is the order. */
static void describe_held(const struct text_page *page, const struct report *report,
	const struct report_site *site, char *out, size_t size)
{
	uint64_t count = report__held_count(report, site);
	uint64_t bytes = report__held_bytes(report, site);

	if (report->sort == REPORT_SORT_PEAK)
		snprintf(out, size, "%s at the peak in %s %s%s",
			human__bytes(site->peak_bytes).text, human__count(site->peak_count).text,
			page->words->block, site->peak_count == 1 ? "" : "s");
	else if (count)
		snprintf(out, size, "%s %s (%s) in %s %s%s, oldest %s", human__bytes(bytes).text,
			report__shows_left(report) ? "left" : page->words->live,
			human__percent(bytes, page->live_bytes).text, human__count(count).text,
			page->words->block, count == 1 ? "" : "s",
			human__duration(site->oldest_age_ns).text);
	else
		snprintf(out, size, "nothing %s",
			report__shows_left(report) ? "left" : page->words->live);
}

/* What makes the site worth a look: that it grows, whose it is, what ended processes left there. */
static void describe_story(
	const struct report *report, const struct report_site *site, char *out, size_t size)
{
	const struct growth *growth = &site->growth;
	uint64_t until = report->all_ended ? report->heap.last_ns : report->run.duration_ns;
	char place[80];
	size_t length = 0;

	*out = 0;
	text__describe_processes(report, site, place, sizeof(place));
	if (growth->rises)
		length = snprintf(out, size, "grows %s/s %s %s%s",
			human__bytes(growth__rate(growth)).text,
			report->all_ended ? "for" : "since",
			human__duration(until > growth->since_ns ? until - growth->since_ns : 0)
				.text,
			*place ? ", " : "");
	if (length < size)
		length += snprintf(out + length, size - length, "%s", place);
	if (site->at_exit_count && !report->all_ended && length < size)
		snprintf(out + length, size - length, "%s%s left by ended processes",
			length ? "; " : "", human__bytes(site->at_exit_bytes).text);
}

static void print_site_figures(struct text_page *page, const struct report *report, size_t rank,
	const struct report_site *site)
{
	char live[5 * HUMAN_SIZE], more[2 * HUMAN_SIZE] = "", story[256];

	describe_held(page, report, site, live, sizeof(live));
	describe_story(report, site, story, sizeof(story));
	if (site->temporary_count)
		snprintf(more, sizeof(more), ", %s temporary",
			human__percent(site->temporary_count, site->alloc_count).text);
	else if (site->failed_count)
		snprintf(more, sizeof(more), ", %s failed", human__count(site->failed_count).text);
	text__print_styled(page, TEXT_HEAD, "%4zu  %s; %s in %s %s%s%s", rank, live,
		human__bytes(site->alloc_bytes).text, human__count(site->alloc_count).text,
		page->words->call, site->alloc_count == 1 ? "" : "s", more);
	if (*story)
		text__print_line(page, "%*s%s", FRAME_INDENT, "", story);
}

static const char *sort_words(const struct report *report)
{
	switch (report->sort) {
	case REPORT_SORT_GROWTH:
		return "how fast they grow";
	case REPORT_SORT_ALLOC:
		return "bytes allocated";
	case REPORT_SORT_COUNT:
		return "number of allocations";
	case REPORT_SORT_TEMPORARY:
		return "temporary allocations";
	case REPORT_SORT_AGE:
		return "age of the oldest live block";
	case REPORT_SORT_PEAK:
		return "bytes at the peak of the heap";
	default:
		if (report__shows_left(report))
			return "bytes left at exit";
		return report_run__is_growth(&report->run) ? "resident bytes" : "live bytes";
	}
}

static unsigned int lines_of(
	const struct text_page *page, const struct report *report, const struct report_site *site)
{
	unsigned int figures = 1 + (site->growth.rises || report->process_total > 1);
	struct text_frames frames = text__frames(page, site);

	if (site->special)
		return figures + 1;
	return figures + (callers__remark(site) != NULL) + (wrapper_of(site, &frames) != NULL) +
	       frames.count + count_native_lines(site, &frames) + page->full_stacks;
}

/* Sites of which nothing is live have no place in an order of what is; they come last in it. */
static size_t count_listed(const struct report *report)
{
	size_t count = report->sites.size;

	if (report->sort == REPORT_SORT_DEFAULT || report->sort == REPORT_SORT_LIVE ||
		report->sort == REPORT_SORT_AGE)
		while (count && !report__held_count(report, &report->sites.data[count - 1]))
			count--;
	return count;
}

/* How many sites to print: those asked for, or what the screen holds but at least one. */
static size_t count_shown(const struct text_page *page, const struct report *report)
{
	/* A heading, a line for what is left out, and the prompt that comes back after it. */
	unsigned int used = page->rows_used + 5;
	size_t listed = count_listed(report), shown = 0;
	char apart[APART_SIZE];

	if (page->top)
		return page->top < listed ? page->top : listed;
	for (; shown < listed; shown++) {
		used += lines_of(page, report, &report->sites.data[shown]);
		/* A line for this one and one for the site that it is to be told apart from. */
		if (text__tell_apart(
			    page, report->sites.data, shown + 1, shown, apart, sizeof(apart)))
			used += 2;
		if (used > page->rows && shown)
			break;
	}
	return shown;
}

static void print_rest(struct text_page *page, const struct report *report, size_t shown)
{
	struct human rest = human__exact(report->site_total - shown);

	if (shown == report->site_total)
		return;
	if (shown == count_listed(report) && report->sites.size == report->site_total)
		text__print_line(page, "... %s more, none of them %s: --sort alloc", rest.text,
			page->words->live);
	else
		text__print_line(
			page, "... %s more: --top N, --full-stacks, or --json for all", rest.text);
}

static void print_order(struct text_page *page, const struct report *report, size_t shown)
{
	char growers[64] = "", why[64] = "";

	if (report->growers)
		snprintf(growers, sizeof(growers), ": %zu that only grow%s, then", report->growers,
			report->growers == 1 ? "s" : "");
	if (report->chose_peak)
		snprintf(why, sizeof(why), " (%s was freed at exit)",
			report__held_total(report) ? "most" : "all");
	text__print_line(page, "%zu of %s call sites%s by %s%s", shown,
		human__exact(report->site_total).text, growers, sort_words(report), why);
}

/* After an end that left little, what the heap was made of is another question. */
static void offer_peak(struct text_page *page, const struct report *report)
{
	uint64_t held = report__held_total(report);

	if (report->all_ended && report->sort == REPORT_SORT_DEFAULT &&
		held < report->heap.peak_bytes / 10)
		text__print_line(page, "most was %s: --sort peak shows %s at its peak, %s",
			page->words->removed,
			report_run__is_growth(&report->run) ? "the memory" : "the heap",
			human__bytes(report->heap.peak_bytes).text);
}

void text__print_sites(struct text_page *page, const struct report *report)
{
	size_t shown = count_shown(page, report);

	if (!report->sites.size) {
		text__print_line(page, "no %s were seen",
			report_run__is_growth(&report->run) ? "page faults" : "allocations");
		return;
	}
	if (!shown) {
		text__print_line(page, "nothing is %s; --sort alloc or peak lists %s call site%s",
			page->words->live, human__exact(report->site_total).text,
			report->site_total == 1 ? "" : "s");
		return;
	}
	text__print_line(page, "%s", "");
	print_order(page, report, shown);
	for (size_t i = 0; i < shown; i++) {
		const struct report_site *site = &report->sites.data[i];

		print_site_figures(page, report, i + 1, site);
		text__print_stack(page, site);
		print_apart(page, report->sites.data, shown, i);
	}
	print_rest(page, report, shown);
	offer_peak(page, report);
}

enum text_mapped text__place_mapped_sites(const struct report *report)
{
	uint64_t mapped = report->mapped_live_bytes, heap = report->live_bytes;

	if (report__shows_left(report))
		heap += report->at_exit_bytes;
	if (!mapped || (mapped < MAPPED_WORTH_SHOWING && report->sites.size))
		return TEXT_MAPPED_NOWHERE;
	if (mapped > heap)
		return TEXT_MAPPED_FIRST;
	return mapped < heap / 16 ? TEXT_MAPPED_NOWHERE : TEXT_MAPPED_LAST;
}

static size_t count_mapped_shown(const struct text_page *page, const struct report *report)
{
	size_t wanted = page->top ? page->top : MAPPED_SITES, shown = 0;

	while (shown < wanted && shown < report->mapped_sites.size &&
		report->mapped_sites.data[shown].live_bytes >= report->mapped_live_bytes / 64)
		shown++;
	return shown;
}

void text__print_mapped_sites(struct text_page *page, const struct report *report)
{
	size_t shown = count_mapped_shown(page, report);
	const char *hint;

	text__print_line(page, "%s", "");
	text__print_line(page, "%zu of %s sites that map memory, by bytes mapped", shown,
		human__exact(report->mapped_total).text);
	for (size_t i = 0; i < shown; i++) {
		const struct report_site *site = &report->mapped_sites.data[i];

		text__print_line(page, "%4zu  %s mapped; %s in %s call%s", i + 1,
			human__bytes(site->live_bytes).text, human__bytes(site->alloc_bytes).text,
			human__count(site->alloc_count).text, site->alloc_count == 1 ? "" : "s");
		text__print_stack(page, site);
		print_apart(page, report->mapped_sites.data, shown, i);
		hint = pool__hint(site);
		if (hint)
			text__print_line(page, "%*s%s", FRAME_INDENT, "", hint);
	}
}
