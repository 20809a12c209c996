/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hotspot.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "locks/at_hand.h"

/* Of JDK 8 to 25 the table has some 1,500 to 3,500 entries of 48 bytes. */
#define MAX_ENTRIES 8192
#define MAX_STRIDE 128
#define NAME_BYTES 24
/* ObjectMonitor::ANONYMOUS_OWNER: locked by a thread whose lock stack has the object. */
#define ANONYMOUS_OWNER 1
/* More threads are not gone through to find one. */
#define MAX_THREADS 16384
/* LockStack::CAPACITY is 8. */
#define MAX_LOCK_STACK 64

struct reader {
	const struct lock_memory *memory;
	pid_t pid;
};

static bool read_at(const struct reader *reader, uint64_t address, void *data, size_t size)
{
	return address &&
	       !reader->memory->read(reader->memory->context, reader->pid, address, data, size);
}

static bool read_variable(const struct reader *reader, const char *name, uint64_t *value)
{
	uint64_t address =
		reader->memory->variable(reader->memory->context, reader->pid, "libjvm.so", name);

	return read_at(reader, address, value, sizeof(*value));
}

/* How an entry of the table is laid out. */
struct jvm_table {
	uint64_t entries;
	uint64_t stride;
	uint64_t type_at;
	uint64_t field_at;
	uint64_t offset_at;
	uint64_t address_at; /* of static fields */
};

static bool find_table(const struct reader *reader, struct jvm_table *table)
{
	return read_variable(reader, "gHotSpotVMStructs", &table->entries) &&
	       read_variable(reader, "gHotSpotVMStructEntryArrayStride", &table->stride) &&
	       read_variable(reader, "gHotSpotVMStructEntryTypeNameOffset", &table->type_at) &&
	       read_variable(reader, "gHotSpotVMStructEntryFieldNameOffset", &table->field_at) &&
	       read_variable(reader, "gHotSpotVMStructEntryOffsetOffset", &table->offset_at) &&
	       read_variable(reader, "gHotSpotVMStructEntryAddressOffset", &table->address_at) &&
	       table->stride >= 8 && table->stride <= MAX_STRIDE &&
	       table->type_at <= table->stride - 8 && table->field_at <= table->stride - 8 &&
	       table->offset_at <= table->stride - 8 && table->address_at <= table->stride - 8;
}

/* Whether the string at @address is @name. */
static bool is_name(const struct reader *reader, uint64_t address, const char *name)
{
	char text[NAME_BYTES];
	size_t size = strlen(name) + 1;

	return size <= sizeof(text) && read_at(reader, address, text, size) &&
	       !memcmp(text, name, size);
}

static uint64_t word_at(const uint8_t *entry, uint64_t offset)
{
	uint64_t word;

	memcpy(&word, entry + offset, sizeof(word));
	return word;
}

