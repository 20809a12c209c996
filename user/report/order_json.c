/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <stdlib.h>

#include "report/json_writer.h"
#include "report/order.h"

#define SCHEMA_VERSION 1

/* What is sorted: qsort knows of no model. */
struct held_lock {
	uint32_t lock;
	uint64_t total_ns;
};

static int compare_held(const void *a, const void *b)
{
	const struct held_lock *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return x->lock < y->lock ? -1 : x->lock > y->lock;
}

int order__rank_holds(const struct order_model *model, order_ranking *out)
{
	VEC(struct held_lock) locks = {0};
	int err = 0;

	*out = (order_ranking){0};
	for (size_t i = 0; i < order__lock_count(model) && !err; i++) {
		const struct order_hold *hold = &order__lock(model, i)->hold;

		if (hold->count)
			err = vec_push(&locks, (struct held_lock){i, hold->total_ns});
	}
	if (!err && locks.size)
		qsort(locks.data, locks.size, sizeof(*locks.data), compare_held);
	vec_for_each (held, &locks)
		if (!err)
			err = vec_push(out, held->lock);
	vec_free(&locks);
	return err;
}

static void put_function(
	struct json_writer *json, const char *function, const char *file, uint32_t line)
{
	if (function)
		json__put_string(json, "function", function);
	if (file) {
		json__put_string(json, "file", file);
		json__put_integer(json, "line", line);
	}
}

static void put_frame(struct json_writer *json, const struct lock_frame *frame)
{
	for (size_t i = 0; i < frame->inlined_count; i++) {
		json__begin_object(json);
		put_function(json, frame->inlined[i].function, frame->inlined[i].file,
			frame->inlined[i].line);
		json__put_boolean(json, "inlined", true);
		json__end_object(json);
	}
	json__begin_object(json);
	json__put_integer(json, "address", frame->pc);
	put_function(json, frame->function, frame->file, frame->line);
	if (frame->module) {
		json__put_string(json, "module", frame->module);
		json__put_integer(json, "offset", frame->module_offset);
	}
	if (frame->build_id)
		json__put_string(json, "build_id", frame->build_id);
	json__end_object(json);
}

/* Without the key where the stack was lost. */
static void put_stack(
	struct json_writer *json, const struct order_report *report, const char *key, uint64_t hash)
{
	const struct order_stack *stack = report->stack(report->context, hash);

	if (!stack)
		return;
	json__key(json, key);
	json__begin_array(json);
	for (size_t i = 0; i < stack->count; i++)
		put_frame(json, &stack->frames[i]);
	json__end_array(json);
}

static void put_identity(
	struct json_writer *json, const struct order_report *report, const struct order_lock *lock)
{
	json__put_string(json, "kind", order__kind(lock->facts));
	if (lock->identity.name[0])
		json__put_string(json, "name", lock->identity.name);
	if (lock->identity.module[0])
		json__put_string(json, "module", lock->identity.module);
	json__put_integer(json, "address", lock->address);
	json__put_integer(json, "pid", report->pid(report->context, lock->process));
	json__put_boolean(json, "recursive", lock->facts & ORDER_RECURSIVE);
	json__put_boolean(json, "robust", lock->facts & ORDER_ROBUST);
	json__put_boolean(json, "priority_inheritance", lock->facts & ORDER_INHERITS);
	json__put_boolean(json, "shared", lock->facts & ORDER_SHARED);
}

static void put_lock(struct json_writer *json, const struct order_report *report, const char *key,
	uint32_t number)
{
	json__key(json, key);
	json__begin_object(json);
	put_identity(json, report, order__lock(report->model, number));
	json__end_object(json);
}

static void put_step(struct json_writer *json, const struct order_report *report, uint32_t number)
{
	const struct order_use *use = order__use(report->model, number);
	const struct order_edge *edge = order__edge(report->model, use->edge);
	const struct order_thread_life *thread = order__thread(report->model, use->thread);

	json__begin_object(json);
	json__put_integer(json, "pid", report->pid(report->context, thread->process));
	json__put_integer(json, "tid", thread->tid);
	json__put_string(json, "comm", thread->comm);
	put_lock(json, report, "held", edge->from);
	json__put_boolean(json, "held_for_reading", use->from_facts & ORDER_READ);
	json__put_boolean(json, "held_by_try", use->from_facts & ORDER_TRIED);
	put_lock(json, report, "acquired", edge->to);
	json__put_boolean(json, "acquired_for_reading", use->to_facts & ORDER_READ);
	json__put_boolean(json, "after_condition", use->retakes);
	put_stack(json, report, "acquired_stack", use->to_stack);
	put_stack(json, report, "held_stack", use->from_stack);
	json__end_object(json);
}

