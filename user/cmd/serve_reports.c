/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace serve: reports of the run so far, made on the lane of reports. */
#include "cmd/serve_reports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/trace_memory.h"
#include "version.h"

/*
 * Of the lane's time, the model is locked for no more than this part: what is locked is not read,
 * and a ring that nobody reads fills up.
 */
#define LOCKED_SHARE 4

int serve__status(struct serve *serve, struct serve_status *out, struct error *error)
{
	int err;

	pthread_mutex_lock(&serve->lock);
	*out = serve->status;
	out->served = (served_list){0};
	err = vec_reserve(&out->served, serve->status.served.size + 1);
	if (!err && serve->status.served.size)
		memcpy(out->served.data, serve->status.served.data,
			serve->status.served.size * sizeof(*out->served.data));
	out->served.size = err ? 0 : serve->status.served.size;
	pthread_mutex_unlock(&serve->lock);
	return err ? error__set(error, err, "out of memory") : 0;
}

void serve_status__free(struct serve_status *status)
{
	vec_free(&status->served);
}

static bool is_listed(const served_list *served, uint32_t process)
{
	vec_for_each (each, served)
		if (each->process == process && !each->ended_ns)
			return true;
	return false;
}

/* The symbolizer is this lane's: it learns here who came and who went. */
static void watch_jit(struct serve *serve, const served_list *served)
{
	size_t kept = 0;

	vec_for_each (process, &serve->watched_jit) {
		if (is_listed(served, *process))
			serve->watched_jit.data[kept++] = *process;
		else
			symbolizer__unwatch_jit(serve->symbolizer, *process);
	}
	serve->watched_jit.size = kept;
	vec_for_each (each, served) {
		struct process_info process;
		bool is_known = each->ended_ns || !each->process;

		vec_for_each (image, &serve->watched_jit)
			is_known |= *image == each->process;
		if (is_known || process__open(each->pid, &process, NULL))
			continue;
		symbolizer__watch_jit(serve->symbolizer, &process, each->process, 0);
		process__close(&process);
		vec_push(&serve->watched_jit, each->process);
	}
}

static int describe_targets(const served_list *served, struct report *out)
{
	struct report_target *targets =
		arena__alloc(&out->arena, served->size + 1, sizeof(*targets));

	out->run.targets = targets;
	for (size_t i = 0; targets && i < served->size; i++) {
		const char *command = arena__copy(&out->arena, served->data[i].command);

		if (!command)
			return -ENOMEM;
		targets[out->run.target_count++] =
			(struct report_target){served->data[i].pid, command};
	}
	return targets ? 0 : -ENOMEM;
}

/* With the stream's lock: the feed counts, too. */
static void describe_run(struct serve *serve, const struct serve_status *status, uint64_t now_ns,
	struct report_run *run)
{
	run->version = MEMTRACE_VERSION;
	run->start_unix_ns = serve->start_unix_ns;
	run->duration_ns = now_ns - serve->start_ns;
	run->has_symbols = true;
	memcpy(run->losses, status->losses, sizeof(run->losses));
	feed__add_losses(&serve->feed, run->losses);
	memcpy(run->stack_stops, serve->feed.stack_stops, sizeof(run->stack_stops));
	run->guessed_frames = serve->feed.guessed_frames;
}

static int collect_locked(
	struct serve *serve, const struct serve_status *status, struct report *out)
{
	struct report_options options = {0};
	uint64_t begin_ns = clock__now_ns(), pause_ns;
	struct timespec pause;
	int err;

	stream__lock(serve->stream);
	trace_memory__look(&serve->feed);
	options.now_ns = clock__now_ns();
	describe_run(serve, status, options.now_ns, &out->run);
	err = report__collect(out, serve->feed.heap, &options);
	stream__unlock(serve->stream);
	pause_ns = (clock__now_ns() - begin_ns) * (LOCKED_SHARE - 1);
	pause = (struct timespec){pause_ns / 1000000000, pause_ns % 1000000000};
	nanosleep(&pause, NULL);
	return err;
}

