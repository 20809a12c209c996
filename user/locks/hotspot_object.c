/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hotspot_object.h"

#include <string.h>

#include "base/text.h"

/* Deeper than any class is derived. */
#define MAX_SUPERS 64
#define MAX_FIELDS 4096
/* The class is in the upper bits of a compact header (markWord.hpp, JDK 24 on). */
#define COMPACT_CLASS_SHIFT 42
/* Array<T>: a length of 4 bytes, and its data behind it where they are no longer than that. */
#define ARRAY_DATA 4
#define MAX_STREAM 65536

static bool read_decoding(const struct jvm_reader *reader, uint64_t base_at, uint64_t shift_at,
	uint64_t *base, uint32_t *shift)
{
	return jvm__tells(base_at) && jvm__tells(shift_at) && jvm__read(reader, base_at, base, 8) &&
	       jvm__read(reader, shift_at, shift, sizeof(*shift)) && *shift < 32;
}

static uint64_t decode(
	const struct jvm_reader *reader, uint64_t base_at, uint64_t shift_at, uint64_t narrow)
{
	uint64_t base;
	uint32_t shift;

	if (!narrow || !read_decoding(reader, base_at, shift_at, &base, &shift))
		return 0;
	return base + (narrow << shift);
}

/* What the object's header says, true or not. */
static uint64_t read_class(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t object)
{
	uint64_t klass = 0;
	uint32_t narrow;

	if (layout->compact_headers)
		return jvm__read(reader, object, &klass, 8)
			       ? decode(reader, layout->klass_base, layout->klass_shift,
					 klass >> COMPACT_CLASS_SHIFT)
			       : 0;
	if (!jvm__tells(layout->object_class))
		return 0;
	if (layout->small_classes)
		return jvm__read(reader, object + layout->object_class, &narrow, 4)
			       ? decode(reader, layout->klass_base, layout->klass_shift, narrow)
			       : 0;
	return jvm__read(reader, object + layout->object_class, &klass, 8) ? klass : 0;
}

static bool read_symbol(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t symbol, char *name, size_t size)
{
	uint16_t length;

	if (!jvm__tells(layout->symbol_length) || !jvm__tells(layout->symbol_body) ||
		!jvm__read(reader, symbol + layout->symbol_length, &length, sizeof(length)) ||
		!length)
		return false;
	if (length >= size)
		length = size - 1;
	if (!jvm__read(reader, symbol + layout->symbol_body, name, length))
		return false;
	name[length] = '\0';
	text__make_printable(name);
	return true;
}

bool jvm_class__name(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, char *name, size_t size)
{
	uint64_t symbol;

	return klass && klass % 8 == 0 && jvm__tells(layout->class_name) &&
	       jvm__read(reader, klass + layout->class_name, &symbol, 8) &&
	       read_symbol(reader, layout, symbol, name, size);
}

bool jvm_class__java_name(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, char *name, size_t size)
{
	if (!jvm_class__name(reader, layout, klass, name, size))
		return false;
	for (char *slash = strchr(name, '/'); slash; slash = strchr(slash, '/'))
		*slash = '.';
	return true;
}

uint64_t jvm_class__find_super(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, const char *name)
{
	char own[128];

	if (!jvm__tells(layout->class_super))
		return 0;
	for (size_t i = 0; klass && i < MAX_SUPERS; i++) {
		if (!jvm_class__name(reader, layout, klass, own, sizeof(own)))
			return 0;
		if (!strcmp(own, name))
			return klass;
		if (!jvm__read(reader, klass + layout->class_super, &klass, 8))
			return 0;
	}
	return 0;
}

uint64_t jvm_object__class(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t object)
{
	uint64_t klass = object && object % 8 == 0 ? read_class(reader, layout, object) : 0;

	return klass && jvm_class__find_super(reader, layout, klass, "java/lang/Object") ? klass
											 : 0;
}

/* --- fields */

/* Whether the entry @index of the class's constants is the symbol @name. */
static bool is_constant(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t constants, uint32_t index, const char *name)
{
	uint64_t symbol;
	char text[64];

	return jvm__read(reader, constants + layout->pool_size + 8ull * index, &symbol, 8) &&
	       read_symbol(reader, layout, symbol, text, sizeof(text)) && !strcmp(text, name);
}

/* Until JDK 20 (fieldInfo.hpp): six numbers of 16 bits, of which 1 is the name's index and 4 and 5
 * are the offset, packed with two bits of tag. */
