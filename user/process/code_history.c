/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/code_history.h"

#include <string.h>

#include "base/search.h"

static bool is_same_code(const struct code_range *a, const struct code_range *b)
{
	return a->module == b->module && a->bias == b->bias && a->is_uprobes == b->is_uprobes;
}

/* The part of a sighting in [start, end). */
static struct code_sighting clip(const struct code_sighting *sighting, uint64_t start, uint64_t end)
{
	struct code_sighting part = *sighting;

	if (part.range.start < start)
		part.range.start = start;
	if (part.range.end > end)
		part.range.end = end;
	return part;
}

/* Index of the first current sighting that ends behind @address. */
static size_t first_behind(const struct code_history *history, uint64_t address)
{
	return search_first(
		history->current.size, i, history->current.data[i].range.end <= address);
}

/* Replaces the current sightings [at, at + removed) by @count others. Room was reserved. */
static void splice(struct code_history *history, size_t at, size_t removed,
	const struct code_sighting *others, size_t count)
{
	vec_splice(&history->current, at, removed, count);
	if (count)
		memcpy(history->current.data + at, others, count * sizeof(*others));
}

/* All that is current in [start, end) holds until before epoch @to. */
static int close_sightings(
	struct code_history *history, uint64_t start, uint64_t end, uint32_t to, uint64_t time_ns)
{
	size_t first = first_behind(history, start), last = first, kept = 0;
	struct code_sighting rest[2];

	while (last < history->current.size && history->current.data[last].range.start < end)
		last++;
	if (first == last)
		return 0;
	if (vec_reserve(&history->current, history->current.size + 2) ||
		vec_reserve(&history->past, history->past.size + last - first))
		return -ENOMEM;
	for (size_t i = first; i < last; i++) {
		const struct code_sighting *sighting = &history->current.data[i];
		struct code_sighting ended = clip(sighting, start, end);

		if (sighting->range.start < start)
			rest[kept++] = clip(sighting, 0, start);
		if (sighting->range.end > end)
			rest[kept++] = clip(sighting, end, UINT64_MAX);
		ended.to = to;
		ended.closed_ns = time_ns;
		if (ended.from < to)
			history->past.data[history->past.size++] = ended;
	}
	splice(history, first, last - first, rest, kept);
	return 0;
}

int code_history__change(struct code_history *history, const struct code_event *event)
{
	int err = close_sightings(history, event->start, event->end, event->number, event->time_ns);

	if (!err)
		err = vec_push(&history->events, *event);
	if (err)
		history->floor = event->number;
	return err;
}

int code_history__lose(
	struct code_history *history, uint32_t last, uint32_t number, uint64_t time_ns)
{
	history->floor = number;
	history->events.size = 0;
	return close_sightings(history, 0, UINT64_MAX, last + 1, time_ns);
}

/* Since when what is in [start, end) now has been there. */
static uint32_t last_change(const struct code_history *history, uint64_t start, uint64_t end)
{
	for (size_t i = history->events.size; i; i--) {
		const struct code_event *event = &history->events.data[i - 1];

		if (event->start < end && event->end > start)
			return event->number;
	}
	return history->floor;
}

static bool changed_since(
	const struct code_history *history, const struct code_range *range, uint32_t number)
{
	size_t i = history->events.size;

	for (; i && history->events.data[i - 1].number > number; i--) {
		const struct code_event *event = &history->events.data[i - 1];

		if (event->start < range->end && event->end > range->start)
			return true;
	}
	return false;
}

/* --- looks */

static int add_region(code_ranges *regions, uint64_t start, uint64_t end)
{
	return vec_push(regions, (struct code_range){.start = start, .end = end});
}

/* The parts of @known that are not the same code in @ranges; those before @from lie below it. */
static int find_missed(const struct code_range *known, const code_ranges *ranges, size_t from,
	code_ranges *regions)
{
	uint64_t at = known->start;
	int err = 0;

	for (size_t i = from; i < ranges->size && ranges->data[i].start < known->end; i++) {
		const struct code_range *range = &ranges->data[i];

		if (range->end <= at || !is_same_code(range, known))
			continue;
		if (range->start > at)
			err = add_region(regions, at, range->start);
		if (err)
			return err;
		at = range->end;
	}
	return at < known->end ? add_region(regions, at, known->end) : 0;
}

static int find_all_missed(const struct code_history *history, const code_ranges *ranges,
	bool of_files, code_ranges *regions)
{
	size_t from = 0;
	int err = 0;

	vec_for_each (sighting, &history->current) {
		const struct code_range *known = &sighting->range;

		while (from < ranges->size && ranges->data[from].end <= known->start)
			from++;
		if (!err && (known->module != NULL) == of_files)
			err = find_missed(known, ranges, from, regions);
	}
	return err;
}