static void put_finding(struct json_writer *json, const struct order_report *report,
	const struct order_finding *finding)
{
	json__begin_object(json);
	json__put_string(json, "verdict", order__meeting_name(finding->meeting));
	json__put_integer(json, "length", finding->uses.size);
	json__put_integer(json, "threads", finding->threads);
	json__put_boolean(json, "one_thread_only",
		finding->meeting == ORDER_FEW_THREADS && finding->threads == 1);
	json__put_boolean(json, "threads_never_met", finding->meeting == ORDER_NEVER_MET);
	json__put_integer(json, "repeats", finding->repeats);
	json__key(json, "edges");
	json__begin_array(json);
	vec_for_each (number, &finding->uses)
		put_step(json, report, *number);
	json__end_array(json);
	json__end_object(json);
}

static int put_holds(struct json_writer *json, const struct order_report *report)
{
	order_ranking ranked;
	int err = order__rank_holds(report->model, &ranked);

	json__key(json, "locks");
	json__begin_array(json);
	vec_for_each (number, &ranked) {
		const struct order_lock *lock = order__lock(report->model, *number);

		json__begin_object(json);
		put_identity(json, report, lock);
		json__put_integer(json, "holds", lock->hold.count);
		json__put_integer(json, "total_ns", lock->hold.total_ns);
		json__put_integer(json, "max_ns", lock->hold.max_ns);
		put_stack(json, report, "longest_stack", lock->hold.max_stack);
		json__end_object(json);
	}
	json__end_array(json);
	vec_free(&ranked);
	return err;
}

static void put_losses(struct json_writer *json, const struct order_report *report)
{
	const struct order_losses *losses = &report->losses;

	json__key(json, "losses");
	json__begin_object(json);
	json__put_integer(json, "records_ring_full", losses->ring_full);
	json__put_integer(json, "stacks_ring_full", losses->stacks_lost);
	json__put_integer(json, "held_full", losses->held_full);
	json__put_integer(json, "holds_full", losses->holds_full);
	json__put_integer(json, "thread_state", losses->threads_lost);
	json__put_integer(json, "late_attach", losses->late);
	json__put_integer(json, "no_memory", report->totals.no_memory);
	json__put_integer(json, "uses_dropped", report->totals.uses_dropped);
	json__put_integer(json, "searches_cut", report->totals.searches_cut);
	json__end_object(json);
}

static void put_head(
	struct json_writer *json, const struct order_report *report, const char *version)
{
	const struct order_totals *totals = &report->totals;

	json__put_integer(json, "version", SCHEMA_VERSION);
	json__put_string(json, "memtrace", version);
	json__put_string(json, "profile", "order");
	json__key(json, "targets");
	json__begin_array(json);
	for (size_t i = 0; i < report->target_count; i++) {
		json__begin_object(json);
		json__put_integer(json, "pid", report->targets[i].pid);
		json__put_string(json, "command", report->targets[i].command);
		json__end_object(json);
	}
	json__end_array(json);
	json__put_integer(json, "started_unix_ns", report->start_unix_ns);
	json__put_integer(json, "duration_ns", report->duration_ns);
	json__put_integer(json, "locks_seen", totals->locks);
	json__put_integer(json, "orders_seen", totals->edges);
	json__put_integer(json, "threads_seen", totals->threads);
	json__put_integer(json, "locks_ended", totals->gone);
	json__put_integer(json, "unlocks_by_others", totals->let_go_by_other);
	json__put_integer(json, "unlocks_unknown", totals->unknown_before);
	put_losses(json, report);
	json__put_integer(json, "suppressed", report->suppressed);
}

int order_json__write(const struct order_report *report, const char *version, FILE *file)
{
	struct json_writer json;
	int err;

	json__start(&json, file, 3);
	json__begin_object(&json);
	put_head(&json, report, version);
	json__key(&json, "deadlocks");
	json__begin_array(&json);
	vec_for_each (finding, report->findings)
		put_finding(&json, report, finding);
	json__end_array(&json);
	err = put_holds(&json, report);
	json__end_object(&json);
	json__finish(&json);
	return err;
}
