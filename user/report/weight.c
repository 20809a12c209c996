/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/weight.h"

#include <string.h>

const struct weight_words *weight__words(enum report_weight weight)
{
	static const struct weight_words words[WEIGHT_COUNT] = {
		[WEIGHT_LIVE_BYTES] = {"live-bytes", "live bytes", true},
		[WEIGHT_LIVE_COUNT] = {"live-count", "live blocks", false},
		[WEIGHT_PEAK_BYTES] = {"peak-bytes", "bytes at the peak", true},
		[WEIGHT_PEAK_COUNT] = {"peak-count", "blocks at the peak", false},
		[WEIGHT_ALLOC_BYTES] = {"alloc-bytes", "bytes allocated", true},
		[WEIGHT_ALLOC_COUNT] = {"alloc-count", "allocations", false},
		[WEIGHT_TEMPORARY_COUNT] = {"temporary", "temporary allocations", false},
		[WEIGHT_MAPPED_BYTES] = {"mapped-bytes", "bytes mapped by the program", true},
		[WEIGHT_LEFT_BYTES] = {"left-bytes", "bytes left at exit", true},
		[WEIGHT_LEFT_COUNT] = {"left-count", "blocks left at exit", false},
	};

	return &words[weight];
}

int weight__parse(const char *name)
{
	for (int weight = 0; weight < WEIGHT_COUNT; weight++)
		if (!strcmp(name, weight__words(weight)->name))
			return weight;
	return -EINVAL;
}

const struct report_site *weight__sites(
	enum report_weight weight, const struct report *report, size_t *count)
{
	if (weight == WEIGHT_MAPPED_BYTES) {
		*count = report->mapped_sites.size;
		return report->mapped_sites.data;
	}
	*count = report->sites.size;
	return report->sites.data;
}

enum report_weight weight__default(const struct report *report)
{
	return report__shows_left(report) ? WEIGHT_LEFT_BYTES : WEIGHT_LIVE_BYTES;
}

uint64_t weight__of(enum report_weight weight, const struct report_site *site)
{
	switch (weight) {
	case WEIGHT_LIVE_BYTES:
	case WEIGHT_MAPPED_BYTES:
		return site->live_bytes;
	case WEIGHT_LIVE_COUNT:
		return site->live_count;
	case WEIGHT_PEAK_BYTES:
		return site->peak_bytes;
	case WEIGHT_PEAK_COUNT:
		return site->peak_count;
	case WEIGHT_ALLOC_BYTES:
		return site->alloc_bytes;
	case WEIGHT_ALLOC_COUNT:
		return site->alloc_count;
	case WEIGHT_TEMPORARY_COUNT:
		return site->temporary_count;
	case WEIGHT_LEFT_BYTES:
		return site->at_exit_bytes;
	case WEIGHT_LEFT_COUNT:
		return site->at_exit_count;
	default:
		return 0;
	}
}