int code_history__missed(
	const struct code_history *history, const code_ranges *ranges, code_ranges *regions)
{
	return find_all_missed(history, ranges, true, regions);
}

static int insert(
	struct code_history *history, const struct code_range *range, uint64_t start, uint64_t end)
{
	struct code_sighting sighting = {.range = *range, .to = CODE_STILL};

	sighting.range.start = start;
	sighting.range.end = end;
	sighting.from = last_change(history, start, end);
	if (vec_reserve(&history->current, history->current.size + 1))
		return -ENOMEM;
	splice(history, first_behind(history, start), 0, &sighting, 1);
	return 0;
}

int code_history__add(struct code_history *history, const struct code_range *range)
{
	uint64_t at = range->start;
	size_t i = first_behind(history, at);
	int err = 0;

	while (!err && at < range->end) {
		uint64_t next = range->end;

		if (i < history->current.size && history->current.data[i].range.start < next)
			next = history->current.data[i].range.start;
		if (next > at) {
			err = insert(history, range, at, next);
			i++;
		}
		at = i < history->current.size ? history->current.data[i++].range.end : range->end;
	}
	return err;
}

/* Memory of compilers that is not executable just now. Its mapping gives it no names. */
static int close_anonymous(
	struct code_history *history, const code_ranges *ranges, uint32_t epoch, uint64_t time_ns)
{
	code_ranges regions = {0};
	int err = find_all_missed(history, ranges, false, &regions);

	vec_for_each (region, &regions)
		if (!err)
			err = close_sightings(history, region->start, region->end, epoch, time_ns);
	vec_free(&regions);
	return err;
}

int code_history__look(
	struct code_history *history, const code_ranges *ranges, uint32_t since, uint64_t time_ns)
{
	int err = close_anonymous(history, ranges, since, time_ns);

	vec_for_each (range, ranges)
		if (!err && !changed_since(history, range, since))
			err = code_history__add(history, range);
	return err;
}

/* --- answers */

/* Whether code of a file came to @address, in a change up to @epoch of which is known. */
static bool has_come(const struct code_history *history, uint32_t epoch, uint64_t address)
{
	vec_for_each (event, &history->events)
		if (event->came && event->number <= epoch && event->start <= address &&
			address < event->end)
			return true;
	return false;
}

enum code_answer code_history__find(const struct code_history *history, uint32_t epoch,
	uint64_t address, const struct code_range **range)
{
	size_t i = first_behind(history, address);
	const struct code_sighting *sighting;

	if (i < history->current.size) {
		sighting = &history->current.data[i];
		*range = &sighting->range;
		if (sighting->range.start <= address && sighting->from <= epoch)
			return CODE_FOUND;
	}
	for (i = history->past.size; i; i--) {
		sighting = &history->past.data[i - 1];
		*range = &sighting->range;
		if (sighting->range.start <= address && address < sighting->range.end &&
			sighting->from <= epoch && epoch < sighting->to)
			return CODE_FOUND;
	}
	*range = NULL;
	return has_come(history, epoch, address) ? CODE_LOST : CODE_NONE;
}

/* --- over time */

static int inherit(struct code_history *child, const struct code_sighting *sighting, uint32_t epoch)
{
	if (sighting->from > epoch || epoch >= sighting->to)
		return 0;
	return code_history__add(child, &sighting->range);
}

int code_history__fork(
	struct code_history *child, const struct code_history *parent, uint32_t epoch)
{
	struct code_history fresh = {0};
	int err = 0;

	vec_for_each (sighting, &parent->current)
		if (!err)
			err = inherit(&fresh, sighting, epoch);
	vec_for_each (sighting, &parent->past)
		if (!err)
			err = inherit(&fresh, sighting, epoch);
	vec_for_each (event, &child->events)
		if (!err)
			err = code_history__change(&fresh, event);
	vec_free(&child->current);
	vec_free(&child->past);
	vec_free(&child->events);
	*child = fresh;
	return err;
}

void code_history__forget(struct code_history *history, uint64_t time_ns)
{
	size_t past = 0, events = 0;

	while (past < history->past.size && history->past.data[past].closed_ns < time_ns)
		past++;
	while (events < history->events.size && history->events.data[events].time_ns < time_ns)
		history->floor = history->events.data[events++].number;
	vec_splice(&history->past, 0, past, 0);
	vec_splice(&history->events, 0, events, 0);
}

void code_history__free(struct code_history *history)
{
	vec_free(&history->current);
	vec_free(&history->past);
	vec_free(&history->events);
}
