/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hotspot.h"

#include <string.h>

#include "locks/at_hand.h"

/* Of JDK 8 to 24 the table has some 1,500 to 3,500 entries of 48 bytes. */
#define MAX_ENTRIES 8192
#define MAX_STRIDE 128
#define NAME_BYTES 24

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
};

static bool find_table(const struct reader *reader, struct jvm_table *table)
{
	return read_variable(reader, "gHotSpotVMStructs", &table->entries) &&
	       read_variable(reader, "gHotSpotVMStructEntryArrayStride", &table->stride) &&
	       read_variable(reader, "gHotSpotVMStructEntryTypeNameOffset", &table->type_at) &&
	       read_variable(reader, "gHotSpotVMStructEntryFieldNameOffset", &table->field_at) &&
	       read_variable(reader, "gHotSpotVMStructEntryOffsetOffset", &table->offset_at) &&
	       table->stride >= 8 && table->stride <= MAX_STRIDE &&
	       table->type_at <= table->stride - 8 && table->field_at <= table->stride - 8 &&
	       table->offset_at <= table->stride - 8;
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

/* Notes the offset of an entry that is one of those wanted. */
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
		{"Thread", "_osthread", &layout->thread_os},
		{"JavaThread", "_osthread", &layout->thread_os},
		{"OSThread", "_thread_id", &layout->os_number},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (*wanted[i].offset == UINT64_MAX &&
			is_name(reader, word_at(entry, table->field_at), wanted[i].field) &&
			is_name(reader, word_at(entry, table->type_at), wanted[i].type))
			*wanted[i].offset = word_at(entry, table->offset_at);
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

/* The thread whose JavaThread is at @owner, or on whose stack that is; NULL: none. */
static const struct lock_thread *find_owner(const struct reader *reader,
	const struct snapshot *snapshot, const struct jvm_layout *layout, uint64_t owner)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, reader->pid, &count);
	uint64_t os = 0;
	int32_t number = 0;

	if (read_at(reader, owner + layout->thread_os, &os, sizeof(os)) && os % 8 == 0)
		read_at(reader, os + layout->os_number, &number, sizeof(number));
	for (size_t i = 0; i < count; i++) {
		const struct lock_frame *frames = threads[i].frames;

		if ((number && threads[i].ns_tid == number) ||
			(threads[i].frame_count && owner >= frames[0].slot &&
				owner < frames[threads[i].frame_count - 1].slot))
			return &threads[i];
	}
	return NULL;
}

/* Whether an ObjectMonitor for which somebody waits can be at @address: its header is the mark of
 * an object that is not locked, and its count of who contends is not 0. */
static bool is_monitor(
	const struct reader *reader, const struct jvm_layout *layout, uint64_t address)
{
	uint64_t header;
	int32_t contentions;

	if (layout->monitor_header != UINT64_MAX &&
		(!read_at(reader, address + layout->monitor_header, &header, sizeof(header)) ||
			(header & 3) != 1))
		return false;
	if (layout->monitor_contentions == UINT64_MAX)
		return true;
	return read_at(reader, address + layout->monitor_contentions, &contentions,
		       sizeof(contentions)) &&
	       contentions > 0 && contentions < LAYOUT_MAX_TID;
}

bool hotspot__find_monitor(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait)
{
	struct reader reader = {memory, wait->thread->pid};
	struct at_hand words;

	if (!memory->variable || !wait->site.function ||
		!strstr(wait->site.function, "ObjectMonitor::"))
		return false;
	if (!layout->is_read)
		read_layout(&reader, layout);
	if (!layout->is_known)
		return false;
	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++) {
		uint64_t monitor = words.data[i], owner;
		const struct lock_thread *thread;

		if (!monitor || monitor % 8 || !is_monitor(&reader, layout, monitor) ||
			!read_at(&reader, monitor + layout->monitor_owner, &owner, sizeof(owner)))
			continue;
		thread = owner > 1 ? find_owner(&reader, snapshot, layout, owner) : NULL;
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
