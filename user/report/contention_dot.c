/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The call graph of waits, for dot(1): a box for each function with its own and inclusive time, an
 * arrow from caller to callee with what was waited below it.
 */
#include <string.h>

#include "base/hash.h"
#include "report/arena.h"
#include "report/contention.h"
#include "report/dot.h"
#include "report/human.h"
#include "report/string_table.h"

/* What has less of the time than one part in so many is not drawn: nobody reads it. */
#define LEAST_SHARE 200

struct dot_function {
	uint64_t own_ns;
	uint64_t inclusive_ns;
};

DEFINE_HASH_PAIR(dot_calls, uint64_t);

struct dot_graph {
	struct string_table names;
	VEC(struct dot_function) functions; /* by number of the name */
	struct dot_calls calls;		    /* (caller, callee) -> ns */
	VEC(int64_t) seen;		    /* of the stack at hand: numbers, and pairs below */
	VEC(struct hash_pair) seen_calls;
	uint64_t total_ns;
	struct arena labels;
};

/* The number of a function by its label; -ENOMEM. */
static int64_t number_of(
	struct dot_graph *graph, const struct lock_frame *frame, const char *inlined)
{
	const char *name = inlined ? inlined : frame->function;
	char label[256];
	int64_t number;

	if (!name) {
		snprintf(label, sizeof(label), "%.200s+0x%llx", frame->module ? frame->module : "",
			(unsigned long long)(frame->module ? frame->module_offset : frame->pc));
		/* The table keeps what it is given. */
		name = arena__copy(&graph->labels, label);
		if (!name)
			return -ENOMEM;
	}
	number = string_table__add(&graph->names, name);
	while (number >= 0 && graph->functions.size <= (size_t)number)
		if (vec_push(&graph->functions, (struct dot_function){0}))
			return -ENOMEM;
	return number;
}

static bool is_new_function(struct dot_graph *graph, int64_t number)
{
	vec_for_each (known, &graph->seen)
		if (*known == number)
			return false;
	return !vec_push(&graph->seen, number);
}

static bool is_new_call(struct dot_graph *graph, struct hash_pair call)
{
	vec_for_each (known, &graph->seen_calls)
		if (hash_same_pair(*known, call))
			return false;
	return !vec_push(&graph->seen_calls, call);
}

/* @callee is what the function called on this stack; -1: it is the innermost. Recursion counts
 * once. */
static int add_function(struct dot_graph *graph, int64_t number, int64_t callee, uint64_t ns)
{
	struct hash_pair call = {number, callee};
	uint64_t *below;

	if (number < 0)
		return number;
	if (callee < 0)
		graph->functions.data[number].own_ns += ns;
	if (is_new_function(graph, number))
		graph->functions.data[number].inclusive_ns += ns;
	if (callee < 0 || !is_new_call(graph, call))
		return 0;
	below = dot_calls__insert(&graph->calls, call);
	if (!below)
		return -ENOMEM;
	*below += ns;
	return 0;
}

static int add_stack(struct dot_graph *graph, const struct contention_stack *stack, uint64_t ns)
{
	int64_t callee = -1;
	int err = 0;

	graph->seen.size = graph->seen_calls.size = 0;
	for (size_t i = stack->first < stack->count ? stack->first : 0; i < stack->count && !err;
		i++) {
		const struct lock_frame *frame = &stack->frames[i];

		for (size_t n = 0; n <= frame->inlined_count && !err; n++) {
			int64_t number = number_of(graph, frame,
				n < frame->inlined_count ? frame->inlined[n].function : NULL);

			err = add_function(graph, number, callee, ns);
			callee = number;
		}
	}
	return err;
}

static bool is_drawn(const struct dot_graph *graph, uint64_t ns)
{
	return ns && ns >= graph->total_ns / LEAST_SHARE;
}

static void write_graph(const struct dot_graph *graph, FILE *file)
{
	fprintf(file, "digraph contention {\n\tnode [shape=box, fontname=\"sans\"];\n");
	for (size_t i = 0; i < graph->functions.size; i++) {
		const struct dot_function *function = &graph->functions.data[i];

		if (!is_drawn(graph, function->inclusive_ns))
			continue;
		fprintf(file, "\tf%zu [label=\"", i);
		dot__put_text(file, graph->names.list.data[i]);
		fprintf(file, "\\nown %s (%s)\\nof %s (%s)\"];\n",
			human__duration(function->own_ns).text,
			human__percent(function->own_ns, graph->total_ns).text,
			human__duration(function->inclusive_ns).text,
			human__percent(function->inclusive_ns, graph->total_ns).text);
	}
	hash_for_each (call, &graph->calls)
		if (is_drawn(graph, call->value))
			fprintf(file, "\tf%llu -> f%llu [label=\"%s\"];\n",
				(unsigned long long)call->key.a, (unsigned long long)call->key.b,
				human__duration(call->value).text);
	fprintf(file, "}\n");
}

int contention_dot__write(
	const struct contention_report *report, enum contention_side side, FILE *file)
{
	struct dot_graph graph = {0};
	contention_rows rows;
	int err = contention__rank_rows(report->model, &report->filter, -1, side, &rows);

	vec_for_each (row, &rows) {
		const struct contention_stack *stack =
			contention__stack(report->model, (*row)->stack);

		graph.total_ns += (*row)->sums.total_ns;
		if (stack && !err)
			err = add_stack(&graph, stack, (*row)->sums.total_ns);
	}
	if (!err)
		write_graph(&graph, file);
	string_table__free(&graph.names);
	dot_calls__free(&graph.calls);
	arena__free(&graph.labels);
	vec_free(&graph.functions);
	vec_free(&graph.seen);
	vec_free(&graph.seen_calls);
	vec_free(&rows);
	return err;
}
