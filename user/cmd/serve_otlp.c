/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_otlp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/serve_metrics.h"
#include "cmd/serve_reports.h"
#include "report/otlp.h"
#include "serve/exporter.h"
#include "version.h"

#define PROTOBUF_TYPE "application/x-protobuf"
#define METRICS_PATH "/v1/metrics"
/* Profiles are in development still, which their path says. */
#define PROFILES_PATH "/v1development/profiles"

struct serve_otlp {
	struct serve *serve;
	struct exporter *exporter;
	atomic_bool is_busy;
	/* The lane of reports, alone. */
	struct report_before *before; /* NULL: nothing was sent yet */
	uint64_t before_unix_ns;
};

/* What a message of metrics is made of, for a serve_metrics_fn. */
struct metrics_packing {
	const struct otlp_head *head;
	struct otlp_message *message;
};

static int pack_metrics(const struct metrics_source *source, void *context)
{
	struct metrics_packing *packing = context;

	return otlp__pack_metrics(source, packing->head, packing->message);
}

/* The one process that runs, as far as there is one. */
static void describe_subject(const struct serve_status *status, struct otlp_head *head)
{
	const struct served_process *only = NULL;

	vec_for_each (served, &status->served) {
		if (served->ended_ns)
			continue;
		if (only)
			return;
		only = served;
	}
	if (!only)
		return;
	head->pid = only->pid;
	head->comm = only->comm;
	head->command = only->command;
	head->container = only->container;
	head->pod = only->pod;
}

static int send_metrics(struct serve_otlp *otlp, const struct serve_status *status,
	const struct report *report, const struct otlp_head *head)
{
	struct otlp_message message;
	struct metrics_packing packing = {head, &message};
	int err = serve_metrics__write(otlp->serve, status, report, pack_metrics, &packing);

	if (!err)
		exporter__push(otlp->exporter, METRICS_PATH, message.data, message.size);
	return err;
}

/* What was allocated is counted from the latest message on, which this one is then. */
static int send_profiles(struct serve_otlp *otlp, struct report *report, struct otlp_head *head)
{
	struct report_before *now = report_before__take(report);
	struct otlp_message message;
	int err;

	if (!now)
		return -ENOMEM;
	if (otlp->before)
		report_before__subtract_allocated(otlp->before, report);
	head->since_unix_ns = otlp->before ? otlp->before_unix_ns : head->start_unix_ns;
	report_before__free(otlp->before);
	otlp->before = now;
	otlp->before_unix_ns = head->now_unix_ns;
	err = otlp__pack_profiles(report, head, &message);
	if (!err)
		exporter__push(otlp->exporter, PROFILES_PATH, message.data, message.size);
	return err;
}

/* A lane_work_fn. */
static void make_messages(void *work)
{
	struct serve_otlp *otlp = work;
	struct serve *serve = otlp->serve;
	struct serve_status status;
	struct report report = {0};
	struct error error = {0};
	struct otlp_head head = {
		.version = MEMTRACE_VERSION,
		.start_unix_ns = serve->start_unix_ns,
	};
	int err = serve__status(serve, &status, &error);

	if (!err) {
		describe_subject(&status, &head);
		err = serve_reports__collect(serve, &status, &report);
		head.now_unix_ns = serve->start_unix_ns + report.run.duration_ns;
		if (!err)
			err = serve_reports__name(serve, &status, &report);
		if (!err)
			err = send_metrics(otlp, &status, &report, &head);
		if (!err)
			err = send_profiles(otlp, &report, &head);
		report__free(&report);
		serve_status__free(&status);
	}
	if (err)
		log__warn("nothing is sent to %s this time: out of memory", serve->options.otlp);
	atomic_store(&otlp->is_busy, false);
}

struct serve_otlp *serve_otlp__start(struct serve *serve, struct error *error)
{
	struct exporter_options options = {
		.endpoint = serve->options.otlp,
		.type = PROTOBUF_TYPE,
		.queue_bytes = serve->memory.export_bytes,
		.rejected = otlp__rejected,
	};
	struct serve_otlp *otlp = calloc(1, sizeof(*otlp));

	if (!otlp) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	otlp->serve = serve;
	otlp->exporter = exporter__start(&options, error);
	if (otlp->exporter)
		return otlp;
	free(otlp);
	return NULL;
}

void serve_otlp__send(struct serve_otlp *otlp)
{
	if (atomic_exchange(&otlp->is_busy, true))
		return;
	if (server__run(otlp->serve->server, ROUTE_REPORTS, make_messages, otlp))
		atomic_store(&otlp->is_busy, false);
}

void serve_otlp__count(struct serve_otlp *otlp, struct metrics_self *self)
{
	struct exporter_counts counts;

	if (!otlp)
		return;
	exporter__count(otlp->exporter, &counts);
	self->export = (struct metrics_export){
		.is_on = true,
		.sent = counts.sent,
		.failures = counts.failures,
		.waiting = counts.waiting,
		.queue_full = counts.losses[EXPORT_QUEUE_FULL],
		.refused = counts.losses[EXPORT_REFUSED],
		.too_old = counts.losses[EXPORT_TOO_OLD],
		.rejected = counts.losses[EXPORT_REJECTED],
	};
}

void serve_otlp__stop(struct serve_otlp *otlp)
{
	if (!otlp)
		return;
	exporter__stop(otlp->exporter);
	report_before__free(otlp->before);
	free(otlp);
}
