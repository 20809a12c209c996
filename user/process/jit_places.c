/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/jit_places.h"

#include <errno.h>

/* Of one image, 2 MiB; a compiler that gives more addresses to other code than this has its later
 * names. */
#define MAX_CHANGES 65536

/* Forks of forks. */
#define MAX_GENERATIONS 64

static struct jit_image *find_image(struct jit_places *places, uint32_t process)
{
	struct jit_image **image = jit_image_map__find(&places->images, process);

	return image ? *image : NULL;
}

static struct jit_image *need_image(struct jit_places *places, uint32_t process)
{
	struct jit_image *image = find_image(places, process), **slot;

	if (image)
		return image;
	image = calloc(1, sizeof(*image));
	slot = image ? jit_image_map__insert(&places->images, process) : NULL;
	if (slot)
		*slot = image;
	else
		free(image);
	return slot ? image : NULL;
}

int jit_places__add(struct jit_places *places, uint32_t process)
{
	return need_image(places, process) ? 0 : -ENOMEM;
}

static bool had_names(const struct jit_image *image, uint32_t epoch)
{
	vec_for_each (change, &image->changes)
		if (change->named)
			return change->number <= epoch;
	return false;
}

int jit_places__fork(struct jit_places *places, uint32_t parent, uint32_t process, uint32_t epoch)
{
	const struct jit_image *from = find_image(places, parent);
	struct jit_image *child;

	if (!from)
		return 0;
	if (from->parent && !had_names(from, epoch)) {
		parent = from->parent;
		epoch = from->fork_epoch;
	}
	child = need_image(places, process);
	if (!child)
		return -ENOMEM;
	child->parent = parent;
	child->fork_epoch = epoch;
	return 0;
}

static int add_file(struct jit_image *image, uint64_t inode, uint64_t base)
{
	struct jit_file file = {inode, base}, *last;

	if (image->files.size) {
		last = &image->files.data[image->files.size - 1];
		if (last->inode == inode && last->base == base)
			return 0;
	}
	return image->files.size < MAX_CHANGES ? vec_push(&image->files, file) : 0;
}

int jit_places__change(struct jit_places *places, const struct code_change *change)
{
	bool named = change->flags & CODE_NAMED, comes = named || change->flags & CODE_CAME;
	struct jit_image *image =
		comes ? need_image(places, change->process) : find_image(places, change->process);
	struct jit_change new = {
		.start = change->start,
		.end = change->end,
		.before = change->page,
		.number = change->number,
		.named = named,
	};
	int err = 0;

	if (!image)
		return comes ? -ENOMEM : 0;
	if (named && !image->files.size)
		image->is_whole = !change->page;
	if (named)
		err = add_file(image, change->inode, change->into);
	/* A first name tells nothing new, if none could have been missed. */
	if (err || change->start == change->end || image->changes.size >= MAX_CHANGES ||
		(named && image->is_whole && !(change->flags & CODE_RENAMED)))
		return err;
	return vec_push(&image->changes, new);
}

/* --- places */

static bool is_about(const struct jit_change *change, uint64_t address)
{
	return change->start <= address && address < change->end;
}

/* The last change at @address that came up to @epoch; NULL: none is known. */
static const struct jit_change *last_change(
	const struct jit_image *image, uint32_t epoch, uint64_t address)
{
	for (size_t i = image->changes.size; i; i--) {
		const struct jit_change *change = &image->changes.data[i - 1];

		if (change->number <= epoch && is_about(change, address))
			return change;
	}
	return NULL;
}

/* The bytes of names that there were before the first change at @address behind number @since. */
static uint64_t find_limit(const struct jit_image *image, uint32_t since, uint64_t address)
{
	vec_for_each (change, &image->changes)
		if (change->number > since && is_about(change, address))
			return change->before;
	return UINT64_MAX;
}

uint32_t jit_places__at(
	struct jit_places *places, uint32_t process, uint32_t epoch, uint64_t address)
{
	const struct jit_image *image = find_image(places, process);
	struct jit_spot spot = {.address = address};
	const struct jit_change *last;
	uint32_t *number;

	for (int i = 0; image && image->parent && i < MAX_GENERATIONS; i++) {
		const struct jit_image *parent = find_image(places, image->parent);

		if (!parent || had_names(image, epoch))
			break;
		process = image->parent;
		epoch = image->fork_epoch;
		image = parent;
	}
	if (!image)
		return 0;
	spot.process = process;
	last = last_change(image, epoch, address);
	spot.since = last ? last->number : 0;
	number = jit_spot_index__insert(
		&places->index, (struct hash_pair){(uint64_t)process << 32 | spot.since, address});
	if (!number)
		return 0;
	if (!*number && !vec_push(&places->spots, spot))
		*number = places->spots.size;
	return *number;
}

bool jit_places__get(struct jit_places *places, uint32_t number, unsigned int generation,
	struct jit_place *place)
{
	const struct jit_image *image;
	const struct jit_change *last;
	struct jit_spot spot;

	if (!number || number > places->spots.size)
		return false;
	spot = places->spots.data[number - 1];
	image = find_image(places, spot.process);
	for (; image && generation; generation--) {
		uint32_t epoch = image->fork_epoch;

		spot.process = image->parent;
		image = find_image(places, spot.process);
		spot.since = epoch;
	}
	if (!image)
		return false;
	last = last_change(image, spot.since, spot.address);
	place->process = spot.process;
	place->floor = last ? last->before : 0;
	place->may_be_later = !last || !last->named;
	place->limit = find_limit(image, spot.since, spot.address);
	return true;
}

uint64_t jit_places__base(struct jit_places *places, uint32_t process, uint64_t inode)
{
	const struct jit_image *image = find_image(places, process);

	for (size_t i = image ? image->files.size : 0; i; i--)
		if (image->files.data[i - 1].inode == inode)
			return image->files.data[i - 1].base;
	return 0;
}

/* --- the end */

static void free_image(struct jit_image *image)
{
	vec_free(&image->changes);
	vec_free(&image->files);
	free(image);
}

void jit_places__forget(struct jit_places *places, uint32_t process)
{
	struct jit_image *image = find_image(places, process);

	/* One that wrote names may have places, here or in its children. */
	if (!image || image->files.size || !image->parent)
		return;
	jit_image_map__remove(&places->images, process, NULL);
	free_image(image);
}

void jit_places__free(struct jit_places *places)
{
	hash_for_each (slot, &places->images)
		free_image(slot->value);
	jit_image_map__free(&places->images);
	jit_spot_index__free(&places->index);
	vec_free(&places->spots);
}
