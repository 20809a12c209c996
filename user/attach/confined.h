/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Processes under a seccomp filter. Since Linux 6.11 a probed function returns through a system
 * call of the kernel's own; before the fix of CVE-2025-21834 the filter of a confined process took
 * it for a forbidden one, and the process died.
 */
#ifndef MEMTRACE_ATTACH_CONFINED_H
#define MEMTRACE_ATTACH_CONFINED_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Whether any thread of the process has a seccomp filter; false too if it is gone. */
bool confined__has_filter(pid_t pid);

/*
 * -EOPNOTSUPP with @error set if return probes would kill the process, else 0. The self-test of
 * features.h is made only for a process that is confined.
 */
int confined__check(pid_t pid, struct error *error);

#endif
