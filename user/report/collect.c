/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* From the heap model to a report: figures first, names later. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report/loss.h"
#include "report/model.h"
#include "report/processes.h"

/* What the pass over the live blocks adds up for each site. */
struct ages {
	uint32_t thread; /* of the block before, */
	uint32_t share;	 /* and its place in report.site_threads, plus 1 */
	uint64_t count;
	uint64_t bytes;
	uint64_t left_count; /* of blocks at exit; the ages are of both */
	uint64_t left_bytes;
	uint64_t oldest_ns;
	double sum_ns; /* 10^7 blocks of days of age would overflow 64 bits */
};

struct age_pass {
	struct report *report;
	const struct heap_thread *threads;
	struct ages *sites;
	struct share_index shares; /* (site, thread) → place in report.site_threads, plus 1 */
	uint64_t older_than_ns;
	int err;
};

static int add_share(struct age_pass *pass, uint32_t site, uint32_t index, uint32_t *place)
{
	const struct heap_thread *thread = &pass->threads[index];
	struct report_site_thread share = {
		.site = site,
		.process = thread->process,
		.tid = thread->tid,
	};

	if (vec_push(&pass->report->site_threads, share))
		return -ENOMEM;
	*place = pass->report->site_threads.size;
	return 0;
}

/* What the threads allocated; what of it is live is added by the pass over the blocks. */
static int collect_shares(struct age_pass *pass, const struct heap *heap)
{
	size_t count;
	const struct heap_share *shares = heap__shares(heap, &count);

	for (size_t i = 0; i < count; i++) {
		const struct heap_share *from = &shares[i];
		const struct heap_thread *thread = &pass->threads[from->thread];
		struct report_site_thread share = {
			.site = from->site,
			.process = thread->process,
			.tid = thread->tid,
			.alloc_count = from->alloc_count,
			.alloc_bytes = from->alloc_bytes,
			.temporary_count = from->temporary_count,
		};
		uint32_t *place = share_index__insert(
			&pass->shares, (uint64_t)from->site << 32 | from->thread);

		if (!place || vec_push(&pass->report->site_threads, share))
			return -ENOMEM;
		*place = pass->report->site_threads.size;
	}
	return 0;
}

/* Blocks that many ended processes left. */
static void add_left(void *context, const struct left_blocks *left)
{
	struct age_pass *pass = context;
	struct ages *ages = &pass->sites[left->site];
	struct report_site_thread *share;
	uint32_t *place;

	/* Of a class whose ages lie on both sides all counts, rather than nothing. */
	if (left->oldest_ns < pass->older_than_ns)
		return;
	ages->left_count += left->count;
	ages->left_bytes += left->bytes;
	ages->sum_ns += left->age_sum_ns;
	if (left->oldest_ns > ages->oldest_ns)
		ages->oldest_ns = left->oldest_ns;
	place = share_index__insert(&pass->shares, (uint64_t)left->site << 32);
	if (!place || (!*place && add_share(pass, left->site, 0, place))) {
		pass->err = -ENOMEM;
		return;
	}
	share = &pass->report->site_threads.data[*place - 1];
	share->at_exit_count += left->count;
	share->at_exit_bytes += left->bytes;
}

/* Whose the block is. Blocks of a site mostly come from one thread, or many of one in a row. */
static void count_share(
	struct age_pass *pass, struct ages *ages, const struct block *block, bool left)
{
	struct report_site_thread *share;
	uint32_t *place;

	if (!ages->share || ages->thread != block->thread) {
		place = share_index__insert(
			&pass->shares, (uint64_t)block_site(block) << 32 | block->thread);
		if (!place ||
			(!*place && add_share(pass, block_site(block), block->thread, place))) {
			pass->err = -ENOMEM;
			return;
		}
		ages->thread = block->thread;
		ages->share = *place;
	}
	share = &pass->report->site_threads.data[ages->share - 1];
	share->live_count += !left;
	share->live_bytes += left ? 0 : block->size;
	share->at_exit_count += left;
	share->at_exit_bytes += left ? block->size : 0;
}

static void add_age(
	void *context, const struct block *block, uint64_t age_ns, enum visited_block kind)
{
	struct age_pass *pass = context;
	struct ages *ages = &pass->sites[block_site(block)];

	bool left = kind == VISITED_LEFT;

	if (age_ns < pass->older_than_ns || kind == VISITED_COPY)
		return;
	ages->count += !left;
	ages->bytes += left ? 0 : block->size;
	ages->left_count += left;
	ages->left_bytes += left ? block->size : 0;
	ages->sum_ns += age_ns;
	if (age_ns > ages->oldest_ns)
		ages->oldest_ns = age_ns;
	count_share(pass, ages, block, left);
}

