/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/processes.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/search.h"

/* site << 32 | process → index in site_processes; or a process's number → index in processes. */
DEFINE_HASH_NUMBER(place_numbers, uint64_t, uint32_t);

static int add_thread(struct report *report, struct place_numbers *places,
	const struct report_site_thread *thread)
{
	size_t known = places->size;
	uint32_t *place =
		place_numbers__insert(places, (uint64_t)thread->site << 32 | thread->process);
	struct report_site_process *sum;

	if (!place)
		return -ENOMEM;
	if (places->size > known) {
		struct report_site_process none = {
			.site = thread->site, .process = thread->process};

		*place = report->site_processes.size;
		if (vec_push(&report->site_processes, none))
			return -ENOMEM;
	}
	sum = &report->site_processes.data[*place];
	sum->live_count += thread->live_count;
	sum->live_bytes += thread->live_bytes;
	sum->at_exit_count += thread->at_exit_count;
	sum->at_exit_bytes += thread->at_exit_bytes;
	sum->alloc_count += thread->alloc_count;
	sum->alloc_bytes += thread->alloc_bytes;
	return 0;
}

static int compare(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

/* By site; of a site the process that holds most first, then the one that allocated most. */
static int compare_shares(const void *left, const void *right)
{
	const struct report_site_process *a = left, *b = right;
	int order = compare(b->site, a->site);

	if (!order)
		order = compare(a->live_bytes, b->live_bytes);
	if (!order)
		order = compare(a->at_exit_bytes, b->at_exit_bytes);
	if (!order)
		order = compare(a->alloc_bytes, b->alloc_bytes);
	return order ? order : compare(b->process, a->process);
}

static int sum_up_threads(struct report *report)
{
	struct place_numbers places = {0};
	int err = 0;

	vec_for_each (thread, &report->site_threads)
		if (!err)
			err = add_thread(report, &places, thread);
	place_numbers__free(&places);
	if (!err && report->site_processes.size)
		qsort(report->site_processes.data, report->site_processes.size,
			sizeof(*report->site_processes.data), compare_shares);
	return err;
}

/* Where the processes of site @id begin: the first share that is not of an earlier site. */
static size_t find_first(const struct report *report, uint32_t id)
{
	return search_first(
		report->site_processes.size, i, report->site_processes.data[i].site < id);
}

static void hand_out_shares(struct report *report)
{
	vec_for_each (site, &report->sites) {
		size_t end = site->first_process = find_first(report, site->id);

		while (end < report->site_processes.size &&
			report->site_processes.data[end].site == site->id)
			end++;
		site->process_count = end - site->first_process;
	}
}

uint64_t report__held_by(const struct heap_process *process)
{
	return process->end == PROCESS_RUNS ? process->live_bytes : process->counts.at_exit_bytes;
}

static int compare_ranks(const void *left, const void *right, void *context)
{
	const struct report_process *a = left, *b = right;
	const struct heap_process *of = ((const struct report *)context)->processes.data;
	int order = compare(a->growing, b->growing);

	if (!order)
		order = compare(report__held_by(&of[a->index]), report__held_by(&of[b->index]));
	if (!order)
		order = compare(of[a->index].counts.alloc_bytes, of[b->index].counts.alloc_bytes);
	return order ? order : compare(b->index, a->index);
}

/* Which process each share is of. */
static int find_processes(struct report *report)
{
	struct place_numbers places = {0};
	uint32_t *place;

	for (size_t i = 0; i < report->processes.size; i++) {
		place = place_numbers__insert(&places, report->processes.data[i].number);
		if (!place) {
			place_numbers__free(&places);
			return -ENOMEM;
		}
		*place = i;
	}
	vec_for_each (share, &report->site_processes) {
		place = place_numbers__find(&places, share->process);
		share->index = place ? *place : REPORT_NO_PROCESS;
	}
	place_numbers__free(&places);
	return 0;
}

static void add_growing(struct report *report)
{
	vec_for_each (site, &report->sites) {
		const struct report_site_process *shares =
			report->site_processes.data + site->first_process;

		for (size_t i = 0; site->growth.rises && i < site->process_count; i++)
			if (shares[i].index != REPORT_NO_PROCESS)
				report->ranking.data[shares[i].index].growing +=
					shares[i].live_bytes ? shares[i].live_bytes
							     : shares[i].at_exit_bytes;
	}
}

static void drop_replaced(struct report *report)
{
	size_t kept = 0;

	vec_for_each (rank, &report->ranking)
		if (report->processes.data[rank->index].end != PROCESS_REPLACED)
			report->ranking.data[kept++] = *rank;
	report->ranking.size = kept;
}

int report__rank_processes(struct report *report)
{
	int err = sum_up_threads(report);

	if (!err)
		err = find_processes(report);
	for (size_t i = 0; i < report->processes.size && !err; i++)
		err = vec_push(&report->ranking, (struct report_process){.index = i});
	if (err)
		return err;
	hand_out_shares(report);
	add_growing(report);
	drop_replaced(report);
	if (report->ranking.size)
		qsort_r(report->ranking.data, report->ranking.size, sizeof(*report->ranking.data),
			compare_ranks, report);
	return 0;
}
