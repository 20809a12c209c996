/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_stack.h"

#include <string.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/locks_phrases.h"
#include "report/roots.h"

/* Frames of a folded stack that fit one screen with others, and of these, those next to the wait.
 */
#define FOLDED_FRAMES 9
#define INNER_FRAMES 6
#define FUNCTION_WIDTH 48
#define MODULE_WIDTH 32
#define FILE_WIDTH_MIN 12

/* Some frames of a thread, or of a sample of it. */
struct frames {
	const struct lock_frame *data;
	size_t count;
	bool is_cut;
};

/* Behind @used columns: "  file.c:12", with as much of a long name's end as fits. */
static void print_source(FILE *file, const char *source, uint32_t line, size_t used,
	const struct locks_stack_options *options)
{
	char name[4 * NAME_SIZE], shown[NAME_SIZE], number[16];

	if (source) {
		/* The name of a file is whatever its owner liked. */
		snprintf(name, sizeof(name), "%s", source);
		text__make_printable(name);
		snprintf(number, sizeof(number), ":%u", line);
		used += 2 + strlen(number);
		function_name__shorten(text__base_name(name),
			used + FILE_WIDTH_MIN < LOCKS_PAGE_WIDTH ? LOCKS_PAGE_WIDTH - used
								 : FILE_WIDTH_MIN,
			shown);
		fprintf(file, "  %s%s", options->full ? name : shown, number);
	}
	fputc('\n', file);
}

/* Returns how many columns of the line are taken. */
static size_t print_function(FILE *file, const char *function, const char *source,
	const struct locks_stack_options *options)
{
	size_t width = FUNCTION_WIDTH, used = strlen(options->indent);
	char name[NAME_SIZE];

	if (options->full)
		width = NAME_SIZE - 1;
	else if (!source)
		width = LOCKS_PAGE_WIDTH - used;
	function_name__shorten(function, width, name);
	fprintf(file, "%s", name);
	return used + strlen(name);
}

/* The calls that were inlined, then the function that they are in, each with its own line. */
static void print_frame(
	FILE *file, const struct lock_frame *frame, const struct locks_stack_options *options)
{
	char module[NAME_SIZE] = "";
	size_t used = strlen(options->indent);

	for (size_t i = 0; i < frame->inlined_count; i++) {
		const struct lock_inlined *call = &frame->inlined[i];

		fprintf(file, "%s", options->indent);
		used = print_function(
			file, call->function ? call->function : "?", call->file, options);
		fprintf(file, "%s", options->full ? " (inlined)" : "");
		print_source(file, call->file, call->line, used, options);
	}
	if (frame->module)
		phrase__module(frame->module, options->full ? NAME_SIZE - 1 : MODULE_WIDTH, module,
			sizeof(module));
	fprintf(file, "%s", options->indent);
	if (frame->function)
		used = print_function(file, frame->function, frame->file, options);
	else if (frame->module)
		fprintf(file, "%s+0x%llx", module, (unsigned long long)frame->module_offset);
	else
		fprintf(file, "0x%llx", (unsigned long long)frame->pc);
	if (options->full && frame->function && frame->module)
		fprintf(file, "+0x%llx (%s)", (unsigned long long)frame->function_offset, module);
	print_source(file, frame->file, frame->line, used, options);
}

/* Where the frames end that every thread begins with. */
static size_t skip_roots(struct frames frames, size_t first)
{
	struct root_frame last[ROOTS_MAX];
	size_t count = frames.count - first;

	if (count > ROOTS_MAX)
		count = ROOTS_MAX;
	for (size_t i = 0; i < count; i++) {
		const struct lock_frame *frame = &frames.data[frames.count - count + i];

		last[i] = (struct root_frame){frame->function, frame->module};
	}
	return count ? frames.count - roots__count(last, count) : frames.count;
}

static bool has_python(struct frames frames)
{
	for (size_t i = 0; i < frames.count; i++)
		if (frames.data[i].is_python)
			return true;
	return false;
}

/*
 * Nameless frames of the C library between named ones add nothing; neither does how an interpreter
 * goes from one Python function to the next.
 */
static bool is_dull(const struct lock_frame *frame, bool python)
{
	if (python && frame->module && strstr(frame->module, "python3"))
		return true;
	return !frame->function && functions__is_libc(frame->module);
}

/* Where the outermost frames begin that have no name; @end where all or none have. */
static size_t skip_nameless(struct frames frames, size_t first, size_t end)
{
	size_t named = end;

	while (named > first && !frames.data[named - 1].function)
		named--;
	return named > first ? named : end;
}

static void print_left_out(FILE *file, size_t count, const struct locks_stack_options *options)
{
	if (count)
		fprintf(file, "%s... %zu more frame%s%s\n", options->indent, count,
			count == 1 ? "" : "s", options->advises ? " (--full-stacks)" : "");
}

static void print_cut(FILE *file, struct frames frames, const struct locks_stack_options *options)
{
	if (frames.is_cut)
		fprintf(file, "%s(its caller is on a goroutine's stack: not followed)\n",
			options->indent);
}

