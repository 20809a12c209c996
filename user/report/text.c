/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "report/human.h"
#include "report/loss.h"
#include "report/own_samples.h"
#include "report/residence.h"
#include "report/text_processes.h"
#include "report/text_sites.h"

#define DEFAULT_WIDTH 80
#define DEFAULT_ROWS 24
#define LINE_SIZE 1024

/* Whatever a target's names are, no line wraps on a terminal. */
static void cut(const struct text_page *page, char *line)
{
	char *end = line + page->width - 3;

	if (!page->is_cut || strlen(line) <= page->width)
		return;
	while ((*end & 0xc0) == 0x80)
		end--;
	strcpy(end, "...");
}

static void print_line(
	struct text_page *page, enum text_style style, const char *format, va_list arguments)
{
	static const char *const starts[] = {"", "\033[1m", "\033[1;31m"};
	bool styled = page->color && style != TEXT_PLAIN;
	char *line;

	page->rows_used++;
	if (vasprintf(&line, format, arguments) < 0)
		return;
	text__make_printable(line);
	cut(page, line);
	fprintf(page->file, "%s%s%s\n", styled ? starts[style] : "", line, styled ? "\033[0m" : "");
	free(line);
}

void text__print_line(struct text_page *page, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(page, TEXT_PLAIN, format, arguments);
	va_end(arguments);
}

void text__print_styled(struct text_page *page, enum text_style style, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(page, style, format, arguments);
	va_end(arguments);
}

static void print_sentence(
	struct text_page *page, enum text_style style, unsigned int indent, const char *text)
{
	unsigned int margin = 0, room;

	do {
		size_t length = strlen(text), cut;

		room = page->width - margin;
		if (length > room) {
			for (cut = room; cut > 0 && text[cut] != ' '; cut--)
				;
			length = cut ? cut : room;
		}
		text__print_styled(page, style, "%*s%.*s", (int)margin, "", (int)length, text);
		text += length;
		text += strspn(text, " ");
		margin = indent;
	} while (*text);
}

void text__print_wrapped(struct text_page *page, unsigned int indent, const char *text)
{
	print_sentence(page, TEXT_PLAIN, indent, text);
}

static void append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *out, size_t size, const char *format, ...)
{
	size_t length = strlen(out);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out + length, size - length, format, arguments);
	va_end(arguments);
}

static void append_cause(char *out, size_t size, enum loss_cause cause, uint64_t count)
{
	const struct loss_words *words = loss__words(cause);

	append(out, size, "%s %s", human__exact(count).text, words->what);
	if (words->remedy)
		append(out, size, " (%s)", words->remedy);
}

static void append_losses(const struct report *report, char *out, size_t size)
{
	const uint64_t *losses = report->run.losses;
	const char *separator = ": ";
	unsigned int causes = 0;

	append(out, size, "%s of %s events LOST", human__exact(report->lost).text,
		human__exact(report->seen + report->lost).text);
	for (int cause = 0; cause < LOSS_EVENT_COUNT; cause++)
		causes += losses[cause] > 0;
	for (int cause = 0; cause < LOSS_EVENT_COUNT; cause++) {
		const struct loss_words *words = loss__words(cause);

		if (!losses[cause])
			continue;
		append(out, size, "%s", separator);
		separator = "; ";
		if (causes > 1)
			append(out, size, "%s ", human__exact(losses[cause]).text);
		append(out, size, "%s", words->what);
		if (words->remedy)
			append(out, size, " (%s)", words->remedy);
	}
}

void text__describe_loss(const struct report *report, char *out, size_t size)
{
	*out = 0;
	if (report->lost)
		append_losses(report, out, size);
	else
		append(out, size, "no events lost");
	if (report->run.missing_records)
		append(out, size, "; %s records MISSING from the recording",
			human__exact(report->run.missing_records).text);
}

/* --- head */

