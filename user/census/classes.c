/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/classes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

#define MAX_NAME 512
#define SHAPES (SHAPE_DATA + 1)
#define NO_CLASS UINT32_MAX

/* Keys: a vtable's address, or a shape and a size; values: a class + 1. */
DEFINE_HASH_NUMBER(class_map, uint64_t, uint32_t);

struct class_finder {
	const struct census_image *image;
	const struct pointer_graph *graph;
	const struct census_names *names;
	struct classes *out;
	struct class_map vtables; /* the class + 1; NO_CLASS: not a vtable */
	struct class_map shapes;
	size_t vtable; /* the next of the graph's */
};

const char *block_shape__name(enum block_shape shape)
{
	static const char *const names[] = {"object", "zeroes", "text", "pointers", "data"};

	return names[shape];
}

const char *census_class__name(const struct census_class *class, char *to, size_t size)
{
	if (class->name)
		snprintf(to, size, "%s", class->name);
	else if (class->size)
		snprintf(to, size, "%s, %" PRIu64 " bytes", block_shape__name(class->shape),
			class->size);
	else
		snprintf(to, size, "%s", block_shape__name(class->shape));
	return to;
}

const char *census_class__link_name(const struct census_class *class, char *to, size_t size)
{
	if (class->name || class->shape == SHAPE_TEXT)
		return census_class__name(class, to, size);
	if (class->size)
		snprintf(to, size, "%" PRIu64 " bytes", class->size);
	else
		snprintf(to, size, "others");
	return to;
}

/* --- C++ */

static bool read_string(const struct class_finder *finder, uint64_t address, char *to, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++) {
		if (!finder->names->constant(finder->names->context, address + i, &to[i], 1))
			return false;
		if (!to[i])
			return i;
		if (to[i] <= ' ' || to[i] > '~')
			return false;
	}
	return false;
}

/* A type's name as typeid().name() gives it; internal ones begin with '*'. */
static bool name_by_type(const struct class_finder *finder, uint64_t type, char *to)
{
	static const char prefix[] = "typeinfo name for ";
	char raw[MAX_NAME], mangled[MAX_NAME + 8];
	uint64_t words[2];

	if (!finder->names->constant(finder->names->context, type, words, sizeof(words)) ||
		!read_string(finder, words[1], raw, sizeof(raw)))
		return false;
	snprintf(mangled, sizeof(mangled), "_ZTS%s", raw + (raw[0] == '*'));
	if (!finder->names->demangle(finder->names->context, mangled, to, MAX_NAME) ||
		strncmp(to, prefix, sizeof(prefix) - 1) != 0)
		return false;
	memmove(to, to + sizeof(prefix) - 1, strlen(to + sizeof(prefix) - 1) + 1);
	return true;
}

/* Without RTTI: "vtable for Session+16". */
static bool name_by_symbol(const struct class_finder *finder, uint64_t vtable, char *to)
{
	static const char prefix[] = "vtable for ";
	char module[MAX_NAME];
	uint64_t offset;

	if (!finder->names->variable(
		    finder->names->context, vtable - 16, to, module, MAX_NAME, &offset) ||
		strncmp(to, prefix, sizeof(prefix) - 1) != 0)
		return false;
	memmove(to, to + sizeof(prefix) - 1, strlen(to + sizeof(prefix) - 1) + 1);
	return true;
}

/* Whether at @vtable lies one: offset to top, type, then the first virtual function. */
static bool name_vtable(const struct class_finder *finder, uint64_t vtable, char *to)
{
	const struct census_range *code;
	uint64_t words[3];

	if (!finder->names ||
		!finder->names->constant(
			finder->names->context, vtable - 16, words, sizeof(words)) ||
		words[0])
		return false;
	code = census_image__find(finder->image, words[2]);
	if (words[2] && (!code || !(code->prot & PROT_EXEC)))
		return false;
	if (words[1])
		return name_by_type(finder, words[1], to);
	return name_by_symbol(finder, vtable, to);
}

