/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/loss.h"

/* One of the processes that are listed. */
struct metrics_process {
	const struct heap_process *process;
	struct metrics_container container;
	char pid[16];
	uint64_t growing; /* bytes held at sites that only grow */
};

typedef VEC(struct metrics_process) metrics_processes;

/* --- processes */

static uint64_t held_bytes(const struct heap_process *process)
{
	return process->end == PROCESS_RUNS ? process->live_bytes : process->counts.at_exit_bytes;
}

static bool is_listed(const struct metrics_source *source, const struct heap_process *process)
{
	return process->pid && process->end != PROCESS_REPLACED &&
	       (process->end == PROCESS_RUNS ||
		       process->end_ns + METRICS_ENDED_NS > source->now_ns);
}

/* The running ones first, then those that hold most. */
static int compare_processes(const void *a, const void *b)
{
	const struct heap_process *x = ((const struct metrics_process *)a)->process;
	const struct heap_process *y = ((const struct metrics_process *)b)->process;
	bool x_runs = x->end == PROCESS_RUNS, y_runs = y->end == PROCESS_RUNS;

	if (x_runs != y_runs)
		return y_runs - x_runs;
	if (held_bytes(x) != held_bytes(y))
		return held_bytes(x) < held_bytes(y) ? 1 : -1;
	return x->number < y->number ? 1 : x->number > y->number ? -1 : 0;
}

/* A PID may have been used again: two time series must not have the same labels. */
static bool has_pid(const metrics_processes *list, uint32_t pid)
{
	vec_for_each (each, list)
		if (each->process->pid == pid)
			return true;
	return false;
}

static int list_processes(const struct metrics_source *source, metrics_processes *out)
{
	metrics_processes all = {0};
	int err = 0;

	vec_for_each (ranked, &source->report->ranking) {
		struct metrics_process each = {
			.process = &source->report->processes.data[ranked->index],
			.growing = ranked->growing,
		};

		if (is_listed(source, each.process) && !err)
			err = vec_push(&all, each);
	}
	if (all.size)
		qsort(all.data, all.size, sizeof(*all.data), compare_processes);
	vec_for_each (each, &all) {
		uint32_t pid = each->process->pid;

		if (err || out->size == METRICS_PROCESSES || has_pid(out, pid))
			continue;
		snprintf(each->pid, sizeof(each->pid), "%u", pid);
		each->container = source->container(source->context, pid);
		err = vec_push(out, *each);
	}
	vec_free(&all);
	return err;
}

static void label_process(struct openmetrics *out, const struct metrics_process *process)
{
	openmetrics__label(out, "pid", process->pid);
	openmetrics__label(out, "comm", process->process->comm);
	openmetrics__label(out, "container", process->container.id);
	openmetrics__label(out, "pod", process->container.pod);
}

static uint64_t live_bytes(const struct metrics_process *process)
{
	return held_bytes(process->process);
}

static uint64_t live_objects(const struct metrics_process *process)
{
	return process->process->end == PROCESS_RUNS ? process->process->live_count
						     : process->process->counts.at_exit_count;
}

static uint64_t peak_bytes(const struct metrics_process *process)
{
	return process->process->peak_bytes;
}

static uint64_t growing_bytes(const struct metrics_process *process)
{
	return process->growing;
}

static uint64_t allocations(const struct metrics_process *process)
{
	return process->process->counts.alloc_count;
}

static uint64_t allocated_bytes(const struct metrics_process *process)
{
	return process->process->counts.alloc_bytes;
}

static uint64_t frees(const struct metrics_process *process)
{
	return process->process->counts.free_count;
}

static uint64_t freed_bytes(const struct metrics_process *process)
{
	return process->process->counts.freed_bytes;
}

static uint64_t failures(const struct metrics_process *process)
{
	return process->process->counts.failed_count;
}

static uint64_t temporaries(const struct metrics_process *process)
{
	return process->process->counts.temporary_count;
}

static uint64_t mapped_bytes(const struct metrics_process *process)
{
	return process->process->mapped_bytes;
}

