/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/filter_options.h"

#include <errno.h>

#include "base/units.h"

enum { KEY_CGROUP = 0x300, KEY_COMM, KEY_EXCLUDE };

static const struct argp_option options[] = {
	{"pid", 'p', "PID", 0, "Only this process; may be given several times", 0},
	{"cgroup", KEY_CGROUP, "FOLDER", 0, "Only the processes of this cgroup and below", 0},
	{"comm", KEY_COMM, "NAME", 0, "Only processes of this name", 0},
	{"exclude", KEY_EXCLUDE, "NAME", 0, "Leave out processes of this name", 0},
	{0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct watch_filter *filter = state->input;
	pid_t pid;

	switch (key) {
	case 'p':
		if (units__parse_pid(argument, &pid))
			argp_error(state, "-p %s: not a valid PID", argument);
		return vec_push(&filter->pids, pid) ? ENOMEM : 0;
	case KEY_CGROUP:
		filter->cgroup = argument;
		return 0;
	case KEY_COMM:
		return vec_push(&filter->comms, (const char *)argument) ? ENOMEM : 0;
	case KEY_EXCLUDE:
		return vec_push(&filter->excluded, (const char *)argument) ? ENOMEM : 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp filter_options__argp = {.options = options, .parser = parse_option};
