/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hotspot_layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/search.h"

/* Of JDK 8 to 25 the tables have some 500 to 3,500 entries of 40 or 48 bytes. */
#define MAX_ENTRIES 8192
#define MAX_STRIDE 128
/* No name that is wanted is longer. */
#define NAME_BYTES 48
/* More threads than a kernel has are garbage. */
#define MAX_THREADS 65536
/* JDK 25 has some 1,400 options. */
#define MAX_FLAGS 8192

bool jvm__read(const struct jvm_reader *reader, uint64_t address, void *data, size_t size)
{
	return address &&
	       !reader->memory->read(reader->memory->context, reader->pid, address, data, size);
}

static bool read_variable(const struct jvm_reader *reader, const char *name, uint64_t *value)
{
	uint64_t address =
		reader->memory->variable(reader->memory->context, reader->pid, "libjvm.so", name);

	return jvm__read(reader, address, value, sizeof(*value));
}

static uint64_t word_at(const uint8_t *entry, uint64_t offset)
{
	uint64_t word;

	memcpy(&word, entry + offset, sizeof(word));
	return word;
}

/* Whether the string at @address is @name. */
static bool is_name(const struct jvm_reader *reader, uint64_t address, const char *name)
{
	char text[NAME_BYTES];
	size_t size = strlen(name) + 1;

	return size <= sizeof(text) && jvm__read(reader, address, text, size) &&
	       !memcmp(text, name, size);
}

/* --- gHotSpotVMStructs */

struct jvm_field {
	const char *type;
	const char *field;
	uint64_t *out;
	bool is_static;
};

/* How an entry of the table is laid out. */
struct jvm_table {
	uint64_t entries;
	uint64_t stride;
	uint64_t type_at;
	uint64_t field_at;
	uint64_t offset_at;
	uint64_t address_at; /* of static fields */
};

static bool find_table(const struct jvm_reader *reader, struct jvm_table *table)
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

/* Notes the offset of an entry that is one of those wanted, or the address of a static one. */
static void take_entry(const struct jvm_reader *reader, const struct jvm_table *table,
	const uint8_t *entry, const struct jvm_field *wanted, size_t count)
{
	uint64_t type = word_at(entry, table->type_at), field = word_at(entry, table->field_at);

	for (size_t i = 0; i < count; i++) {
		if (*wanted[i].out != UINT64_MAX || !is_name(reader, field, wanted[i].field) ||
			!is_name(reader, type, wanted[i].type))
			continue;
		*wanted[i].out =
			word_at(entry, wanted[i].is_static ? table->address_at : table->offset_at);
		return;
	}
}

static bool is_wanted(const struct jvm_reader *reader, uint64_t type,
	const struct jvm_field *wanted, size_t count)
{
	char name[NAME_BYTES] = "";

	/* Reading up to the end of a page may fail, where the name ends before it. */
	if (!jvm__read(reader, type, name, sizeof(name) - 1))
		return true;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, wanted[i].type))
			return true;
	return false;
}

static void read_fields(const struct jvm_reader *reader, const struct jvm_table *table,
	const struct jvm_field *wanted, size_t count)
{
	uint64_t last = 0;
	bool take = false;

	for (size_t i = 0; i < MAX_ENTRIES; i++) {
		uint8_t entry[MAX_STRIDE];

		/* The last has no names. */
		if (!jvm__read(reader, table->entries + i * table->stride, entry, table->stride) ||
			!word_at(entry, table->type_at))
			return;
		/* Fields of one type stand together, and the compiler merges equal strings. */
		if (word_at(entry, table->type_at) != last)
			take = is_wanted(reader, word_at(entry, table->type_at), wanted, count);
		last = word_at(entry, table->type_at);
		if (take)
			take_entry(reader, table, entry, wanted, count);
	}
}

/* --- gHotSpotVMTypes */

static void read_sizes(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	uint64_t types, stride, name_at, size_at;

	if (!read_variable(reader, "gHotSpotVMTypes", &types) ||
		!read_variable(reader, "gHotSpotVMTypeEntryArrayStride", &stride) ||
		!read_variable(reader, "gHotSpotVMTypeEntryTypeNameOffset", &name_at) ||
		!read_variable(reader, "gHotSpotVMTypeEntrySizeOffset", &size_at) || stride < 8 ||
		stride > MAX_STRIDE || name_at > stride - 8 || size_at > stride - 8)
		return;
	for (size_t i = 0; i < MAX_ENTRIES; i++) {
		uint8_t entry[MAX_STRIDE];
		uint64_t name;

		if (!jvm__read(reader, types + i * stride, entry, stride))
			return;
		name = word_at(entry, name_at);
		if (!name || (jvm__tells(layout->pool_size) && jvm__tells(layout->flag_size)))
			return;
		if (is_name(reader, name, "ConstantPool"))
			layout->pool_size = word_at(entry, size_at);
		else if (is_name(reader, name, "JVMFlag") || is_name(reader, name, "Flag"))
			layout->flag_size = word_at(entry, size_at);
	}
}