/* What the allocator has mapped beyond what is live: free, fragmented, or its own. */
static uint64_t free_held_bytes(const struct metrics_process *process)
{
	uint64_t held = process->process->live_bytes + process->process->inherited_live_bytes;

	if (process->process->end != PROCESS_RUNS || process->process->allocator_bytes < held)
		return 0;
	return process->process->allocator_bytes - held;
}

static uint64_t resident_bytes(const struct metrics_process *process)
{
	return process->process->memory.resident_bytes;
}

static uint64_t is_running(const struct metrics_process *process)
{
	return process->process->end == PROCESS_RUNS;
}

static const struct {
	const char *name;
	enum metric_type type;
	const char *unit;
	const char *help;
	uint64_t (*value)(const struct metrics_process *process);
} process_families[] = {
	{"memtrace_process_running", METRIC_GAUGE, NULL,
		"1: the process runs; 0: it has ended, and its other figures are its last.",
		is_running},
	{"memtrace_heap_live_bytes", METRIC_GAUGE, "bytes",
		"Requested bytes in blocks that are allocated, or were left at the process's end.",
		live_bytes},
	{"memtrace_heap_live_objects", METRIC_GAUGE, NULL,
		"Blocks that are allocated, or were left at the process's end.", live_objects},
	{"memtrace_heap_peak_bytes", METRIC_GAUGE, "bytes",
		"The most requested bytes that were allocated at a time.", peak_bytes},
	{"memtrace_heap_growing_bytes", METRIC_GAUGE, "bytes",
		"Live bytes of call sites that only grow, the sign of a leak.", growing_bytes},
	{"memtrace_heap_allocations", METRIC_COUNTER, NULL, "Allocations.", allocations},
	{"memtrace_heap_allocated_bytes", METRIC_COUNTER, "bytes", "Requested bytes, allocated.",
		allocated_bytes},
	{"memtrace_heap_frees", METRIC_COUNTER, NULL, "Blocks that were freed.", frees},
	{"memtrace_heap_freed_bytes", METRIC_COUNTER, "bytes", "Requested bytes, freed.",
		freed_bytes},
	{"memtrace_heap_failures", METRIC_COUNTER, NULL, "Allocations that returned NULL.",
		failures},
	{"memtrace_heap_temporary_allocations", METRIC_COUNTER, NULL,
		"Allocations that the same thread freed with no other allocation in between.",
		temporaries},
	{"memtrace_heap_free_held_bytes", METRIC_GAUGE, "bytes",
		"What the allocator has mapped beyond the live blocks: free but held.",
		free_held_bytes},
	{"memtrace_mapped_bytes", METRIC_GAUGE, "bytes",
		"Bytes that were mapped while the process was traced, and still are.",
		mapped_bytes},
	{"memtrace_process_resident_bytes", METRIC_GAUGE, "bytes",
		"Memory of the process that is resident (RSS).", resident_bytes},
};

static void write_processes(struct openmetrics *out, const metrics_processes *list)
{
	for (size_t i = 0; i < sizeof(process_families) / sizeof(process_families[0]); i++) {
		openmetrics__family(out, process_families[i].type, process_families[i].name,
			process_families[i].unit, process_families[i].help);
		vec_for_each (process, list) {
			openmetrics__sample(out);
			label_process(out, process);
			openmetrics__integer(out, process_families[i].value(process));
		}
	}
}

/* --- call sites */

struct metrics_site {
	const struct report_site *site;
	uint64_t bytes;
	uint64_t objects;
};

/* Keeps the METRICS_SITES largest, the largest first. */
static void keep_largest(struct metrics_site *sites, size_t *count, struct metrics_site site)
{
	size_t at = *count;

	while (at && sites[at - 1].bytes < site.bytes)
		at--;
	if (at == METRICS_SITES)
		return;
	if (*count < METRICS_SITES)
		++*count;
	memmove(&sites[at + 1], &sites[at], (*count - at - 1) * sizeof(*sites));
	sites[at] = site;
}

static size_t list_sites(const struct report *report, const struct metrics_process *process,
	struct metrics_site sites[METRICS_SITES])
{
	size_t count = 0;

