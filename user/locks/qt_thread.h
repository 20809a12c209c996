/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which thread QThread::wait waits for. It waits on a condition variable, which every QThread has
 * and which names nobody; the QThread itself is at hand where that thread begins.
 */
#ifndef MEMTRACE_LOCKS_QT_THREAD_H
#define MEMTRACE_LOCKS_QT_THREAD_H

#include "locks/waits.h"

/* Sets the owner of @wait, inferred, where it is in QThread::wait and one thread alone is it. */
void qt_thread__infer(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_wait *wait);

#endif
