/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/leaks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/arena.h"

static const enum report_reach reaches[LEAK_KINDS] = {
	[LEAK_DEFINITE] = REPORT_DEFINITE,
	[LEAK_INDIRECT] = REPORT_INDIRECT,
	[LEAK_POSSIBLE] = REPORT_POSSIBLE,
};

static void add(struct report_reach_sum *sum, uint64_t count, uint64_t bytes)
{
	sum->count += count;
	sum->bytes += bytes;
}

static const struct report_site *known_site(const struct report *report, uint32_t id)
{
	vec_for_each (site, &report->sites)
		if (site->id == id)
			return site;
	return NULL;
}

static int copy_addresses(struct report *report, const struct heap *heap, const struct site *from,
	struct report_site *site)
{
	struct site_frame *copy = arena__alloc(&report->arena, from->frame_count, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (from->frame_count)
		memcpy(copy, heap__frames(heap, from), from->frame_count * sizeof(*copy));
	site->addresses = copy;
	site->address_count = from->frame_count;
	return 0;
}

int report_leaks__add(struct report *report, const struct traced_leaks *leaks)
{
	struct report_leaks *out = &report->leaks;

	out->looked = true;
	out->looks = out->looks > leaks->looks ? out->looks : leaks->looks;
	for (int kind = 0; kind < LEAK_KINDS; kind++)
		add(&out->before[reaches[kind]], leaks->before[kind].count,
			leaks->before[kind].bytes);
	vec_for_each (site, &leaks->sites) {
		struct report_reached reached = {.site = site->site};

		add(&reached.sums[REPORT_REACHABLE], site->reachable.count, site->reachable.bytes);
		for (int kind = 0; kind < LEAK_KINDS; kind++)
			add(&reached.sums[reaches[kind]], site->kinds[kind].count,
				site->kinds[kind].bytes);
		if (vec_push(&out->reached, reached))
			return -ENOMEM;
	}
	return 0;
}

static int by_site(const void *left, const void *right)
{
	const struct report_reached *a = left, *b = right;

	return (a->site > b->site) - (a->site < b->site);
}

/* One entry for each site, whatever processes have blocks of it. */
static void combine(struct report_leaks *leaks)
{
	struct report_reached *data = leaks->reached.data;
	size_t kept = 0;

	if (leaks->reached.size)
		qsort(data, leaks->reached.size, sizeof(*data), by_site);
	for (size_t i = 0; i < leaks->reached.size; i++) {
		if (!kept || data[kept - 1].site != data[i].site) {
			data[kept++] = data[i];
			continue;
		}
		for (int j = 0; j < REPORT_REACHES; j++)
			add(&data[kept - 1].sums[j], data[i].sums[j].count, data[i].sums[j].bytes);
	}
	leaks->reached.size = kept;
}

static int list_site(
	struct report *report, const struct heap *heap, const struct report_reached *reached)
{
	struct report_leak leak = {.site = {.id = reached->site}};
	const struct report_site *known = known_site(report, reached->site);
	const struct site *sites;
	size_t count;

	sites = heap__sites(heap, &count);
	if (known)
		leak.site = *known;
	leak.site.frames = NULL;
	leak.site.frame_count = 0;
	leak.site.stop = sites[reached->site].stop;
	memcpy(leak.sums, reached->sums, sizeof(leak.sums));
	if (copy_addresses(report, heap, &sites[reached->site], &leak.site))
		return -ENOMEM;
	return vec_push(&report->leaks.sites, leak);
}

int report_leaks__list(struct report *report, const struct heap *heap)
{
	int err = 0;

	combine(&report->leaks);
	for (size_t i = 0; !err && i < report->leaks.reached.size; i++) {
		const struct report_reached *reached = &report->leaks.reached.data[i];

		if (reached->sums[REPORT_DEFINITE].count + reached->sums[REPORT_INDIRECT].count +
			reached->sums[REPORT_POSSIBLE].count)
			err = list_site(report, heap, reached);
	}
	return err;
}

/* --- when all are there */

static int compare(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

/* Those that are not suppressed first; definitely lost bytes, then what is lost at all. */
static int by_loss(const void *left, const void *right)
{
	static const enum report_reach order[] = {
		REPORT_DEFINITE, REPORT_INDIRECT, REPORT_POSSIBLE};
	const struct report_leak *a = left, *b = right;
	int result = !!a->suppressed - !!b->suppressed;

	for (size_t i = 0; !result && i < sizeof(order) / sizeof(order[0]); i++)
		result = compare(a->sums[order[i]].bytes, b->sums[order[i]].bytes);
	for (size_t i = 0; !result && i < sizeof(order) / sizeof(order[0]); i++)
		result = compare(a->sums[order[i]].count, b->sums[order[i]].count);
	return result ? result : (a->site.id > b->site.id) - (a->site.id < b->site.id);
}

void report_leaks__arrange(struct report *report)
{
	struct report_leaks *leaks = &report->leaks;

	memset(leaks->sums, 0, sizeof(leaks->sums));
	memset(leaks->suppressed, 0, sizeof(leaks->suppressed));
	vec_for_each (reached, &leaks->reached)
		add(&leaks->sums[REPORT_REACHABLE], reached->sums[REPORT_REACHABLE].count,
			reached->sums[REPORT_REACHABLE].bytes);
	vec_for_each (leak, &leaks->sites)
		for (int i = REPORT_DEFINITE; i < REPORT_REACHES; i++)
			add(leak->suppressed ? &leaks->suppressed[i] : &leaks->sums[i],
				leak->sums[i].count, leak->sums[i].bytes);
	if (leaks->sites.size)
		qsort(leaks->sites.data, leaks->sites.size, sizeof(*leaks->sites.data), by_loss);
}
