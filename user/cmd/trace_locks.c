/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_locks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "blocked/locks_look.h"
#include "blocked/watch_changed.h"
#include "blocked/watch_known.h"
#include "report/locks_dot.h"
#include "report/locks_json.h"
#include "report/locks_text.h"

struct trace_locks {
	bool is_opened;
	struct looker *looker; /* from the first look on; NULL: none can be made */
	struct subjects *subjects;
	struct changed changed;
	struct known_findings known;
	struct lock_block *blocks; /* of the kept look's waits, by index */
	size_t block_count;
	struct locks_look *kept; /* what the report shows: the last with a deadlock, or the last */
};

struct trace_locks *trace_locks__new(void)
{
	return calloc(1, sizeof(struct trace_locks));
}

/*
 * At the first look: to load its program takes as long as all the rest of a start, for which
 * nobody is to wait. False: no look can be made, which was reported.
 */
static bool open_looker(struct trace_locks *locks)
{
	struct error error = {0};

	if (locks->is_opened)
		return locks->subjects;
	locks->is_opened = true;
	if (!looker__new(false, &locks->looker, &error))
		locks->subjects = subjects__new(SUBJECT_LINES_ALL, &error);
	if (!locks->subjects)
		log__debug("cannot look at locks: %s", error.message);
	return locks->subjects;
}

static void drop_kept(struct trace_locks *locks)
{
	for (size_t i = 0; i < locks->block_count; i++)
		free(locks->blocks[i].frames);
	free(locks->blocks);
	locks->blocks = NULL;
	locks->block_count = 0;
	if (locks->kept)
		locks_look__free(locks->kept);
	free(locks->kept);
	locks->kept = NULL;
}

void trace_locks__free(struct trace_locks *locks)
{
	if (!locks)
		return;
	drop_kept(locks);
	known__free(&locks->known);
	changed__free(&locks->changed);
	subjects__free(locks->subjects);
	looker__free(locks->looker);
	free(locks);
}

/* Cycles alone: probes hold a process up now and then, and that shall not look like a hang. */
static void say_new(struct trace_locks *locks, const struct lock_findings *findings)
{
	finding_list list;

	if (finding__list(findings, &list))
		return;
	vec_for_each (finding, &list) {
		const struct known_finding *added =
			finding->kind == FINDING_CYCLE
				? known__add(&locks->known, findings, finding)
				: NULL;

		if (added)
			log__warn("%s", added->headline);
	}
	vec_free(&list);
}

/* Judges @pids, and keeps the answer if it is worth more than the one that is kept. */
static void judge(struct trace_locks *locks, const struct look *first, const pid_t *pids,
	size_t count, bool final)
{
	struct locks_look_options options = {
		.pids = pids,
		.pid_count = count,
		.looker = locks->looker,
		.subjects = locks->subjects,
		.first = first,
		.samples = final,
	};
	struct locks_look *look = calloc(1, sizeof(*look));
	struct error error = {0};

	if (!look || locks__look_at(&options, look, &error)) {
		log__debug("cannot look at locks: %s", error.message);
		free(look);
		return;
	}
	say_new(locks, &look->findings);
	if (!look->findings.deadlocks && (!final || trace_locks__found(locks))) {
		locks_look__free(look);
		free(look);
		return;
	}
	drop_kept(locks);
	locks->kept = look;
}

void trace_locks__look(struct trace_locks *locks, const pid_t *pids, size_t count, bool final)
{
	struct watch_filter filter = {0};
	changed_pids changed = {0};
	struct error error = {0};
	struct look look;

	if (!locks || !count || !open_looker(locks))
		return;
	if (final) {
		judge(locks, NULL, pids, count, true);
		return;
	}
	if (looker__look(locks->looker, pids, count, &look, &error)) {
		log__debug("cannot look at threads: %s", error.message);
		return;
	}
	for (size_t i = 0; i < count; i++)
		vec_push(&filter.pids, pids[i]);
	if (!changed__list(&locks->changed, &look, &filter, &changed) && changed.size)
		judge(locks, &look, changed.data, changed.size, false);
	vec_free(&changed);
	watch_filter__free(&filter);
	look__free(&look);
}

/* --- locks in heap blocks */

struct block_search {
	struct trace_locks *locks;
	const struct heap *heap;
	report_name_fn *name;
	void *context;
};

