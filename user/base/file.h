/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Whole small files: those of /proc above all, whose size is known only once they are read. */
#ifndef MEMTRACE_BASE_FILE_H
#define MEMTRACE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads all of the open file @fd, at most @limit bytes, into a new buffer that the caller frees;
 * a 0 byte follows the data. Returns 0 or a negative errno: -EFBIG where there is more.
 */
int file__read_fd(int fd, size_t limit, char **data, size_t *size);

/* The same for the file at @path. Neither follows a FIFO into blocking nor gets a terminal. */
int file__read(const char *path, size_t limit, char **data, size_t *size);

/* Which file it is, of those that exist now. */
struct file_identity {
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t inode;
};

/*
 * 0 or a negative errno. Unlike stat(2) they ask no server of the file system, which may not
 * answer: these figures do not change. The first follows links.
 */
int file__identify(const char *path, struct file_identity *out);
int file__identify_fd(int fd, struct file_identity *out);

bool file__is_same(const struct file_identity *a, const struct file_identity *b);

/*
 * Lets this process, and those it starts from now on, open as many files as its hard limit allows:
 * the usual soft one of 1,024 is for programs that use select(2).
 */
void file__allow_many(void);

/* Whether a negative errno says that no more files can be opened. */
bool file__is_limit(int code);

/* What to put behind a message about such an error: the remedy; "" behind others. */
const char *file__limit_hint(int code);

#endif