	vec_for_each (site, &report->sites) {
		const struct report_site_process *shares =
			report->site_processes.data + site->first_process;

		for (size_t i = 0; i < site->process_count; i++) {
			const struct report_site_process *share = &shares[i];
			struct metrics_site each = {
				site, share->at_exit_bytes, share->at_exit_count};

			if (process->process->end == PROCESS_RUNS)
				each = (struct metrics_site){
					site, share->live_bytes, share->live_count};

			if (share->process == process->process->number && each.bytes)
				keep_largest(sites, &count, each);
		}
	}
	return count;
}

/* "remember_session leak.c:56": what a person looks for; wrappers of malloc say nothing. */
static void name_site(const struct report_site *site, char *out, size_t size)
{
	const struct report_frame *frame = NULL;

	for (size_t i = 0; i < site->frame_count && !frame; i++)
		if (!site->frames[i].is_wrapper || i + 1 == site->frame_count)
			frame = &site->frames[i];
	if (!frame)
		snprintf(out, size, "%s", site->special ? site->special : "(no frames)");
	else if (frame->function && frame->file)
		snprintf(out, size, "%s %s:%u", frame->function, text__base_name(frame->file),
			frame->line);
	else if (frame->function)
		snprintf(out, size, "%s", frame->function);
	else
		snprintf(out, size, "%s+0x%llx",
			frame->module ? text__base_name(frame->module) : "",
			(unsigned long long)frame->offset);
}

static void write_site(struct openmetrics *out, const struct metrics_process *process,
	const struct metrics_site *site, uint64_t value)
{
	char name[256], id[16];

	name_site(site->site, name, sizeof(name));
	snprintf(id, sizeof(id), "%u", site->site->id);
	openmetrics__sample(out);
	label_process(out, process);
	openmetrics__label(out, "site", name);
	/* Lines of one function may have several stacks. */
	openmetrics__label(out, "stack", id);
	openmetrics__integer(out, value);
}

static int write_sites(
	struct openmetrics *out, const struct report *report, const metrics_processes *list)
{
	struct metrics_site(*sites)[METRICS_SITES] = calloc(list->size + 1, sizeof(*sites));
	size_t *counts = calloc(list->size + 1, sizeof(*counts));
	bool has_memory = sites && counts;

	for (size_t i = 0; i < list->size && has_memory; i++)
		counts[i] = list_sites(report, &list->data[i], sites[i]);
	openmetrics__family(out, METRIC_GAUGE, "memtrace_site_live_bytes", "bytes",
		"Live bytes of a process's largest call sites.");
	for (size_t i = 0; i < list->size && has_memory; i++)
		for (size_t k = 0; k < counts[i]; k++)
			write_site(out, &list->data[i], &sites[i][k], sites[i][k].bytes);
	openmetrics__family(out, METRIC_GAUGE, "memtrace_site_live_objects", NULL,
		"Live blocks of a process's largest call sites.");
	for (size_t i = 0; i < list->size && has_memory; i++)
		for (size_t k = 0; k < counts[i]; k++)
			write_site(out, &list->data[i], &sites[i][k], sites[i][k].objects);
	free(sites);
	free(counts);
	return has_memory ? 0 : -ENOMEM;
}

/* --- losses, locks, memtrace itself */

static void write_value(struct openmetrics *out, enum metric_type type, const char *name,
	const char *unit, const char *help, uint64_t value)
{
	openmetrics__family(out, type, name, unit, help);
	openmetrics__sample(out);
	openmetrics__integer(out, value);
}

static void write_seconds(struct openmetrics *out, enum metric_type type, const char *name,
	const char *help, double value)
{
	openmetrics__family(out, type, name, "seconds", help);
	openmetrics__sample(out);
	openmetrics__number(out, value);
}

static void write_losses(struct openmetrics *out, const struct report *report, bool of_events)
{
	openmetrics__family(out, METRIC_COUNTER,
		of_events ? "memtrace_events_lost" : "memtrace_other_losses", NULL,
		of_events ? "Heap events that never arrived: every figure lacks them."
			  : "What else was lost or is cut: stacks, names, attachments.");
	for (int cause = 0; cause < LOSS_COUNT; cause++) {
		if ((cause < LOSS_EVENT_COUNT) != of_events)
			continue;
		openmetrics__sample(out);
		openmetrics__label(out, "cause", loss__words(cause)->key);
		openmetrics__integer(out, report->run.losses[cause]);
	}
}