static struct lock_frame convert_frame(const struct report_frame *frame)
{
	return (struct lock_frame){
		.pc = frame->address,
		.function = frame->function,
		.function_offset = frame->function_offset,
		.module = frame->module ? text__base_name(frame->module) : NULL,
		.build_id = frame->build_id,
		.module_offset = frame->offset,
		.file = frame->file,
		.line = frame->line,
	};
}

static void name_frames(const struct block_search *search, uint32_t id, struct lock_block *block)
{
	struct report_frames frames = {0};
	size_t count;
	const struct site *sites = heap__sites(search->heap, &count);
	const struct site_frame *addresses;

	if (id >= count)
		return;
	addresses = heap__frames(search->heap, &sites[id]);
	for (size_t i = 0; i < sites[id].frame_count; i++)
		if (search->name(search->context, &addresses[i], &frames))
			break;
	block->frames = calloc(frames.list.size + 1, sizeof(*block->frames));
	for (size_t i = 0; block->frames && i < frames.list.size; i++)
		block->frames[block->frame_count++] = convert_frame(&frames.list.data[i]);
	vec_free(&frames.list);
}

static void take_block(struct block_search *search, size_t index, const struct block *block)
{
	struct lock_wait *wait = &search->locks->kept->findings.waits.data[index];
	struct lock_block *out = &search->locks->blocks[index];
	uint64_t offset = wait->address - block->address;

	if (wait->block)
		return;
	out->address = block->address;
	out->size = block->size;
	name_frames(search, block->site & ~BLOCK_INHERITED, out);
	wait->block = out;
	if (offset)
		snprintf(wait->name, sizeof(wait->name), "heap block of %llu bytes+%llu",
			(unsigned long long)block->size, (unsigned long long)offset);
	else
		snprintf(wait->name, sizeof(wait->name), "heap block of %llu bytes",
			(unsigned long long)block->size);
}

static void match_block(
	void *context, const struct block *block, uint64_t age_ns, enum visited_block kind)
{
	struct block_search *search = context;
	struct lock_waits *waits = &search->locks->kept->findings.waits;

	if (kind == VISITED_LEFT)
		return; /* nobody waits in memory that is gone */
	for (size_t i = 0; i < waits->size; i++) {
		const struct lock_wait *wait = &waits->data[i];

		if (!wait->name[0] && wait->address - block->address < block->size)
			take_block(search, i, block);
	}
}

void trace_locks__name_blocks(
	struct trace_locks *locks, const struct heap *heap, report_name_fn *name, void *context)
{
	struct block_search search = {locks, heap, name, context};
	bool nameless = false;

	if (!locks || !locks->kept || locks->blocks ||
		locks->kept->blocked.snapshot.process_count != 1)
		return;
	for (size_t i = 0; i < locks->kept->findings.waits.size; i++)
		nameless |= !locks->kept->findings.waits.data[i].name[0];
	if (!nameless)
		return;
	locks->block_count = locks->kept->findings.waits.size;
	locks->blocks = calloc(locks->block_count, sizeof(*locks->blocks));
	if (locks->blocks)
		heap__visit_live(heap, UINT64_MAX, match_block, &search);
	else
		locks->block_count = 0;
}

bool trace_locks__found(const struct trace_locks *locks)
{
	return locks && locks->kept && locks->kept->findings.deadlocks;
}

void trace_locks__write_json(struct json_writer *json, const void *context)
{
	const struct trace_locks *locks = context;

	if (locks && locks->kept)
		locks_json__put(json, &locks->kept->findings);
	else
		locks_json__put_none(json);
}

void trace_locks__write_dot(const struct trace_locks *locks, FILE *file)
{
	if (locks && locks->kept)
		locks_dot__write(file, &locks->kept->findings);
	else
		fputs("digraph waits {\n}\n", file);
}

void trace_locks__write_text(const struct trace_locks *locks, bool full_stacks, FILE *file)
{
	struct locks_text_options options = {.full_stacks = full_stacks, .advises = true};

	if (!trace_locks__found(locks))
		return;
	fputc('\n', file);
	for (size_t i = 0; i < locks->kept->findings.graph.cycle_count; i++)
		if (locks->kept->findings.confirmed[i])
			locks_text__write_cycle(file, &locks->kept->findings, i, &options);
}
