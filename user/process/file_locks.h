/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The locks on files that processes hold and wait for, of flock(2) and fcntl(2), from /proc/locks:
 * proc_locks(5), fs/locks.c, lock_get_status. PIDs are those of our own /proc; 0 or less where the
 * holder is not visible there or, with locks of open file descriptions, not noted.
 */
#ifndef MEMTRACE_PROCESS_FILE_LOCKS_H
#define MEMTRACE_PROCESS_FILE_LOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

enum file_lock_type {
	FILE_LOCK_FLOCK,       /* flock(2): of an open file description */
	FILE_LOCK_POSIX,       /* fcntl F_SETLK: of a process */
	FILE_LOCK_DESCRIPTION, /* fcntl F_OFD_SETLK */
};

struct file_lock {
	uint64_t id; /* the lock and all that wait for it have the same */
	enum file_lock_type type;
	bool waits;	/* it is a request that waits, not a lock that is held */
	bool exclusive; /* to write */
	pid_t pid;
	uint32_t major; /* of the file's device */
	uint32_t minor;
	uint64_t inode;
	uint64_t start; /* the bytes of the file; FILE_LOCK_EOF: up to its end, wherever that is */
	uint64_t end;
};

#define FILE_LOCK_EOF UINT64_MAX

typedef VEC(struct file_lock) file_locks;

/*
 * Appends what @text, of the form of /proc/locks, says; lines that are not understood (leases) are
 * passed over. Returns 0 or -ENOMEM; the caller frees @out with vec_free.
 */
int file_locks__parse(const char *text, file_locks *out);

/* The same of the locks that descriptor @fd of process @pid holds: proc_pid_fdinfo(5). */
int file_locks__read_descriptor(pid_t pid, int fd, file_locks *out);

/* The same of /proc/locks, or a negative errno. */
int file_locks__read(file_locks *out);

/*
 * The lock that a request waits for, or NULL: of @type, held by whom the kernel put it behind. Of
 * @request count its pid, type and inode; for that of an open file description no process is noted,
 * but its bytes serve; a start of FILE_LOCK_EOF: they are not known.
 */
const struct file_lock *file_locks__blocker(
	const file_locks *locks, const struct file_lock *request);

#endif
