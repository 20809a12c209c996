/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/musl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Headers of slots are read by this much: one group's lie close together, groups anywhere. */
#define SLOT_WINDOW (4u * CENSUS_PAGE)

/* Bits of a slot's header byte in front of its block: index, and how much of its end is reserved.
 */
#define INDEX_MASK 31u
#define RESERVED_SHIFT 5
#define RESERVED_LONG 5u  /* it is in the slot's last four bytes */
#define RESERVED_GROUP 6u /* the slot is another group */
#define HEADER_MOVED 0xe0 /* the block begins behind the slot's start */

struct musl {
	const struct census_image *image;
	struct survey *survey;
	struct census_reader wide, slots;
	uint64_t context, area; /* malloc_context and its list's first area; 0: not found */
	uint64_t secret;
	VEC(struct musl_group) groups;
};

static uint64_t word_at(const uint8_t *data, size_t offset)
{
	uint64_t word;

	memcpy(&word, data + offset, sizeof(word));
	return word;
}

static uint32_t half_at(const uint8_t *data, size_t offset)
{
	uint32_t half;

	memcpy(&half, data + offset, sizeof(half));
	return half;
}

/* --- the context, by its secret */

static bool is_area(struct musl *musl, uint64_t address, uint64_t secret)
{
	const uint8_t *area;

	if (!secret || !census_image__find(musl->image, address))
		return false;
	area = reader__at(&musl->slots, address, MUSL_AREA_METAS);
	return area && word_at(area, 0) == secret && half_at(area, 16) - 1 < MUSL_MAX_METAS;
}

static bool try_head(struct musl *musl, const uint8_t *data, size_t at)
{
	static const size_t places[] = {MUSL_AREA_HEAD, MUSL_AREA_HEAD_PAGESIZE};
	uint64_t area = word_at(data, at);

	if (!area || area % CENSUS_PAGE)
		return false;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && places[i] <= at; i++) {
		uint64_t secret = word_at(data, at - places[i]);

		if (!is_area(musl, area, secret))
			continue;
		musl->secret = secret;
		musl->area = area;
		musl->context = musl->wide.start + at - places[i];
		return true;
	}
	return false;
}

/* Windows overlap by a context's length. */
static bool search_range(struct musl *musl, const struct census_range *range)
{
	struct census_reader *reader = &musl->wide;

	reader__aim(reader, range->end);
	for (uint64_t at = range->start; at < range->end;) {
		reader__load(reader, at);
		for (size_t i = 0; i + 8 <= reader->size; i += 8)
			if (try_head(musl, reader->data, i))
				return true;
		if (reader->size <= CENSUS_PAGE)
			break;
		at += reader->size;
		at -= at < range->end ? CENSUS_PAGE : 0;
	}
	return false;
}

static bool find_context(struct musl *musl)
{
	for (size_t i = 0; i < musl->image->range_count; i++) {
		const struct census_range *range = &musl->image->ranges[i];
		bool is_data = range->kind == RANGE_FILE && range->is_writable;

		if ((is_data || census_image__is_bss(musl->image, range)) &&
			search_range(musl, range))
			return true;
	}
	return false;
}

/* --- groups */

static const uint16_t size_classes[MUSL_CLASSES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20,
	25, 31, 36, 42, 50, 63, 72, 84, 102, 127, 146, 170, 204, 255, 292, 340, 409, 511, 584, 682,
	818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191};

/* A meta in use whose figures are possible; the group's own word is looked at later. */
static bool decode_meta(const struct musl *musl, const uint8_t *raw, struct musl_group *group)
{
	uint64_t bits = word_at(raw, 32), last = bits & 31, class = bits >> 6 & 63;
	uint64_t pages = bits >> 12, size;

	group->memory = word_at(raw, 16);
	if (!group->memory || group->memory % MUSL_UNIT || pages > UINT32_MAX)
		return false;
	group->is_mapped = !last && pages;
	if (!group->is_mapped && class >= MUSL_CLASSES)
		return false;
	group->map_size = pages * CENSUS_PAGE;
	group->stride = group->is_mapped ? group->map_size - MUSL_UNIT
					 : (uint64_t)size_classes[class] * MUSL_UNIT;
	group->slots = last + 1;
	group->free = half_at(raw, 24) | half_at(raw, 28);
	size = group->map_size ? group->map_size : MUSL_UNIT + group->slots * group->stride;
	return group->slots * group->stride + MUSL_UNIT <= size &&
	       census_image__end_of(musl->image, group->memory) - group->memory >= size;
}

