/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/json.h"

#include <sys/wait.h>

#include "report/leaks.h"
#include "report/loss.h"
#include "report/own_samples.h"
#include "report/pool.h"
#include "report/residence.h"

/* Sites, processes and points of the series take one line each. */
#define COMPACT_BELOW 2
/* Of a site's processes; what the others hold is the rest of the site's figures. */
#define JSON_SITE_PROCESSES 32

static void write_target(struct json_writer *json, const struct report_target *target)
{
	json__begin_object(json);
	json__put_integer(json, "pid", target->pid);
	if (target->command)
		json__put_string(json, "command", target->command);
	json__end_object(json);
}

static void write_exit_status(struct json_writer *json, int status)
{
	json__begin_object(json);
	if (WIFSIGNALED(status))
		json__put_integer(json, "signal", WTERMSIG(status));
	else
		json__put_integer(json, "exited", WEXITSTATUS(status));
	json__end_object(json);
}

void json__write_run(struct json_writer *json, const struct report_run *run)
{
	json__put_integer(json, "version", JSON_REPORT_VERSION);
	if (run->version)
		json__put_string(json, "memtrace", run->version);
	if (run->target_count) {
		json__key(json, "target");
		write_target(json, &run->targets[0]);
	}
	json__key(json, "targets");
	json__begin_array(json);
	for (size_t i = 0; i < run->target_count; i++)
		write_target(json, &run->targets[i]);
	json__end_array(json);
	json__put_integer(json, "duration_ns", run->duration_ns);
	json__put_integer(json, "started_unix_ns", run->start_unix_ns);
	if (run->launched && run->has_ended) {
		json__key(json, "command_status");
		write_exit_status(json, run->exit_status);
	}
	json__key(json, "settings");
	json__begin_object(json);
	for (size_t i = 0; i < run->setting_count; i++)
		json__put_string(json, run->settings[i].name, run->settings[i].value);
	json__end_object(json);
}

static void write_losses(
	struct json_writer *json, const uint64_t *losses, enum loss_cause from, enum loss_cause to)
{
	json__begin_object(json);
	for (enum loss_cause cause = from; cause < to; cause++)
		json__put_integer(json, loss__words(cause)->key, losses[cause]);
	json__end_object(json);
}

void json__write_events(struct json_writer *json, const struct report *report)
{
	json__key(json, "events");
	json__begin_object(json);
	json__put_integer(json, "seen", report->seen);
	json__put_integer(json, "lost", report->lost);
	json__key(json, "lost_by_cause");
	write_losses(json, report->run.losses, 0, LOSS_EVENT_COUNT);
	json__key(json, "other_losses");
	write_losses(json, report->run.losses, LOSS_EVENT_COUNT, LOSS_COUNT);
	json__put_integer(json, "missing_from_recording", report->run.missing_records);
	json__put_integer(json, "malformed", report->heap.malformed_count);
	json__put_integer(json, "filtered", report->heap.counts.filtered_count);
	json__end_object(json);
}

/* The calls; what is live differs between the whole run and a process. */
static void write_calls(struct json_writer *json, const struct heap_counts *counts)
{
	json__put_integer(json, "alloc_count", counts->alloc_count);
	json__put_integer(json, "alloc_bytes", counts->alloc_bytes);
	json__put_integer(json, "free_count", counts->free_count);
	json__put_integer(json, "freed_bytes", counts->freed_bytes);
	json__put_integer(json, "temporary_count", counts->temporary_count);
	json__put_integer(json, "temporary_bytes", counts->temporary_bytes);
	json__put_integer(json, "failed_count", counts->failed_count);
	json__put_integer(json, "failed_bytes", counts->failed_bytes);
	json__put_integer(json, "untracked_free_count", counts->untracked_free_count);
	json__put_integer(json, "implied_free_count", counts->implied_free_count);
	json__put_integer(json, "implied_free_bytes", counts->implied_free_bytes);
	json__put_integer(json, "inherited_count", counts->inherited_count);
	json__put_integer(json, "inherited_bytes", counts->inherited_bytes);
	json__put_integer(json, "inherited_dropped_count", counts->inherited_dropped_count);
	json__put_integer(json, "inherited_dropped_bytes", counts->inherited_dropped_bytes);
	json__put_integer(json, "exec_discarded_count", counts->exec_discarded_count);
	json__put_integer(json, "exec_discarded_bytes", counts->exec_discarded_bytes);
	json__put_integer(json, "at_exit_count", counts->at_exit_count);
	json__put_integer(json, "at_exit_bytes", counts->at_exit_bytes);
	json__put_integer(json, "at_exit_inherited_count", counts->at_exit_inherited_count);
	json__put_integer(json, "at_exit_inherited_bytes", counts->at_exit_inherited_bytes);
	json__put_integer(json, "forgotten_count", counts->forgotten_count);
	json__put_integer(json, "forgotten_bytes", counts->forgotten_bytes);
}

