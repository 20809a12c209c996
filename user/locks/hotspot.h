/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Java's monitors in HotSpot: who has the one that a thread waits to enter stands in its
 * ObjectMonitor. Where its fields are, the JVM tells itself, for its own debuggers: the exported
 * table gHotSpotVMStructs (src/hotspot/share/runtime/vmStructs.hpp), so that versions need not be
 * known. The owner is a JavaThread or, until JDK 21, a BasicLock on the owner's stack.
 */
#ifndef MEMTRACE_LOCKS_HOTSPOT_H
#define MEMTRACE_LOCKS_HOTSPOT_H

#include "locks/waits.h"

/* Offsets in the structures of one process's JVM, read when they are first needed: starts as {0}.
 */
struct jvm_layout {
	bool is_read;
	bool is_known;
	uint64_t monitor_owner;
	uint64_t monitor_header; /* this and the next: UINT64_MAX where it is not told */
	uint64_t monitor_contentions;
	uint64_t thread_os;
	uint64_t os_number;
};

/*
 * If @wait is in ObjectMonitor::enter: sets the state to the monitor and the thread that has it.
 * Some who wait there wake up now and then to look again, for ever: that timeout is none. Returns
 * whether it is so and the owner was found.
 */
bool hotspot__find_monitor(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait);

#endif
