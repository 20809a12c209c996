/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * pprof's profile.proto, gzipped: sample types alloc_objects, alloc_space, inuse_objects and
 * inuse_space (the default), as Go's heap profiles have them. A location is an address with the
 * calls inlined there as its lines.
 */
#ifndef MEMTRACE_REPORT_PPROF_H
#define MEMTRACE_REPORT_PPROF_H

#include <stdio.h>

#include "report/model.h"

/* 0, -ENOMEM, or -EIO when compressing failed; errors of the stream are the caller's (ferror). */
int pprof__write_report(const struct report *report, FILE *file);

/* The same profile, whose readers show first what was allocated: as Go's allocs profile. */
int pprof__write_allocs(const struct report *report, FILE *file);

/*
 * A profile of waits, as Go's mutex profile: alloc_count of each site of @report are contentions,
 * alloc_bytes the nanoseconds of delay. The same.
 */
int pprof__write_waits(const struct report *report, FILE *file);

#endif
