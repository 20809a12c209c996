/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
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
	WEIGHT_MAPPED_BYTES, /* of the report's mapped_sites; all others are of its sites */
	WEIGHT_LEFT_BYTES,
	WEIGHT_LEFT_COUNT,
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

/* What is counted when nothing was asked for: what is live, or left when nothing can be live. */
enum report_weight weight__default(const struct report *report);

/* The sites that are weighed so, and how many there are. */
const struct report_site *weight__sites(
	enum report_weight weight, const struct report *report, size_t *count);

/* @site is one of them. */
uint64_t weight__of(enum report_weight weight, const struct report_site *site);

#endif