/* Notes the offset of an entry that is one of those wanted, or the address of a static one. */
static void take_entry(const struct reader *reader, const struct jvm_table *table,
	const uint8_t *entry, struct jvm_layout *layout)
{
	const struct {
		const char *type;
		const char *field;
		uint64_t *offset;
	} wanted[] = {
		{"ObjectMonitor", "_owner", &layout->monitor_owner},
		{"ObjectMonitor", "_header", &layout->monitor_header},
		{"ObjectMonitor", "_contentions", &layout->monitor_contentions},
		{"ObjectMonitor", "_object", &layout->monitor_object},
		{"Thread", "_osthread", &layout->thread_os},
		{"JavaThread", "_osthread", &layout->thread_os},
		{"JavaThread", "_monitor_owner_id", &layout->thread_owner_id},
		{"OSThread", "_thread_id", &layout->os_number},
		{"JavaThread", "_lock_stack", &layout->lock_stack},
		{"LockStack", "_top", &layout->lock_stack_top},
		{"LockStack", "_base[0]", &layout->lock_stack_base},
		{"ThreadsSMRSupport", "_java_thread_list", &layout->thread_list},
		{"ThreadsList", "_length", &layout->list_length},
		{"ThreadsList", "_threads", &layout->list_threads},
		{"InstanceKlass", "_init_thread", &layout->class_initializer},
		{"Klass", "_name", &layout->class_name},
		{"Symbol", "_length", &layout->symbol_length},
		{"Symbol", "_body", &layout->symbol_body},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (*wanted[i].offset == UINT64_MAX &&
			is_name(reader, word_at(entry, table->field_at), wanted[i].field) &&
			is_name(reader, word_at(entry, table->type_at), wanted[i].type))
			*wanted[i].offset = word_at(entry, wanted[i].offset == &layout->thread_list
								   ? table->address_at
								   : table->offset_at);
}

static void read_layout(const struct reader *reader, struct jvm_layout *layout)
{
	struct jvm_table table;

	memset(layout, 0xff, sizeof(*layout));
	layout->is_read = true;
	layout->is_known = false;
	if (!find_table(reader, &table))
		return;
	for (size_t i = 0; i < MAX_ENTRIES; i++) {
		uint8_t entry[MAX_STRIDE];

		/* The last has no names. */
		if (!read_at(reader, table.entries + i * table.stride, entry, table.stride) ||
			!word_at(entry, table.type_at))
			break;
		take_entry(reader, &table, entry, layout);
	}
	layout->is_known = layout->monitor_owner != UINT64_MAX && layout->thread_os != UINT64_MAX &&
			   layout->os_number != UINT64_MAX;
}

static bool is_told(uint64_t offset)
{
	return offset != UINT64_MAX;
}

/* The thread whose JavaThread is at @java; NULL: none of this process. */
static const struct lock_thread *find_java(const struct reader *reader,
	const struct snapshot *snapshot, const struct jvm_layout *layout, uint64_t java)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, reader->pid, &count);
	uint64_t os = 0;
	int32_t number = 0;

	if (!java || java % 8 || !read_at(reader, java + layout->thread_os, &os, sizeof(os)) ||
		os % 8 || !read_at(reader, os + layout->os_number, &number, sizeof(number)))
		return NULL;
	for (size_t i = 0; number > 0 && i < count; i++)
		if (threads[i].ns_tid == number)
			return &threads[i];
	return NULL;
}

