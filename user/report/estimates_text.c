/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <stdio.h>

#include "report/estimates.h"
#include "report/human.h"
#include "report/text_sites.h"

#define LINE_SIZE 512
#define MARGIN 12
#define SITE_MARGIN 6

static uint64_t whole(double value)
{
	return value > 0 ? (uint64_t)(value + 0.5) : 0;
}

/* "est. 12.3 MiB +- 1.20 MiB" */
static struct human_pair {
	char text[3 * HUMAN_SIZE];
} pair_of(struct human value, struct human error)
{
	struct human_pair pair;

	snprintf(pair.text, sizeof(pair.text), "est. %s +- %s", value.text, error.text);
	return pair;
}

static struct human_pair bytes_of(struct estimate estimate)
{
	return pair_of(human__bytes(whole(estimate.value)), human__bytes(whole(estimate.error)));
}

static struct human_pair count_of(struct estimate estimate)
{
	return pair_of(human__count(whole(estimate.value)), human__count(whole(estimate.error)));
}

static uint64_t rate(double value, const struct sampling_summary *summary)
{
	return summary->duration_ns ? whole(value * 1e9 / summary->duration_ns) : 0;
}

/* --- head */

static void print_budget(struct text_page *page, const struct report_estimates *estimates)
{
	const struct sampling_summary *summary = &estimates->summary;
	double seconds = summary->duration_ns / 1e9;
	char line[LINE_SIZE];

	snprintf(line, sizeof(line),
		"budget      %.3g %%: the probes cost %.2f %%, %.2f %% in the worst second",
		summary->budget * 100, seconds > 0 ? summary->cost_ns / 1e7 / seconds : 0,
		summary->worst_cost_ns / 1e7);
	text__print_wrapped(page, MARGIN, line);
}

static void print_head(struct text_page *page, const struct report *report)
{
	const struct report_estimates *estimates = report->estimates;
	const struct sampling_summary *summary = &estimates->summary;
	char loss[LINE_SIZE - 128], line[LINE_SIZE];

	text__print_targets(page, &report->run);
	text__print_line(page, "traced for  %s, of this %s in %s window%s",
		human__duration(report->run.duration_ns).text,
		human__percent(summary->window_ns, summary->duration_ns).text,
		human__exact(summary->window_count).text, summary->window_count == 1 ? "" : "s");
	print_budget(page, estimates);
	text__describe_loss(report, loss, sizeof(loss));
	snprintf(line, sizeof(line),
		"seen        %s allocations, %s; the rest is estimated, with standard errors",
		human__count(report->seen).text, loss);
	text__print_wrapped(page, MARGIN, line);
	text__print_line(page, "allocated   %s blocks, %s/s", count_of(summary->alloc_count).text,
		human__count(rate(summary->alloc_count.value, summary)).text);
	text__print_line(page, "            %s, %s/s", bytes_of(summary->alloc_bytes).text,
		human__bytes(rate(summary->alloc_bytes.value, summary)).text);
}

static void print_survival(struct text_page *page, const struct sampling_summary *summary)
{
	char line[LINE_SIZE];

	if (!summary->is_answered) {
		text__print_wrapped(page, MARGIN,
			"stays       not known: the allocator is not one whose bookkeeping can be "
			"read (glibc's is), so only rates are given");
		return;
	}
	text__print_line(page, "stays       %s of this is still allocated",
		bytes_of(summary->surviving_bytes).text);
	snprintf(line, sizeof(line),
		"            by %s sampled blocks; of %s known to be freed %.0f %% pass for "
		"allocated, as others have their addresses: this is taken off",
		human__exact(summary->sample_count).text, human__exact(summary->control_count).text,
		summary->reuse * 100);
	text__print_wrapped(page, MARGIN, line);
}

/* --- sites */

static void print_growth(struct text_page *page, size_t rank, const struct sampled_site *site)
{
	struct estimate minute = {site->growth.value * 60, site->growth.error * 60};
	char age[2 * HUMAN_SIZE + 8], line[LINE_SIZE];

	snprintf(age, sizeof(age), "%s to %s ago", human__duration(site->youngest_ns).text,
		human__duration(site->oldest_ns).text);
	if (site->asked_count)
		snprintf(line, sizeof(line),
			"%4zu  of %s blocks sampled %s, %s are still allocated: est. %s/min "
			"stays (+- %s)",
			rank, human__exact(site->asked_count).text, age,
			human__exact(site->alive_count).text,
			human__bytes(whole(minute.value)).text,
			human__bytes(whole(minute.error)).text);
	else
		snprintf(line, sizeof(line), "%4zu  no block of the older half was sampled", rank);
	text__print_styled(page, TEXT_HEAD, "%s", line);
	text__print_line(page, "%*s%s still allocated", SITE_MARGIN, "",
		bytes_of(site->surviving_bytes).text);
}

static void print_site(struct text_page *page, const struct sampling_summary *summary, size_t rank,
	const struct sampled_site *sampled, const struct report_site *site)
{
	bool stays = summary->is_answered && sampled->surviving_bytes.value > 0;
	char head[HUMAN_SIZE];

	if (stays)
		print_growth(page, rank, sampled);
	if (stays)
		snprintf(head, sizeof(head), "%*s", SITE_MARGIN, "");
	else
		snprintf(head, sizeof(head), "%4zu  ", rank);
	text__print_styled(page, stays ? TEXT_PLAIN : TEXT_HEAD, "%s%s in %s allocs, %s/s", head,
		bytes_of(sampled->alloc_bytes).text, count_of(sampled->alloc_count).text,
		human__bytes(rate(sampled->alloc_bytes.value, summary)).text);
	text__print_stack(page, site);
}

static void print_sites(struct text_page *page, const struct report *report)
{
	const struct report_estimates *estimates = report->estimates;
	size_t shown = page->top && page->top < report->sites.size ? page->top : report->sites.size;

	text__print_line(page, "%s", "");
	text__print_line(page, "%zu of %s call sites by %s", shown,
		human__exact(report->site_total).text,
		report->sort == REPORT_SORT_ALLOC   ? "bytes allocated"
		: report->sort == REPORT_SORT_COUNT ? "number of allocations"
						    : "bytes that stay");
	for (size_t i = 0; i < shown; i++)
		print_site(page, &estimates->summary, i + 1, &estimates->sites.data[i],
			&report->sites.data[i]);
	if (shown < report->site_total)
		text__print_line(page, "... %s more: --top N, --full-stacks, or --json for all",
			human__exact(report->site_total - shown).text);
}

void estimates__write_text(
	const struct report *report, const struct text_options *options, FILE *file)
{
	struct text_page page = text__page(file, options->width);
	char line[LINE_SIZE + MARGIN];

	page.color = options->color;
	page.full_stacks = options->full_stacks;
	page.top = options->top ? options->top : 10;
	print_head(&page, report);
	print_survival(&page, &report->estimates->summary);
	vec_for_each (note, &report->notes) {
		snprintf(line, sizeof(line), "note        %s", *note);
		text__print_wrapped(&page, MARGIN, line);
	}
	print_sites(&page, report);
}
