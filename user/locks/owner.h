/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* From the number in a lock's owner field to a thread of the snapshot that can hold it. */
#ifndef MEMTRACE_LOCKS_OWNER_H
#define MEMTRACE_LOCKS_OWNER_H

#include "locks/waits.h"

/*
 * Sets owner, certainty, owner_dead, owner_number and reason of @wait from its state. TIDs are
 * those of the holder's pid namespace; a private lock can be held by a thread of its own process
 * alone, so that the number of a thread of another one (inherited by fork) is not an owner.
 */
void owner__resolve(const struct snapshot *snapshot, struct lock_wait *wait);

#endif