/* --- options that change the layout */

static void take_flag(const struct jvm_reader *reader, const struct jvm_layout *layout,
	const uint8_t *flag, const char *name, bool *out)
{
	uint8_t value;

	if (is_name(reader, word_at(flag, layout->flag_name), name) &&
		jvm__read(reader, word_at(flag, layout->flag_value), &value, 1))
		*out = value;
}

static void read_flags(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	uint64_t flags, count;

	if (!jvm__tells(layout->flags) || !jvm__tells(layout->flag_count) ||
		!jvm__tells(layout->flag_name) || !jvm__tells(layout->flag_value) ||
		layout->flag_size < 8 || layout->flag_size > MAX_STRIDE ||
		layout->flag_name > layout->flag_size - 8 ||
		layout->flag_value > layout->flag_size - 8 ||
		!jvm__read(reader, layout->flags, &flags, 8) ||
		!jvm__read(reader, layout->flag_count, &count, 8))
		return;
	for (size_t i = 0; i < count && i < MAX_FLAGS; i++) {
		uint8_t flag[MAX_STRIDE];

		if (!jvm__read(reader, flags + i * layout->flag_size, flag, layout->flag_size))
			return;
		take_flag(reader, layout, flag, "UseCompressedOops", &layout->small_references);
		take_flag(
			reader, layout, flag, "UseCompressedClassPointers", &layout->small_classes);
		take_flag(
			reader, layout, flag, "UseCompactObjectHeaders", &layout->compact_headers);
	}
}

/* --- */

static void read_layout(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	const struct jvm_field wanted[] = {
		{"ObjectMonitor", "_owner", &layout->monitor_owner, false},
		{"ObjectMonitor", "_header", &layout->monitor_header, false},
		{"ObjectMonitor", "_contentions", &layout->monitor_contentions, false},
		{"ObjectMonitor", "_object", &layout->monitor_object, false},
		{"Thread", "_osthread", &layout->thread_os, false},
		{"JavaThread", "_osthread", &layout->thread_os, false},
		{"JavaThread", "_monitor_owner_id", &layout->thread_owner_id, false},
		{"Thread", "_current_pending_monitor", &layout->pending_monitor, false},
		{"JavaThread", "_current_pending_monitor", &layout->pending_monitor, false},
		{"Thread", "_current_waiting_monitor", &layout->waiting_monitor, false},
		{"JavaThread", "_current_waiting_monitor", &layout->waiting_monitor, false},
		{"JavaThread", "_threadObj", &layout->thread_object, false},
		{"JavaThread", "_next", &layout->thread_next, false},
		{"Threads", "_thread_list", &layout->first_thread, true},
		{"OSThread", "_thread_id", &layout->os_number, false},
		{"JavaThread", "_lock_stack", &layout->lock_stack, false},
		{"LockStack", "_top", &layout->lock_stack_top, false},
		{"LockStack", "_base[0]", &layout->lock_stack_base, false},
		{"ThreadsSMRSupport", "_java_thread_list", &layout->thread_list, true},
		{"ThreadsList", "_length", &layout->list_length, false},
		{"ThreadsList", "_threads", &layout->list_threads, false},
		{"InstanceKlass", "_init_thread", &layout->class_initializer, false},
		{"InstanceKlass", "_constants", &layout->class_constants, false},
		{"InstanceKlass", "_fields", &layout->class_fields, false},
		{"InstanceKlass", "_fieldinfo_stream", &layout->class_field_info, false},
		{"Klass", "_name", &layout->class_name, false},
		{"Klass", "_super", &layout->class_super, false},
		{"Symbol", "_length", &layout->symbol_length, false},
		{"Symbol", "_body", &layout->symbol_body, false},
		{"oopDesc", "_metadata._klass", &layout->object_class, false},
		{"Universe", "_narrow_oop._base", &layout->oop_base, true},
		{"CompressedOops", "_narrow_oop._base", &layout->oop_base, true},
		{"CompressedOops", "_base", &layout->oop_base, true},
		{"Universe", "_narrow_oop._shift", &layout->oop_shift, true},
		{"CompressedOops", "_narrow_oop._shift", &layout->oop_shift, true},
		{"CompressedOops", "_shift", &layout->oop_shift, true},
		{"Universe", "_narrow_klass._base", &layout->klass_base, true},
		{"CompressedKlassPointers", "_narrow_klass._base", &layout->klass_base, true},
		{"CompressedKlassPointers", "_base", &layout->klass_base, true},
		{"Universe", "_narrow_klass._shift", &layout->klass_shift, true},
		{"CompressedKlassPointers", "_narrow_klass._shift", &layout->klass_shift, true},
		{"CompressedKlassPointers", "_shift", &layout->klass_shift, true},
		{"JVMFlag", "flags", &layout->flags, true},
		{"Flag", "flags", &layout->flags, true},
		{"JVMFlag", "numFlags", &layout->flag_count, true},
		{"Flag", "numFlags", &layout->flag_count, true},
		{"JVMFlag", "_name", &layout->flag_name, false},
		{"Flag", "_name", &layout->flag_name, false},
		{"JVMFlag", "_addr", &layout->flag_value, false},
		{"Flag", "_addr", &layout->flag_value, false},
	};
	const size_t count = sizeof(wanted) / sizeof(*wanted);
	struct jvm_table table;

	layout->is_read = true;
	layout->pool_size = layout->flag_size = UINT64_MAX;
	for (size_t i = 0; i < count; i++)
		*wanted[i].out = UINT64_MAX;
	if (!reader->memory->variable || !find_table(reader, &table))
		return;
	read_fields(reader, &table, wanted, count);
	read_sizes(reader, layout);
	read_flags(reader, layout);
	layout->is_known = jvm__tells(layout->monitor_owner) && jvm__tells(layout->thread_os) &&
			   jvm__tells(layout->os_number);
}