int serve_reports__collect(
	struct serve *serve, const struct serve_status *status, struct report *out)
{
	int err = collect_locked(serve, status, out);

	return err ? err : describe_targets(&status->served, out);
}

int serve_reports__name(struct serve *serve, const struct serve_status *status, struct report *out)
{
	struct frame_namer namer = {
		serve->symbolizer, serve->modules, serve->spaces, serve->feed.python_frames};
	int err;

	watch_jit(serve, &status->served);
	err = report__name(out, frame_names__name, &namer);
	if (!err)
		report__trim(out);
	return err;
}

/* --- differences */

struct site_figures {
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t live_count;
	uint64_t live_bytes;
	uint64_t at_exit_count;
	uint64_t at_exit_bytes;
	uint64_t mapped_bytes;
};

/* By the number of the site, which it keeps. */
struct report_before {
	struct site_figures *sites;
	size_t count;
	uint64_t taken_ns; /* since the start */
};

static int note_site(struct report_before *before, const struct report_site *site, bool is_mapped)
{
	struct site_figures *figures = &before->sites[site->id];

	if (is_mapped)
		figures->mapped_bytes = site->live_bytes;
	else
		*figures = (struct site_figures){
			.alloc_count = site->alloc_count,
			.alloc_bytes = site->alloc_bytes,
			.live_count = site->live_count,
			.live_bytes = site->live_bytes,
			.at_exit_count = site->at_exit_count,
			.at_exit_bytes = site->at_exit_bytes,
			.mapped_bytes = figures->mapped_bytes,
		};
	return 0;
}

struct report_before *report_before__take(const struct report *report)
{
	struct report_before *before = calloc(1, sizeof(*before));

	if (!before)
		return NULL;
	vec_for_each (site, &report->sites)
		before->count = site->id >= before->count ? site->id + 1 : before->count;
	vec_for_each (site, &report->mapped_sites)
		before->count = site->id >= before->count ? site->id + 1 : before->count;
	before->taken_ns = report->run.duration_ns;
	before->sites = calloc(before->count + 1, sizeof(*before->sites));
	if (!before->sites) {
		free(before);
		return NULL;
	}
	vec_for_each (site, &report->sites)
		note_site(before, site, false);
	vec_for_each (site, &report->mapped_sites)
		note_site(before, site, true);
	return before;
}

void report_before__free(struct report_before *before)
{
	if (before)
		free(before->sites);
	free(before);
}

/* What is live may have become less: as in Go's differences, the figures are then negative. */
static bool subtract(struct report_site *site, const struct site_figures *then)
{
	site->alloc_count -= then->alloc_count;
	site->alloc_bytes -= then->alloc_bytes;
	site->live_count -= then->live_count;
	site->live_bytes -= then->live_bytes;
	site->at_exit_count -= then->at_exit_count;
	site->at_exit_bytes -= then->at_exit_bytes;
	return site->alloc_count || site->live_count || site->live_bytes || site->at_exit_count;
}

void report_before__subtract(const struct report_before *before, struct report *report)
{
	size_t kept = 0;

	vec_for_each (site, &report->sites)
		if (site->id >= before->count || subtract(site, &before->sites[site->id]))
			report->sites.data[kept++] = *site;
	report->sites.size = report->site_total = kept;
	kept = 0;
	vec_for_each (site, &report->mapped_sites) {
		if (site->id < before->count)
			site->live_bytes -= before->sites[site->id].mapped_bytes;
		if (site->live_bytes)
			report->mapped_sites.data[kept++] = *site;
	}
	report->mapped_sites.size = report->mapped_total = kept;
	report->run.start_unix_ns += before->taken_ns;
	report->run.duration_ns -= before->taken_ns;
}

void report_before__subtract_allocated(const struct report_before *before, struct report *report)
{
	vec_for_each (site, &report->sites) {
		if (site->id >= before->count)
			continue;
		site->alloc_count -= before->sites[site->id].alloc_count;
		site->alloc_bytes -= before->sites[site->id].alloc_bytes;
	}
}