static void write_waits(struct openmetrics *out, const struct metrics_waits *waits)
{
	if (!waits->looks)
		return;
	write_value(out, METRIC_GAUGE, "memtrace_waiting_threads", NULL,
		"Threads that wait for another one, a lock or work.", waits->threads);
	write_seconds(out, METRIC_GAUGE, "memtrace_longest_wait_seconds",
		"How long the one of them has waited that has waited longest.",
		waits->longest_ns / 1e9);
	write_value(out, METRIC_GAUGE, "memtrace_deadlocks", NULL,
		"Deadlocks that there are now, each seen by two looks.", waits->deadlocks);
	write_value(out, METRIC_GAUGE, "memtrace_hangs", NULL,
		"Other waits and processes that can never continue.", waits->hangs);
	write_value(out, METRIC_COUNTER, "memtrace_deadlocks_found", NULL,
		"Deadlocks and hangs since the start.", waits->found);
	write_value(
		out, METRIC_COUNTER, "memtrace_looks", NULL, "Looks at the threads.", waits->looks);
}

static void label_lock(struct openmetrics *out, const struct contention_identity *lock)
{
	char address[24], pid[16];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)lock->address);
	snprintf(pid, sizeof(pid), "%d", (int)lock->pid);
	openmetrics__label(out, "lock", *lock->name ? lock->name : address);
	openmetrics__label(out, "kind", contention__kind(lock));
	openmetrics__label(out, "address", address);
	openmetrics__label(out, "pid", pid);
}

enum lock_value { LOCK_WAITS, LOCK_SECONDS, LOCK_LONGEST };

static void write_lock_family(struct openmetrics *out, const struct contention *model,
	const contention_numbers *numbers, enum lock_value value)
{
	for (size_t i = 0; i < numbers->size && i < METRICS_LOCKS; i++) {
		const struct contention_lock *lock = contention__lock(model, numbers->data[i]);

		openmetrics__sample(out);
		label_lock(out, &lock->identity);
		if (value == LOCK_WAITS)
			openmetrics__integer(out, lock->sums.count);
		else
			openmetrics__number(out,
				(value == LOCK_SECONDS ? lock->sums.total_ns : lock->sums.max_ns) /
					1e9);
	}
}

static int write_contention(struct openmetrics *out, const struct contention *model)
{
	struct contention_filter filter = {0};
	contention_numbers numbers;
	struct contention_sums total;
	int err;

	if (!model)
		return 0;
	err = contention__rank_locks(model, &filter, &numbers);
	if (err)
		return err;
	total = contention__total(model, &filter);
	write_value(out, METRIC_COUNTER, "memtrace_contention_waits", NULL,
		"Waits for locks that another thread had, all locks together.", total.count);
	write_seconds(out, METRIC_COUNTER, "memtrace_contention_seconds",
		"Time of these waits, of all threads together.", total.total_ns / 1e9);
	openmetrics__family(out, METRIC_COUNTER, "memtrace_lock_waits", NULL,
		"Waits for each of the locks that cost most.");
	write_lock_family(out, model, &numbers, LOCK_WAITS);
	openmetrics__family(out, METRIC_COUNTER, "memtrace_lock_wait_seconds", "seconds",
		"Time of the waits for each of the locks that cost most.");
	write_lock_family(out, model, &numbers, LOCK_SECONDS);
	openmetrics__family(out, METRIC_GAUGE, "memtrace_lock_longest_wait_seconds", "seconds",
		"The longest wait that has ended, of each of the locks that cost most.");
	write_lock_family(out, model, &numbers, LOCK_LONGEST);
	vec_free(&numbers);
	return 0;
}

static void write_totals(struct openmetrics *out, const struct report *report)
{
	write_value(out, METRIC_GAUGE, "memtrace_all_heap_live_bytes", "bytes",
		"Live bytes of all processes that run, those that are not listed included.",
		report->heap.live_bytes);
	write_value(out, METRIC_COUNTER, "memtrace_all_heap_allocations", NULL,
		"Allocations of all processes, ended ones included.",
		report->heap.counts.alloc_count);
	write_value(out, METRIC_COUNTER, "memtrace_events", NULL, "Heap events that arrived.",
		report->seen);
}

