/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What memtrace serve may still ask of the kernel once it serves: a filter of system calls,
 * seccomp(2). It lists what is needed to attach, read, and answer; all else fails with EPERM: among
 * it to execute programs, to trace or write into other processes, to mount, to load modules, to
 * change IDs.
 */
#ifndef MEMTRACE_SERVE_CALL_FILTER_H
#define MEMTRACE_SERVE_CALL_FILTER_H

#include "base/error.h"

/* For all threads, and for good; sets no_new_privs. 0, or a negative errno with @error set. */
int call_filter__install(struct error *error);

#endif
