/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Files by the name that a target knows them by: looked up inside its root directory (mount
 * namespace, container), without following links out of it, and opened only if they are regular
 * files: to open a device or a FIFO has effects, and may block.
 */
#ifndef MEMTRACE_PROCESS_ROOT_H
#define MEMTRACE_PROCESS_ROOT_H

#include <sys/types.h>

/*
 * Opens @path, absolute, in the root of process @pid for reading. Returns an fd, or a negative
 * errno: -ENOEXEC where it is not a regular file.
 */
int root__open(pid_t pid, const char *path);

/*
 * A descriptor (O_PATH) of what has @path, absolute, in the root of process @pid, found in what the
 * kernel has in memory alone: no server of a file system is asked, so this never waits. A negative
 * errno, -EAGAIN where it cannot be found so. What somebody has mapped is in memory.
 */
int root__find_cached(pid_t pid, const char *path);

/*
 * A descriptor of the root of process @pid, good also when that has exited (O_PATH), or a negative
 * errno.
 */
int root__pin(pid_t pid);

/* Opens @path below @directory likewise, on the same mount: no link leads out of it. */
int root__open_beneath(int directory, const char *path);

/* The same for a path of our own. */
int root__open_own(const char *path);

/*
 * Opens for reading the regular file that the O_PATH descriptor @path_fd names, and closes that.
 * A negative @path_fd stands for the errno it left.
 */
int root__reopen(int path_fd);

#endif