static void write_heap(struct json_writer *json, const struct report *report)
{
	const struct heap_totals *heap = &report->heap;

	json__key(json, "heap");
	json__begin_object(json);
	json__put_integer(json, "live_count", report->live_count);
	json__put_integer(json, "live_bytes", report->live_bytes);
	json__put_integer(json, "peak_bytes", heap->peak_bytes);
	json__put_integer(json, "peak_count", heap->peak_count);
	json__put_integer(json, "peak_at_ns", heap->peak_at_ns);
	json__put_integer(json, "peak_inherited_bytes", heap->peak_inherited_bytes);
	json__put_integer(json, "inherited_live_count", heap->inherited_live_count);
	json__put_integer(json, "inherited_live_bytes", heap->inherited_live_bytes);
	json__put_boolean(json, "live_at_exit", report->live_at_exit);
	if (report->older_than_ns)
		json__put_integer(json, "live_older_than_ns", report->older_than_ns);
	if (report->min_size)
		json__put_integer(json, "min_size", report->min_size);
	if (report->max_size)
		json__put_integer(json, "max_size", report->max_size);
	write_calls(json, &heap->counts);
	json__end_object(json);
}

static void write_mapping_calls(struct json_writer *json, const struct mapping_counts *counts)
{
	json__put_integer(json, "mmap_count", counts->mmap_count);
	json__put_integer(json, "mmap_bytes", counts->mmap_bytes);
	json__put_integer(json, "anonymous_bytes", counts->anonymous_bytes);
	json__put_integer(json, "munmap_count", counts->munmap_count);
	json__put_integer(json, "munmap_bytes", counts->munmap_bytes);
	json__put_integer(json, "mremap_count", counts->mremap_count);
	json__put_integer(json, "brk_count", counts->brk_count);
	json__put_integer(json, "brk_grown_bytes", counts->brk_grown_bytes);
	json__put_integer(json, "brk_shrunk_bytes", counts->brk_shrunk_bytes);
	json__put_integer(json, "replaced_bytes", counts->replaced_bytes);
	json__put_integer(json, "untracked_bytes", counts->untracked_bytes);
	json__put_integer(json, "forgotten_count", counts->forgotten_count);
}

static void write_mappings(struct json_writer *json, const struct heap_totals *heap)
{
	static const char *const kinds[] = {
		[MAPPED_PROGRAM] = "program",
		[MAPPED_ALLOCATOR] = "allocator",
		[MAPPED_STACK] = "thread_stacks",
		[MAPPED_FILE] = "files",
		[MAPPED_RESERVED] = "reserved",
	};

	json__key(json, "mappings");
	json__begin_object(json);
	json__put_integer(json, "mapped_bytes", heap->mapped_bytes);
	json__put_integer(json, "peak_bytes", heap->mapped_peak_bytes);
	json__key(json, "kinds");
	json__begin_object(json);
	for (int kind = 0; kind < MAPPED_KIND_COUNT; kind++)
		json__put_integer(json, kinds[kind], heap->mapped_kinds[kind]);
	json__end_object(json);
	write_mapping_calls(json, &heap->counts.mappings);
	json__end_object(json);
}

