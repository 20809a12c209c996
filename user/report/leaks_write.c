/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <string.h>

#include "base/search.h"
#include "base/text.h"
#include "report/human.h"
#include "report/json.h"
#include "report/json_splice.h"
#include "report/leaks.h"
#include "report/text_sites.h"

/* Sites of the text unless --top says how many. */
#define TEXT_LEAKS 10

static const char *const keys[] = {
	[REPORT_REACHABLE] = "reachable",
	[REPORT_DEFINITE] = "definite",
	[REPORT_INDIRECT] = "indirect",
	[REPORT_POSSIBLE] = "possible",
};

/* --- JSON */

static void write_sums(struct json_writer *json, const struct report_reach_sum *sums, bool reached)
{
	for (int i = reached ? REPORT_REACHABLE : REPORT_DEFINITE; i < REPORT_REACHES; i++) {
		json__key(json, keys[i]);
		json__begin_object(json);
		json__put_integer(json, "count", sums[i].count);
		json__put_integer(json, "bytes", sums[i].bytes);
		json__end_object(json);
	}
}

static void write_sums_as(
	struct json_writer *json, const char *key, const struct report_reach_sum *sums)
{
	json__key(json, key);
	json__begin_object(json);
	write_sums(json, sums, false);
	json__end_object(json);
}

static void write_object(struct json_writer *json, const struct report *report)
{
	const struct report_leaks *leaks = &report->leaks;

	json__begin_object(json);
	json__put_integer(json, "looks", leaks->looks);
	write_sums(json, leaks->sums, true);
	write_sums_as(json, "suppressed", leaks->suppressed);
	write_sums_as(json, "before_trace", leaks->before);
	json__key(json, "sites");
	json__begin_array(json);
	vec_for_each (leak, &leaks->sites) {
		json__begin_object(json);
		write_sums(json, leak->sums, true);
		if (leak->site.growth.rises)
			json__put_integer(json, "bytes_per_s", growth__rate(&leak->site.growth));
		if (leak->suppressed)
			json__put_string(json, "suppressed_by", leak->suppressed);
		json__write_stack(json, &leak->site);
		json__end_object(json);
	}
	json__end_array(json);
	json__end_object(json);
}

void report_leaks__write_document(const struct report *report, FILE *file)
{
	struct json_writer json;

	json__start(&json, file, 0);
	write_object(&json, report);
	json__finish(&json);
}

void report_leaks__write_json(struct json_writer *json, const struct report *report)
{
	const struct report_leaks *leaks = &report->leaks;

	if (!leaks->looked && !leaks->recorded.json)
		return;
	json__key(json, "leaks");
	if (leaks->looked)
		write_object(json, report);
	else
		json__splice(json, leaks->recorded.json);
}

void report_leaks__write_site(
	struct json_writer *json, const struct report *report, const struct report_site *site)
{
	const struct report_leaks *leaks = &report->leaks;
	const struct report_reach_sum none[REPORT_REACHES] = {0}, *sums = none;
	size_t i = search_first(leaks->reached.size, n, leaks->reached.data[n].site < site->id);

	if (!leaks->looked)
		return;
	if (i < leaks->reached.size && leaks->reached.data[i].site == site->id)
		sums = leaks->reached.data[i].sums;
	json__key(json, "leaks");
	json__begin_object(json);
	write_sums(json, sums, true);
	json__end_object(json);
}

/* --- text */

static void print_sum(struct text_page *page, const char *words, const struct report_reach_sum *sum)
{
	text__print_line(page, "%12s  %-16s in %s block%s", human__bytes(sum->bytes).text, words,
		human__exact(sum->count).text, sum->count == 1 ? "" : "s");
}

static void print_head(struct text_page *page, const struct report_leaks *leaks)
{
	const struct report_reach_sum *lost = &leaks->sums[REPORT_DEFINITE];
	struct report_reach_sum suppressed = {0}, before = {0};

	for (int i = REPORT_DEFINITE; i < REPORT_REACHES; i++) {
		suppressed.count += leaks->suppressed[i].count;
		suppressed.bytes += leaks->suppressed[i].bytes;
		before.count += leaks->before[i].count;
		before.bytes += leaks->before[i].bytes;
	}
	text__print_line(page, "%s", "");
	if (lost->count)
		text__print_styled(page, TEXT_BAD,
			"LEAKED: %s in %s block%s, definitely lost; %zu look%s",
			human__bytes(lost->bytes).text, human__exact(lost->count).text,
			lost->count == 1 ? "" : "s", leaks->looks, leaks->looks == 1 ? "" : "s");
	else
		text__print_line(page, "no leak: nothing is definitely lost; %zu look%s",
			leaks->looks, leaks->looks == 1 ? "" : "s");
	if (leaks->sums[REPORT_INDIRECT].count)
		print_sum(page, "indirectly lost", &leaks->sums[REPORT_INDIRECT]);
	if (leaks->sums[REPORT_POSSIBLE].count)
		print_sum(page, "possibly lost", &leaks->sums[REPORT_POSSIBLE]);
	print_sum(page, "still reachable", &leaks->sums[REPORT_REACHABLE]);
	if (suppressed.count)
		print_sum(page, "suppressed", &suppressed);
	if (before.count)
		print_sum(page, "lost already when the trace began", &before);
}

static void print_leak(struct text_page *page, size_t rank, const struct report_leak *leak)
{
	const struct report_reach_sum *sums = leak->sums;
	static const char *const words[] = {
		[REPORT_DEFINITE] = "definitely",
		[REPORT_INDIRECT] = "indirectly",
		[REPORT_POSSIBLE] = "possibly",
	};
	char line[400];
	size_t used = 0;

	for (int i = REPORT_DEFINITE; i < REPORT_REACHES; i++)
		if (sums[i].count)
			used += snprintf(line + used, sizeof(line) - used,
				"%s%s %s lost in %s block%s", used ? "; " : "",
				human__bytes(sums[i].bytes).text, words[i],
				human__exact(sums[i].count).text, sums[i].count == 1 ? "" : "s");
	text__print_styled(page, TEXT_HEAD, "%4zu  %s", rank, line);
	if (sums[REPORT_REACHABLE].count)
		text__print_line(page, "      %s reachable, or too new to tell, in %s block%s",
			human__bytes(sums[REPORT_REACHABLE].bytes).text,
			human__exact(sums[REPORT_REACHABLE].count).text,
			sums[REPORT_REACHABLE].count == 1 ? "" : "s");
	if (leak->site.growth.rises)
		text__print_line(page, "      grows %s/s",
			human__bytes(growth__rate(&leak->site.growth)).text);
	text__print_stack(page, &leak->site);
}

void report_leaks__write_text(
	const struct report *report, size_t top, bool full_stacks, unsigned int columns, FILE *file)
{
	const struct report_leaks *leaks = &report->leaks;
	struct text_page page = text__page(file, columns);
	const char *recorded = full_stacks ? leaks->recorded.text_full : leaks->recorded.text;
	size_t shown = 0, unsuppressed = 0;

	if (!leaks->looked) {
		fputs(recorded ? recorded : "", file);
		return;
	}
	page.full_stacks = full_stacks;
	page.top = top ? top : TEXT_LEAKS;
	print_head(&page, leaks);
	vec_for_each (leak, &leaks->sites)
		unsuppressed += !leak->suppressed;
	for (; shown < unsuppressed && shown < page.top; shown++)
		print_leak(&page, shown + 1, &leaks->sites.data[shown]);
	if (shown < unsuppressed)
		text__print_line(
			&page, "... %zu more: --top N, or --json for all", unsuppressed - shown);
}