bool jvm_layout__knows(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	if (!layout->is_read)
		read_layout(reader, layout);
	return layout->is_known;
}

void jvm_layout__free(struct jvm_layout *layout)
{
	vec_free(&layout->threads);
}

/* --- threads */

int32_t jvm_layout__number_of(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t java)
{
	uint64_t os = 0;
	int32_t number = 0;

	if (!java || java % 8 || !jvm__read(reader, java + layout->thread_os, &os, sizeof(os)) ||
		os % 4 || !jvm__read(reader, os + layout->os_number, &number, sizeof(number)) ||
		number < 0)
		return 0;
	return number;
}

static bool add_thread(const struct jvm_reader *reader, struct jvm_layout *layout, uint64_t java)
{
	struct jvm_thread thread = {jvm_layout__number_of(reader, layout, java), java};

	return layout->threads.size < MAX_THREADS && !vec_push(&layout->threads, thread);
}

/* An array of pointers, since JDK 14 (JDK-8236035). */
static void list_array(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	uint64_t list, threads, java;
	uint32_t length;

	if (!jvm__tells(layout->list_length) || !jvm__tells(layout->list_threads) ||
		!jvm__read(reader, layout->thread_list, &list, sizeof(list)) ||
		!jvm__read(reader, list + layout->list_length, &length, sizeof(length)) ||
		!jvm__read(reader, list + layout->list_threads, &threads, sizeof(threads)))
		return;
	for (uint32_t i = 0; i < length; i++)
		if (!jvm__read(reader, threads + 8ull * i, &java, sizeof(java)) ||
			!add_thread(reader, layout, java))
			return;
}

static void list_chain(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	uint64_t java;

	if (!jvm__tells(layout->thread_next) ||
		!jvm__read(reader, layout->first_thread, &java, sizeof(java)))
		return;
	while (java && add_thread(reader, layout, java))
		if (!jvm__read(reader, java + layout->thread_next, &java, sizeof(java)))
			return;
}

static int compare_threads(const void *a, const void *b)
{
	const struct jvm_thread *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void list_threads(const struct jvm_reader *reader, struct jvm_layout *layout)
{
	if (layout->has_threads)
		return;
	layout->has_threads = true;
	if (jvm__tells(layout->thread_list))
		list_array(reader, layout);
	else if (jvm__tells(layout->first_thread))
		list_chain(reader, layout);
	if (layout->threads.size)
		qsort(layout->threads.data, layout->threads.size, sizeof(*layout->threads.data),
			compare_threads);
}

uint64_t jvm_layout__java_of(
	const struct jvm_reader *reader, struct jvm_layout *layout, int32_t number)
{
	size_t i;

	list_threads(reader, layout);
	i = search_first(layout->threads.size, n, layout->threads.data[n].number < number);
	return i < layout->threads.size && layout->threads.data[i].number == number
		       ? layout->threads.data[i].java
		       : 0;
}

uint64_t jvm_layout__search(const struct jvm_reader *reader, struct jvm_layout *layout,
	bool (*has)(const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t java,
		uint64_t what),
	uint64_t what)
{
	list_threads(reader, layout);
	vec_for_each (thread, &layout->threads)
		if (has(reader, layout, thread->java, what))
			return thread->java;
	return 0;
}