void text__print_targets(struct text_page *page, const struct report_run *run)
{
	const struct report_target *first = run->targets;

	if (!run->target_count)
		return;
	if (run->target_count == 1)
		text__print_line(page, "target      %u  %s", first->pid,
			first->command ? first->command : "");
	else
		text__print_line(page, "targets     %zu: %u %s, ...", run->target_count, first->pid,
			first->command ? first->command : "");
}

static void describe_end(const struct report_run *run, char *out, size_t size)
{
	*out = 0;
	if (!run->has_ended)
		return;
	if (WIFSIGNALED(run->exit_status))
		append(out, size, ", killed by signal %d", WTERMSIG(run->exit_status));
	else
		append(out, size, ", exited with status %d", WEXITSTATUS(run->exit_status));
}

static void print_head(struct text_page *page, const struct report *report)
{
	const struct report_run *run = &report->run;
	char end[64], loss[LINE_SIZE - 64], line[LINE_SIZE];

	text__print_targets(page, run);
	describe_end(run, end, sizeof(end));
	text__print_line(page, "traced for  %s%s", human__duration(run->duration_ns).text, end);
	text__describe_loss(report, loss, sizeof(loss));
	snprintf(line, sizeof(line), "events      %s seen, %s", human__count(report->seen).text,
		loss);
	print_sentence(page, report->lost ? TEXT_BAD : TEXT_PLAIN, 12, line);
	for (int cause = LOSS_EVENT_COUNT; cause < LOSS_COUNT; cause++) {
		if (!run->losses[cause])
			continue;
		strcpy(line, "            ");
		append_cause(line, sizeof(line), cause, run->losses[cause]);
		text__print_wrapped(page, 12, line);
	}
}

/* --- totals */

static void print_total(struct text_page *page, const char *name, uint64_t count, uint64_t bytes,
	const char *remark)
{
	char blocks[16];

	snprintf(blocks, sizeof(blocks), "%s%s", page->words->block, count == 1 ? "" : "s");
	text__print_line(page, "%-12s%11s %-6s %11s%s%s", name, human__count(count).text, blocks,
		human__bytes(bytes).text, *remark ? "  " : "", remark);
}

static void print_live(struct text_page *page, const struct report *report)
{
	const struct heap_totals *heap = &report->heap;
	char remark[128];

	snprintf(remark, sizeof(remark), "peak %s at %s", human__bytes(heap->peak_bytes).text,
		human__duration(heap->peak_at_ns).text);
	if (report->older_than_ns)
		snprintf(remark, sizeof(remark), "older than %s",
			human__duration(report->older_than_ns).text);
	print_total(page,
		report->live_at_exit ? page->words->live_at_exit : page->words->live_total,
		report->live_count, report->live_bytes, remark);
	if (report->at_exit_count && !report->live_at_exit)
		print_total(page, "left at exit", report->at_exit_count, report->at_exit_bytes,
			"by processes that have ended");
}

static void print_allocated(struct text_page *page, const struct report *report)
{
	const struct heap_counts *counts = &report->heap.counts;
	uint64_t duration = report->run.duration_ns;
	char remark[128] = "";

	if (duration)
		append(remark, sizeof(remark), "%s/s",
			human__count((uint64_t)(counts->alloc_count * 1e9 / duration)).text);
	if (counts->temporary_count)
		append(remark, sizeof(remark), ", %s temporary",
			human__percent(counts->temporary_count, counts->alloc_count).text);
	print_total(page, page->words->added, counts->alloc_count, counts->alloc_bytes, remark);
}

static void print_freed(struct text_page *page, const struct heap_counts *counts)
{
	char remark[128] = "";

	if (counts->untracked_free_count)
		snprintf(remark, sizeof(remark), "and %s from before the attach",
			human__count(counts->untracked_free_count).text);
	print_total(page, page->words->removed, counts->free_count, counts->freed_bytes, remark);
}

