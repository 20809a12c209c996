/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Blocked threads with their stacks: turns a look (look.h) into the snapshot that locks/ judges,
 * with the answers to its questions (answers.h). Nothing is stopped; a thread that runs on
 * meanwhile has a stack that makes no sense, which is why verdicts need two looks.
 */
#ifndef MEMTRACE_BLOCKED_BLOCKED_H
#define MEMTRACE_BLOCKED_BLOCKED_H

#include "base/vec.h"
#include "blocked/activity.h"
#include "blocked/frame_symbols.h"
#include "blocked/look.h"
#include "blocked/subject.h"
#include "locks/futex.h"
#include "locks/snapshot.h"

struct blocked {
	struct snapshot snapshot;
	struct subjects *subjects;
	struct lock_memory memory;
	struct lock_frame *frames; /* of all threads */
	size_t frame_count;
	inlined_arrays inlined; /* that frames refer to */
	activity_notes activities;
	VEC(struct lock_frame *) sampled; /* stacks of threads that run */
	size_t unreadable; /* processes that could not be looked at (gone, no permission) */
};

/*
 * Builds the snapshot of @look: all of its threads, those of the processes @pids with stacks and to
 * be judged. Processes that are gone or may not be looked at are counted. Returns 0 or a negative
 * errno. @look may be freed, @subjects must outlive @out. The caller calls blocked__free.
 */
int blocked__build(const struct look *look, struct subjects *subjects, const pid_t *pids,
	size_t pid_count, struct blocked *out, struct error *error);
void blocked__free(struct blocked *blocked);

/*
 * Samples a thread of the snapshot that runs, LOCK_SAMPLES times; what could not be had is left
 * empty. It takes 30 ms, or 300 ms where the thread does not run after all.
 */
void blocked__sample(struct blocked *blocked, const struct lock_thread *thread);

/* Adds to the activity of a thread of the snapshot who has the other end of the pipe or socket that
 * it reads or writes. Returns whether there was anything to add. */
bool blocked__describe_end(struct blocked *blocked, const struct lock_thread *thread);

/* Whether @thread waits for a lock, a futex or one of the kernel's, judged from the look alone. */
bool blocked__waits(const struct look_thread *thread);

/* Whether @thread sleeps on a futex, judged from the look alone; then fills @out. */
bool blocked__futex(const struct look_thread *thread, struct futex_wait *out);

/* Whether @thread sleeps in the kernel for something that only one process can end, judged without
 * a stack; and which. kernel_facts__begin comes first. */
bool blocked__waits_for(struct subjects *subjects, const struct look_thread *thread, pid_t *pid);

#endif
