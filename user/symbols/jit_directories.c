/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/jit_directories.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "process/mounts.h"
#include "process/root.h"

/* Containers that are traced at one time; JIT code of more goes without names. */
#define MAX_DIRECTORIES 64

static int open_directory(int root, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_DIRECTORY,
		.resolve = RESOLVE_IN_ROOT | resolve,
	};
	int fd = syscall(SYS_openat2, root, "tmp", &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* The look-up asks the root's own file system alone, and then the one that is mounted there none.
 */
static int open_tmp(pid_t pid, int root)
{
	int fd;

	if (!mounts__is_local_fd(pid, root))
		return -EREMOTE;
	fd = open_directory(root, RESOLVE_NO_SYMLINKS);
	if (fd == -ELOOP)
		fd = open_directory(root, RESOLVE_NO_XDEV);
	if (fd >= 0 && !mounts__is_local_fd(pid, fd)) {
		close(fd);
		return -EREMOTE;
	}
	return fd;
}

static void tell_remote(struct jit_directories *directories, pid_t pid)
{
	if (!directories->told)
		log__warn("/tmp of process %d is on a network or FUSE file system: a map of JIT "
			  "code there is not read",
			pid);
	directories->told = true;
}

static int add_directory(struct jit_directories *directories, pid_t pid, int root)
{
	struct jit_directory new = {0};
	struct statx status;

	/* Without asking a server. */
	if (statx(root, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &status))
		return -errno;
	new.mount = status.stx_mnt_id;
	new.inode = status.stx_ino;
	vec_for_each (known, &directories->all)
		if (known->mount == new.mount && known->inode == new.inode)
			return known->fd;
	if (directories->all.size >= MAX_DIRECTORIES)
		return -ENOENT;
	new.fd = open_tmp(pid, root);
	if (new.fd == -EREMOTE)
		tell_remote(directories, pid);
	if (vec_push(&directories->all, new)) {
		if (new.fd >= 0)
			close(new.fd);
		return -ENOMEM;
	}
	return new.fd;
}

int jit_directories__get(struct jit_directories *directories, pid_t pid)
{
	int root = root__pin(pid), fd;

	if (root < 0)
		return root;
	fd = add_directory(directories, pid, root);
	close(root);
	return fd;
}

void jit_directories__free(struct jit_directories *directories)
{
	vec_for_each (known, &directories->all)
		if (known->fd >= 0)
			close(known->fd);
	vec_free(&directories->all);
}