static void write_self(struct openmetrics *out, const struct metrics_self *self)
{
	openmetrics__family(out, METRIC_GAUGE, "memtrace_build_info", NULL, "Always 1.");
	openmetrics__sample(out);
	openmetrics__label(out, "version", self->version);
	openmetrics__integer(out, 1);
	write_value(out, METRIC_GAUGE, "memtrace_targets", NULL, "Processes that are traced.",
		self->targets);
	write_value(out, METRIC_COUNTER, "memtrace_targets_refused", NULL,
		"Processes that matched and could not be traced.", self->refused);
	write_value(out, METRIC_GAUGE, "memtrace_probe_sites", NULL,
		"Places in programs and libraries that are probed.", self->sites);
	write_seconds(out, METRIC_COUNTER, "memtrace_self_cpu_seconds",
		"Processor time of memtrace itself, without that of its probes.",
		self->cpu_seconds);
	write_value(out, METRIC_GAUGE, "memtrace_self_resident_bytes", "bytes",
		"Memory of memtrace itself that is resident (RSS).", self->resident_bytes);
	if (self->memory_limit)
		write_value(out, METRIC_GAUGE, "memtrace_self_memory_limit_bytes", "bytes",
			"What --memory-limit allows.", self->memory_limit);
	write_value(out, METRIC_COUNTER, "memtrace_stacks_folded", NULL,
		"Stacks that were added up as one for want of room.", self->folded);
	write_value(out, METRIC_COUNTER, "memtrace_blocks_unfollowed", NULL,
		"Blocks counted when they were allocated, but for want of room not while they are "
		"live.",
		self->unfollowed);
	write_value(out, METRIC_COUNTER, "memtrace_holds", NULL,
		"Times that a process or a library's loader waited for its probes.", self->holds);
	write_seconds(out, METRIC_COUNTER, "memtrace_hold_seconds", "Time of these waits.",
		self->hold_ns / 1e9);
	write_value(
		out, METRIC_COUNTER, "memtrace_http_requests", NULL, "Requests.", self->requests);
	write_value(out, METRIC_COUNTER, "memtrace_http_requests_refused", NULL,
		"Requests that were answered with an error.", self->refused_requests);
	write_value(out, METRIC_GAUGE, "memtrace_http_connections", NULL, "Open connections.",
		self->connections);
}

static void write_export_loss(struct openmetrics *out, const char *cause, uint64_t count)
{
	openmetrics__sample(out);
	openmetrics__label(out, "cause", cause);
	openmetrics__integer(out, count);
}

static void write_export(struct openmetrics *out, const struct metrics_export *export)
{
	if (!export->is_on)
		return;
	write_value(out, METRIC_COUNTER, "memtrace_otlp_sent", NULL,
		"Messages that the collector has taken.", export->sent);
	write_value(out, METRIC_COUNTER, "memtrace_otlp_failures", NULL,
		"Attempts to send a message that failed and are repeated.", export->failures);
	write_value(out, METRIC_GAUGE, "memtrace_otlp_waiting", NULL, "Messages to be sent.",
		export->waiting);
	openmetrics__family(out, METRIC_COUNTER, "memtrace_otlp_lost", NULL,
		"Messages that the collector did not get; rejected: of those that it got, what it "
		"did not take.");
	write_export_loss(out, "queue_full", export->queue_full);
	write_export_loss(out, "refused", export->refused);
	write_export_loss(out, "too_old", export->too_old);
	write_export_loss(out, "rejected", export->rejected);
}

int metrics__write_to(const struct metrics_source *source, struct openmetrics *out)
{
	metrics_processes list = {0};
	int err = list_processes(source, &list);

	if (!err) {
		write_self(out, source->self);
		write_export(out, &source->self->export);
		write_totals(out, source->report);
		write_losses(out, source->report, true);
		write_losses(out, source->report, false);
		write_processes(out, &list);
		err = write_sites(out, source->report, &list);
	}
	if (!err) {
		write_waits(out, source->waits);
		err = write_contention(out, source->contention);
	}
	openmetrics__end(out);
	vec_free(&list);
	return err;
}

int metrics__write(const struct metrics_source *source, bool is_older, FILE *file)
{
	struct openmetrics out = {.file = file, .is_older = is_older};

	return metrics__write_to(source, &out);
}
