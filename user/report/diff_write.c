/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A diff as text and as JSON. */
#include "report/diff.h"
#include "report/human.h"
#include "report/json.h"
#include "report/text_sites.h"

#define DEFAULT_TOP 10

/* --- text */

struct signed_human {
	char text[HUMAN_SIZE + 1];
};

static struct signed_human signed_bytes(uint64_t before, uint64_t after)
{
	struct signed_human out;

	snprintf(out.text, sizeof(out.text), "%c%s", after < before ? '-' : '+',
		human__bytes(after < before ? before - after : after - before).text);
	return out;
}

static struct signed_human signed_count(uint64_t before, uint64_t after)
{
	struct signed_human out;

	snprintf(out.text, sizeof(out.text), "%c%s", after < before ? '-' : '+',
		human__count(after < before ? before - after : after - before).text);
	return out;
}

static void print_total(struct text_page *page, const char *name, const struct report *report)
{
	bool left = report__shows_left(report);
	char line[256];

	snprintf(line, sizeof(line), "%-8s %11s %s in %s blocks, %s allocations in %s; %s lost",
		name, human__bytes(left ? report->at_exit_bytes : report->live_bytes).text,
		left ? "left at exit" : "live",
		human__count(left ? report->at_exit_count : report->live_count).text,
		human__count(report->heap.counts.alloc_count).text,
		human__duration(report->run.duration_ns).text, human__count(report->lost).text);
	text__print_wrapped(page, 9, line);
}

static void print_site(struct text_page *page, size_t rank, const struct diff_site *site)
{
	text__print_line(page, "%4zu  %-8s %s live (%s -> %s), %s blocks, %s allocs", rank,
		diff__change_name(site->change),
		signed_bytes(site->before.live_bytes, site->after.live_bytes).text,
		human__bytes(site->before.live_bytes).text,
		human__bytes(site->after.live_bytes).text,
		signed_count(site->before.live_count, site->after.live_count).text,
		signed_count(site->before.alloc_count, site->after.alloc_count).text);
	text__print_stack(page, site->site);
}

static void print_mapped(struct text_page *page, const struct diff *diff, size_t top)
{
	size_t shown = 0;

	vec_for_each (site, &diff->mapped) {
		if (site->before.live_bytes == site->after.live_bytes)
			continue;
		if (shown++ >= top)
			break;
		if (shown == 1) {
			text__print_line(page, "%s", "");
			text__print_line(
				page, "sites that map memory, by what they map more or less");
		}
		text__print_line(page, "%4zu  %-8s %s mapped (%s -> %s)", shown,
			diff__change_name(site->change),
			signed_bytes(site->before.live_bytes, site->after.live_bytes).text,
			human__bytes(site->before.live_bytes).text,
			human__bytes(site->after.live_bytes).text);
		text__print_stack(page, site->site);
	}
}

void diff__write_text(const struct diff *diff, unsigned int width, size_t top, FILE *file)
{
	struct text_page page = text__page(file, width);
	size_t shown = 0, changed = diff->sites.size - diff->counts[DIFF_SAME];

	print_total(&page, "before", diff->before);
	print_total(&page, "after", diff->after);
	text__print_line(&page,
		"sites    %zu grew, %zu shrank, %zu appeared, %zu vanished, %zu same",
		diff->counts[DIFF_GREW], diff->counts[DIFF_SHRANK], diff->counts[DIFF_APPEARED],
		diff->counts[DIFF_VANISHED], diff->counts[DIFF_SAME]);
	if (changed)
		text__print_line(&page, "%s", "");
	vec_for_each (site, &diff->sites) {
		if (site->change == DIFF_SAME)
			continue;
		if (shown >= (top ? top : DEFAULT_TOP))
			break;
		print_site(&page, ++shown, site);
	}
	if (shown < changed)
		text__print_line(&page, "... %s more changed: --top N, or --json for all",
			human__exact(changed - shown).text);
	print_mapped(&page, diff, top ? top : DEFAULT_TOP);
}

/* --- JSON */

static void write_total(struct json_writer *json, const char *key, const struct report *report)
{
	json__key(json, key);
	json__begin_object(json);
	json__put_integer(json, "duration_ns", report->run.duration_ns);
	json__put_integer(json, "seen", report->seen);
	json__put_integer(json, "lost", report->lost);
	json__put_integer(json, "live_count", report->live_count);
	json__put_integer(json, "live_bytes", report->live_bytes);
	json__put_integer(json, "at_exit_count", report->at_exit_count);
	json__put_integer(json, "at_exit_bytes", report->at_exit_bytes);
	json__put_boolean(json, "sites_show_left", report__shows_left(report));
	json__put_integer(json, "alloc_count", report->heap.counts.alloc_count);
	json__put_integer(json, "alloc_bytes", report->heap.counts.alloc_bytes);
	json__end_object(json);
}

static void write_side(struct json_writer *json, const char *key, const struct diff_side *side)
{
	json__key(json, key);
	json__begin_object(json);
	json__put_integer(json, "live_count", side->live_count);
	json__put_integer(json, "live_bytes", side->live_bytes);
	json__put_integer(json, "alloc_count", side->alloc_count);
	json__put_integer(json, "alloc_bytes", side->alloc_bytes);
	json__put_integer(json, "temporary_count", side->temporary_count);
	json__end_object(json);
}

static void write_sites(struct json_writer *json, const char *key, const diff_sites *sites)
{
	json__key(json, key);
	json__begin_array(json);
	vec_for_each (site, sites) {
		json__begin_object(json);
		json__put_string(json, "change", diff__change_name(site->change));
		write_side(json, "before", &site->before);
		write_side(json, "after", &site->after);
		json__write_stack(json, site->site);
		json__end_object(json);
	}
	json__end_array(json);
}

void diff__write_json(const struct diff *diff, FILE *file)
{
	struct json_writer json;

	json__start(&json, file, 3);
	json__begin_object(&json);
	json__put_integer(&json, "version", JSON_REPORT_VERSION);
	write_total(&json, "before", diff->before);
	write_total(&json, "after", diff->after);
	write_sites(&json, "sites", &diff->sites);
	write_sites(&json, "mapped_sites", &diff->mapped);
	json__end_object(&json);
	json__finish(&json);
}
