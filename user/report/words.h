/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the text report calls things: blocks of a heap, or samples of page faults. */
#ifndef MEMTRACE_REPORT_WORDS_H
#define MEMTRACE_REPORT_WORDS_H

#include "report/model.h"

struct report_words {
	const char *live; /* of a site's bytes */
	const char *live_total;
	const char *live_at_exit;
	const char *added;
	const char *removed;
	const char *implied; /* removed without a record of it */
	const char *implied_remark;
	const char *block;
	const char *call; /* that added; "s" makes the plural */
};

/* By the run's setting "mode". */
const struct report_words *report__words(const struct report_run *run);

/* Whether that is "growth": blocks are pages, and their bytes are estimates. */
bool report_run__is_growth(const struct report_run *run);

/* Whether that is "samples": all figures are what the target's allocator sampled. */
bool report_run__is_samples(const struct report_run *run);

#endif
