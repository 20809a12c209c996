/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_metrics.h"

#include <sys/resource.h>

#include "cmd/serve_otlp.h"
#include "version.h"

static struct metrics_container find_container(const void *context, uint32_t pid)
{
	const struct serve_status *status = context;
	struct metrics_container out = {"", ""};

	/* The latest of a PID. */
	vec_for_each (served, &status->served)
		if (served->pid == (pid_t)pid)
			out = (struct metrics_container){served->container, served->pod};
	return out;
}

static void describe_self(struct serve *serve, const struct serve_status *status,
	const struct report *report, struct metrics_self *self)
{
	struct server_counts counts;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	server__count(serve->server, &counts);
	*self = (struct metrics_self){
		.version = MEMTRACE_VERSION,
		.targets = status->target_count,
		.refused = status->refused,
		.sites = status->site_count,
		.cpu_seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
			       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		.resident_bytes = serve_memory__resident(),
		.memory_limit = serve->options.memory_limit,
		.folded = report->run.losses[LOSS_SITES_FULL],
		.unfollowed = report->run.losses[LOSS_MODEL_MEMORY],
		.holds = status->holds.count,
		.hold_ns = status->holds.total_ns,
		.requests = counts.requests,
		.refused_requests = counts.refused,
		.connections = counts.connections,
	};
	serve_otlp__count(serve->otlp, self);
}

int serve_metrics__write(struct serve *serve, const struct serve_status *status,
	const struct report *report, serve_metrics_fn *write, void *context)
{
	struct metrics_waits waits = serve_locks__waits(serve->locks);
	const struct contention_report *contention;
	struct metrics_self self;
	struct metrics_source source = {
		.report = report,
		.now_ns = report->run.duration_ns,
		.waits = &waits,
		.self = &self,
		.container = find_container,
		.context = status,
	};
	int err;

	describe_self(serve, status, report, &self);
	contention = serve_waits__lock(serve->waits);
	if (contention)
		source.contention = contention->model;
	err = write(&source, context);
	if (contention)
		serve_waits__unlock(serve->waits);
	return err;
}
