/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Figures as OTLP's protobuf messages (otlp.proto says where their definitions are published):
 * what a collector takes by POST at /v1/metrics and /v1development/profiles.
 */
#ifndef MEMTRACE_REPORT_OTLP_H
#define MEMTRACE_REPORT_OTLP_H

#include "report/metrics.h"
#include "report/model.h"

/* What the figures are about; NULL and 0 where it is not known or not one. */
struct otlp_head {
	const char *version;	/* of memtrace */
	uint64_t start_unix_ns; /* of the run: since when counters count */
	uint64_t since_unix_ns; /* since when what was allocated is counted in profiles */
	uint64_t now_unix_ns;
	uint32_t pid; /* of the one process that is traced */
	const char *comm;
	const char *command;
	const char *container;
	const char *pod;
};

/* A message, for free(data). */
struct otlp_message {
	uint8_t *data;
	size_t size;
};

/*
 * A named report as profiles that share their stacks: inuse_space, inuse_objects, alloc_space,
 * alloc_objects and mapped_space. 0 or -ENOMEM.
 */
int otlp__pack_profiles(
	const struct report *report, const struct otlp_head *head, struct otlp_message *out);

/* The metrics that metrics__write writes. 0 or -ENOMEM. */
int otlp__pack_metrics(const struct metrics_source *source, const struct otlp_head *head,
	struct otlp_message *out);

/* What a collector's answer says that it has not taken: 0 also where the answer is none. */
uint64_t otlp__rejected(const void *answer, size_t size);

#endif