static void write_residence(struct json_writer *json, const struct report *report)
{
	const struct heap_residence *residence = &report->heap.residence;

	json__key(json, "memory");
	json__begin_object(json);
	json__put_integer(json, "process_count", residence->process_count);
	if (residence->resident_bytes) {
		json__put_integer(json, "rss_bytes", residence->resident_bytes);
		json__put_integer(json, "anonymous_bytes", residence->anonymous_bytes);
	}
	if (residence->peak_bytes)
		json__put_integer(json, "peak_rss_bytes", residence->peak_bytes);
	json__put_boolean(json, "at_exit", report->all_ended);
	if (residence->resident_bytes && report->run.launched)
		json__put_integer(json, "kept_by_allocator_bytes_estimate",
			residence__kept_bytes(residence, true));
	json__end_object(json);
}

static void write_stacks(struct json_writer *json, const struct report_run *run)
{
	json__key(json, "stacks");
	json__begin_object(json);
	for (enum stack_stop stop = 0; stop < STACK_STOP_COUNT; stop++)
		json__put_integer(json, loss__stop_key(stop), run->stack_stops[stop]);
	json__put_integer(json, "guessed_frames", run->guessed_frames);
	json__end_object(json);
}

/* Where no Python ran there is nothing to tell. */
static void write_python(struct json_writer *json, const struct python_walks *walks)
{
	uint64_t stacks = 0;

	for (int stop = PYTHON_COMPLETE; stop < PYTHON_STOP_COUNT; stop++)
		stacks += walks->stops[stop];
	if (!stacks)
		return;
	json__key(json, "python");
	json__begin_object(json);
	json__put_integer(json, "stacks", stacks);
	for (enum python_stop stop = PYTHON_COMPLETE; stop < PYTHON_STOP_COUNT; stop++)
		json__put_integer(json, loss__python_key(stop), walks->stops[stop]);
	json__put_integer(json, "unnamed", walks->unnamed);
	json__end_object(json);
}

static void write_frame(struct json_writer *json, const struct report_frame *frame)
{
	json__begin_object(json);
	if (frame->is_python)
		json__put_string(json, "language", "python");
	/* No user address is that large: a walk that went wrong. */
	if (frame->address <= INT64_MAX && !frame->is_python)
		json__put_integer(json, "address", frame->address);
	if (frame->module) {
		json__put_string(json, "module", frame->module);
		if (frame->build_id)
			json__put_string(json, "build_id", frame->build_id);
		json__put_integer(json, "offset", frame->offset);
	}
	if (frame->function)
		json__put_string(json, "function", frame->function);
	if (frame->function && !frame->is_python)
		json__put_integer(json, "function_offset", frame->function_offset);
	if (frame->file)
		json__put_string(json, "file", frame->file);
	if (frame->line)
		json__put_integer(json, "line", frame->line);
	json__put_boolean(json, "inlined", frame->inlined);
	json__end_object(json);
}

static void write_lifetimes(struct json_writer *json, const uint64_t *lifetimes)
{
	int last = LIFETIME_BUCKETS;

	while (last > 0 && !lifetimes[last - 1])
		last--;
	json__key(json, "lifetimes");
	json__begin_array(json);
	for (int i = 0; i < last; i++)
		json__integer(json, lifetimes[i]);
	json__end_array(json);
}

void json__write_stack_end(struct json_writer *json, const struct report_site *site)
{
	if (site->special)
		json__put_string(json, "unknown", site->special);
	else
		json__put_string(json, "stack_end", loss__stop_key(site->stop));
}

void json__write_stack(struct json_writer *json, const struct report_site *site)
{
	json__key(json, "stack");
	json__begin_array(json);
	for (size_t i = 0; i < site->frame_count; i++)
		write_frame(json, &site->frames[i]);
	json__end_array(json);
}

static void write_growth(struct json_writer *json, const struct growth *growth)
{
	json__key(json, "growth");
	json__begin_object(json);
	json__put_integer(json, "bytes", growth->bytes);
	json__put_integer(json, "bytes_per_s", growth__rate(growth));
	json__put_integer(json, "since_ns", growth->since_ns);
	json__put_integer(json, "windows", growth->windows);
	json__put_integer(json, "rises", growth->rises);
	json__end_object(json);
}

