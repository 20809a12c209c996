/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the looks at locks found, into a recording and out of it. */
#ifndef MEMTRACE_CMD_RECORDED_LOCKS_H
#define MEMTRACE_CMD_RECORDED_LOCKS_H

#include "cmd/trace_locks.h"
#include "report/formats.h"
#include "stream/recorder.h"
#include "stream/replay.h"

/* @locks may be NULL. */
void recorded_locks__put(struct recorder *recorder, const struct trace_locks *locks);

/* What a replayed recording adds to its report; valid as long as the replay. */
struct report_extra recorded_locks__extra(const struct replay *replay);

#endif
