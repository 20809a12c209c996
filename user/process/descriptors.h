/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Who has which pipe, socket or file open: a pass over the descriptors of all processes that we may
 * look into. Nothing is opened. Descriptors on their way through a socket are not seen.
 */
#ifndef MEMTRACE_PROCESS_DESCRIPTORS_H
#define MEMTRACE_PROCESS_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

struct open_end {
	uint64_t inode; /* of the pipe or socket */
	pid_t pid;
	int fd;
	bool reads; /* opened to be read from; sockets are both */
	bool writes;
};

/* Pipes and sockets; ascending by (inode, pid). */
struct open_ends {
	struct open_end *data;
	size_t size;
	size_t unreadable; /* processes whose descriptors may not be listed */
};

/* Returns 0 or a negative errno; the caller calls open_ends__free. */
int open_ends__list(struct open_ends *out);

/*
 * The same of descriptors whose link in /proc is @path, a FIFO's or a file's; their inode is
 * OPEN_END_OF_PATH. Links of another mount namespace may be other files.
 */
#define OPEN_END_OF_PATH 1
int open_ends__list_path(const char *path, struct open_ends *out);
void open_ends__free(struct open_ends *ends);

/* The first with @inode, *@count how many there are; NULL: none. */
const struct open_end *open_ends__find(const struct open_ends *ends, uint64_t inode, size_t *count);

/* The number in "pipe:[17]" or "socket:[17]" if @link is such, else 0. */
uint64_t descriptor__inode(const char *link);

#endif
