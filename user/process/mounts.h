/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which files may keep whoever opens or reads them waiting forever: those of file systems whose
 * server may be dead (NFS, SMB), or is any user's program (FUSE). Only the tables of
 * mounts are consulted, as statfs(2) and stat(2) would ask that very server.
 */
#ifndef MEMTRACE_PROCESS_MOUNTS_H
#define MEMTRACE_PROCESS_MOUNTS_H

#include <stdbool.h>

#include "process/maps.h"

/*
 * Whether the file that @mapping of process @pid maps lies on a file system that needs nobody but
 * the kernel. One that neither the process nor memtrace has mounted counts as local only if it is
 * on a block device, or memory.
 */
bool mounts__is_local(pid_t pid, const struct mapping *mapping);

/*
 * The same of an open file or directory (O_PATH will do) of process @pid's. In a chroot neither
 * table has the mount of the root.
 */
bool mounts__is_local_fd(pid_t pid, int fd);

/*
 * The same of a device in @text, the contents of /proc/PID/mountinfo: 1, 0, or -ENOENT where it is
 * not in there.
 */
int mounts__find(const char *text, uint32_t dev_major, uint32_t dev_minor);

/* And of the mount that has the number @id. */
int mounts__find_mount(const char *text, uint64_t id);

#endif