static uint64_t find_in_array(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, uint64_t constants, const char *name)
{
	uint64_t array;
	uint32_t length;

	if (!jvm__read(reader, klass + layout->class_fields, &array, 8) ||
		!jvm__read(reader, array, &length, sizeof(length)))
		return UINT64_MAX;
	for (uint32_t i = 0; i + 6 <= length && i < 6 * MAX_FIELDS; i += 6) {
		uint16_t field[6];

		if (!jvm__read(reader, array + ARRAY_DATA + 2 * i, field, sizeof(field)))
			return UINT64_MAX;
		if (is_constant(reader, layout, constants, field[1], name))
			return ((uint32_t)field[5] << 16 | field[4]) >> 2;
	}
	return UINT64_MAX;
}

/* Numbers of one to five bytes, none of which is 0; the last is below 192 (unsigned5.hpp). */
struct packed_numbers {
	const uint8_t *bytes;
	size_t size;
	size_t at;
};

static uint32_t next_number(struct packed_numbers *packed)
{
	uint32_t value = 0;

	for (int i = 0; i < 5 && packed->at < packed->size; i++) {
		uint8_t byte = packed->bytes[packed->at++];

		value += (uint32_t)(byte - 1) << (6 * i);
		if (byte < 192)
			break;
	}
	return value;
}

/* Bits of a field's flags that say that another number follows (fieldInfo.hpp). */
#define FIELD_INITIALIZED 1
#define FIELD_INJECTED 2
#define FIELD_GENERIC 4
#define FIELD_CONTENDED 16

static uint64_t find_in_stream(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, uint64_t constants, const char *name)
{
	uint8_t bytes[4096];
	struct packed_numbers packed = {.bytes = bytes};
	uint64_t array;
	uint32_t length, count;

	if (!jvm__read(reader, klass + layout->class_field_info, &array, 8) ||
		!jvm__read(reader, array, &length, sizeof(length)) || length > MAX_STREAM)
		return UINT64_MAX;
	packed.size = length < sizeof(bytes) ? length : sizeof(bytes);
	if (!jvm__read(reader, array + ARRAY_DATA, bytes, packed.size))
		return UINT64_MAX;
	count = next_number(&packed);
	next_number(&packed); /* the number of those that the JVM has added */
	for (uint32_t i = 0; i < count && packed.at < packed.size; i++) {
		uint32_t name_index = next_number(&packed), offset, flags;

		next_number(&packed); /* its type */
		offset = next_number(&packed);
		next_number(&packed); /* access flags */
		flags = next_number(&packed);
		if (!(flags & FIELD_INJECTED) &&
			is_constant(reader, layout, constants, name_index, name))
			return offset;
		for (uint32_t bit = FIELD_INITIALIZED; bit <= FIELD_CONTENDED; bit <<= 1)
			if (flags & bit & (FIELD_INITIALIZED | FIELD_GENERIC | FIELD_CONTENDED))
				next_number(&packed);
	}
	return UINT64_MAX;
}

uint64_t jvm_class__field(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t klass, const char *name)
{
	uint64_t constants;

	if (!klass || !jvm__tells(layout->class_constants) || !jvm__tells(layout->pool_size) ||
		!jvm__read(reader, klass + layout->class_constants, &constants, 8))
		return UINT64_MAX;
	if (jvm__tells(layout->class_fields))
		return find_in_array(reader, layout, klass, constants, name);
	if (jvm__tells(layout->class_field_info))
		return find_in_stream(reader, layout, klass, constants, name);
	return UINT64_MAX;
}

uint64_t jvm_object__reference(const struct jvm_reader *reader, const struct jvm_layout *layout,
	uint64_t object, uint64_t offset)
{
	uint64_t reference = 0;
	uint32_t narrow;

	if (!object || !jvm__tells(offset))
		return 0;
	if (!layout->small_references)
		return jvm__read(reader, object + offset, &reference, 8) ? reference : 0;
	return jvm__read(reader, object + offset, &narrow, 4)
		       ? decode(reader, layout->oop_base, layout->oop_shift, narrow)
		       : 0;
}

uint64_t jvm_object__at(
	const struct jvm_reader *reader, const struct jvm_layout *layout, uint64_t address)
{
	uint64_t pointer, object;

	if (!jvm__read(reader, address, &pointer, 8) || !pointer)
		return 0;
	if (pointer % 8 == 0 && jvm__read(reader, pointer, &object, 8) &&
		jvm_object__class(reader, layout, object))
		return object;
	return jvm_object__class(reader, layout, pointer) ? pointer : 0;
}
