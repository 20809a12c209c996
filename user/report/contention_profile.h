/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A profile of contention that was kept: the JSON that contention_json__write writes, read into a
 * model again, so that every report can be made of it later and two can be compared.
 */
#ifndef MEMTRACE_REPORT_CONTENTION_PROFILE_H
#define MEMTRACE_REPORT_CONTENTION_PROFILE_H

#include "base/error.h"
#include "report/contention.h"

struct contention_profile; /* owns what its report points to */

/* Whether the file at @path begins as such a profile does. */
bool contention_profile__is_one(const char *path);

/* Reads the file at @path. 0 or a negative errno with @error set. */
int contention_profile__load(
	const char *path, struct contention_profile **out, struct error *error);
void contention_profile__free(struct contention_profile *profile);

/* What was recorded. How it is to be shown (filter, top, full_stacks) is the caller's to set. */
struct contention_report *contention_profile__report(struct contention_profile *profile);

#endif