static const char *special_words(uint32_t id)
{
	switch (id) {
	case SITE_NO_STACK:
		return "(no stack was taken)";
	case SITE_STACK_LOST:
		return "(stack unknown: its record was lost)";
	case SITE_TABLE_FULL:
		return "(stack unknown: the table of call sites is full)";
	default:
		return NULL;
	}
}

static bool is_untouched(const struct site *site)
{
	return !(site->alloc_count | site->failed_count | site->live_count | site->at_exit_count);
}

static uint64_t *copy_lifetimes(struct report *report, const struct site *site)
{
	uint64_t *copy;

	if (!site->lifetimes)
		return NULL;
	copy = arena__alloc(&report->arena, LIFETIME_BUCKETS, sizeof(*copy));
	for (int i = 0; copy && i < LIFETIME_BUCKETS; i++)
		copy[i] = site->lifetimes[i];
	return copy;
}

static struct report_site describe_site(
	const struct heap *heap, const struct site *site, uint32_t id, const struct ages *ages)
{
	uint64_t aged = ages->count + ages->left_count;
	struct report_site out = {
		.id = id,
		.special = special_words(id),
		.alloc_count = site->alloc_count,
		.alloc_bytes = site->alloc_bytes,
		.free_count = site->free_count,
		.freed_bytes = site->freed_bytes,
		.live_count = site->live_count,
		.live_bytes = site->live_bytes,
		.at_exit_count = site->at_exit_count,
		.at_exit_bytes = site->at_exit_bytes,
		.temporary_count = site->temporary_count,
		.failed_count = site->failed_count,
		.oldest_age_ns = ages->oldest_ns,
		.mean_age_ns = aged ? (uint64_t)(ages->sum_ns / aged) : 0,
		.functions = site->functions,
		.stop = site->stop,
		.address_count = site->frame_count,
	};

	heap__site_at_peak(heap, site, &out.peak_count, &out.peak_bytes);
	return out;
}

