/* What a flame graph can be drawn by: one figure of every site. */
#ifndef MEMTRACE_REPORT_WEIGHT_H
#define MEMTRACE_REPORT_WEIGHT_H

#include "report/model.h"

enum report_weight {
	WEIGHT_LIVE_BYTES = 0,
	WEIGHT_LIVE_COUNT,
	WEIGHT_PEAK_BYTES,
	WEIGHT_PEAK_COUNT,
	WEIGHT_ALLOC_BYTES,
	WEIGHT_ALLOC_COUNT,
	WEIGHT_TEMPORARY_COUNT,
	WEIGHT_COUNT,
};

struct weight_words {
	const char *name;  /* on command lines: "live-bytes" */
	const char *title; /* for people: "live bytes" */
	bool is_bytes;
};

const struct weight_words *weight__words(enum report_weight weight);

/* The weight with that name, or -EINVAL. */
int weight__parse(const char *name);

uint64_t weight__of(enum report_weight weight, const struct report_site *site);

#endif