/* Of a long stack the frames next to the wait, and those by which the application came there. */
static void print_folded(
	FILE *file, struct frames frames, size_t first, const struct locks_stack_options *options)
{
	size_t roots = skip_roots(frames, first), end = skip_nameless(frames, first, roots);
	size_t count = 0, number = 0, left = 0;
	bool python = has_python(frames);

	for (size_t i = first; i < end; i++)
		count += !is_dull(&frames.data[i], python);
	for (size_t i = first; i < end; i++) {
		const struct lock_frame *frame = &frames.data[i];

		number += !is_dull(frame, python);
		if (is_dull(frame, python) ||
			(count > FOLDED_FRAMES && number > INNER_FRAMES &&
				number + FOLDED_FRAMES - INNER_FRAMES <= count)) {
			left++;
			continue;
		}
		if (number > INNER_FRAMES) {
			print_left_out(file, left, options);
			left = 0;
		}
		print_frame(file, frame, options);
	}
	print_left_out(file, left + roots - end, options);
	print_cut(file, frames, options);
}

static void print_all(FILE *file, struct frames frames, const struct locks_stack_options *options)
{
	for (size_t i = 0; i < frames.count; i++)
		print_frame(file, &frames.data[i], options);
	print_cut(file, frames, options);
}

/*
 * The first frame from @from outwards that is not part of the C library: whoever called it. In a
 * static program the C library's functions are known by name alone.
 */
static size_t first_caller(struct frames frames, size_t from)
{
	size_t i = from;

	while (i < frames.count) {
		const struct lock_frame *frame = &frames.data[i];
		enum wait_kind kind;

		if (!functions__is_libc(frame->module) &&
			functions__role(frame->function, &kind) == ROLE_UNKNOWN)
			break;
		i++;
	}
	return i < frames.count ? i : from;
}

/* Names inside the C library of what a program called by another, where the call does not say. */
static const char *public_name(const char *function)
{
	static const char *const names[][2] = {
		{"pthread_clockjoin_ex", "pthread_join"},
		{"new_sem_wait_slow64", "sem_wait"},
		{"new_sem_wait_slow", "sem_wait"},
		{"new_sem_wait", "sem_wait"},
		{"pthread_mutex_lock_full", "pthread_mutex_lock"},
		{"pthread_cond_wait_common", "pthread_cond_wait"},
		{"tz_convert", "localtime_r"},
	};
	const char *core = function + strspn(function, "_");
	size_t length = strcspn(core, "@.");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i][0]) == length && !strncmp(core, names[i][0], length))
			return names[i][1];
	return function;
}

/* The function that the application called, without version and linkage. */
static void print_called(
	FILE *file, const char *function, const struct locks_stack_options *options)
{
	const char *name = public_name(function);
	char bare[NAME_SIZE];
	size_t length = strcspn(name, "@");

	snprintf(bare, sizeof(bare), "%.*s",
		(int)(length && length < sizeof(bare) ? length : strlen(name)), name);
	fprintf(file, "%s", options->indent);
	print_function(file, bare, NULL, options);
	fputc('\n', file);
}

static bool is_named(const struct lock_frame *frame, const char *function)
{
	return frame->function && !strcmp(frame->function, function);
}

void locks_stack__print_wait(
	FILE *file, const struct lock_wait *wait, const struct locks_stack_options *options)
{
	struct frames frames = {
		wait->thread->frames, wait->thread->frame_count, wait->thread->is_cut};
	size_t first = wait->site.frame < frames.count ? wait->site.frame : 0, caller;
	const char *called = first ? wait->site.function : NULL;

	if (!frames.count) {
		fprintf(file, "%s(its stack could not be walked)\n", options->indent);
		return;
	}
	if (options->full) {
		print_all(file, frames, options);
		return;
	}
	caller = wait->site.foreign ? first : first_caller(frames, first);
	if (caller > first || (!called && caller))
		called = frames.data[caller - 1].function;
	if (caller && frames.data[caller].called && !wait->site.foreign)
		called = frames.data[caller].called;
	if (called && !is_named(&frames.data[caller], called))
		print_called(file, called, options);
	print_folded(file, frames, caller, options);
}

static bool are_alike(struct frames a, struct frames b)
{
	if (a.count != b.count)
		return false;
	for (size_t i = 0; i < a.count; i++)
		if (a.data[i].function ? a.data[i].function != b.data[i].function
				       : a.data[i].pc != b.data[i].pc)
			return false;
	return true;
}

static void print_frames(
	FILE *file, struct frames frames, const struct locks_stack_options *options)
{
	size_t caller = first_caller(frames, 0);

	if (options->full) {
		print_all(file, frames, options);
		return;
	}
	if (caller && frames.data[caller].called)
		print_called(file, frames.data[caller].called, options);
	else if (caller && frames.data[caller - 1].function)
		print_called(file, frames.data[caller - 1].function, options);
	print_folded(file, frames, caller, options);
}

void locks_stack__print_thread(
	FILE *file, const struct lock_thread *thread, const struct locks_stack_options *options)
{
	struct frames first = {thread->samples[0], thread->sample_counts[0], false};
	struct frames second = {thread->samples[1], thread->sample_counts[1], false};
	struct frames blocked = {thread->frames, thread->frame_count, thread->is_cut};

	if (first.count) {
		bool alike = second.count && are_alike(first, second);

		fprintf(file, "%s%s:\n", options->indent,
			alike	       ? "two samples, alike"
			: second.count ? "sample 1"
				       : "one sample");
		print_frames(file, first, options);
		if (!second.count || alike)
			return;
		fprintf(file, "%ssample 2:\n", options->indent);
		print_frames(file, second, options);
	} else if (blocked.count) {
		print_frames(file, blocked, options);
	} else {
		fprintf(file, "%s(its stack could not be walked)\n", options->indent);
	}
}
