/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/estimates.h"
#include "report/json.h"

#define COMPACT_BELOW 3

static void put_estimate(struct json_writer *json, const char *key, struct estimate estimate)
{
	json__key(json, key);
	json__begin_object(json);
	json__put_number(json, "estimate", estimate.value);
	json__put_number(json, "standard_error", estimate.error);
	json__end_object(json);
}

static struct estimate scaled(struct estimate estimate, double factor)
{
	return (struct estimate){estimate.value * factor, estimate.error * factor};
}

static double per_second(const struct sampling_summary *summary)
{
	return summary->duration_ns ? 1e9 / summary->duration_ns : 0;
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void write_budget(struct json_writer *json, const struct report_estimates *estimates)
{
	const struct sampling_summary *summary = &estimates->summary;

	json__key(json, "budget");
	json__begin_object(json);
	json__put_number(json, "percent", summary->budget * 100);
	json__put_number(json, "cost_percent", percent(summary->cost_ns, summary->duration_ns));
	json__put_number(json, "worst_second_percent", summary->worst_cost_ns / 1e7);
	json__put_integer(json, "cost_ns", summary->cost_ns);
	json__put_integer(json, "window_count", summary->window_count);
	json__put_integer(json, "window_ns", summary->window_ns);
	json__put_number(json, "seen_percent", percent(summary->window_ns, summary->duration_ns));
	json__end_object(json);
}

static void write_totals(struct json_writer *json, const struct sampling_summary *summary)
{
	json__key(json, "estimates");
	json__begin_object(json);
	json__put_integer(json, "seen_count", summary->seen_count);
	json__put_integer(json, "seen_bytes", summary->seen_bytes);
	put_estimate(json, "alloc_count", summary->alloc_count);
	put_estimate(json, "alloc_bytes", summary->alloc_bytes);
	put_estimate(json, "allocs_per_s", scaled(summary->alloc_count, per_second(summary)));
	put_estimate(json, "alloc_bytes_per_s", scaled(summary->alloc_bytes, per_second(summary)));
	json__put_boolean(json, "survival_known", summary->is_answered);
	if (summary->is_answered) {
		put_estimate(json, "surviving_bytes", summary->surviving_bytes);
		json__put_integer(json, "sampled_blocks", summary->sample_count);
		json__put_integer(json, "control_blocks", summary->control_count);
		json__put_number(json, "address_reuse", summary->reuse);
	}
	json__end_object(json);
}

static void write_survival(struct json_writer *json, const struct sampled_site *site)
{
	put_estimate(json, "surviving_bytes", site->surviving_bytes);
	put_estimate(json, "surviving_count", site->surviving_count);
	put_estimate(json, "growth_bytes_per_s", site->growth);
	json__key(json, "sampled");
	json__begin_object(json);
	json__put_integer(json, "blocks", site->asked_count);
	json__put_integer(json, "still_allocated", site->alive_count);
	json__put_integer(json, "youngest_ns", site->youngest_ns);
	json__put_integer(json, "oldest_ns", site->oldest_ns);
	json__put_number(json, "address_reuse", site->reuse);
	json__end_object(json);
}

static void write_site(struct json_writer *json, const struct sampling_summary *summary,
	const struct sampled_site *sampled, const struct report_site *site)
{
	json__begin_object(json);
	json__put_integer(json, "seen_count", sampled->seen_count);
	json__put_integer(json, "seen_bytes", sampled->seen_bytes);
	put_estimate(json, "alloc_count", sampled->alloc_count);
	put_estimate(json, "alloc_bytes", sampled->alloc_bytes);
	put_estimate(json, "allocs_per_s", scaled(sampled->alloc_count, per_second(summary)));
	put_estimate(json, "alloc_bytes_per_s", scaled(sampled->alloc_bytes, per_second(summary)));
	if (summary->is_answered)
		write_survival(json, sampled);
	json__write_stack_end(json, site);
	json__write_stack(json, site);
	json__end_object(json);
}

void estimates__write_json(const struct report *report, FILE *file)
{
	const struct report_estimates *estimates = report->estimates;
	struct json_writer json;

	json__start(&json, file, COMPACT_BELOW);
	json__begin_object(&json);
	json__write_run(&json, &report->run);
	json__put_boolean(&json, "estimated", true);
	json__write_events(&json, report);
	write_budget(&json, estimates);
	write_totals(&json, &estimates->summary);
	json__key(&json, "notes");
	json__begin_array(&json);
	vec_for_each (note, &report->notes)
		json__string(&json, *note);
	json__end_array(&json);
	json__put_integer(&json, "site_count", report->site_total);
	json__key(&json, "sites");
	json__begin_array(&json);
	for (size_t i = 0; i < report->sites.size; i++)
		write_site(&json, &estimates->summary, &estimates->sites.data[i],
			&report->sites.data[i]);
	json__end_array(&json);
	json__end_object(&json);
	json__finish(&json);
}
