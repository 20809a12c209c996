/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/words.h"

#include <string.h>

static bool is_mode(const struct report_run *run, const char *mode)
{
	for (size_t i = 0; i < run->setting_count; i++)
		if (!strcmp(run->settings[i].name, "mode"))
			return !strcmp(run->settings[i].value, mode);
	return false;
}

bool report_run__is_growth(const struct report_run *run)
{
	return is_mode(run, "growth");
}

bool report_run__is_samples(const struct report_run *run)
{
	return is_mode(run, "samples");
}

const struct report_words *report__words(const struct report_run *run)
{
	static const struct report_words heap = {
		.live = "live",
		.live_total = "live",
		.live_at_exit = "live at exit",
		.added = "allocated",
		.removed = "freed",
		.implied = "free lost",
		.implied_remark = "freed, as later events show",
		.block = "block",
		.call = "alloc",
	};
	static const struct report_words pages = {
		.live = "resident",
		.live_total = "resident",
		.live_at_exit = "at exit",
		.added = "faulted in",
		.removed = "given back",
		.implied = "replaced",
		.implied_remark = "faulted in again at the same place",
		.block = "sample",
		.call = "sample",
	};

	return report_run__is_growth(run) ? &pages : &heap;
}
