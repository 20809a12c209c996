/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the system call of a blocked thread is about: descriptors by their links in /proc, what an
 * epoll instance watches, which child is waited for, who traces. Nothing of it is opened.
 */
#ifndef MEMTRACE_BLOCKED_ACTIVITY_H
#define MEMTRACE_BLOCKED_ACTIVITY_H

#include "base/vec.h"
#include "locks/snapshot.h"

/* One with its strings. */
struct activity_note {
	struct lock_activity activity;
	char link[160];
	char detail[256];
};

typedef VEC(struct activity_note *) activity_notes;

/*
 * Sets the activity of @thread, if there is anything to say beyond the call's name; @notes owns it.
 * Returns 0 or -ENOMEM.
 */
int activity__note(struct lock_thread *thread, activity_notes *notes);
void activity__free_notes(activity_notes *notes);

/* What descriptor @fd of @thread is: "/path", "pipe:[17]", printable. False: it is not known. */
bool activity__read_link(const struct lock_thread *thread, int fd, char *link, size_t size);

#endif
