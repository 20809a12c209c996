/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The address spaces of the traced process images: where code lies and lay, so that a frame's
 * address becomes a module and an address in its ELF file. Kept by number of the image (event.h),
 * not by PID, and kept after the process has exited, until its last record has been read.
 *
 * An address is resolved as of the epoch that its stack was taken in (code_log.h). What is known
 * comes from looks at /proc/PID/maps and from the log of changes, which also names files that were
 * seen before. Code that came and went between two looks has no name, and is counted.
 *
 * Two threads use it, the one that follows the processes and the one that reads the ring; every
 * function locks.
 */
#ifndef MEMTRACE_PROCESS_SPACES_H
#define MEMTRACE_PROCESS_SPACES_H

#include <sys/types.h>

#include "base/error.h"
#include "process/code_history.h"
#include "process/code_log.h"
#include "process/jit_places.h"
#include "process/module.h"

struct spaces;

struct resolved_address {
	const struct module *module; /* NULL: in no known file */
	uint64_t offset; /* ELF address in the module; without one, the address itself */
	bool is_lost;	 /* code was there that nobody could look at in time */
	uint32_t jit;	 /* place in code made at run time (spaces__jit_place); 0: it is not */
};

/* A copy of what the last look at a space has found; freed with space_view__free. */
struct space_view {
	struct code_range *ranges; /* sorted by address */
	size_t count;
	uint32_t generation; /* raised when ranges change */
};

struct spaces *spaces__new(struct modules *modules);
void spaces__free(struct spaces *spaces);

/* From now on changes are read from @log, which is copied; its memory must outlive the spaces. */
void spaces__read_log(struct spaces *spaces, const struct code_log *log);

/* The log's memory goes. */
void spaces__leave_log(struct spaces *spaces);

/* Makes image @process of @pid known; nothing if it is already. Returns 0 or -ENOMEM. */
int spaces__add(struct spaces *spaces, uint32_t process, pid_t pid);

/*
 * The same for a forked child, which starts with what its parent had in @epoch, that of the
 * parent's code at the fork.
 */
int spaces__fork(
	struct spaces *spaces, uint32_t parent, uint32_t process, pid_t pid, uint32_t epoch);

/* The image is gone (exit, or exec to another): it keeps what is known and is not read again. */
void spaces__retire(struct spaces *spaces, uint32_t process);

/*
 * The last record of the image has been read. Once it is retired, too, it is forgotten; if this
 * record was lost, then after some seconds.
 */
void spaces__finish(struct spaces *spaces, uint32_t process);

/* PID of an image, or 0 if it is not known. */
pid_t spaces__pid(struct spaces *spaces, uint32_t process);

/* How many images are known. */
size_t spaces__count(struct spaces *spaces);

/*
 * Reads /proc/PID/maps again. Returns 0 or a negative errno, -ESRCH when the process is gone or
 * the image is retired.
 */
int spaces__refresh(struct spaces *spaces, uint32_t process, struct error *error);

/*
 * Resolves an address of an image as it was in @epoch. An unknown one makes it read the maps
 * again: at once if code has changed since the last look, else at most every 20 ms per image.
 * Always gives an answer; see resolved_address.
 */
struct resolved_address spaces__resolve(
	struct spaces *spaces, uint32_t process, uint32_t epoch, uint64_t address);

/* jit_places__get for a place that spaces__resolve gave. */
bool spaces__jit_place(
	struct spaces *spaces, uint32_t number, unsigned int generation, struct jit_place *place);

/* jit_places__base, as of all changes up to now. */
uint64_t spaces__jit_base(struct spaces *spaces, uint32_t process, uint64_t inode);

/* Records up to @time_ns (CLOCK_MONOTONIC) have been read: older history is of no use. */
void spaces__pass(struct spaces *spaces, uint64_t time_ns);

/* Copies what is known of an image. Returns 0, -ESRCH (no such image) or -ENOMEM. */
int spaces__view(struct spaces *spaces, uint32_t process, struct space_view *view);
void space_view__free(struct space_view *view);

#endif
