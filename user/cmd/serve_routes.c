/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace serve: the endpoints, each a writer of a report that other commands have, too. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "census/census.h"
#include "cmd/heap_names.h"
#include "cmd/heap_target.h"
#include "cmd/serve_metrics.h"
#include "cmd/serve_reports.h"
#include "report/census_json.h"
#include "report/formats.h"
#include "report/metrics.h"
#include "report/pprof.h"
#include "serve/index_page.h"
#include "version.h"

#define HTML "text/html; charset=utf-8"
#define JSON "application/json"
#define PROFILE "application/octet-stream"
#define TEXT "text/plain; charset=utf-8"

/* --- reports */

typedef int write_fn(struct serve *serve, const struct serve_status *status,
	const struct request_query *query, struct report *report, FILE *body, struct error *error);
static write_fn put_html, put_json;

/* A page or a JSON takes kilobytes for each site that it lists, a profile or metrics few. */
static bool is_verbose(write_fn *write)
{
	return write == put_html || write == put_json;
}

/* Collects, names, has @write write. @before: NULL, or what a difference starts from. */
static int write_report(struct serve *serve, const struct request_query *query, const void *before,
	write_fn *write, FILE *body, struct error *error)
{
	struct serve_status status;
	struct report report = {0};
	int err = serve__status(serve, &status, error);

	if (err)
		return err;
	err = serve_reports__collect(serve, &status, &report);
	if (!err && before)
		report_before__subtract(before, &report);
	if (!err && is_verbose(write))
		report.top = serve->memory.report_sites;
	if (!err)
		err = serve_reports__name(serve, &status, &report);
	if (err)
		error__set(error, err, "out of memory for the report");
	else
		err = write(serve, &status, query, &report, body, error);
	report__free(&report);
	serve_status__free(&status);
	return err;
}

static void *begin_report(void *context, const struct request_query *query, struct error *error)
{
	struct report_before *before = NULL;
	struct serve *serve = context;
	struct serve_status status;
	struct report report = {0};

	if (serve__status(serve, &status, error))
		return NULL;
	if (!serve_reports__collect(serve, &status, &report))
		before = report_before__take(&report);
	if (!before)
		error__set(error, -ENOMEM, "out of memory for the report");
	report__free(&report);
	serve_status__free(&status);
	return before;
}

static void drop_report(void *before)
{
	report_before__free(before);
}

static int put_format(struct serve *serve, enum report_format format, const struct report *report,
	FILE *body, struct error *error)
{
	struct report_extra extra = {
		.write_json = serve_locks__write_more,
		.context = serve->locks,
	};
	struct format_options options = {0};
	int err = formats__write(format, report, &extra, &options, body);

	return err ? error__set(error, err, "cannot write the report: %s", strerror(-err)) : 0;
}

static int put_html(struct serve *serve, const struct serve_status *status,
	const struct request_query *query, struct report *report, FILE *body, struct error *error)
{
	return put_format(serve, FORMAT_HTML, report, body, error);
}

static int put_json(struct serve *serve, const struct serve_status *status,
	const struct request_query *query, struct report *report, FILE *body, struct error *error)
{
	return put_format(serve, FORMAT_JSON, report, body, error);
}

static int put_heap(struct serve *serve, const struct serve_status *status,
	const struct request_query *query, struct report *report, FILE *body, struct error *error)
{
	int err = pprof__write_report(report, body);

	return err ? error__set(error, err, "cannot write the profile: %s", strerror(-err)) : 0;
}

static int put_allocs(struct serve *serve, const struct serve_status *status,
	const struct request_query *query, struct report *report, FILE *body, struct error *error)
{
	int err = pprof__write_allocs(report, body);

	return err ? error__set(error, err, "cannot write the profile: %s", strerror(-err)) : 0;
}

static int write_html(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	return write_report(context, query, NULL, put_html, body, error);
}

static int write_json(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	return write_report(context, query, NULL, put_json, body, error);
}

static int write_heap_profile(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	return write_report(context, query, before, put_heap, body, error);
}

static int write_allocs_profile(void *context, const struct request_query *query,
	const void *before, FILE *body, struct error *error)
{
	return write_report(context, query, before, put_allocs, body, error);
}

/* --- metrics */

/* A serve_metrics_fn. */
static int write_text(const struct metrics_source *source, void *context)
{
	return metrics__write_to(source, context);
}

static int put_metrics(struct serve *serve, const struct serve_status *status,
	const struct request_query *query, struct report *report, FILE *body, struct error *error)
{
	struct openmetrics out = {.file = body, .is_older = !query->open_metrics};
	int err = serve_metrics__write(serve, status, report, write_text, &out);

	return err ? error__set(error, err, "out of memory for the metrics") : 0;
}

