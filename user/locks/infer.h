/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Owners of locks that store none, where the stacks of other threads or plain elimination prove
 * who has them. Each is labelled as inferred, with the reason in words.
 */
#ifndef MEMTRACE_LOCKS_INFER_H
#define MEMTRACE_LOCKS_INFER_H

#include "locks/waits.h"

/* Fills in owners where waits__find found none. Returns 0 or -ENOMEM. */
int infer__owners(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct lock_waits *waits);

#endif
