/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/threads.h"

int root__reopen(int path_fd)
{
	struct stat status;
	char link[64];
	int fd;

	if (path_fd < 0)
		return -errno;
	if (fstat(path_fd, &status) || !S_ISREG(status.st_mode)) {
		close(path_fd);
		return -ENOEXEC;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	fd = fd < 0 ? -errno : fd;
	close(path_fd);
	return fd;
}

int root__pin(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root", threads__shown(pid));
	fd = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	return fd < 0 ? -errno : fd;
}

int root__find_cached(pid_t pid, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_CACHED,
	};
	int root = root__pin(pid), fd;

	if (root < 0)
		return root;
	fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	fd = fd < 0 ? -errno : fd;
	close(root);
	return fd;
}

static int open_by(int directory, const char *path, uint64_t resolve)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve};

	return root__reopen(syscall(SYS_openat2, directory, path, &how, sizeof(how)));
}

int root__open_beneath(int directory, const char *path)
{
	return open_by(directory, path, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
}

int root__open(pid_t pid, const char *path)
{
	int root = root__pin(pid), fd;

	if (root < 0)
		return root;
	fd = open_by(root, path, RESOLVE_IN_ROOT);
	close(root);
	return fd;
}

int root__open_own(const char *path)
{
	return root__reopen(open(path, O_PATH | O_CLOEXEC));
}
