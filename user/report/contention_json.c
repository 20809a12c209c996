/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/contention.h"
#include "report/html.h"
#include "report/json_writer.h"

static void put_sums(struct json_writer *json, const struct contention_sums *sums)
{
	json__put_integer(json, "waits", sums->count);
	json__put_integer(json, "total_ns", sums->total_ns);
	json__put_integer(json, "mean_ns", sums->count ? sums->total_ns / sums->count : 0);
	json__put_integer(json, "max_ns", sums->max_ns);
}

/* [n]: waits of 2^n to 2^(n+1) - 1 ns; what is 0 at the end is left out. */
static void put_histogram(struct json_writer *json, const struct contention_sums *sums)
{
	size_t count = CONTENTION_BUCKETS;

	while (count && !sums->histogram[count - 1])
		count--;
	json__key(json, "histogram");
	json__begin_array(json);
	for (size_t i = 0; i < count; i++)
		json__integer(json, sums->histogram[i]);
	json__end_array(json);
}

static void put_inlined(struct json_writer *json, const struct lock_inlined *call)
{
	json__begin_object(json);
	if (call->function)
		json__put_string(json, "function", call->function);
	if (call->file) {
		json__put_string(json, "file", call->file);
		json__put_integer(json, "line", call->line);
	}
	json__put_boolean(json, "inlined", true);
	json__end_object(json);
}

static void put_frame(struct json_writer *json, const struct lock_frame *frame)
{
	for (size_t i = 0; i < frame->inlined_count; i++)
		put_inlined(json, &frame->inlined[i]);
	json__begin_object(json);
	json__put_integer(json, "address", frame->pc);
	if (frame->function)
		json__put_string(json, "function", frame->function);
	if (frame->module) {
		json__put_string(json, "module", frame->module);
		json__put_integer(json, "offset", frame->module_offset);
	}
	if (frame->build_id)
		json__put_string(json, "build_id", frame->build_id);
	if (frame->file) {
		json__put_string(json, "file", frame->file);
		json__put_integer(json, "line", frame->line);
	}
	if (frame->called)
		json__put_string(json, "called", frame->called);
	json__end_object(json);
}

/* In stack[], where each inlined call is an entry of its own. */
static size_t first_entry(const struct contention_stack *stack)
{
	size_t entries = 0;

	for (size_t i = 0; i < stack->first && i < stack->count; i++)
		entries += 1 + stack->frames[i].inlined_count;
	return entries;
}

static void put_row(struct json_writer *json, const struct contention_report *report,
	const struct contention_row *row)
{
	const struct contention_stack *stack = contention__stack(report->model, row->stack);

	json__begin_object(json);
	put_sums(json, &row->sums);
	put_histogram(json, &row->sums);
	if (row->side == CONTENTION_HOLDER)
		json__put_integer(json, "at_begin", row->at_begin);
	if (stack) {
		json__put_boolean(json, "by_frame_pointer", stack->by_frame_pointer);
		json__put_boolean(json, "cut", stack->is_cut);
		json__put_integer(json, "first", first_entry(stack));
		json__key(json, "stack");
		json__begin_array(json);
		for (size_t i = 0; i < stack->count; i++)
			put_frame(json, &stack->frames[i]);
		json__end_array(json);
	}
	json__end_object(json);
}

static int put_side(struct json_writer *json, const struct contention_report *report,
	uint32_t number, enum contention_side side)
{
	struct contention_filter any = {.all = true};
	contention_rows rows;
	int err = contention__rank_rows(report->model, &any, number, side, &rows);

	json__key(json, side == CONTENTION_WAITER ? "waiters" : "holders");
	json__begin_array(json);
	vec_for_each (row, &rows)
		put_row(json, report, *row);
	json__end_array(json);
	vec_free(&rows);
	return err;
}

static void put_identity(struct json_writer *json, const struct contention_identity *identity)
{
	json__put_string(json, "kind", contention__kind(identity));
	if (identity->name[0])
		json__put_string(json, "name", identity->name);
	if (identity->module[0])
		json__put_string(json, "module", identity->module);
	json__put_integer(json, "address", identity->address);
	json__put_integer(json, "pid", identity->pid);
	json__put_boolean(json, "shared", identity->shared);
	json__put_boolean(json, "ranked", contention__is_ranked(identity));
}

static int put_lock(
	struct json_writer *json, const struct contention_report *report, uint32_t number)
{
	const struct contention_lock *lock = contention__lock(report->model, number);
	int err;

	json__begin_object(json);
	put_identity(json, &lock->identity);
	put_sums(json, &lock->sums);
	put_histogram(json, &lock->sums);
	json__put_integer(json, "threads", lock->threads);
	json__put_integer(json, "open_at_begin", lock->open_at_begin);
	json__put_integer(json, "open_at_end", lock->open_at_end);
	json__put_integer(json, "longest_open_ns", lock->open_ns);
	json__put_integer(json, "holders_at_begin", lock->moments[HOLDER_AT_BEGIN]);
	json__put_integer(json, "holders_at_release", lock->moments[HOLDER_AT_RELEASE]);
	json__put_integer(json, "holders_unknown", lock->moments[HOLDER_UNKNOWN]);
	err = put_side(json, report, number, CONTENTION_WAITER);
	if (!err)
		err = put_side(json, report, number, CONTENTION_HOLDER);
	json__end_object(json);
	return err;
}