static int write_metrics(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	return write_report(context, query, NULL, put_metrics, body, error);
}

static const char *choose_metrics_type(const struct request_query *query)
{
	return query->open_metrics ? OPENMETRICS_TYPE : OPENMETRICS_OLDER_TYPE;
}

/* --- waits */

static int refuse_waits(struct serve *serve, struct error *error)
{
	return error__set(error, -ENOTSUP,
		serve->options.no_contention
			? "waits for locks are not traced: --no-contention"
			: "waits for locks cannot be traced here (memtrace doctor says why)");
}

static void *begin_mutex(void *context, const struct request_query *query, struct error *error)
{
	struct serve *serve = context;
	const struct contention_report *report = serve_waits__lock(serve->waits);
	struct contention_before *before;

	if (!report) {
		refuse_waits(serve, error);
		return NULL;
	}
	before = contention_before__take(report, CONTENTION_WAITER);
	serve_waits__unlock(serve->waits);
	if (!before)
		error__set(error, -ENOMEM, "out of memory for the profile");
	return before;
}

static void drop_mutex(void *before)
{
	contention_before__free(before);
}

static int write_mutex_profile(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	struct serve *serve = context;
	const struct contention_report *report = serve_waits__lock(serve->waits);
	int err;

	if (!report)
		return refuse_waits(serve, error);
	err = contention_pprof__write_since(
		report, CONTENTION_WAITER, (struct contention_before *)before, body);
	serve_waits__unlock(serve->waits);
	return err ? error__set(error, err, "cannot write the profile: %s", strerror(-err)) : 0;
}

static int write_locks(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	struct serve *serve = context;

	if (!serve->locks)
		return error__set(error, -ENOTSUP,
			"no look at locks can be made here (memtrace doctor says why)");
	return serve_locks__write(serve->locks, body, error);
}

/* --- the census */

/* Which process /heap is about: ?pid=, or the only one. 0 or a negative errno with @error set. */
static int choose_process(const struct serve_status *status, const struct request_query *query,
	pid_t *pid, struct error *error)
{
	char list[ERROR_MESSAGE_SIZE / 2] = "";
	size_t running = 0, used = 0;

	vec_for_each (served, &status->served) {
		if (served->ended_ns)
			continue;
		running++;
		*pid = served->pid;
		if (served->pid == query->pid)
			return 0;
		if (used < sizeof(list) - 16)
			used += snprintf(list + used, sizeof(list) - used, "%s%d", used ? ", " : "",
				served->pid);
	}
	if (query->pid)
		return error__set(error, -ESRCH, "process %d is not traced", query->pid);
	if (!running)
		return error__set(error, -ESRCH, "no process is traced at the moment");
	if (running == 1)
		return 0;
	return error__set(error, -EINVAL,
		"several processes are traced: /heap?pid=N looks at one of %s", list);
}

/* A survey notes each block in about half of the least that a block takes in a heap. */
#define SURVEY_PART 2

/* 0, or -EAGAIN with @error set where a survey of such a heap could exceed the limit. */
static int check_survey(
	const struct serve_memory *memory, const struct heap_target *target, struct error *error)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < target->smaps.maps.size; i++)
		if (target->smaps.maps.data[i].prot & PROT_WRITE)
			bytes += target->smaps.memory[i].resident;
	if (serve_memory__resident() + bytes / SURVEY_PART < memory->limit)
		return 0;
	return error__set(error, -EAGAIN,
		"the heap of process %d is too large for a census within --memory-limit: memtrace "
		"heap -p %d takes one",
		target->process.pid, target->process.pid);
}

/* Whether the graph of blocks fits into what the limit leaves. */
static bool agree_to_graph(void *context, uint64_t count, uint64_t bytes)
{
	const struct serve_memory *memory = context;

	return serve_memory__resident() + bytes < memory->limit;
}

static int write_census_of(struct serve *serve, pid_t pid, FILE *body, struct error *error)
{
	struct census_head head = {.pid = pid, .version = MEMTRACE_VERSION};
	uint64_t started = clock__now_ns();
	struct heap_target target;
	struct heap_names names;
	struct census census;
	int err = heap_target__open(pid, &target, error);

	if (err)
		return err;
	err = check_survey(&serve->memory, &target, error);
	if (err) {
		heap_target__close(&target);
		return err;
	}
	err = heap_names__open(&target, &names, error);
	if (!err) {
		struct census_options wanted = {
			.looks = CENSUS_LOOKS,
			.names = &names.names,
			.agree = agree_to_graph,
			.context = &serve->memory,
		};

		err = census__take(&target.image, &wanted, &census, error);
		head.command = target.process.command_line;
		head.threads = target.threads.size;
		head.took_ns = clock__now_ns() - started;
		if (!err)
			census_json__write(body, &census, &head);
		census__free(&census);
	}
	heap_names__close(&names);
	heap_target__close(&target);
	return err;
}

