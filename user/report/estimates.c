/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/estimates.h"

#include "report/loss.h"

/* Of two estimates the one that is larger for sure counts for more. */
static double sure(struct estimate estimate)
{
	double least = estimate.value - estimate.error;

	return least > 0 ? least : 0;
}

static int compare(const void *a, const void *b, void *context)
{
	const struct sampled_site *x = a, *y = b;
	const enum report_sort *sort = context;
	double left = 0, right = 0;

	if (*sort == REPORT_SORT_COUNT) {
		left = x->alloc_count.value;
		right = y->alloc_count.value;
	} else if (*sort != REPORT_SORT_ALLOC) {
		left = sure(x->surviving_bytes);
		right = sure(y->surviving_bytes);
	}
	if (left == right) {
		left = x->alloc_bytes.value;
		right = y->alloc_bytes.value;
	}
	return (left < right) - (left > right);
}

int estimates__collect(struct report *report, struct report_estimates *estimates,
	const struct heap *heap, struct sampling *sampling, const struct report_options *options)
{
	enum report_sort sort = options->sort;
	int err = sampling__estimate(
		sampling, options->now_ns, &estimates->summary, &estimates->sites);

	if (err)
		return err;
	report->estimates = estimates;
	report->sort = sort;
	report->top = options->top;
	report->site_total = estimates->sites.size;
	report->seen = estimates->summary.seen_count;
	report->lost = loss__events(report->run.losses);
	if (estimates->sites.size)
		qsort_r(estimates->sites.data, estimates->sites.size,
			sizeof(estimates->sites.data[0]), compare, &sort);
	vec_for_each (sampled, &estimates->sites) {
		struct report_site site;

		if (!report__describe_site(report, heap, sampled->site, &site) ||
			vec_push(&report->sites, site))
			return -ENOMEM;
	}
	return 0;
}

void estimates__free(struct report_estimates *estimates)
{
	vec_free(&estimates->sites);
}
