/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TRACEFS_MAGIC_NUMBER 0x74726163 /* linux/magic.h */

static int open_mounted(const char *path)
{
	struct statfs stat;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!fstatfs(fd, &stat) && stat.f_type == TRACEFS_MAGIC_NUMBER)
		return fd;
	close(fd);
	return -ENOENT;
}

/* A mount that is attached nowhere: fsopen(2), fsmount(2), Linux 5.2. */
static int mount_detached(void)
{
	int context = syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	int fd;

	if (context < 0)
		return -errno;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = -errno;
	else
		fd = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	if (fd == -1)
		fd = -errno;
	close(context);
	return fd;
}

int tracefs__open_as(bool *is_own_mount, struct error *error)
{
	static const char *const paths[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	int fd;

	*is_own_mount = false;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		fd = open_mounted(paths[i]);
		if (fd >= 0)
			return fd;
	}
	fd = mount_detached();
	if (fd < 0)
		return error__set(error, fd,
			"tracefs is not at /sys/kernel/tracing and cannot be mounted (%s): mount "
			"it (mount -t tracefs none /sys/kernel/tracing) or run with CAP_SYS_ADMIN",
			strerror(-fd));
	*is_own_mount = true;
	return fd;
}

int tracefs__open(struct error *error)
{
	bool is_own_mount;

	return tracefs__open_as(&is_own_mount, error);
}

int tracefs__event_id(int tracefs_fd, const char *category, const char *name, struct error *error)
{
	char path[256], text[32] = "";
	int fd, id;
	ssize_t length;

	snprintf(path, sizeof(path), "events/%s/%s/id", category, name);
	fd = openat(tracefs_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error__set(error, -errno, "the kernel has no tracepoint %s:%s (%s)",
			category, name, strerror(errno));
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	id = length > 0 ? atoi(text) : 0;
	return id > 0 ? id
		      : error__set(error, -EIO, "cannot read the number of tracepoint %s:%s",
				category, name);
}
