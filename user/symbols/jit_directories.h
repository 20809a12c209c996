/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where processes put the maps of their JIT code: the directory /tmp in the root of each, held
 * open, so that a map is found when its process has exited. Most processes share one.
 */
#ifndef MEMTRACE_SYMBOLS_JIT_DIRECTORIES_H
#define MEMTRACE_SYMBOLS_JIT_DIRECTORIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

struct jit_directory {
	uint64_t mount; /* statx(2)'s stx_mnt_id of the root, */
	uint64_t inode; /* and its inode */
	int fd;		/* of its /tmp; negative: why there is none */
};

struct jit_directories {
	VEC(struct jit_directory) all;
	bool told;
};

/*
 * A descriptor of process @pid's /tmp, which stays ours; negative: there is none, the process is
 * gone, there are too many, or (-EREMOTE, reported once) it lies on a file system that may never
 * answer.
 */
int jit_directories__get(struct jit_directories *directories, pid_t pid);

void jit_directories__free(struct jit_directories *directories);

#endif