/* The thread on whose stack @address is: of a lock on the stack, before JDK 21. */
static const struct lock_thread *find_by_stack(
	const struct reader *reader, const struct snapshot *snapshot, uint64_t address)
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
static bool has_locked(const struct reader *reader, const struct jvm_layout *layout, uint64_t java,
	uint64_t object)
{
	uint64_t base = layout->lock_stack + layout->lock_stack_base, objects[MAX_LOCK_STACK];
	uint32_t top;
	size_t count;

	if (!read_at(reader, java + layout->lock_stack + layout->lock_stack_top, &top,
		    sizeof(top)) ||
		top <= base)
		return false;
	count = (top - base) / 8;
	if (count > MAX_LOCK_STACK || !read_at(reader, java + base, objects, 8 * count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (objects[i] == object)
			return true;
	return false;
}

static bool has_number(const struct reader *reader, const struct jvm_layout *layout, uint64_t java,
	uint64_t number)
{
	uint64_t own;

	return read_at(reader, java + layout->thread_owner_id, &own, sizeof(own)) && own == number;
}

/* The JavaThread of which @has is true; 0: none, or the list of threads is not known. */
static uint64_t search_threads(const struct reader *reader, const struct jvm_layout *layout,
	bool (*has)(const struct reader *reader, const struct jvm_layout *layout, uint64_t java,
		uint64_t what),
	uint64_t what)
{
	uint64_t list, threads, java;
	uint32_t length;

	if (!is_told(layout->thread_list) || !is_told(layout->list_length) ||
		!is_told(layout->list_threads) ||
		!read_at(reader, layout->thread_list, &list, sizeof(list)) ||
		!read_at(reader, list + layout->list_length, &length, sizeof(length)) ||
		!read_at(reader, list + layout->list_threads, &threads, sizeof(threads)))
		return 0;
	for (uint32_t i = 0; i < length && i < MAX_THREADS; i++)
		if (read_at(reader, threads + 8ull * i, &java, sizeof(java)) &&
			has(reader, layout, java, what))
			return java;
	return 0;
}

/* Of an ObjectMonitor that names no owner, as the lock was taken before it became a monitor. */
static uint64_t find_locker(
	const struct reader *reader, const struct jvm_layout *layout, uint64_t monitor)
{
	uint64_t handle, object;

	if (!is_told(layout->lock_stack) || !is_told(layout->lock_stack_top) ||
		!is_told(layout->lock_stack_base) || !is_told(layout->monitor_object) ||
		!read_at(reader, monitor + layout->monitor_object, &handle, sizeof(handle)) ||
		!read_at(reader, handle, &object, sizeof(object)) || !object)
		return 0;
	return search_threads(reader, layout, has_locked, object);
}

static const struct lock_thread *find_owner(const struct reader *reader,
	const struct snapshot *snapshot, const struct jvm_layout *layout, uint64_t monitor)
{
	const struct lock_thread *thread;
	uint64_t owner;

	if (!read_at(reader, monitor + layout->monitor_owner, &owner, sizeof(owner)) || !owner)
		return NULL;
	if (owner == ANONYMOUS_OWNER)
		return find_java(reader, snapshot, layout, find_locker(reader, layout, monitor));
	if (is_told(layout->thread_owner_id))
		return find_java(reader, snapshot, layout,
			search_threads(reader, layout, has_number, owner));
	thread = find_java(reader, snapshot, layout, owner);
	return thread ? thread : find_by_stack(reader, snapshot, owner);
}

/* Whether an ObjectMonitor for which somebody waits can be at @address: its header is the mark of
 * an object that is not locked, and its count of who contends is not 0. */
static bool is_monitor(
	const struct reader *reader, const struct jvm_layout *layout, uint64_t address)
{
	uint64_t header;
	int32_t contentions;

	if (is_told(layout->monitor_header) &&
		(!read_at(reader, address + layout->monitor_header, &header, sizeof(header)) ||
			(header & 3) != 1))
		return false;
	if (!is_told(layout->monitor_contentions))
		return true;
	return read_at(reader, address + layout->monitor_contentions, &contentions,
		       sizeof(contentions)) &&
	       contentions > 0 && contentions < LAYOUT_MAX_TID;
}

/* Whether the layout is known, which the first to ask reads. */
static bool knows_layout(const struct reader *reader, struct jvm_layout *layout)
{
	if (!layout->is_read)
		read_layout(reader, layout);
	return layout->is_known;
}

bool hotspot__find_monitor(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait)
{
	struct reader reader = {memory, wait->thread->pid};
	struct at_hand words;

	if (!memory->variable || !wait->site.function ||
		!strstr(wait->site.function, "ObjectMonitor::") || !knows_layout(&reader, layout))
		return false;
	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++) {
		const struct lock_thread *thread;
		uint64_t monitor = words.data[i];

		if (!monitor || monitor % 8 || !is_monitor(&reader, layout, monitor))
			continue;
		thread = find_owner(&reader, snapshot, layout, monitor);
		/* Who has it enters it again without waiting. */
		if (!thread || thread == wait->thread)
			continue;
		wait->state = (struct lock_state){.address = monitor,
			.field = OWNER_TID,
			.owner = thread->ns_tid,
			.recursive = true};
		wait->futex.timed = false;
		return true;
	}
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

/* "class Hang$A" */
static void name_class(const struct reader *reader, const struct jvm_layout *layout, uint64_t klass,
	struct lock_wait *wait)
{
	char text[128];
	uint64_t symbol;
	uint16_t length;

	if (!is_told(layout->class_name) || !is_told(layout->symbol_length) ||
		!is_told(layout->symbol_body) ||
		!read_at(reader, klass + layout->class_name, &symbol, sizeof(symbol)) ||
		!read_at(reader, symbol + layout->symbol_length, &length, sizeof(length)) ||
		!length)
		return;
	if (length >= sizeof(text))
		length = sizeof(text) - 1;
	if (!read_at(reader, symbol + layout->symbol_body, text, length))
		return;
	text[length] = '\0';
	text__make_printable(text);
	snprintf(wait->name, sizeof(wait->name), "class %s", text);
}

bool hotspot__find_initializer(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait)
{
	const struct lock_thread *thread = wait->thread, *owner;
	struct reader reader = {memory, thread->pid};
	size_t frame = find_class_frame(wait);
	struct at_hand words = {.count = 0};
	uint64_t java;

	if (!memory->variable || frame >= thread->frame_count || !knows_layout(&reader, layout) ||
		!is_told(layout->class_initializer))
		return false;
	at_hand__add_stack(
		memory, thread, thread->frames[0].slot, thread->frames[frame].slot, &words);
	at_hand__add_registers(thread, &words);
	for (size_t i = 0; i < words.count; i++) {
		uint64_t klass = words.data[i];

		if (!klass || klass % 8 ||
			!read_at(&reader, klass + layout->class_initializer, &java, sizeof(java)))
			continue;
		owner = find_java(&reader, snapshot, layout, java);
		if (!owner || owner == thread)
			continue;
		wait->kind = WAIT_ONCE;
		wait->state = (struct lock_state){
			.address = klass, .field = OWNER_TID, .owner = owner->ns_tid};
		name_class(&reader, layout, klass, wait);
		return true;
	}
	return false;
}
