/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * tracefs, where the kernel lists its tracepoints. Where it is not mounted (containers, minimal
 * systems) memtrace mounts one for itself that no path leads to: nothing changes on the host, and
 * it is gone with the fd.
 */
#ifndef MEMTRACE_ATTACH_TRACEFS_H
#define MEMTRACE_ATTACH_TRACEFS_H

#include <stdbool.h>

#include "base/error.h"

/* An fd of the tracefs root, which the caller closes; or with @error set a negative errno. */
int tracefs__open(struct error *error);

/* As tracefs__open, but says whether a mount of its own was needed. */
int tracefs__open_as(bool *is_own_mount, struct error *error);

/* The number of tracepoint @category:@name; -ENOENT if the kernel has none. */
int tracefs__event_id(int tracefs_fd, const char *category, const char *name, struct error *error);

#endif
