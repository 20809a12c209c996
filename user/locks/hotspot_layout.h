/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where things are in the structures of one HotSpot JVM. It tells them itself, for its own
 * debuggers: in the exported tables gHotSpotVMStructs and gHotSpotVMTypes
 * (src/hotspot/share/runtime/vmStructs.hpp), so that versions need not be known.
 */
#ifndef MEMTRACE_LOCKS_HOTSPOT_LAYOUT_H
#define MEMTRACE_LOCKS_HOTSPOT_LAYOUT_H

#include "base/vec.h"
#include "locks/snapshot.h"

/* One process's memory. */
struct jvm_reader {
	const struct lock_memory *memory;
	pid_t pid;
};

/* The JavaThread of the thread with that number in its own namespace. */
struct jvm_thread {
	int32_t number;
	uint64_t java;
};

/* Offsets in bytes, or addresses of static fields; UINT64_MAX: this JVM lacks the field. */
struct jvm_layout {
	bool is_read; /* when first needed: starts as {0}; jvm_layout__free */
	bool is_known;
	bool has_threads;		/* whether threads were listed */
	VEC(struct jvm_thread) threads; /* ascending by number */

	uint64_t monitor_owner;
	uint64_t monitor_header;
	uint64_t monitor_contentions;
	uint64_t monitor_object;
	uint64_t thread_os;
	uint64_t thread_owner_id; /* from JDK 24 on monitors have such a number as their owner */
	uint64_t pending_monitor; /* of a thread: the monitor that it waits to enter, ... */
	uint64_t waiting_monitor; /* ... and the one that it waits in, for a notification */
	uint64_t thread_object;	  /* its java.lang.Thread, from JDK 17 on by way of a handle */
	uint64_t thread_next;	  /* before JDK 14 threads are a list */
	uint64_t first_thread;	  /* the address of the pointer to it */
	uint64_t os_number;
	uint64_t lock_stack; /* from JDK 21 on: objects that the thread has locked */
	uint64_t lock_stack_top;
	uint64_t lock_stack_base;
	uint64_t thread_list; /* the address of the pointer to it */
	uint64_t list_length;
	uint64_t list_threads;

	uint64_t class_initializer; /* the thread that runs the static initializer */
	uint64_t class_name;
	uint64_t class_super;
	uint64_t class_constants;
	uint64_t class_fields;	   /* until JDK 20: an array of numbers, six for each field */
	uint64_t class_field_info; /* from JDK 21 on: a stream of packed numbers */
	uint64_t symbol_length;
	uint64_t symbol_body;
	uint64_t object_class;
	uint64_t oop_base; /* addresses of the two by which 32-bit references are decoded */
	uint64_t oop_shift;
	uint64_t klass_base;
	uint64_t klass_shift;
	uint64_t flags; /* the address of the pointer to the JVM's options */
	uint64_t flag_count;
	uint64_t flag_name;
	uint64_t flag_value;
	uint64_t pool_size; /* of a ConstantPool's head, behind which its entries stand */
	uint64_t flag_size;

	/* Of Java's own classes, when first needed. */
	bool has_fields;
	uint64_t field_blocker; /* Thread.parkBlocker */
	uint64_t field_native;	/* Thread.eetop: its JavaThread */
	uint64_t field_owner;	/* AbstractOwnableSynchronizer.exclusiveOwnerThread */
	uint64_t field_runner;	/* FutureTask.runner */

	bool small_references; /* UseCompressedOops */
	bool small_classes;    /* UseCompressedClassPointers */
	bool compact_headers;  /* UseCompactObjectHeaders: the class is in the first word */
};

/* Whether the layout of the JVM is known, which the first to ask reads. */
bool jvm_layout__knows(const struct jvm_reader *reader, struct jvm_layout *layout);
void jvm_layout__free(struct jvm_layout *layout);

/* Reads @size bytes at @address; false for address 0, too. */
bool jvm__read(const struct jvm_reader *reader, uint64_t address, void *data, size_t size);

static inline bool jvm__tells(uint64_t offset)
{
	return offset != UINT64_MAX;
}

/* The JavaThread of the thread @number; 0: it has none. */
uint64_t jvm_layout__java_of(
	const struct jvm_reader *reader, struct jvm_layout *layout, int32_t number);

/* The thread's number of the JavaThread at @java; 0: it is none. */
int32_t jvm_layout__number_of(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t java);

/* The first JavaThread for which @has is true; 0: none, or the threads are not known. */
uint64_t jvm_layout__search(const struct jvm_reader *reader, struct jvm_layout *layout,
	bool (*has)(const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t java,
		uint64_t what),
	uint64_t what);

#endif
