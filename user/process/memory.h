/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A process's memory, read from outside: process_vm_readv(2), which never stops the process. */
#ifndef MEMTRACE_PROCESS_MEMORY_H
#define MEMTRACE_PROCESS_MEMORY_H

#include <errno.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Copies up to @size bytes at @address of process @pid to @to. Returns how many there were up to
 * the first page that cannot be read, or a negative errno: -EFAULT if that is the first one.
 */
static inline ssize_t memory__read(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return got < 0 ? -errno : got;
}

/* All of them or none: 0, or a negative errno, -EFAULT where there are fewer. */
static inline int memory__read_all(pid_t pid, uint64_t address, void *to, size_t size)
{
	ssize_t got = memory__read(pid, address, to, size);

	return got < 0 ? (int)got : got == (ssize_t)size ? 0 : -EFAULT;
}

#endif
