/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/own_samples.h"

#include <math.h>

#include "report/human.h"
#include "report/words.h"

#define DEFAULT_TOP 10
#define MARGIN 12
#define LINE_SIZE 512

/* --- collecting */

static uint64_t held(const struct own_site *site)
{
	return site->live.weight + site->at_exit.weight;
}

static int compare(const void *a, const void *b)
{
	const struct own_site *x = a, *y = b;

	if (held(x) != held(y))
		return held(x) < held(y) ? 1 : -1;
	if (x->allocated.weight != y->allocated.weight)
		return x->allocated.weight < y->allocated.weight ? 1 : -1;
	return (x->site > y->site) - (x->site < y->site);
}

static uint64_t whole(double value)
{
	return value > 0 ? (uint64_t)(value + 0.5) : 0;
}

/* As one of the report's sites. */
static void fill_site(struct report_site *site, const struct own_site *own)
{
	site->alloc_count = whole(own->allocated.blocks);
	site->alloc_bytes = own->allocated.weight;
	site->live_count = whole(own->live.blocks);
	site->live_bytes = own->live.weight;
	site->at_exit_count = whole(own->at_exit.blocks);
	site->at_exit_bytes = own->at_exit.weight;
	site->free_count = whole(own->allocated.blocks - own->live.blocks - own->at_exit.blocks);
	site->freed_bytes = site->alloc_bytes - site->live_bytes - site->at_exit_bytes;
}

/* The report is of samples alone: they are its figures. */
static int take_over(struct report *report, const struct own_totals *totals)
{
	struct heap_counts *counts = &report->heap.counts;

	report->sites.size = 0;
	vec_for_each (site, &report->sampled_sites)
		if (vec_push(&report->sites, *site))
			return -ENOMEM;
	report->site_total = report->sites.size;
	report->seen = totals->allocated.samples;
	counts->alloc_count = whole(totals->allocated.blocks);
	counts->alloc_bytes = totals->allocated.weight;
	counts->at_exit_count = report->at_exit_count = whole(totals->at_exit.blocks);
	counts->at_exit_bytes = report->at_exit_bytes = totals->at_exit.weight;
	report->live_count = whole(totals->live.blocks);
	report->live_bytes = totals->live.weight;
	counts->free_count =
		whole(totals->allocated.blocks - totals->live.blocks - totals->at_exit.blocks);
	counts->freed_bytes =
		totals->allocated.weight - totals->live.weight - totals->at_exit.weight;
	return 0;
}

int report_own_samples__collect(struct report *report, struct report_own_samples *own,
	const struct heap *heap, const struct own_samples *samples)
{
	bool alone = report_run__is_samples(&report->run);

	if (!samples)
		return 0;
	own->totals = own_samples__totals(samples);
	if (!own->totals.allocated.samples && !alone)
		return 0;
	vec_for_each (site, own_samples__sites(samples))
		if (vec_push(&own->sites, *site))
			return -ENOMEM;
	if (own->sites.size)
		qsort(own->sites.data, own->sites.size, sizeof(own->sites.data[0]), compare);
	report->own_samples = own;
	vec_for_each (from, &own->sites) {
		struct report_site site;

		if (!report__describe_site(report, heap, from->site, &site))
			return -ENOMEM;
		fill_site(&site, from);
		if (vec_push(&report->sampled_sites, site))
			return -ENOMEM;
	}
	return alone ? take_over(report, &own->totals) : 0;
}

void report_own_samples__free(struct report_own_samples *own)
{
	vec_free(&own->sites);
}

/* --- text */

static void print_sums(struct text_page *page, const char *name, const struct own_sums *sums)
{
	text__print_line(page, "%-12sest. %s +- %s in %s blocks; %s sample%s", name,
		human__bytes(sums->weight).text, human__bytes(whole(sqrt(sums->variance))).text,
		human__count(whole(sums->blocks)).text, human__exact(sums->samples).text,
		sums->samples == 1 ? "" : "s");
}

static void print_site(struct text_page *page, size_t rank, const struct own_site *own,
	const struct report_site *site)
{
	bool left = own->at_exit.samples && !own->live.samples;
	const struct own_sums *kept = left ? &own->at_exit : &own->live;

	text__print_styled(page, TEXT_HEAD,
		"%4zu  est. %s +- %s %s; est. %s in %s allocs, %s sample%s", rank,
		human__bytes(kept->weight).text, human__bytes(whole(sqrt(kept->variance))).text,
		left ? "left" : "live", human__bytes(own->allocated.weight).text,
		human__count(whole(own->allocated.blocks)).text,
		human__exact(own->allocated.samples).text, own->allocated.samples == 1 ? "" : "s");
	text__print_stack(page, site);
}

void report_own_samples__print(struct text_page *page, const struct report *report)
{
	const struct report_own_samples *own = report->own_samples;
	size_t wanted = page->top ? page->top : DEFAULT_TOP, shown;

	if (!own)
		return;
	text__print_line(page, "%s", "");
	text__print_wrapped(page, MARGIN,
		"samples     that the program's allocator took itself (USDT); all figures are "
		"estimates, with standard errors");
	print_sums(page, "allocated", &own->totals.allocated);
	print_sums(page, "live", &own->totals.live);
	if (own->totals.at_exit.samples)
		print_sums(page, "left at exit", &own->totals.at_exit);
	shown = wanted < report->sampled_sites.size ? wanted : report->sampled_sites.size;
	text__print_line(page, "%s", "");
	text__print_line(page, "%zu of %s sampled call sites by estimated bytes held", shown,
		human__exact(own->sites.size).text);
	for (size_t i = 0; i < shown; i++)
		print_site(page, i + 1, &own->sites.data[i], &report->sampled_sites.data[i]);
	if (shown < own->sites.size)
		text__print_line(page, "... %s more: --top N, or --json for all",
			human__exact(own->sites.size - shown).text);
}

/* --- JSON */

static void put_sums(struct json_writer *json, const char *key, const struct own_sums *sums)
{
	json__key(json, key);
	json__begin_object(json);
	json__put_integer(json, "samples", sums->samples);
	json__put_integer(json, "sampled_bytes", sums->bytes);
	json__put_integer(json, "weight", sums->weight);
	json__put_number(json, "standard_error", sqrt(sums->variance > 0 ? sums->variance : 0));
	json__put_number(json, "blocks", sums->blocks);
	json__end_object(json);
}

static void write_site(
	struct json_writer *json, const struct own_site *own, const struct report_site *site)
{
	json__begin_object(json);
	put_sums(json, "allocated", &own->allocated);
	put_sums(json, "live", &own->live);
	put_sums(json, "at_exit", &own->at_exit);
	json__write_stack_end(json, site);
	json__write_stack(json, site);
	json__end_object(json);
}

void report_own_samples__write_json(struct json_writer *json, const struct report *report)
{
	const struct report_own_samples *own = report->own_samples;

	if (!own)
		return;
	json__key(json, "samples");
	json__begin_object(json);
	json__put_boolean(json, "estimated", true);
	put_sums(json, "allocated", &own->totals.allocated);
	put_sums(json, "live", &own->totals.live);
	put_sums(json, "at_exit", &own->totals.at_exit);
	json__put_integer(json, "unknown_frees", own->totals.unknown_frees);
	json__put_integer(json, "site_count", own->sites.size);
	json__key(json, "sites");
	json__begin_array(json);
	for (size_t i = 0; i < report->sampled_sites.size; i++)
		write_site(json, &own->sites.data[i], &report->sampled_sites.data[i]);
	json__end_array(json);
	json__end_object(json);
}