/* What does not happen in an ordinary run, each a line only if it did. */
static void print_unusual(struct text_page *page, const struct heap_totals *heap)
{
	const struct heap_counts *counts = &heap->counts;
	char remark[128];

	snprintf(remark, sizeof(remark), "copies by fork, not counted above; %s exist now",
		human__bytes(heap->inherited_live_bytes).text);
	if (counts->failed_count)
		print_total(page, "failed", counts->failed_count, counts->failed_bytes,
			"requested, not granted");
	if (counts->exec_discarded_count)
		print_total(page, "discarded", counts->exec_discarded_count,
			counts->exec_discarded_bytes, "by exec");
	if (counts->inherited_count)
		print_total(page, "inherited", counts->inherited_count, counts->inherited_bytes,
			remark);
	if (counts->implied_free_count)
		print_total(page, page->words->implied, counts->implied_free_count,
			counts->implied_free_bytes, page->words->implied_remark);
	if (counts->forgotten_count)
		print_total(page, "forgotten", counts->forgotten_count, counts->forgotten_bytes,
			"no memory to track them");
}

static void print_mappings(struct text_page *page, const struct heap_totals *heap)
{
	const struct mapping_counts *counts = &heap->counts.mappings;
	char line[LINE_SIZE] = "mappings    ";

	if (!counts->mmap_count && !counts->munmap_count && !counts->mremap_count &&
		!counts->brk_count)
		return;
	if (heap->mapped_bytes)
		append(line, sizeof(line), "%s now, ", human__bytes(heap->mapped_bytes).text);
	append(line, sizeof(line), "peak %s; mmap %s", human__bytes(heap->mapped_peak_bytes).text,
		human__count(counts->mmap_count).text);
	append(line, sizeof(line), ", munmap %s", human__count(counts->munmap_count).text);
	if (counts->mremap_count)
		append(line, sizeof(line), ", mremap %s", human__count(counts->mremap_count).text);
	if (counts->brk_count)
		append(line, sizeof(line), ", brk %s", human__count(counts->brk_count).text);
	text__print_wrapped(page, 12, line);
}

static void print_residence(struct text_page *page, const struct report *report)
{
	char line[LINE_SIZE] = "RSS         ";
	size_t length = strlen(line);

	residence__describe(&report->heap.residence, report->run.launched, report->all_ended,
		page->words->live, line + length, sizeof(line) - length);
	if (line[length])
		text__print_wrapped(page, 12, line);
}

static void print_filter(struct text_page *page, const struct report *report)
{
	char line[LINE_SIZE] = "filter      only blocks of ";

	if (!report->min_size && !report->max_size)
		return;
	if (report->min_size && report->max_size)
		append(line, sizeof(line), "%s to %s", human__bytes(report->min_size).text,
			human__bytes(report->max_size).text);
	else if (report->min_size)
		append(line, sizeof(line), "at least %s", human__bytes(report->min_size).text);
	else
		append(line, sizeof(line), "at most %s", human__bytes(report->max_size).text);
	append(line, sizeof(line), "; %s other events are not counted",
		human__count(report->heap.counts.filtered_count).text);
	text__print_wrapped(page, 12, line);
}

/*
 * Distinct stacks that end before the outermost frame, by cause, and frames that are guesses. Those
 * that were not to be walked (--stacks) are not among them.
 */
static void print_stacks(struct text_page *page, const struct report_run *run)
{
	const uint64_t *stops = run->stack_stops;
	uint64_t walked = stops[STACK_COMPLETE] + stops[STACK_END_OF_THREAD], early = 0;
	char line[LINE_SIZE] = "stacks      ";
	const char *separator = ": ";

	for (int stop = STACK_TRUNCATED; stop < STACK_STOP_COUNT; stop++)
		early += stop == STACK_NOT_WALKED ? 0 : stops[stop];
	walked += early;
	if (!early && !(walked && run->guessed_frames))
		return;
	append(line, sizeof(line), "%s of %s end early", human__exact(early).text,
		human__exact(walked).text);
	for (int stop = STACK_TRUNCATED; stop < STACK_STOP_COUNT; stop++) {
		if (!stops[stop] || stop == STACK_NOT_WALKED)
			continue;
		append(line, sizeof(line), "%s%s %s", separator, human__exact(stops[stop]).text,
			loss__stop_words(stop));
		separator = ", ";
	}
	if (run->guessed_frames)
		append(line, sizeof(line), "; %s of their frames found by frame pointer only",
			human__exact(run->guessed_frames).text);
	text__print_wrapped(page, 12, line);
}

