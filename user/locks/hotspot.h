/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What Java's threads wait for, by the structures of HotSpot and objects on Java's heap: monitors
 * (synchronized), whose owner is a JavaThread, a number of its own, or, until JDK 21, a BasicLock
 * on the owner's stack; locks of java.util.concurrent, which a thread that is parked names as its
 * blocker, and which name their owner if they are exclusive; classes that are being initialized.
 */
#ifndef MEMTRACE_LOCKS_HOTSPOT_H
#define MEMTRACE_LOCKS_HOTSPOT_H

#include "locks/hotspot_layout.h"
#include "locks/waits.h"

/* Whether @thread has frames of the JVM: of others nothing below can be known. */
bool hotspot__is_java(const struct lock_thread *thread);

/* The thread of a snapshot whose JavaThread is at @java; NULL: none of this process. */
const struct lock_thread *hotspot__find_thread(const struct jvm_reader *reader,
	const struct snapshot *snapshot, const struct jvm_layout *layout, uint64_t java);

/*
 * If @wait is for entering a monitor: sets the state to the monitor and the thread that has it.
 * Some threads that wait there wake up now and then to look again, forever: that is not a timeout.
 * Returns whether it is so and the owner was found.
 */
bool hotspot__find_monitor(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait);

/*
 * If @wait is for a class that another thread initializes: makes it a wait for a once, named after
 * the class, with that thread as its owner. Returns whether it is so.
 */
bool hotspot__find_initializer(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait);

/*
 * If @wait is parked because of an object (LockSupport.park), or in Object.wait: names the object's
 * class. If that is a lock that names its owner, a FutureTask that a thread runs, or a Thread,
 * which is what Thread.join waits in: makes it a wait for that thread. Returns whether the wait is
 * then settled.
 */
bool hotspot__find_blocker(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait);

#endif
