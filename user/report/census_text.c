/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/census_text.h"

#include <inttypes.h>

#include "report/human.h"

/* Arenas that are listed one by one: the largest. */
#define MAX_ARENAS_SHOWN 8
/* Of what is free, from so much on it is what to look at first: a part of the RSS. */
#define FRAGMENTED_PART 4

static void write_account(FILE *file, const struct account *account)
{
	fprintf(file, "where the memory is, %s resident\n", human__bytes(account->resident).text);
	for (enum account_part part = 0; part < ACCOUNT_PARTS; part++) {
		uint64_t bytes = account->parts[part];

		if (bytes)
			fprintf(file, "  %10s  %7s  %s\n", human__bytes(bytes).text,
				human__percent(bytes, account->resident).text,
				account__words(part));
	}
	if (account->swapped)
		fprintf(file, "  and %s swapped out, which was not read\n",
			human__bytes(account->swapped).text);
}

static uint64_t held(const struct census *census)
{
	const uint64_t *parts = census->account.parts;

	return parts[ACCOUNT_HEAP_FREE] + parts[ACCOUNT_HEAP_CACHED] + parts[ACCOUNT_HEAP_TOP];
}

/* The one line: what most of the memory is. */
static void write_verdict(FILE *file, const struct census *census)
{
	const uint64_t *parts = census->account.parts;
	uint64_t live = parts[ACCOUNT_HEAP_LIVE] + parts[ACCOUNT_HEAP_BIG];
	uint64_t resident = census->account.resident;

	if (held(census) > resident / FRAGMENTED_PART && held(census) > live / 2) {
		fprintf(file, "verdict: fragmentation: %s free inside arenas, %s returnable\n",
			human__bytes(held(census)).text,
			human__bytes(census->account.returnable).text);
		return;
	}
	if (live > resident / FRAGMENTED_PART) {
		fprintf(file, "verdict: live data: %s in %s blocks\n",
			human__bytes(census->survey.live_bytes).text,
			human__count(census->survey.live_count).text);
		return;
	}
	fprintf(file, "verdict: not the heap: %s of %s are elsewhere\n",
		human__bytes(resident - live - held(census)).text, human__bytes(resident).text);
}

static void write_arena(FILE *file, const struct census_arena *arena)
{
	fprintf(file, "  arena 0x%" PRIx64 "%s  %s live in %s blocks", arena->address,
		arena->is_main ? " (main)" : "", human__bytes(arena->live_bytes).text,
		human__count(arena->live_count).text);
	if (arena->mapped_count)
		fprintf(file, " (%s in %s with mappings of their own)",
			human__bytes(arena->mapped_bytes).text,
			human__count(arena->mapped_count).text);
	fprintf(file, "; free %s in lists, %s cached, %s at its end\n",
		human__bytes(arena->free_bytes).text, human__bytes(arena->cached_bytes).text,
		human__bytes(arena->top_bytes).text);
}

static void write_findings(FILE *file, const struct survey *survey)
{
	vec_for_each (finding, &survey->findings) {
		fprintf(file, "heap corrupt at 0x%" PRIx64 ": the header there says 0x%" PRIx64,
			finding->address, finding->value);
		if (finding->after)
			fprintf(file, ", after the block of %s at 0x%" PRIx64,
				human__bytes(finding->after_size).text, finding->after);
		fputc('\n', file);
	}
	if (survey->finding_count > survey->findings.size)
		fprintf(file, "and at %" PRIu64 " more places\n",
			survey->finding_count - survey->findings.size);
	if (survey->skipped_bytes)
		fprintf(file, "%s of the heap was not understood%s\n",
			human__bytes(survey->skipped_bytes).text,
			survey->swapped_bytes ? ", as part of it is swapped out" : "");
	if (survey->in_motion)
		fprintf(file, "%s chunk%s in motion, %s\n", human__exact(survey->in_motion).text,
			survey->in_motion == 1 ? "" : "s",
			human__percent(survey->in_motion, survey->live_count).text);
}

static void write_heap(FILE *file, const struct survey *survey)
{
	size_t shown = 0;

	fprintf(file, "\nheap of %s: %s in %s live blocks; %s free\n", survey->allocator,
		human__bytes(survey->live_bytes).text, human__exact(survey->live_count).text,
		human__bytes(survey->free_bytes).text);
	if (survey->own_count)
		fprintf(file, "  and %s in %s blocks that are the C library's own\n",
			human__bytes(survey->own_bytes).text, human__exact(survey->own_count).text);
	vec_for_each (arena, &survey->arenas)
		if (shown++ < MAX_ARENAS_SHOWN)
			write_arena(file, arena);
	if (shown > MAX_ARENAS_SHOWN)
		fprintf(file, "  and %zu more arenas\n", shown - MAX_ARENAS_SHOWN);
	write_findings(file, survey);
}

void census_text__write(FILE *file, const struct census *census, const struct census_head *head)
{
	fprintf(file, "memtrace heap: %d (%s), %zu thread%s; %zu look%s in %s\n\n", head->pid,
		head->command, head->threads, head->threads == 1 ? "" : "s", census->looks,
		census->looks == 1 ? "" : "s", human__duration(head->took_ns).text);
	write_account(file, &census->account);
	if (census->has_heap) {
		write_verdict(file, census);
		write_heap(file, &census->survey);
		if (census->has_graph)
			census_content__write_text(file, census, head->samples);
	} else {
		fprintf(file, "\n%s\n", census->no_heap);
	}
	if (census->unread)
		fprintf(file,
			"%s is mapped: its heap is not read; memtrace -p %d --leaks traces it from "
			"now on, and tells what of that is lost\n",
			census->unread, head->pid);
}