static void write_share(struct json_writer *json, const struct report *report,
	const struct report_site_process *share)
{
	json__begin_object(json);
	if (share->index != REPORT_NO_PROCESS) {
		json__put_integer(json, "number", share->process);
		json__put_integer(json, "pid", report->processes.data[share->index].pid);
	}
	json__put_integer(json, "live_count", share->live_count);
	json__put_integer(json, "live_bytes", share->live_bytes);
	json__put_integer(json, "at_exit_count", share->at_exit_count);
	json__put_integer(json, "at_exit_bytes", share->at_exit_bytes);
	json__put_integer(json, "alloc_count", share->alloc_count);
	json__put_integer(json, "alloc_bytes", share->alloc_bytes);
	json__end_object(json);
}

/* Those that hold most. */
static void write_shares(
	struct json_writer *json, const struct report *report, const struct report_site *site)
{
	const struct report_site_process *shares =
		report->site_processes.data + site->first_process;

	json__put_integer(json, "process_count", site->process_count);
	json__key(json, "processes");
	json__begin_array(json);
	for (size_t i = 0; i < site->process_count && i < JSON_SITE_PROCESSES; i++)
		write_share(json, report, &shares[i]);
	json__end_array(json);
}

static void write_site(
	struct json_writer *json, const struct report *report, const struct report_site *site)
{
	json__begin_object(json);
	json__put_integer(json, "alloc_count", site->alloc_count);
	json__put_integer(json, "alloc_bytes", site->alloc_bytes);
	json__put_integer(json, "free_count", site->free_count);
	json__put_integer(json, "freed_bytes", site->freed_bytes);
	json__put_integer(json, "live_count", site->live_count);
	json__put_integer(json, "live_bytes", site->live_bytes);
	json__put_integer(json, "at_exit_count", site->at_exit_count);
	json__put_integer(json, "at_exit_bytes", site->at_exit_bytes);
	json__put_integer(json, "peak_count", site->peak_count);
	json__put_integer(json, "peak_bytes", site->peak_bytes);
	json__put_integer(json, "temporary_count", site->temporary_count);
	json__put_integer(json, "failed_count", site->failed_count);
	json__put_integer(json, "oldest_age_ns", site->oldest_age_ns);
	json__put_integer(json, "mean_age_ns", site->mean_age_ns);
	if (site->growth.rises)
		write_growth(json, &site->growth);
	report_leaks__write_site(json, report, site);
	if (report->process_total > 1)
		write_shares(json, report, site);
	json__write_stack_end(json, site);
	if (site->lifetimes)
		write_lifetimes(json, site->lifetimes);
	json__write_stack(json, site);
	json__end_object(json);
}

static void write_sites(struct json_writer *json, const struct report *report)
{
	json__put_integer(json, "site_count", report->site_total);
	json__key(json, "sites");
	json__begin_array(json);
	vec_for_each (site, &report->sites)
		write_site(json, report, site);
	json__end_array(json);
}

static void write_mapped_sites(struct json_writer *json, const struct report *report)
{
	json__put_integer(json, "mapped_site_count", report->mapped_total);
	json__key(json, "mapped_sites");
	json__begin_array(json);
	vec_for_each (site, &report->mapped_sites) {
		json__begin_object(json);
		json__put_integer(json, "mapped_bytes", site->live_bytes);
		json__put_integer(json, "at_exit_bytes", site->at_exit_bytes);
		json__put_integer(json, "call_count", site->alloc_count);
		json__put_integer(json, "call_bytes", site->alloc_bytes);
		if (pool__hint(site))
			json__put_string(json, "pool", pool__hint(site));
		json__write_stack_end(json, site);
		json__write_stack(json, site);
		json__end_object(json);
	}
	json__end_array(json);
}

