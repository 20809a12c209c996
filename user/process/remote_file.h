/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Files of file systems that may never answer. A process of its own opens and reads the file, as
 * nothing else ends such a wait: not even SIGKILL, once the request is with its server.
 */
#ifndef MEMTRACE_PROCESS_REMOTE_FILE_H
#define MEMTRACE_PROCESS_REMOTE_FILE_H

#include <sys/types.h>

/* Larger files are not fetched. */
#define REMOTE_FILE_LIMIT (256u << 20)
/* For one file: some 100 MB/s from a server nearby. */
#define REMOTE_FILE_WAIT_MS 2000

struct remote_file {
	int copy;     /* memfd with what the file holds */
	int file;     /* the file itself, O_PATH */
	pid_t helper; /* that still waits, and is to be waited for some time; 0: none */
};

/*
 * Fetches the regular file at @path. 0, and the caller closes both; or a negative errno: -ENOEXEC,
 * -EFBIG, -ETIMEDOUT (a helper is left, killed), or of open(2) and read(2).
 */
int remote_file__fetch(const char *path, struct remote_file *out);

#endif