static int compare(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static uint64_t sort_value(const struct report *report, const struct report_site *site)
{
	switch (report->sort) {
	case REPORT_SORT_GROWTH:
		return growth__rate(&site->growth);
	case REPORT_SORT_ALLOC:
		return site->alloc_bytes;
	case REPORT_SORT_COUNT:
		return site->alloc_count;
	case REPORT_SORT_TEMPORARY:
		return site->temporary_count;
	case REPORT_SORT_AGE:
		return site->oldest_age_ns;
	case REPORT_SORT_PEAK:
		return site->peak_bytes;
	default:
		return report__held_bytes(report, site);
	}
}

/* The largest first; equal ones by what else is large, at last by first appearance. */
static int compare_sites(const void *left, const void *right, void *context)
{
	const struct report_site *a = left, *b = right;
	const struct report *report = context;
	int order = compare(sort_value(report, a), sort_value(report, b));

	if (!order)
		order = compare(report__held_bytes(report, a), report__held_bytes(report, b));
	if (!order)
		order = compare(a->at_exit_bytes, b->at_exit_bytes);
	if (!order)
		order = compare(a->alloc_bytes, b->alloc_bytes);
	return order ? order : (a->id > b->id) - (a->id < b->id);
}

/* Moves the fastest sites that only grow to the front, of those still behind. */
static void promote_growers(struct report *report)
{
	struct report_site *sites = report->sites.data;

	while (report->growers < REPORT_GROWERS) {
		size_t best = report->growers;
		struct report_site moved;

		for (size_t i = report->growers; i < report->sites.size; i++)
			if (growth__rate(&sites[i].growth) > growth__rate(&sites[best].growth))
				best = i;
		if (best >= report->sites.size || !sites[best].growth.rises)
			return;
		moved = sites[best];
		memmove(&sites[report->growers + 1], &sites[report->growers],
			(best - report->growers) * sizeof(*sites));
		sites[report->growers++] = moved;
	}
}

static bool has_python(const struct heap *heap)
{
	size_t count;
	const struct site *sites = heap__sites(heap, &count);

	for (size_t id = 0; id < count; id++) {
		const struct site_frame *frames = heap__frames(heap, &sites[id]);

		for (size_t i = 0; i < sites[id].frame_count; i++)
			if (frames[i].module == SITE_MODULE_PYTHON)
				return true;
	}
	return false;
}

/* An interpreter frees the program's objects at its end: what is left then is its own. */
static bool is_all_freed(const struct report *report, const struct heap *heap)
{
	uint64_t held = report__held_total(report);

	return report->all_ended && !report->older_than_ns &&
	       (!held || (held < report->heap.peak_bytes / 10 && has_python(heap)));
}

static void sort_sites(struct report *report, const struct heap *heap)
{
	report->chose_peak = report->sort == REPORT_SORT_DEFAULT && is_all_freed(report, heap);
	if (report->chose_peak)
		report->sort = REPORT_SORT_PEAK;
	if (report->sites.size)
		qsort_r(report->sites.data, report->sites.size, sizeof(*report->sites.data),
			compare_sites, report);
	if (report->sort == REPORT_SORT_DEFAULT)
		promote_growers(report);
}

/* --older-than: the figures of what is held are of old blocks only. */
static void keep_old_blocks(struct report_site *site, const struct ages *ages)
{
	site->live_count = ages->count;
	site->live_bytes = ages->bytes;
	site->at_exit_count = ages->left_count;
	site->at_exit_bytes = ages->left_bytes;
}

static int collect_growth(struct report *report, const struct heap *heap, uint64_t now_ns)
{
	size_t count;
	struct growth *growths;
	int err;

	heap__sites(heap, &count);
	growths = calloc(count, sizeof(*growths));
	err = growths ? heap__growth(heap, now_ns, growths, count) : -ENOMEM;
	if (!err)
		vec_for_each (site, &report->sites)
			site->growth = growths[site->id];
	free(growths);
	return err;
}

/* Where one process was traced and has ended, what it left is what was live at its end. */
static void take_left_for_live(struct report *report)
{
	report->live_count = report->at_exit_count;
	report->live_bytes = report->at_exit_bytes;
	vec_for_each (site, &report->sites) {
		site->live_count = site->at_exit_count;
		site->live_bytes = site->at_exit_bytes;
	}
	vec_for_each (share, &report->site_threads) {
		share->live_count = share->at_exit_count;
		share->live_bytes = share->at_exit_bytes;
	}
	vec_for_each (process, &report->processes) {
		process->live_count = process->counts.at_exit_count;
		process->live_bytes = process->counts.at_exit_bytes;
	}
	vec_for_each (cell, &report->slices.cells) {
		cell->live_count += cell->left_count;
		cell->live_bytes += cell->left_bytes;
	}
}

static int collect_sites(struct report *report, const struct heap *heap, struct ages *ages)
{
	size_t count;
	const struct site *sites = heap__sites(heap, &count);
	struct report_site site;

	for (size_t id = 0; id < count; id++) {
		if (id == SITE_FILTERED || is_untouched(&sites[id]))
			continue;
		site = describe_site(heap, &sites[id], id, &ages[id]);
		if (report->older_than_ns)
			keep_old_blocks(&site, &ages[id]);
		if (vec_push(&report->sites, site))
			return -ENOMEM;
		report->live_count += site.live_count;
		report->live_bytes += site.live_bytes;
		report->at_exit_count += site.at_exit_count;
		report->at_exit_bytes += site.at_exit_bytes;
		for (int i = 0; sites[id].lifetimes && i < LIFETIME_BUCKETS; i++)
			report->lifetimes[i] += sites[id].lifetimes[i];
	}
	report->site_total = report->sites.size;
	return 0;
}

static int collect_mapped_sites(struct report *report, const struct heap *heap, size_t top)
{
	enum report_sort by_bytes = REPORT_SORT_LIVE;
	size_t count;
	const struct site *sites = heap__sites(heap, &count);

	for (size_t id = 0; id < count; id++) {
		const struct site_mapped *mapped = sites[id].mapped;
		struct report_site site = {
			.id = id,
			.special = special_words(id),
			.stop = sites[id].stop,
			.address_count = sites[id].frame_count,
		};

		if (!mapped)
			continue;
		site.alloc_count = mapped->count;
		site.alloc_bytes = mapped->bytes;
		site.at_exit_bytes = mapped->at_exit_bytes;
		site.live_bytes = mapped->live_bytes + mapped->at_exit_bytes;
		report->mapped_live_bytes += site.live_bytes;
		if (vec_push(&report->mapped_sites, site))
			return -ENOMEM;
	}
	report->mapped_total = report->mapped_sites.size;
	if (report->mapped_sites.size)
		qsort_r(report->mapped_sites.data, report->mapped_sites.size,
			sizeof(*report->mapped_sites.data), compare_sites, &by_bytes);
	if (top && top < report->mapped_sites.size)
		report->mapped_sites.size = top;
	return 0;
}

static int copy_addresses(struct report *report, const struct heap *heap, struct report_site *site)
{
	size_t count;
	const struct site *from = &heap__sites(heap, &count)[site->id];
	struct site_frame *copy = arena__alloc(&report->arena, site->address_count, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (site->address_count)
		memcpy(copy, heap__frames(heap, from), site->address_count * sizeof(*copy));
	site->addresses = copy;
	return 0;
}

bool report__describe_site(
	struct report *report, const struct heap *heap, uint32_t id, struct report_site *site)
{
	size_t count;
	const struct site *from = &heap__sites(heap, &count)[id];

	*site = (struct report_site){
		.id = id,
		.special = special_words(id),
		.stop = from->stop,
		.address_count = from->frame_count,
	};
	return !copy_addresses(report, heap, site);
}

/* Copies what the chosen sites point to. */
static int copy_details(struct report *report, const struct heap *heap)
{
	size_t count;
	const struct site *sites = heap__sites(heap, &count);

	vec_for_each (site, &report->sites) {
		site->lifetimes = copy_lifetimes(report, &sites[site->id]);
		if (copy_addresses(report, heap, site))
			return -ENOMEM;
	}
	vec_for_each (site, &report->mapped_sites)
		if (copy_addresses(report, heap, site))
			return -ENOMEM;
	return 0;
}

static int note_unlisted(struct report *report, const struct heap *heap)
{
	unsigned long long count = heap__unlisted_count(heap);

	return count ? report__note(report,
			       "%llu processes that ended first are in all figures, but not "
			       "listed one by one.",
			       count)
		     : 0;
}

static int collect_processes(struct report *report, const struct heap *heap)
{
	size_t count = heap__process_count(heap);
	const struct heap_thread *threads;

	if (vec_reserve(&report->processes, count))
		return -ENOMEM;
	for (; report->processes.size < count; report->processes.size++)
		heap__process(heap, report->processes.size,
			&report->processes.data[report->processes.size]);
	report->all_ended = count && !heap__runs(heap);
	report->process_total = heap__unlisted_count(heap);
	vec_for_each (process, &report->processes)
		report->process_total += process->end != PROCESS_REPLACED;
	report->live_at_exit = report->all_ended && report->process_total <= 1;
	threads = heap__threads(heap, &count);
	for (size_t i = 0; i < count; i++)
		if ((threads[i].alloc_count || threads[i].free_count) &&
			vec_push(&report->threads, threads[i]))
			return -ENOMEM;
	return 0;
}

/* All figures are there: their order, what is shown of them, and what belongs to the sites. */
static int arrange(struct report *report, const struct heap *heap, size_t top)
{
	int err;

	if (report->live_at_exit)
		take_left_for_live(report);
	sort_sites(report, heap);
	err = report__rank_processes(report);
	if (err)
		return err;
	report->top = top;
	if (top && top < REPORT_NAMED && report->sites.size > REPORT_NAMED)
		report->sites.size = REPORT_NAMED;
	else if (top && top >= REPORT_NAMED && top < report->sites.size)
		report->sites.size = top;
	err = collect_mapped_sites(report, heap, top);
	return err ? err : copy_details(report, heap);
}

int report__collect(
	struct report *report, const struct heap *heap, const struct report_options *options)
{
	struct age_pass pass = {.report = report, .older_than_ns = options->older_than_ns};
	size_t count;
	int err;

	pass.threads = heap__threads(heap, &count);
	heap__sites(heap, &count);
	pass.sites = calloc(count, sizeof(*pass.sites));
	if (!pass.sites)
		return -ENOMEM;
	report->sort = options->sort;
	report->older_than_ns = options->older_than_ns;
	report->series = *heap__series(heap);
	series__at(&report->series, options->now_ns); /* quiet times are part of the picture */
	heap__size_filter(heap, &report->min_size, &report->max_size);
	heap__totals(heap, &report->heap);
	report->seen = heap__seen(&report->heap);
	report->lost = loss__events(report->run.losses);
	pass.err = collect_shares(&pass, heap);
	heap__visit_live(heap, options->now_ns, add_age, &pass);
	heap__visit_left(heap, add_left, &pass);
	err = pass.err ? pass.err : collect_sites(report, heap, pass.sites);
	free(pass.sites);
	share_index__free(&pass.shares);
	if (!err)
		err = heap__slices(heap, &report->slices);
	if (!err)
		err = collect_growth(report, heap, options->now_ns);
	if (!err)
		err = collect_processes(report, heap);
	if (!err)
		err = note_unlisted(report, heap);
	return err ? err : arrange(report, heap, options->top);
}

int report__note(struct report *report, const char *format, ...)
{
	char text[512], *copy;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	copy = arena__copy(&report->arena, text);
	return copy ? vec_push(&report->notes, copy) : -ENOMEM;
}

void report__free(struct report *report)
{
	vec_free(&report->sites);
	vec_free(&report->mapped_sites);
	vec_free(&report->sampled_sites);
	vec_free(&report->leaks.sites);
	vec_free(&report->leaks.reached);
	vec_free(&report->slices.cells);
	vec_free(&report->site_threads);
	vec_free(&report->processes);
	vec_free(&report->ranking);
	vec_free(&report->site_processes);
	vec_free(&report->threads);
	vec_free(&report->notes);
	arena__free(&report->arena);
}
