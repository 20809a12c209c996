/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arguments of memtrace serve. */
#ifndef MEMTRACE_CMD_SERVE_OPTIONS_H
#define MEMTRACE_CMD_SERVE_OPTIONS_H

#include "cmd/serve_targets.h"

/* What memtrace itself may take. */
#define SERVE_OTLP_INTERVAL_NS 30000000000ull
#define SERVE_MEMORY_LIMIT (256ull << 20)
/* Below that there is no room beside the program, its libraries and the smallest rings. */
#define SERVE_LEAST_MEMORY (48ull << 20)

struct serve_options {
	struct watch_filter processes;
	struct serve_filter filter; /* which refers to `processes` */
	const char *listen;
	const char *token_file; /* NULL: no token is asked for */
	uint64_t memory_limit;	/* bytes */
	const char *otlp;	/* endpoint; NULL: nothing is sent */
	uint64_t otlp_interval_ns;
	bool no_contention;
	char cgroup[4096]; /* the folder, where --cgroup gave a path below the mount */
};

struct argp;

/* Parses @argv. 0, or what to exit with + 1, the message having been printed. */
int serve_options__parse(int argc, char **argv, struct serve_options *out);
void serve_options__free(struct serve_options *options);

#endif
