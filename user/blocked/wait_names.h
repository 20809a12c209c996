/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What traced futex waits mean: names for the frames of their stacks, and for each wait the kind of
 * its lock, the lock's name and its owner, found by the same rules as those of a look at blocked
 * threads (locks/waits.h), from the memory as it was when the wait began.
 */
#ifndef MEMTRACE_BLOCKED_WAIT_NAMES_H
#define MEMTRACE_BLOCKED_WAIT_NAMES_H

#include "base/error.h"
#include "contention.h"
#include "locks/waits.h"

struct wait_names;

/* @lines: with source lines and inlined functions, which takes longer. NULL with @error set. */
struct wait_names *wait_names__new(bool lines, struct error *error);
void wait_names__free(struct wait_names *names);

/*
 * Reads the mappings of process @pid, which is new or has other code than before; what is known of
 * one that is gone is kept. 0 or a negative errno.
 */
int wait_names__take(struct wait_names *names, pid_t pid);

/* @pid has ended, or runs another program: other code is at the same addresses from now on. */
void wait_names__forget(struct wait_names *names, pid_t pid);

/*
 * The frames of a stack, as many as @stack has, with their names. Valid as long as @names; NULL: no
 * memory.
 */
const struct lock_frame *wait_names__stack(
	struct wait_names *names, const struct event_stack *stack);

/* What a wait is for, enough to tell the owner of later waits for the same lock. */
struct judged_wait {
	struct lock_wait wait; /* `thread` is NULL */
	bool musl;
};

/* Judges @wait, whose stack is @frames. 0 or -ENOMEM. */
int wait_names__judge(struct wait_names *names, const struct contention_wait *wait,
	const struct lock_frame *frames, size_t count, struct judged_wait *out);

/* Whether a wait is for a lock of the dynamic loader. */
bool wait_names__is_loader(const struct lock_wait *wait);

/*
 * The owner of the lock when @wait began, as the lock's layout has it: a TID in the numbers of the
 * waiter's pid namespace. 0: nobody, unknown, or readers. @kind and @musl: of the wait that was
 * judged.
 */
uint32_t wait_names__owner(const struct contention_wait *wait, enum wait_kind kind, bool musl);

#endif