/* Distinct stacks with Python frames missing or nameless, of those in which Python code runs. */
static void print_python(struct text_page *page, const struct python_walks *walks)
{
	uint64_t all = walks->stops[PYTHON_COMPLETE], early = 0;
	char line[LINE_SIZE] = "python      ";
	const char *separator = ": ";

	for (int stop = PYTHON_NO_THREAD; stop < PYTHON_STOP_COUNT; stop++)
		early += walks->stops[stop];
	all += early;
	if (!early && !walks->unnamed)
		return;
	append(line, sizeof(line), "%s of %s stacks lack Python frames", human__exact(early).text,
		human__exact(all).text);
	for (int stop = PYTHON_NO_THREAD; stop < PYTHON_STOP_COUNT; stop++) {
		if (!walks->stops[stop])
			continue;
		append(line, sizeof(line), "%s%s %s", separator,
			human__exact(walks->stops[stop]).text, loss__python_words(stop));
		separator = ", ";
	}
	if (walks->unnamed)
		append(line, sizeof(line), "; %s have frames without a name",
			human__exact(walks->unnamed).text);
	text__print_wrapped(page, 12, line);
}

static void print_notes(struct text_page *page, const struct report *report)
{
	char line[LINE_SIZE];

	vec_for_each (note, &report->notes) {
		snprintf(line, sizeof(line), "note        %s", *note);
		text__print_wrapped(page, 12, line);
	}
}

struct text_page text__page(FILE *file, unsigned int columns)
{
	struct text_page page = {
		.file = file,
		.width = columns ? columns : DEFAULT_WIDTH,
		.rows = DEFAULT_ROWS,
		.is_cut = columns > 0,
		.words = report__words(&(struct report_run){0}),
	};

	if (page.width < TEXT_MIN_WIDTH)
		page.width = TEXT_MIN_WIDTH;
	if (page.width > LINE_SIZE / 2)
		page.width = LINE_SIZE / 2;
	return page;
}

void text__write_report(const struct report *report, const struct text_options *options, FILE *file)
{
	struct text_page page = text__page(file, options->width);

	if (options->rows)
		page.rows = options->rows;
	page.words = report__words(&report->run);
	page.top = options->top;
	page.full_stacks = options->full_stacks;
	page.color = options->color;
	page.live_bytes = report__shows_left(report) ? report->at_exit_bytes : report->live_bytes;
	print_head(&page, report);
	if (report_run__is_samples(&report->run)) {
		print_residence(&page, report);
		print_stacks(&page, &report->run);
		print_notes(&page, report);
		report_own_samples__print(&page, report);
		return;
	}
	print_live(&page, report);
	print_allocated(&page, report);
	print_freed(&page, &report->heap.counts);
	print_unusual(&page, &report->heap);
	print_mappings(&page, &report->heap);
	print_residence(&page, report);
	print_filter(&page, report);
	print_stacks(&page, &report->run);
	print_python(&page, &report->run.python);
	print_notes(&page, report);
	text__print_processes(&page, report);
	if (text__place_mapped_sites(report) == TEXT_MAPPED_FIRST)
		text__print_mapped_sites(&page, report);
	text__print_sites(&page, report);
	if (text__place_mapped_sites(report) == TEXT_MAPPED_LAST)
		text__print_mapped_sites(&page, report);
	report_own_samples__print(&page, report);
}
