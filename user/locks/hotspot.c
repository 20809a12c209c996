/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hotspot.h"

#include <stdio.h>
#include <string.h>

#include "locks/at_hand.h"
#include "locks/hotspot_object.h"

/* ObjectMonitor::ANONYMOUS_OWNER: locked by a thread whose lock stack has the object. */
#define ANONYMOUS_OWNER 1
/* LockStack::CAPACITY is 8. */
#define MAX_LOCK_STACK 64

bool hotspot__is_java(const struct lock_thread *thread)
{
	for (size_t i = 0; i < thread->frame_count; i++)
		if (thread->frames[i].module && !strcmp(thread->frames[i].module, "libjvm.so"))
			return true;
	return false;
}

const struct lock_thread *hotspot__find_thread(const struct jvm_reader *reader,
	const struct snapshot *snapshot, const struct jvm_layout *layout, uint64_t java)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, reader->pid, &count);
	int32_t number = jvm_layout__number_of(reader, layout, java);

	for (size_t i = 0; number > 0 && i < count; i++)
		if (threads[i].ns_tid == number)
			return &threads[i];
	return NULL;
}

/* The thread on whose stack @address is: of a lock on the stack, before JDK 21. */
static const struct lock_thread *find_by_stack(
	const struct jvm_reader *reader, const struct snapshot *snapshot, uint64_t address)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, reader->pid, &count);

	for (size_t i = 0; i < count; i++) {
		const struct lock_frame *frames = threads[i].frames;

		if (threads[i].frame_count && address >= frames[0].slot &&
			address < frames[threads[i].frame_count - 1].slot)
			return &threads[i];
	}
	return NULL;
}

/* Whether the JavaThread at @java has the object at @object on its lock stack, of which the top is
 * an offset in the thread. */