/* --- the table */

static uint32_t add_class(struct class_finder *finder, struct census_class class)
{
	if (vec_push(&finder->out->all, class))
		return NO_CLASS;
	return finder->out->all.size - 1;
}

/* The class of C++ objects with this vtable; NO_CLASS: it is not one. -ENOMEM or 0. */
static int class_of_vtable(struct class_finder *finder, uint64_t vtable, uint32_t *class)
{
	uint32_t *known = class_map__insert(&finder->vtables, vtable);
	char name[MAX_NAME];

	if (!known)
		return -ENOMEM;
	if (!*known) {
		*known = NO_CLASS;
		if (finder->out->all.size < CLASSES_MAX && name_vtable(finder, vtable, name)) {
			char *kept = strdup(name);

			*class = kept ? add_class(
						finder, (struct census_class){.shape = SHAPE_OBJECT,
								.name = kept})
				      : NO_CLASS;
			if (*class == NO_CLASS) {
				free(kept);
				return -ENOMEM;
			}
			*known = *class + 1;
		}
	}
	*class = *known == NO_CLASS ? NO_CLASS : *known - 1;
	return 0;
}

static int class_of_shape(
	struct class_finder *finder, enum block_shape shape, uint64_t size, uint32_t *class)
{
	uint32_t *known;

	if (finder->out->all.size >= CLASSES_MAX - SHAPES &&
		!class_map__find(&finder->shapes, size * SHAPES + shape))
		size = 0;
	known = class_map__insert(&finder->shapes, size * SHAPES + shape);
	if (!known)
		return -ENOMEM;
	if (!*known) {
		*class = add_class(finder, (struct census_class){.shape = shape, .size = size});
		if (*class == NO_CLASS)
			return -ENOMEM;
		*known = *class + 1;
	}
	*class = *known - 1;
	return 0;
}

static enum block_shape other_shape(const struct class_finder *finder, size_t i)
{
	const struct pointer_graph *graph = finder->graph;
	uint64_t edges = graph->first[i + 1] - graph->first[i];

	return edges && edges * 24 >= graph->blocks->data[i].size ? SHAPE_POINTERS : SHAPE_DATA;
}

static int take_block(struct class_finder *finder, size_t i)
{
	const struct census_block *block = &finder->graph->blocks->data[i];
	enum block_shape shape = finder->graph->shapes[i];
	uint32_t *of = &finder->out->of[i];
	struct census_class *class;
	int err = 0;

	*of = NO_CLASS;
	if (shape == SHAPE_OBJECT) {
		uint64_t vtable = finder->graph->vtables.data[finder->vtable++];

		if (block->state != BLOCK_OWN)
			err = class_of_vtable(finder, vtable, of);
		shape = other_shape(finder, i);
	}
	if (block->state == BLOCK_OWN || err)
		return err;
	if (*of == NO_CLASS)
		err = class_of_shape(finder, shape, block->size, of);
	if (err)
		return err;
	class = &finder->out->all.data[*of];
	class->sample = class->count ? class->sample : block->address;
	class->count++;
	class->bytes += block->size;
	return 0;
}

int classes__find(const struct census_image *image, const struct pointer_graph *graph,
	const struct census_names *names, struct classes *out)
{
	struct class_finder finder = {.image = image, .graph = graph, .names = names, .out = out};
	int err = 0;

	*out = (struct classes){.of = malloc((graph->blocks->size + 1) * sizeof(*out->of))};
	if (!out->of)
		return -ENOMEM;
	for (size_t i = 0; !err && i < graph->blocks->size; i++)
		err = take_block(&finder, i);
	class_map__free(&finder.vtables);
	class_map__free(&finder.shapes);
	return err;
}

void classes__free(struct classes *classes)
{
	vec_for_each (class, &classes->all)
		free(class->name);
	vec_free(&classes->all);
	free(classes->of);
	*classes = (struct classes){0};
}
