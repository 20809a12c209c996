/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The text of /proc/PID/status and /proc/PID/task/TID/status, "Field:\tvalue" by lines:
 * proc_pid_status(5). The functions take it as a string.
 */
#ifndef MEMTRACE_PROCESS_STATUS_H
#define MEMTRACE_PROCESS_STATUS_H

#include "process/process.h"

/* The most that is read of one; real ones have some 2 KiB. */
#define STATUS_LIMIT (64u << 10)

/* Where the value of @field begins, up to a newline; NULL where there is no such field. */
const char *status__find(const char *status, const char *field);

/* The first number of @field, or @fallback. */
long long status__number(const char *status, const char *field, long long fallback);

/* The name of the thread, printable. */
void status__comm(const char *status, char comm[PROCESS_COMM_SIZE]);

/* The numbers of NSpid, outermost namespace first; returns how many there are. */
size_t status__namespace_pids(const char *status, pid_t pids[PROCESS_MAX_PID_NAMESPACES]);

#endif