static int take_area(struct musl *musl, uint64_t address, uint64_t *next)
{
	const uint8_t *head = reader__at(&musl->slots, address, MUSL_AREA_METAS);
	uint8_t metas[MUSL_MAX_METAS * MUSL_META_SIZE];
	size_t count;

	*next = head ? word_at(head, 8) : 0;
	count = head ? half_at(head, 16) : 0;
	if (!head || count > MUSL_MAX_METAS || word_at(head, 0) != musl->secret)
		return 0;
	if (!reader__copy(&musl->slots, address + MUSL_AREA_METAS, metas, count * MUSL_META_SIZE))
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct musl_group group = {.meta = address + MUSL_AREA_METAS + i * MUSL_META_SIZE};

		if (decode_meta(musl, metas + i * MUSL_META_SIZE, &group) &&
			vec_push(&musl->groups, group))
			return -ENOMEM;
	}
	return 0;
}

static int by_memory(const void *left, const void *right)
{
	const struct musl_group *a = left, *b = right;

	if (a->memory != b->memory)
		return a->memory < b->memory ? -1 : 1;
	return (a->meta > b->meta) - (a->meta < b->meta);
}

/* The list of areas; one that is a ring is left where it comes back (Brent's way). */
static int find_groups(struct musl *musl)
{
	uint64_t area = musl->area, known = 0;
	size_t steps = 0, limit = 1;
	int err = 0;

	while (!err && area && area != known && area % CENSUS_PAGE == 0) {
		if (++steps == limit) {
			known = area;
			limit *= 2;
		}
		err = take_area(musl, area, &area);
	}
	if (musl->groups.size)
		qsort(musl->groups.data, musl->groups.size, sizeof(*musl->groups.data), by_memory);
	return err;
}

/* --- slots */

static int add(struct musl *musl, uint64_t address, uint64_t size, enum block_state state,
	const struct musl_group *group)
{
	struct census_block block = {
		.address = address,
		.size = size,
		.state = state,
		.is_mapped = group->is_mapped,
	};

	return vec_push(&musl->survey->blocks, block);
}

/* The header in front of @block; false where it is not that of slot @index of @group. */
static bool read_header(struct musl *musl, const struct musl_group *group, unsigned int index,
	uint64_t block, unsigned int *reserved)
{
	const uint8_t *at = reader__at(&musl->slots, block - 8, 8);
	uint64_t offset;

	if (!at || (at[5] & INDEX_MASK) != index)
		return false;
	offset = at[4] ? half_at(at, 0) : (uint64_t)(at[6] | at[7] << 8);
	*reserved = at[5] >> RESERVED_SHIFT;
	return group->memory + MUSL_UNIT * (1 + offset) == block;
}

/* Where in the slot at @slot its block begins; 0: in none that is possible. */
static uint64_t find_block(struct musl *musl, const struct musl_group *group, unsigned int index,
	uint64_t slot, unsigned int *reserved)
{
	const uint8_t *at = reader__at(&musl->slots, slot - 4, 4);
	uint64_t moved;

	if (!at)
		return 0;
	if (at[1] != HEADER_MOVED)
		return read_header(musl, group, index, slot, reserved) ? slot : 0;
	/* 16 bits of it are there, which are too few for an alignment of more than 1 MiB. */
	for (moved = at[2] | at[3] << 8; moved * MUSL_UNIT < group->stride; moved += 65536)
		if (read_header(musl, group, index, slot + moved * MUSL_UNIT, reserved))
			return slot + moved * MUSL_UNIT;
	return 0;
}

/* Whether the slot is free by now. */
static bool was_freed(struct musl *musl, const struct musl_group *group, unsigned int index)
{
	const uint8_t *masks;

	reader__drop(&musl->slots);
	masks = reader__at(&musl->slots, group->meta + 24, 8);
	return masks && (half_at(masks, 0) | half_at(masks, 4)) >> index & 1;
}

