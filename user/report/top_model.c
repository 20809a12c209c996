/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/top_model.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/plumbing.h"
#include "report/python_site.h"

/* Columns of a function's name in the list: its file and line are to be seen beside it. */
#define TITLE_WIDTH 40

/* Sites that the filter names at one refresh: a tick stays far below a second. */
#define NAMES_AT_ONCE 2000

void top_model__free(struct top_model *model)
{
	vec_for_each (name, &model->names) {
		free(name->title);
		free(name->stack);
	}
	vec_free(&model->names);
	vec_free(&model->all);
	vec_free(&model->rows);
	vec_free(&model->threads);
	vec_free(&model->before);
	vec_free(&model->baseline);
	vec_free(&model->threads_before);
}

/* --- copying */

static double per_second(uint64_t count, uint64_t interval_ns)
{
	return interval_ns ? count * 1e9 / interval_ns : 0;
}

static void remember_live(struct top_model *model, uint64_t bytes)
{
	if (model->history_size == TOP_HISTORY)
		memmove(model->history, model->history + 1,
			--model->history_size * sizeof(*model->history));
	model->history[model->history_size++] = bytes;
}

static struct top_row describe_site(const struct top_model *model, const struct heap *heap,
	const struct site *site, uint32_t id, uint64_t interval_ns)
{
	struct top_row row = {.id = id};
	uint64_t live = site->live_bytes, count, bytes, before = 0, base = 0;

	if (id < model->before.size)
		before = model->before.data[id].alloc_count;
	if (id < model->baseline.size)
		base = model->baseline.data[id].live_bytes;
	heap__site_at_peak(heap, site, &count, &bytes);
	row.values[TOP_LIVE] = live;
	row.values[TOP_GROWTH] = live - base;
	row.values[TOP_BLOCKS] = site->live_count;
	row.values[TOP_RATE] = per_second(site->alloc_count - before, interval_ns);
	row.values[TOP_ALLOCATED] = site->alloc_bytes;
	row.values[TOP_CALLS] = site->alloc_count;
	row.values[TOP_TEMPORARY] = site->temporary_count;
	row.values[TOP_PEAK] = bytes;
	return row;
}

static int copy_sites(struct top_model *model, const struct heap *heap, uint64_t interval_ns)
{
	size_t count;
	const struct site *sites = heap__sites(heap, &count);

	if (vec_reserve(&model->all, count) || vec_reserve(&model->before, count))
		return -ENOMEM;
	for (size_t id = 0; id < count; id++) {
		model->all.data[id] = describe_site(model, heap, &sites[id], id, interval_ns);
		model->before.data[id] = (struct top_past){.alloc_count = sites[id].alloc_count};
	}
	model->all.size = model->before.size = count;
	return 0;
}

static uint32_t find_pid(const struct heap *heap, uint32_t number)
{
	struct heap_process process;

	for (size_t i = heap__process_count(heap); i-- > 0;) {
		heap__process(heap, i, &process);
		if (process.number == number)
			return process.pid;
	}
	return 0;
}

static int copy_threads(struct top_model *model, const struct heap *heap, uint64_t interval_ns)
{
	size_t count;
	const struct heap_thread *threads = heap__threads(heap, &count);

	model->threads.size = 0;
	if (vec_reserve(&model->threads_before, count))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct heap_thread *thread = &threads[i];
		uint64_t before =
			i < model->threads_before.size ? model->threads_before.data[i] : 0;
		struct top_thread_row row = {.tid = thread->tid};

		model->threads_before.data[i] = thread->alloc_count;
		if (!thread->alloc_count && !thread->free_count)
			continue;
		row.pid = find_pid(heap, thread->process);
		row.values[TOP_THREAD_RATE] = per_second(thread->alloc_count - before, interval_ns);
		row.values[TOP_THREAD_CALLS] = thread->alloc_count;
		row.values[TOP_THREAD_BYTES] = thread->alloc_bytes;
		row.values[TOP_THREAD_FREES] = thread->free_count;
		row.values[TOP_THREAD_TEMPORARY] = thread->temporary_count;
		if (vec_push(&model->threads, row))
			return -ENOMEM;
	}
	model->threads_before.size = count;
	return 0;
}

int top_model__copy(struct top_model *model, const struct heap *heap, uint64_t now_ns)
{
	uint64_t interval_ns = model->now_ns ? now_ns - model->now_ns : 0;
	uint64_t before = model->totals.counts.alloc_count;
	int err;

	heap__totals(heap, &model->totals);
	model->rate = per_second(model->totals.counts.alloc_count - before, interval_ns);
	model->now_ns = now_ns;
	remember_live(model, model->totals.live_bytes);
	err = copy_sites(model, heap, interval_ns);
	return err ? err : copy_threads(model, heap, interval_ns);
}

int top_model__set_baseline(struct top_model *model)
{
	if (vec_reserve(&model->baseline, model->all.size))
		return -ENOMEM;
	model->baseline.size = model->all.size;
	for (size_t id = 0; id < model->all.size; id++) {
		struct top_row *row = &model->all.data[id];

		model->baseline.data[id].live_bytes = row->values[TOP_LIVE];
		row->values[TOP_GROWTH] = 0;
	}
	model->baseline_live = model->totals.live_bytes;
	return 0;
}

/* --- names */

static void write_place(FILE *file, const struct report_frame *frame)
{
	char place[NAME_SIZE];

	if (frame->is_python) {
		python_site__describe_place(frame, place, sizeof(place));
		fprintf(file, "  %s", place);
	} else if (frame->file && frame->line) {
		fprintf(file, "  %s:%u", text__base_name(frame->file), frame->line);
	} else if (frame->module && frame->function) {
		fprintf(file, "  %s", text__base_name(frame->module));
	}
}

