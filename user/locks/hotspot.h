/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Java's monitors in HotSpot: the ObjectMonitor that a thread waits to enter says who has it. The
 * JVM itself tells where the fields are, for its own debuggers: in the exported table
 * gHotSpotVMStructs (src/hotspot/share/runtime/vmStructs.hpp), so that versions need not be known.
 * The owner is a JavaThread or, until JDK 21, a BasicLock on the owner's stack.
 */
#ifndef MEMTRACE_LOCKS_HOTSPOT_H
#define MEMTRACE_LOCKS_HOTSPOT_H

#include "locks/waits.h"

/*
 * Where things are in the structures of one process's JVM, by the table that it has of them for its
 * own debugger; read when first needed: starts as {0}. UINT64_MAX: this JVM lacks the field.
 */
struct jvm_layout {
	bool is_read;
	bool is_known;
	uint64_t monitor_owner;
	uint64_t monitor_header;
	uint64_t monitor_contentions;
	uint64_t monitor_object;
	uint64_t thread_os;
	uint64_t thread_owner_id; /* from JDK 24 on monitors have such a number as their owner */
	uint64_t os_number;
	uint64_t lock_stack; /* from JDK 21 on: objects that the thread has locked */
	uint64_t lock_stack_top;
	uint64_t lock_stack_base;
	uint64_t thread_list; /* the address of the pointer to it */
	uint64_t list_length;
	uint64_t list_threads;
	uint64_t class_initializer; /* the thread that runs the static initializer */
	uint64_t class_name;
	uint64_t symbol_length;
	uint64_t symbol_body;
};

/*
 * If @wait is in ObjectMonitor::enter: sets the state to the monitor and the thread that has it.
 * Some threads that wait there wake up now and then to look again, forever: that is not a timeout.
 * Returns whether @wait is there and the owner was found.
 */
bool hotspot__find_monitor(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait);

/*
 * If @wait is for a class that another thread initializes: makes it a wait for a once, named after
 * the class, with that thread as its owner. Returns whether it is so.
 */
bool hotspot__find_initializer(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait);

#endif
