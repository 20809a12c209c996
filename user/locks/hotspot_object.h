/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Java's objects in HotSpot's heap: the class of one, the class's name, and what a field refers to.
 * Fields are found by name in the class (InstanceKlass), as the JVM's own debugger does it. What
 * does not look like an object is none: a collector that moves objects or colours references (ZGC
 * with generations) may hide them, and then nothing is known.
 */
#ifndef MEMTRACE_LOCKS_HOTSPOT_OBJECT_H
#define MEMTRACE_LOCKS_HOTSPOT_OBJECT_H

#include "locks/hotspot_layout.h"

/* The class of the object at @object, whose line of super classes ends in java.lang.Object; 0: it
 * is no object. */
uint64_t jvm_object__class(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t object);

/* Writes the name of a class ("java/lang/Thread") and returns whether it has one. */
bool jvm_class__name(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, char *name, size_t size);

/* The same as a program writes it: "java.lang.Thread". */
bool jvm_class__java_name(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, char *name, size_t size);

/* @klass or the one of its super classes that is called @name; 0: none is. */
uint64_t jvm_class__find_super(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, const char *name);

/* The offset in objects of @klass of the field @name that the class itself declares; UINT64_MAX:
 * there is none. */
uint64_t jvm_class__field(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, const char *name);

/* The object that the field at @offset of @object refers to; 0: none. */
uint64_t jvm_object__reference(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t object, uint64_t offset);

/* The object that the JVM's own pointer at @address leads to: by way of a handle, or, before JDK
 * 17, at once; 0: none. */
uint64_t jvm_object__at(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t address);

#endif
