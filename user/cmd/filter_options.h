/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arguments that choose among all processes of the machine: watch, contention. */
#ifndef MEMTRACE_CMD_FILTER_OPTIONS_H
#define MEMTRACE_CMD_FILTER_OPTIONS_H

#include <argp.h>

#include "blocked/watch_filter.h"

/* The child of a command's argp, whose parser sets state->child_inputs to a watch_filter. */
extern const struct argp filter_options__argp;

#endif