static void write_process(struct json_writer *json, const struct heap_process *process)
{
	json__begin_object(json);
	json__put_integer(json, "number", process->number);
	if (process->parent)
		json__put_integer(json, "parent", process->parent);
	if (process->pid)
		json__put_integer(json, "pid", process->pid);
	if (*process->comm)
		json__put_string(json, "command", process->comm);
	json__put_integer(json, "start_ns", process->start_ns);
	if (process->end != PROCESS_RUNS)
		json__put_integer(json, "end_ns", process->end_ns);
	json__put_boolean(json, "replaced_by_exec", process->end == PROCESS_REPLACED);
	if (process->end == PROCESS_EXITED) {
		json__key(json, "status");
		write_exit_status(json, process->exit_status);
	}
	json__put_boolean(json, "shares_memory", process->shares_memory);
	json__key(json, "heap");
	json__begin_object(json);
	json__put_integer(json, "live_count", process->live_count);
	json__put_integer(json, "live_bytes", process->live_bytes);
	json__put_integer(json, "inherited_live_count", process->inherited_live_count);
	json__put_integer(json, "inherited_live_bytes", process->inherited_live_bytes);
	json__put_integer(json, "peak_bytes", process->peak_bytes);
	write_calls(json, &process->counts);
	json__end_object(json);
	json__key(json, "mappings");
	json__begin_object(json);
	json__put_integer(json, "mapped_bytes", process->mapped_bytes);
	write_mapping_calls(json, &process->counts.mappings);
	json__end_object(json);
	if (process->memory.resident_bytes)
		json__put_integer(json, "rss_bytes", process->memory.resident_bytes);
	if (process->memory.peak_bytes)
		json__put_integer(json, "peak_rss_bytes", process->memory.peak_bytes);
	json__end_object(json);
}

static void write_threads(struct json_writer *json, const struct report *report)
{
	json__key(json, "threads");
	json__begin_array(json);
	vec_for_each (thread, &report->threads) {
		json__begin_object(json);
		if (thread->tid) {
			json__put_integer(json, "process", thread->process);
			json__put_integer(json, "tid", thread->tid);
		}
		json__put_integer(json, "alloc_count", thread->alloc_count);
		json__put_integer(json, "alloc_bytes", thread->alloc_bytes);
		json__put_integer(json, "free_count", thread->free_count);
		json__put_integer(json, "temporary_count", thread->temporary_count);
		json__end_object(json);
	}
	json__end_array(json);
}

static void write_series(struct json_writer *json, const struct series *series)
{
	json__key(json, "series");
	json__begin_object(json);
	json__put_integer(json, "bucket_ns", 1ull << series->shift);
	json__key(json, "buckets");
	json__begin_array(json);
	for (size_t i = 0; i < series->size; i++) {
		const struct series_point *point = &series->points[i];

		json__begin_object(json);
		json__put_integer(json, "live_min_bytes", point->live_min);
		json__put_integer(json, "live_max_bytes", point->live_max);
		json__put_integer(json, "live_bytes", point->live_last);
		json__put_integer(json, "mapped_bytes", point->mapped_last);
		json__put_integer(json, "alloc_count", point->alloc_count);
		json__put_integer(json, "alloc_bytes", point->alloc_bytes);
		json__put_integer(json, "free_count", point->free_count);
		json__end_object(json);
	}
	json__end_array(json);
	json__end_object(json);
}

void json__write_report(
	const struct report *report, FILE *file, json_more_fn *more, const void *context)
{
	struct json_writer json;

	json__start(&json, file, COMPACT_BELOW + 1);
	json__begin_object(&json);
	json__write_run(&json, &report->run);
	json__write_events(&json, report);
	write_heap(&json, report);
	write_mappings(&json, &report->heap);
	write_residence(&json, report);
	write_stacks(&json, &report->run);
	write_python(&json, &report->run.python);
	if (more)
		more(&json, context);
	report_leaks__write_json(&json, report);
	json__key(&json, "notes");
	json__begin_array(&json);
	vec_for_each (note, &report->notes)
		json__string(&json, *note);
	json__end_array(&json);
	write_lifetimes(&json, report->lifetimes);
	json__key(&json, "processes");
	json__begin_array(&json);
	vec_for_each (process, &report->processes)
		write_process(&json, process);
	json__end_array(&json);
	write_threads(&json, report);
	write_series(&json, &report->series);
	write_sites(&json, report);
	write_mapped_sites(&json, report);
	report_own_samples__write_json(&json, report);
	json__end_object(&json);
	json__finish(&json);
}
