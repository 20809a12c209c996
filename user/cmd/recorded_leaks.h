/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The leaks of a run, into its recording. */
#ifndef MEMTRACE_CMD_RECORDED_LEAKS_H
#define MEMTRACE_CMD_RECORDED_LEAKS_H

#include "report/model.h"
#include "stream/recorder.h"

/* Of a report whose frames have names. */
void recorded_leaks__put(struct recorder *recorder, const struct report *report);

#endif
