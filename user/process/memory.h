/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A process's memory, read from outside: process_vm_readv(2), which never stops the process. */
#ifndef MEMTRACE_PROCESS_MEMORY_H
#define MEMTRACE_PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Copies up to @size bytes at @address of process @pid to @to. Returns how many there were up to
 * the first page that cannot be read, or a negative errno: -EFAULT if that is the first one.
 */
ssize_t memory__read(pid_t pid, uint64_t address, void *to, size_t size);

/* All of them or none: 0, or a negative errno, -EFAULT where there are fewer. */
int memory__read_all(pid_t pid, uint64_t address, void *to, size_t size);

#endif