static int write_census(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	struct serve_status status;
	pid_t pid = 0;
	int err = serve__status(context, &status, error);

	if (err)
		return err;
	err = choose_process(&status, query, &pid, error);
	serve_status__free(&status);
	return err ? err : write_census_of(context, pid, body, error);
}

/* --- the rest */

static int write_health(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	fputs("ok\n", body);
	return 0;
}

static int write_readiness(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	struct serve *serve = context;
	bool is_ready;

	pthread_mutex_lock(&serve->lock);
	is_ready = serve->status.is_ready;
	pthread_mutex_unlock(&serve->lock);
	if (!is_ready)
		return error__set(error, -EAGAIN, "not ready: no process has been looked for yet");
	fputs("ready\n", body);
	return 0;
}

static int write_index(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	struct serve *serve = context;
	char subtitle[120];

	pthread_mutex_lock(&serve->lock);
	snprintf(subtitle, sizeof(subtitle), "version %s, %zu process%s traced", MEMTRACE_VERSION,
		serve->status.target_count, serve->status.target_count == 1 ? "" : "es");
	pthread_mutex_unlock(&serve->lock);
	index_page__write(serve_routes, "/", "memtrace", subtitle, body);
	return 0;
}

static int write_pprof_index(void *context, const struct request_query *query, const void *before,
	FILE *body, struct error *error)
{
	index_page__write(serve_routes, "/debug/pprof", "memtrace profiles",
		"go tool pprof http://HOST:PORT/debug/pprof/heap; ?seconds=N gives the difference.",
		body);
	return 0;
}

const struct route serve_routes[] = {
	{.path = "/", .method = "GET", .type = HTML, .lane = ROUTE_AT_ONCE, .write = write_index},
	{.path = "/report",
		.method = "GET",
		.type = HTML,
		.help = "The report as of now: flame graph, heap over time, call sites, waits",
		.lane = ROUTE_REPORTS,
		.write = write_html},
	{.path = "/report.json",
		.method = "GET",
		.type = JSON,
		.help = "The same as JSON, as memtrace --json writes it",
		.lane = ROUTE_REPORTS,
		.write = write_json},
	{.path = "/locks",
		.method = "GET",
		.type = JSON,
		.help = "Who waits for whom, now, and deadlocks, as JSON",
		.lane = ROUTE_LOOKS,
		.write = write_locks},
	{.path = "/heap",
		.method = "GET",
		.type = JSON,
		.help = "Census of a process's heap as JSON; ?pid=N where several are traced",
		.lane = ROUTE_LOOKS,
		.write = write_census},
	{.path = "/metrics",
		.method = "GET",
		.type = OPENMETRICS_OLDER_TYPE,
		.type_of = choose_metrics_type,
		.help = "Metrics for Prometheus",
		.lane = ROUTE_REPORTS,
		.write = write_metrics},
	{.path = "/debug/pprof",
		.method = "GET",
		.type = HTML,
		.help = "Profiles for go tool pprof, Parca, Pyroscope",
		.lane = ROUTE_AT_ONCE,
		.write = write_pprof_index},
	{.path = "/debug/pprof/heap",
		.method = "GET",
		.type = PROFILE,
		.help = "What is live, by call stack",
		.lane = ROUTE_REPORTS,
		.write = write_heap_profile,
		.begin = begin_report,
		.drop = drop_report},
	{.path = "/debug/pprof/allocs",
		.method = "GET",
		.type = PROFILE,
		.help = "What was allocated, by call stack",
		.lane = ROUTE_REPORTS,
		.write = write_allocs_profile,
		.begin = begin_report,
		.drop = drop_report},
	{.path = "/debug/pprof/mutex",
		.method = "GET",
		.type = PROFILE,
		.help = "Waits for locks, by call stack",
		.lane = ROUTE_LOOKS,
		.write = write_mutex_profile,
		.begin = begin_mutex,
		.drop = drop_mutex},
	{.path = "/healthz",
		.method = "GET",
		.type = TEXT,
		.help = "Whether memtrace answers",
		.lane = ROUTE_AT_ONCE,
		.is_open = true,
		.write = write_health},
	{.path = "/readyz",
		.method = "GET",
		.type = TEXT,
		.help = "Whether it traces",
		.lane = ROUTE_AT_ONCE,
		.is_open = true,
		.write = write_readiness},
	{0},
};
