/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Sizes, times and PIDs as people write them on a command line. */
#ifndef MEMTRACE_BASE_UNITS_H
#define MEMTRACE_BASE_UNITS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * "4096", "64K", "1.5M", "2GiB": bytes; K, M, G, T are powers of 1024. Returns 0, or -EINVAL for
 * anything else, negative and overflowing values included.
 */
int units__parse_bytes(const char *text, uint64_t *bytes);

/* "10", "1.5s", "20ms", "50us", "5m", "2h": seconds without a unit. Returns 0 or -EINVAL. */
int units__parse_time(const char *text, uint64_t *ns);

/* A PID that a 64-bit kernel may give (PID_MAX_LIMIT, include/linux/threads.h). 0 or -EINVAL. */
int units__parse_pid(const char *text, pid_t *pid);

#endif
