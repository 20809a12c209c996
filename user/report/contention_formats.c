/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Contention in the formats of flame graphs: as a report whose sites are stacks of waits. */
#include <string.h>

#include "report/contention.h"
#include "report/folded.h"
#include "report/pprof.h"

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

/* Waits stand where a heap report has allocations, their time where it has bytes. */
static int convert(
	const struct contention_report *from, enum contention_side side, struct report *to)
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
		struct report_site site = {
			.alloc_count = row->sums.count,
			.alloc_bytes = row->sums.total_ns,
		};

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
	int err = convert(report, side, &converted);

	if (!err)
		folded__write_report(&converted, WEIGHT_ALLOC_BYTES, file);
	report__free(&converted);
	return err;
}

int contention_pprof__write(
	const struct contention_report *report, enum contention_side side, FILE *file)
{
	struct report converted = {0};
	int err = convert(report, side, &converted);

	if (!err)
		err = pprof__write_waits(&converted, file);
	report__free(&converted);
	return err;
}
