/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/memory.h"

#include <errno.h>
#include <sys/uio.h>

#include "process/threads.h"

static ssize_t read_once(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return got < 0 ? -errno : got;
}

ssize_t memory__read(pid_t pid, uint64_t address, void *to, size_t size)
{
	ssize_t got = read_once(pid, address, to, size);
	pid_t shown = got == -ESRCH ? threads__shown(pid) : pid;

	return shown == pid ? got : read_once(shown, address, to, size);
}

int memory__read_all(pid_t pid, uint64_t address, void *to, size_t size)
{
	ssize_t got = memory__read(pid, address, to, size);

	return got < 0 ? (int)got : got == (ssize_t)size ? 0 : -EFAULT;
}
