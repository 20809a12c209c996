/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/residence.h"

#include <stdio.h>
#include <string.h>

#include "report/human.h"

/* What every allocator keeps in hand is not news: only more than this is reported. */
#define LEAST_KEPT (1u << 20)

uint64_t residence__kept_bytes(const struct heap_residence *residence, bool is_whole)
{
	uint64_t held = residence->allocator_bytes;

	/* Of what is mapped but was never touched, or was given back by madvise, nothing is kept.
	 */
	if (held > residence->anonymous_bytes)
		held = residence->anonymous_bytes;
	return is_whole && held > residence->live_bytes ? held - residence->live_bytes : 0;
}

static size_t describe_resident(
	const struct heap_residence *residence, bool has_exited, char *out, size_t size)
{
	const struct human resident = human__bytes(residence->resident_bytes);
	const struct human peak = human__bytes(residence->peak_bytes);
	size_t length = 0;

	if (residence->resident_bytes)
		length += snprintf(out, size, "%s%s%s", resident.text, has_exited ? " at exit" : "",
			residence->peak_bytes ? ", " : "");
	if (residence->peak_bytes)
		length += snprintf(out + length, size - length, "peak %s", peak.text);
	if (residence->process_count > 1)
		length += snprintf(out + length, size - length,
			" in %s processes (what they share counts in each)",
			human__exact(residence->process_count).text);
	return length;
}

void residence__describe(const struct heap_residence *residence, bool is_whole, bool has_exited,
	const char *live, char *out, size_t size)
{
	uint64_t kept = residence__kept_bytes(residence, is_whole);
	size_t length;

	*out = '\0';
	if (!residence->process_count)
		return;
	length = describe_resident(residence, has_exited, out, size);
	if (!residence->resident_bytes)
		return;
	length += snprintf(out + length, size - length, ": %s %s%s",
		human__bytes(residence->live_bytes).text, live,
		is_whole ? "" : " from since the attach");
	if (kept >= LEAST_KEPT && kept > residence->live_bytes / 8)
		snprintf(out + length, size - length, ", about %s kept by the allocator",
			human__bytes(kept).text);
}