static int take_slot(struct musl *musl, const struct musl_group *group, unsigned int index)
{
	uint64_t slot = group->memory + MUSL_UNIT + index * group->stride;
	uint64_t end = slot + group->stride - MUSL_HEADER, left = MUSL_HEADER, block;
	unsigned int reserved = 0;

	if (group->free >> index & 1)
		return add(musl, slot, end - slot, BLOCK_FREE, group);
	block = find_block(musl, group, index, slot, &reserved);
	if (!block) {
		/* Freed or given out while it was looked at; or its header is overwritten. */
		musl->survey->in_motion++;
		if (was_freed(musl, group, index))
			return 0;
		block = find_block(musl, group, index, slot, &reserved);
	}
	if (!block) {
		survey__note(musl->survey, (struct census_finding){.address = slot - MUSL_HEADER});
		return add(musl, slot, end - slot, BLOCK_LIVE, group);
	}
	if (reserved == RESERVED_GROUP)
		return 0;
	left = reserved;
	if (reserved == RESERVED_LONG) {
		const uint8_t *at = reader__at(&musl->slots, end - 4, 4);

		left = at ? half_at(at, 0) : 0;
	}
	if (left > end - block)
		left = 0;
	return add(musl, block, end - block - left, BLOCK_LIVE, group);
}

static int take_group(struct musl *musl, const struct musl_group *group)
{
	struct census_span span = {
		.start = group->memory,
		.end = group->memory + (group->map_size ? group->map_size
							: MUSL_UNIT + group->slots * group->stride),
		.is_mapped = group->is_mapped,
	};
	struct survey *survey = musl->survey;
	uint64_t owner;
	int err = 0;

	if (!reader__word(&musl->slots, group->memory, &owner) || owner != group->meta)
		return 0;
	/* A group in a slot of another one is in that one's span. */
	if (!survey->spans.size || survey->spans.data[survey->spans.size - 1].end <= span.start)
		err = vec_push(&survey->spans, span);
	for (unsigned int i = 0; !err && i < group->slots; i++)
		err = take_slot(musl, group, i);
	return err;
}

/* --- the whole */

static int by_address(const void *left, const void *right)
{
	const struct census_block *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (a->size > b->size) - (a->size < b->size);
}

/* Ascending; of two that overlap, since one was made while they were read, the inner one stays. */
static void arrange(struct musl *musl)
{
	struct census_blocks *blocks = &musl->survey->blocks;
	size_t kept = 0;

	if (blocks->size)
		qsort(blocks->data, blocks->size, sizeof(*blocks->data), by_address);
	for (size_t i = 0; i < blocks->size; i++) {
		const struct census_block *last = kept ? &blocks->data[kept - 1] : NULL;

		if (last && (last->address == blocks->data[i].address ||
				    last->address + last->size > blocks->data[i].address)) {
			musl->survey->in_motion++;
			kept--;
		}
		blocks->data[kept++] = blocks->data[i];
	}
	blocks->size = kept;
}

static int survey_image(struct musl *musl)
{
	struct census_arena arena = {.is_main = true, .size = MUSL_CONTEXT_SIZE};
	int err;

	if (!find_context(musl))
		return musl->wide.failed ? musl->wide.failed : musl->slots.failed;
	arena.address = musl->context;
	err = vec_push(&musl->survey->arenas, arena);
	err = err ? err : find_groups(musl);
	for (size_t i = 0; !err && i < musl->groups.size; i++)
		err = take_group(musl, &musl->groups.data[i]);
	arrange(musl);
	err = err ? err : musl->slots.failed;
	return err ? err : 1;
}

static int survey(const struct census_image *image, struct survey *out, struct error *error)
{
	struct musl musl = {.image = image, .survey = out};
	int err = reader__init(&musl.wide, &image->memory, READER_WIDE);

	err = err ? err : reader__init(&musl.slots, &image->memory, SLOT_WINDOW);
	err = err ? err : survey_image(&musl);
	reader__free(&musl.wide);
	reader__free(&musl.slots);
	vec_free(&musl.groups);
	return err < 0 ? survey__failed(error, err) : err;
}

const struct census_allocator musl_allocator = {
	.name = "musl malloc",
	.survey = survey,
};
