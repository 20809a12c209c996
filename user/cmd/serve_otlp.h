/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace serve --otlp: sends metrics and profiles to a collector, every so often. What was
 * allocated is in each message's profiles since the one before.
 */
#ifndef MEMTRACE_CMD_SERVE_OTLP_H
#define MEMTRACE_CMD_SERVE_OTLP_H

#include "cmd/serve_run.h"
#include "report/metrics.h"

struct serve_otlp;

/* For serve->options.otlp. NULL with @error set. */
struct serve_otlp *serve_otlp__start(struct serve *serve, struct error *error);

/* It is time for a message: the lane of reports makes one, unless it is still at the last. */
void serve_otlp__send(struct serve_otlp *otlp);

/* Fills in self->export; nothing where @otlp is NULL. */
void serve_otlp__count(struct serve_otlp *otlp, struct metrics_self *self);

/* Once the lane of reports has ended. */
void serve_otlp__stop(struct serve_otlp *otlp);

#endif