static int put_locks(struct json_writer *json, const struct contention_report *report)
{
	struct contention_filter any = {.all = true};
	contention_numbers ranked;
	int err = contention__rank_locks(report->model, &any, &ranked);

	json__key(json, "locks");
	json__begin_array(json);
	vec_for_each (number, &ranked)
		if (!err)
			err = put_lock(json, report, *number);
	json__end_array(json);
	vec_free(&ranked);
	return err;
}

static int put_functions(
	struct json_writer *json, const struct contention_report *report, enum contention_side side)
{
	contention_functions functions;
	int err = contention__functions(report->model, &report->filter, side, &functions);

	json__key(json, side == CONTENTION_WAITER ? "waiting_functions" : "holding_functions");
	json__begin_array(json);
	vec_for_each (function, &functions) {
		json__begin_object(json);
		if (function->name)
			json__put_string(json, "function", function->name);
		else
			json__put_integer(json, "offset", function->module_offset);
		if (function->module)
			json__put_string(json, "module", function->module);
		json__put_integer(json, "own_ns", function->own_ns);
		json__put_integer(json, "own_waits", function->own_count);
		json__put_integer(json, "inclusive_ns", function->inclusive_ns);
		json__put_integer(json, "inclusive_waits", function->inclusive_count);
		json__end_object(json);
	}
	json__end_array(json);
	vec_free(&functions);
	return err;
}

static int put_threads(struct json_writer *json, const struct contention_report *report)
{
	contention_threads threads;
	int err = contention__rank_threads(report->model, &threads);

	json__key(json, "threads");
	json__begin_array(json);
	vec_for_each (thread, &threads) {
		json__begin_object(json);
		json__put_integer(json, "pid", (*thread)->pid);
		json__put_integer(json, "tid", (*thread)->tid);
		if ((*thread)->comm[0])
			json__put_string(json, "comm", (*thread)->comm);
		put_sums(json, &(*thread)->waited);
		json__put_integer(json, "held_waits", (*thread)->held_count);
		json__put_integer(json, "held_ns", (*thread)->held_ns);
		json__end_object(json);
	}
	json__end_array(json);
	vec_free(&threads);
	return err;
}

static void put_losses(struct json_writer *json, const struct contention_losses *losses)
{
	json__key(json, "losses");
	json__begin_object(json);
	json__put_integer(json, "waits_not_noted", losses->not_noted);
	json__put_integer(json, "waits_ring_full", losses->ring_full);
	json__put_integer(json, "stacks_ring_full", losses->stacks_lost);
	json__put_integer(json, "no_memory", losses->no_memory);
	json__put_integer(json, "stacks_by_frame_pointer", losses->by_frame_pointer);
	json__put_integer(json, "stacks_cut", losses->cut);
	json__end_object(json);
}

static void put_head(struct json_writer *json, const struct contention_report *report)
{
	struct contention_sums total = contention__total(report->model, &report->filter);

	json__put_integer(json, "version", CONTENTION_JSON_VERSION);
	json__put_string(json, "memtrace", report->version);
	json__put_string(json, "profile", "contention");
	json__key(json, "targets");
	json__begin_array(json);
	for (size_t i = 0; i < report->process_count; i++) {
		json__begin_object(json);
		json__put_integer(json, "pid", report->processes[i].pid);
		json__put_string(json, "command", report->processes[i].command);
		json__end_object(json);
	}
	json__end_array(json);
	if (!report->process_count && report->scope)
		json__put_string(json, "scope", report->scope);
	json__put_integer(json, "started_unix_ns", report->start_unix_ns);
	json__put_integer(json, "duration_ns", report->duration_ns);
	json__put_integer(json, "waits_seen", report->losses.seen);
	put_losses(json, &report->losses);
	json__key(json, "contention");
	json__begin_object(json);
	put_sums(json, &total);
	put_histogram(json, &total);
	json__end_object(json);
}

int contention_json__write(const struct contention_report *report, FILE *file)
{
	struct json_writer json;
	int err;

	json__start(&json, file, 3);
	json__begin_object(&json);
	put_head(&json, report);
	err = put_locks(&json, report);
	for (int side = 0; side < CONTENTION_SIDES && !err; side++)
		err = put_functions(&json, report, side);
	if (!err)
		err = put_threads(&json, report);
	json__end_object(&json);
	json__finish(&json);
	return err;
}

static int write_data(const void *context, FILE *file)
{
	return contention_json__write(context, file);
}

int contention_html__write(
	const struct contention_report *report, enum contention_side side, FILE *file)
{
	/* The page has both sides. */
	(void)side;
	return html__write_page(write_data, report, file);
}