static bool has_locked(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t java, uint64_t object)
{
	uint64_t base = layout->lock_stack + layout->lock_stack_base, objects[MAX_LOCK_STACK];
	uint32_t top;
	size_t count;

	if (!jvm__read(reader, java + layout->lock_stack + layout->lock_stack_top, &top,
		    sizeof(top)) ||
		top <= base)
		return false;
	count = (top - base) / 8;
	if (count > MAX_LOCK_STACK || !jvm__read(reader, java + base, objects, 8 * count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (objects[i] == object)
			return true;
	return false;
}

static bool has_number(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t java, uint64_t number)
{
	uint64_t own;

	return jvm__read(reader, java + layout->thread_owner_id, &own, sizeof(own)) &&
	       own == number;
}

/* Of an ObjectMonitor that names no owner, as the lock was taken before it became a monitor. */
static uint64_t find_locker(
	const struct jvm_reader *reader, struct jvm_layout *layout, uint64_t monitor)
{
	uint64_t handle, object;

	if (!jvm__tells(layout->lock_stack) || !jvm__tells(layout->lock_stack_top) ||
		!jvm__tells(layout->lock_stack_base) || !jvm__tells(layout->monitor_object) ||
		!jvm__read(reader, monitor + layout->monitor_object, &handle, sizeof(handle)) ||
		!jvm__read(reader, handle, &object, sizeof(object)) || !object)
		return 0;
	return jvm_layout__search(reader, layout, has_locked, object);
}

static const struct lock_thread *find_owner(const struct jvm_reader *reader,
	const struct snapshot *snapshot, struct jvm_layout *layout, uint64_t monitor)
{
	const struct lock_thread *thread;
	uint64_t owner;

	if (!jvm__read(reader, monitor + layout->monitor_owner, &owner, sizeof(owner)) || !owner)
		return NULL;
	if (owner == ANONYMOUS_OWNER)
		return hotspot__find_thread(
			reader, snapshot, layout, find_locker(reader, layout, monitor));
	if (jvm__tells(layout->thread_owner_id))
		return hotspot__find_thread(reader, snapshot, layout,
			jvm_layout__search(reader, layout, has_number, owner));
	thread = hotspot__find_thread(reader, snapshot, layout, owner);
	return thread ? thread : find_by_stack(reader, snapshot, owner);
}

/* Whether an ObjectMonitor for which somebody waits can be at @address: its header is the mark of
 * an object that is not locked, and its count of who contends is not 0. */
static bool is_monitor(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t address)
{
	uint64_t header;
	int32_t contentions;

	if (jvm__tells(layout->monitor_header) &&
		(!jvm__read(reader, address + layout->monitor_header, &header, sizeof(header)) ||
			(header & 3) != 1))
		return false;
	if (!jvm__tells(layout->monitor_contentions))
		return true;
	return jvm__read(reader, address + layout->monitor_contentions, &contentions,
		       sizeof(contentions)) &&
	       contentions > 0 && contentions < LAYOUT_MAX_TID;
}

/* "java.lang.Object": the class of what the monitor belongs to. */
static void name_monitor(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t monitor, struct lock_wait *wait)
{
	uint64_t object = jvm__tells(layout->monitor_object)
				  ? jvm_object__at(reader, layout, monitor + layout->monitor_object)
				  : 0;

	if (object)
		jvm_class__java_name(reader, layout, jvm_object__class(reader, layout, object),
			wait->name, sizeof(wait->name));
}

/* Whether it is the monitor at @monitor that @wait is for; not if nobody else has it. */
static bool take_monitor(const struct jvm_reader *reader, const struct snapshot *snapshot,
	struct jvm_layout *layout, uint64_t monitor, struct lock_wait *wait)
{
	const struct lock_thread *thread = find_owner(reader, snapshot, layout, monitor);

	/* Who has it enters it again without waiting. */
	if (!thread || thread == wait->thread)
		return false;
	wait->kind = WAIT_RUNTIME;
	wait->site.foreign = true;
	wait->state = (struct lock_state){
		.address = monitor, .field = OWNER_TID, .owner = thread->ns_tid, .recursive = true};
	wait->futex.timed = false;
	name_monitor(reader, layout, monitor, wait);
	return true;
}

bool hotspot__find_monitor(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait)
{
	struct jvm_reader reader = {memory, wait->thread->pid};
	struct at_hand words;
	uint64_t java, monitor;

	if (!jvm_layout__knows(&reader, layout))
		return false;
	java = jvm_layout__java_of(&reader, layout, wait->thread->ns_tid);
	if (java && jvm__tells(layout->pending_monitor) &&
		jvm__read(&reader, java + layout->pending_monitor, &monitor, sizeof(monitor)) &&
		monitor)
		return take_monitor(&reader, snapshot, layout, monitor, wait);
	/* Who enters again after a notification has none pending. */
	if (!wait->site.function || !strstr(wait->site.function, "ObjectMonitor::"))
		return false;
	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++)
		if (words.data[i] && words.data[i] % 8 == 0 &&
			is_monitor(&reader, layout, words.data[i]) &&
			take_monitor(&reader, snapshot, layout, words.data[i], wait))
			return true;
	return false;
}

/* --- classes */

/* The frame that waits for the class, if nothing but the VM's own waiting is between: an
 * initializer that waits for something else has the interpreter's frames there. frame_count: none.
 */
static size_t find_class_frame(const struct lock_wait *wait)
{
	static const char *const parts[] = {
		"ObjectMonitor::", "ObjectSynchronizer::", "PlatformEvent::", "PlatformMonitor::",
		"Monitor::", "MonitorLocker::", "ObjectLocker::"};
	const struct lock_thread *thread = wait->thread;

	for (size_t i = wait->site.frame; i < thread->frame_count; i++) {
		const char *function = thread->frames[i].function;
		bool waits = false;

		if (function && strstr(function, "InstanceKlass::initialize_impl"))
			return i;
		for (size_t n = 0; function && n < sizeof(parts) / sizeof(*parts); n++)
			waits |= strstr(function, parts[n]) != NULL;
		if (!waits)
			break;
	}
	return thread->frame_count;
}

bool hotspot__find_initializer(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait)
{
	const struct lock_thread *thread = wait->thread, *owner;
	struct jvm_reader reader = {memory, thread->pid};
	size_t frame = find_class_frame(wait);
	struct at_hand words = {.count = 0};
	char name[128];
	uint64_t java;

	if (frame >= thread->frame_count || !jvm_layout__knows(&reader, layout) ||
		!jvm__tells(layout->class_initializer))
		return false;
	at_hand__add_stack(
		memory, thread, thread->frames[0].slot, thread->frames[frame].slot, &words);
	at_hand__add_registers(thread, &words);
	for (size_t i = 0; i < words.count; i++) {
		uint64_t klass = words.data[i];

		if (!klass || klass % 8 ||
			!jvm__read(&reader, klass + layout->class_initializer, &java, sizeof(java)))
			continue;
		owner = hotspot__find_thread(&reader, snapshot, layout, java);
		if (!owner || owner == thread)
			continue;
		wait->kind = WAIT_ONCE;
		wait->state = (struct lock_state){
			.address = klass, .field = OWNER_TID, .owner = owner->ns_tid};
		if (jvm_class__java_name(&reader, layout, klass, name, sizeof(name)))
			snprintf(wait->name, sizeof(wait->name), "class %s", name);
		return true;
	}
	return false;
}