static void write_frame(FILE *file, const struct report_frame *frame)
{
	if (frame->function)
		fprintf(file, "%s%s", frame->function, frame->inlined ? " (inlined)" : "");
	else if (frame->module)
		fprintf(file, "%s+0x%llx", text__base_name(frame->module),
			(unsigned long long)frame->offset);
	else
		fprintf(file, "0x%llx", (unsigned long long)frame->address);
	write_place(file, frame);
}

/* The first frame that is not plumbing, in few columns; the first one if all are. */
static char *make_title(const struct report_frames *frames)
{
	const struct report_site site = {
		.frames = frames->list.data, .frame_count = frames->list.size};
	const struct report_frame *found = NULL;
	char function[NAME_SIZE], *title = NULL;
	size_t size;
	FILE *file = open_memstream(&title, &size);

	if (!file)
		return NULL;
	if (python_site__has_python(&site))
		found = &site.frames[python_site__first(&site)];
	vec_for_each (frame, &frames->list)
		if (!found && frame->function && !plumbing__has(frame->function))
			found = frame;
	if (found) {
		function_name__shorten(found->function, TITLE_WIDTH, function);
		fputs(function, file);
		write_place(file, found);
	} else if (frames->list.size) {
		write_frame(file, frames->list.data);
	}
	fclose(file);
	return title;
}

static const char *special_title(uint32_t id)
{
	static const char *const titles[SITE_FIRST_STACK] = {
		[SITE_NO_STACK] = "(no stack was taken)",
		[SITE_STACK_LOST] = "(its stack was lost)",
		[SITE_TABLE_FULL] = "(too many call sites)",
		[SITE_FILTERED] = "(filtered)",
	};

	return titles[id];
}

static int name_stack(struct top_model *model, const struct site_frame *addresses, size_t count,
	struct top_name *out)
{
	struct report_frames frames = {0};
	size_t size;
	FILE *file;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = model->name(model->name_context, &addresses[i], &frames);
	file = err ? NULL : open_memstream(&out->stack, &size);
	if (file) {
		vec_for_each (frame, &frames.list) {
			write_frame(file, frame);
			fputc('\n', file);
		}
		fclose(file);
	}
	if (out->stack)
		out->title = make_title(&frames);
	vec_free(&frames.list);
	return out->title ? 0 : -ENOMEM;
}

static size_t copy_frames(
	const struct heap *heap, const struct top_lock *lock, uint32_t id, struct site_frame *out)
{
	const struct site *sites;
	size_t count;

	lock->take(lock->context);
	sites = heap__sites(heap, &count);
	count = id < count ? sites[id].frame_count : 0;
	if (count)
		memcpy(out, heap__frames(heap, &sites[id]), count * sizeof(*out));
	lock->release(lock->context);
	return count;
}

const struct top_name *top_model__name(
	struct top_model *model, const struct heap *heap, const struct top_lock *lock, uint32_t id)
{
	struct site_frame frames[EVENT_MAX_FRAMES];
	struct top_name *name;

	while (model->names.size <= id)
		if (vec_push(&model->names, (struct top_name){0}))
			return NULL;
	name = &model->names.data[id];
	if (name->title)
		return name;
	if (id < SITE_FIRST_STACK) {
		name->title = strdup(special_title(id));
		name->stack = name->title ? strdup("") : NULL;
	} else if (name_stack(model, frames, copy_frames(heap, lock, id, frames), name)) {
		return NULL;
	}
	return name->title ? name : NULL;
}

/* --- arranging */

static bool is_empty(const struct top_row *row)
{
	return !row->values[TOP_CALLS] && !row->values[TOP_LIVE];
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const struct top_row *a = left, *b = right;
	const struct top_model *model = context;
	int64_t x = a->values[model->sort], y = b->values[model->sort];

	if (x != y)
		return ((x < y) - (x > y)) * (model->reverse ? -1 : 1);
	return (a->id > b->id) - (a->id < b->id);
}

static int compare_threads(const void *left, const void *right, void *context)
{
	const struct top_thread_row *a = left, *b = right;
	const struct top_model *model = context;
	int64_t x = a->values[model->thread_sort], y = b->values[model->thread_sort];

	if (x != y)
		return ((x < y) - (x > y)) * (model->reverse ? -1 : 1);
	return (a->tid > b->tid) - (a->tid < b->tid);
}

/* Whether the filter lets a site through; names that are not known yet are looked up. */
static bool passes_filter(struct top_model *model, const struct heap *heap,
	const struct top_lock *lock, uint32_t id, size_t *budget)
{
	const struct top_name *name;
	bool known = id < model->names.size && model->names.data[id].title;

	if (!*model->filter)
		return true;
	if (!known && !*budget) {
		model->unnamed++;
		return false;
	}
	*budget -= !known;
	name = top_model__name(model, heap, lock, id);
	return name &&
	       (strcasestr(name->stack, model->filter) || strcasestr(name->title, model->filter));
}

int top_model__arrange(
	struct top_model *model, const struct heap *heap, const struct top_lock *lock)
{
	size_t budget = NAMES_AT_ONCE;

	model->rows.size = 0;
	model->unnamed = 0;
	if (vec_reserve(&model->rows, model->all.size))
		return -ENOMEM;
	vec_for_each (row, &model->all)
		if (row->id != SITE_FILTERED && !is_empty(row) &&
			passes_filter(model, heap, lock, row->id, &budget))
			model->rows.data[model->rows.size++] = *row;
	if (model->rows.size)
		qsort_r(model->rows.data, model->rows.size, sizeof(*model->rows.data), compare_rows,
			model);
	if (model->threads.size)
		qsort_r(model->threads.data, model->threads.size, sizeof(*model->threads.data),
			compare_threads, model);
	return 0;
}
