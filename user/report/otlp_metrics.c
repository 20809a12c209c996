/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The metrics as OTLP: each family is a Metric, each sample a data point. */
#include <errno.h>
#include <string.h>

#include "report/otlp_private.h"

#define CUMULATIVE 2 /* of AggregationTemporality */
#define MAX_LABELS 16

struct otlp_metrics {
	struct arena arena;
	const struct otlp_head *head;
	VEC(Otlp__Metric *) metrics;
	VEC(Otlp__NumberDataPoint *) points; /* of the latest metric, so far */
	Otlp__KeyValue *labels[MAX_LABELS];  /* of the sample to come */
	size_t label_count;
	bool no_memory;
};

/* The latest metric gets its points. */
static void close_family(struct otlp_metrics *out)
{
	Otlp__NumberDataPoint **points;
	Otlp__Metric *metric;

	if (!out->metrics.size || out->no_memory)
		return;
	metric = out->metrics.data[out->metrics.size - 1];
	points = arena__alloc(&out->arena, out->points.size + 1, sizeof(*points));
	if (!points) {
		out->no_memory = true;
		return;
	}
	if (out->points.size)
		memcpy(points, out->points.data, out->points.size * sizeof(*points));
	if (metric->data_case == OTLP__METRIC__DATA_SUM) {
		metric->sum->data_points = points;
		metric->sum->n_data_points = out->points.size;
	} else {
		metric->gauge->data_points = points;
		metric->gauge->n_data_points = out->points.size;
	}
	out->points.size = 0;
}

static bool set_data(struct otlp_metrics *out, Otlp__Metric *metric, enum metric_type type)
{
	if (type == METRIC_GAUGE) {
		metric->data_case = OTLP__METRIC__DATA_GAUGE;
		metric->gauge = otlp_new(&out->arena, Otlp__Gauge, otlp__gauge__init);
		return metric->gauge;
	}
	metric->data_case = OTLP__METRIC__DATA_SUM;
	metric->sum = otlp_new(&out->arena, Otlp__Sum, otlp__sum__init);
	if (!metric->sum)
		return false;
	metric->sum->aggregation_temporality = CUMULATIVE;
	metric->sum->is_monotonic = true;
	return true;
}

/* Units are UCUM's there. */
static const char *unit_of(const char *unit)
{
	if (unit && !strcmp(unit, "bytes"))
		return "By";
	if (unit && !strcmp(unit, "seconds"))
		return "s";
	return "1";
}

static void begin_family(
	void *context, enum metric_type type, const char *name, const char *unit, const char *help)
{
	struct otlp_metrics *out = context;
	Otlp__Metric *metric;

	close_family(out);
	metric = otlp_new(&out->arena, Otlp__Metric, otlp__metric__init);
	if (!metric || !set_data(out, metric, type) || vec_push(&out->metrics, metric)) {
		out->no_memory = true;
		return;
	}
	metric->name = (char *)name;
	metric->description = (char *)help;
	metric->unit = (char *)unit_of(unit);
}

static void add_label(void *context, const char *name, const char *value)
{
	struct otlp_metrics *out = context;
	Otlp__KeyValue *label = otlp__attribute(&out->arena, name, value);

	if (!label)
		out->no_memory = true;
	else if (out->label_count < MAX_LABELS)
		out->labels[out->label_count++] = label;
}

static Otlp__NumberDataPoint *add_point(struct otlp_metrics *out)
{
	Otlp__NumberDataPoint *point =
		otlp_new(&out->arena, Otlp__NumberDataPoint, otlp__number_data_point__init);
	Otlp__KeyValue **labels = arena__alloc(&out->arena, out->label_count + 1, sizeof(*labels));

	if (!point || !labels || !out->metrics.size || vec_push(&out->points, point)) {
		out->no_memory = true;
		return NULL;
	}
	memcpy(labels, out->labels, out->label_count * sizeof(*labels));
	point->attributes = labels;
	point->n_attributes = out->label_count;
	point->time_unix_nano = out->head->now_unix_ns;
	if (out->metrics.data[out->metrics.size - 1]->data_case == OTLP__METRIC__DATA_SUM)
		point->start_time_unix_nano = out->head->start_unix_ns;
	out->label_count = 0;
	return point;
}

static void add_integer(void *context, uint64_t value)
{
	Otlp__NumberDataPoint *point = add_point(context);

	if (!point)
		return;
	point->value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_INT;
	point->as_int = value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void add_number(void *context, double value)
{
	Otlp__NumberDataPoint *point = add_point(context);

	if (!point)
		return;
	point->value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
	point->as_double = value;
}

static const struct openmetrics_sink sink = {begin_family, add_label, add_integer, add_number};

static int pack(struct otlp_metrics *metrics, struct otlp_message *out)
{
	Otlp__ExportMetricsServiceRequest request = OTLP__EXPORT_METRICS_SERVICE_REQUEST__INIT;
	Otlp__ResourceMetrics resource = OTLP__RESOURCE_METRICS__INIT, *resources[] = {&resource};
	Otlp__ScopeMetrics scope = OTLP__SCOPE_METRICS__INIT, *scopes[] = {&scope};

	resource.resource = otlp__resource(&metrics->arena, metrics->head);
	scope.scope = otlp__scope(&metrics->arena, metrics->head);
	if (!resource.resource || !scope.scope)
		return -ENOMEM;
	scope.n_metrics = metrics->metrics.size;
	scope.metrics = metrics->metrics.data;
	resource.n_scope_metrics = 1;
	resource.scope_metrics = scopes;
	request.n_resource_metrics = 1;
	request.resource_metrics = resources;
	return otlp__pack(&request.base, out);
}

int otlp__pack_metrics(
	const struct metrics_source *source, const struct otlp_head *head, struct otlp_message *out)
{
	struct otlp_metrics metrics = {.head = head};
	struct openmetrics writer = {.sink = &sink, .context = &metrics};
	int err = metrics__write_to(source, &writer);

	close_family(&metrics);
	if (!err && metrics.no_memory)
		err = -ENOMEM;
	if (!err)
		err = pack(&metrics, out);
	vec_free(&metrics.metrics);
	vec_free(&metrics.points);
	arena__free(&metrics.arena);
	return err;
}
