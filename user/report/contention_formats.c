/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Contention in the formats of flame graphs: as a report whose sites are stacks of waits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "report/contention.h"
#include "report/folded.h"
#include "report/pprof.h"
#include "report/speedscope.h"

struct row_sums {
	uint64_t count;
	uint64_t total_ns;
};

DEFINE_HASH_PAIR(row_sums_map, struct row_sums); /* by (lock, stack) */

struct contention_before {
	struct row_sums_map rows;
};

static void convert_frame(const struct lock_frame *frame, struct report_frame *out)
{
	*out = (struct report_frame){
		.address = frame->pc,
		.module = frame->module,
		.build_id = frame->build_id,
		.offset = frame->module_offset,
		.function = frame->function,
		.function_offset = frame->function_offset,
		.file = frame->file,
		.line = frame->line,
	};
}

static int convert_stack(
	struct report *to, const struct contention_stack *stack, struct report_site *site)
{
	size_t first = stack->first < stack->count ? stack->first : 0, count = 0;

	/* Without the wait's own frames: the innermost one's time is then its own. */
	for (size_t i = first; i < stack->count; i++)
		count += 1 + stack->frames[i].inlined_count;
	site->frames = arena__alloc(&to->arena, count + 1, sizeof(*site->frames));
	if (!site->frames)
		return -ENOMEM;
	for (size_t i = first; i < stack->count; i++) {
		const struct lock_frame *frame = &stack->frames[i];

		for (size_t n = 0; n < frame->inlined_count; n++) {
			struct report_frame *out = &site->frames[site->frame_count++];

			convert_frame(frame, out);
			out->function = frame->inlined[n].function;
			out->file = frame->inlined[n].file;
			out->line = frame->inlined[n].line;
			out->inlined = true;
		}
		convert_frame(frame, &site->frames[site->frame_count++]);
	}
	return 0;
}

static struct row_sums sums_since(
	const struct contention_row *row, struct contention_before *before)
{
	struct hash_pair key = {row->lock, row->stack};
	struct row_sums *then = before ? row_sums_map__find(&before->rows, key) : NULL;
	struct row_sums since = {row->sums.count, row->sums.total_ns};

	if (then) {
		since.count -= then->count;
		since.total_ns -= then->total_ns;
	}
	return since;
}

/*
 * Waits stand where a heap report has allocations, their time where it has bytes. @before: NULL, or
 * what to leave out.
 */
static int convert(const struct contention_report *from, enum contention_side side,
	struct contention_before *before, struct report *to)
{
	const struct contention_losses *losses = &from->losses;
	contention_rows rows;
	int err = contention__rank_rows(from->model, &from->filter, -1, side, &rows);

	to->run.start_unix_ns = from->start_unix_ns;
	to->run.duration_ns = from->duration_ns;
	to->seen = losses->seen;
	to->lost = losses->not_noted + losses->ring_full + losses->no_memory;
	for (size_t i = 0; i < rows.size && !err; i++) {
		const struct contention_row *row = rows.data[i];
		const struct contention_stack *stack = contention__stack(from->model, row->stack);
		struct row_sums sums = sums_since(row, before);
		struct report_site site = {
			.alloc_count = sums.count,
			.alloc_bytes = sums.total_ns,
		};

		if (!sums.count)
			continue;
		if (stack)
			err = convert_stack(to, stack, &site);
		else
			site.special = "(stack unknown)";
		if (!err)
			err = vec_push(&to->sites, site);
	}
	vec_free(&rows);
	return err;
}

int contention_folded__write(
	const struct contention_report *report, enum contention_side side, FILE *file)
{
	struct report converted = {0};
	int err = convert(report, side, NULL, &converted);

	if (!err)
		folded__write_report(&converted, WEIGHT_ALLOC_BYTES, file);
	report__free(&converted);
	return err;
}

int contention_speedscope__write(
	const struct contention_report *report, enum contention_side side, FILE *file)
{
	struct report converted = {0};
	int err = convert(report, side, NULL, &converted);

	if (!err)
		err = speedscope__write_waits(&converted, file);
	report__free(&converted);
	return err;
}

int contention_pprof__write(
	const struct contention_report *report, enum contention_side side, FILE *file)
{
	struct report converted = {0};
	int err = convert(report, side, NULL, &converted);

	if (!err)
		err = pprof__write_waits(&converted, file);
	report__free(&converted);
	return err;
}

struct contention_before *contention_before__take(
	const struct contention_report *report, enum contention_side side)
{
	struct contention_before *before = calloc(1, sizeof(*before));
	contention_rows rows = {0};
	int err = before ? contention__rank_rows(report->model, &report->filter, -1, side, &rows)
			 : -ENOMEM;

	for (size_t i = 0; i < rows.size && !err; i++) {
		const struct contention_row *row = rows.data[i];
		struct row_sums *sums = row_sums_map__insert(
			&before->rows, (struct hash_pair){row->lock, row->stack});

		if (sums)
			*sums = (struct row_sums){row->sums.count, row->sums.total_ns};
		else
			err = -ENOMEM;
	}
	vec_free(&rows);
	if (!err)
		return before;
	contention_before__free(before);
	return NULL;
}

void contention_before__free(struct contention_before *before)
{
	if (before)
		row_sums_map__free(&before->rows);
	free(before);
}

int contention_pprof__write_since(const struct contention_report *report, enum contention_side side,
	struct contention_before *before, FILE *file)
{
	struct report converted = {0};
	int err = convert(report, side, before, &converted);

	if (!err)
		err = pprof__write_waits(&converted, file);
	report__free(&converted);
	return err;
}
