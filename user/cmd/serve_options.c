/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/filter_options.h"
#include "serve/exporter.h"
#include "serve/listen.h"

#define SERVE_LEAST_INTERVAL_NS 1000000000ull

enum {
	KEY_LISTEN = 0x100,
	KEY_CONTAINER,
	KEY_ALL,
	KEY_TOKEN_FILE,
	KEY_MEMORY_LIMIT,
	KEY_NO_CONTENTION,
	KEY_OTLP,
	KEY_OTLP_INTERVAL,
};

static const struct argp_option argp_options[] = {
	{"listen", KEY_LISTEN, "ADDRESS", 0,
		"Listen on ADDRESS:PORT or unix:/PATH; default " LISTEN_DEFAULT, 0},
	{"container", KEY_CONTAINER, "ID", 0,
		"Only the processes of this container; the beginning of its ID is enough", 0},
	{"all", KEY_ALL, 0, 0, "Every process on the machine", 0},
	{"token-file", KEY_TOKEN_FILE, "FILE", 0,
		"Answer only who sends the token in FILE's first line; SIGHUP reads it anew", 0},
	{"memory-limit", KEY_MEMORY_LIMIT, "BYTES", 0,
		"What memtrace itself may take; default 256M", 0},
	{"no-contention", KEY_NO_CONTENTION, 0, 0,
		"Do not trace waits for locks (memtrace_lock_*, /debug/pprof/mutex)", 0},
	{"otlp", KEY_OTLP, "ENDPOINT", 0,
		"Send metrics and profiles to this collector: http://HOST[:PORT][/PATH], OTLP", 0},
	{"otlp-interval", KEY_OTLP_INTERVAL, "TIME", 0, "How often; default 30s", 0},
	{"verbose", 'v', 0, 0, "Print more on stderr", 0},
	{0},
};

/* What was chosen with -p or by the filter's other options, before its argp child has parsed. */
static void check_scope(const struct serve_options *options, struct argp_state *state)
{
	const struct watch_filter *processes = &options->processes;
	bool filtered = processes->comms.size || processes->cgroup ||
			options->filter.containers.size || options->filter.all;

	if (processes->pids.size && (filtered || processes->excluded.size))
		argp_error(state, "-p cannot be combined with --all, --comm, --cgroup, --container "
				  "or --exclude");
	if (!processes->pids.size && !filtered)
		argp_error(state, "give -p PID (or several), --comm NAME, --cgroup PATH, "
				  "--container ID or --all");
}

/* A path as /proc/PID/cgroup has it lies below the mount. */
static void find_cgroup(struct serve_options *options, struct argp_state *state)
{
	static const char *const mounts[] = {
		"", "/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"};
	const char *path = options->processes.cgroup;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		char procs[sizeof(options->cgroup) + 16];
		struct stat info;

		snprintf(options->cgroup, sizeof(options->cgroup), "%s%s%s", mounts[i],
			*path == '/' || !i ? "" : "/", path);
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", options->cgroup);
		if (stat(procs, &info))
			continue;
		options->processes.cgroup = options->cgroup;
		return;
	}
	argp_error(state, "--cgroup %s: no such cgroup, also not below /sys/fs/cgroup", path);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct serve_options *options = state->input;
	struct error error = {0};

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->processes;
		return 0;
	case KEY_LISTEN:
		options->listen = argument;
		return 0;
	case KEY_CONTAINER:
		if (!container__is_prefix(argument))
			argp_error(state,
				"--container %s: not the beginning of an ID (4 to 64 hexadecimal "
				"digits, as docker ps or crictl ps show)",
				argument);
		return vec_push(&options->filter.containers, (const char *)argument) ? ENOMEM : 0;
	case KEY_ALL:
		options->filter.all = true;
		return 0;
	case KEY_TOKEN_FILE:
		options->token_file = argument;
		return 0;
	case KEY_MEMORY_LIMIT:
		if (units__parse_bytes(argument, &options->memory_limit) ||
			options->memory_limit < SERVE_LEAST_MEMORY)
			argp_error(state, "--memory-limit %s: not a size of 48M or more", argument);
		return 0;
	case KEY_OTLP:
		if (exporter__check(argument, &error))
			argp_error(state, "%s", error.message);
		options->otlp = argument;
		return 0;
	case KEY_OTLP_INTERVAL:
		if (units__parse_time(argument, &options->otlp_interval_ns) ||
			options->otlp_interval_ns < SERVE_LEAST_INTERVAL_NS)
			argp_error(state, "--otlp-interval %s: not a time of 1s or more", argument);
		return 0;
	case KEY_NO_CONTENTION:
		options->no_contention = true;
		return 0;
	case 'v':
		log__set_verbose(true);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state,
			"unexpected argument '%s': serve traces what runs; use -p PID, "
			"--comm, --cgroup, --container or --all",
			argument);
		return 0;
	case ARGP_KEY_END:
		check_scope(options, state);
		if (options->processes.cgroup)
			find_cgroup(options, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&filter_options__argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.children = children,
	.args_doc = "-p PID...\n--comm NAME\n--cgroup PATH\n--container ID\n--all",
	.doc = "Traces processes until it is told to stop, and answers HTTP: metrics for "
	       "Prometheus, profiles for pprof, the report as a page. Processes that match are "
	       "attached to within a second, now and later.\v"
	       "Ends on SIGINT or SIGTERM. GET / lists what is served.",
};

const struct argp *serve_argp(void)
{
	return &argp;
}

int serve_options__parse(int argc, char **argv, struct serve_options *out)
{
	*out = (struct serve_options){
		.listen = LISTEN_DEFAULT,
		.memory_limit = SERVE_MEMORY_LIMIT,
		.otlp_interval_ns = SERVE_OTLP_INTERVAL_NS,
	};
	out->filter.processes = &out->processes;
	return argp_parse(&argp, argc, argv, 0, NULL, out) ? EXIT_COULD_NOT + 1 : 0;
}

void serve_options__free(struct serve_options *options)
{
	watch_filter__free(&options->processes);
	vec_free(&options->filter.containers);
}
