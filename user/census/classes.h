/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the blocks are: of which C++ class, by the vtable at their start and the type's name that
 * RTTI keeps in its constants (Itanium C++ ABI 2.5.2, 2.9.5), in stripped programs too; else of
 * which shape and usable size.
 */
#ifndef MEMTRACE_CENSUS_CLASSES_H
#define MEMTRACE_CENSUS_CLASSES_H

#include "census/names.h"
#include "census/pointer_graph.h"

/* Classes and sizes beyond: counted by shape alone. */
#define CLASSES_MAX 20000

struct census_class {
	enum block_shape shape;
	char *name;    /* of a C++ class; NULL: it is a shape */
	uint64_t size; /* usable bytes of each block of a shape; 0: several */
	uint64_t count;
	uint64_t bytes;
	uint64_t sample; /* address of one */
};

struct classes {
	VEC(struct census_class) all;
	uint32_t *of; /* of each block: the index of its class; UINT32_MAX: the allocator's own */
};

/* 0 or -ENOMEM; @names may be NULL. The caller calls classes__free in every case. */
int classes__find(const struct census_image *image, const struct pointer_graph *graph,
	const struct census_names *names, struct classes *out);
void classes__free(struct classes *classes);

/* Writes "Session", "zeroes, 48 bytes", "text". Returns @to. */
const char *census_class__name(const struct census_class *class, char *to, size_t size);

/* The same for a chain of owners, where what is not text is named by its size: "48 bytes". */
const char *census_class__link_name(const struct census_class *class, char *to, size_t size);

/* "object", "zeroes", "text", "pointers", "data". */
const char *block_shape__name(enum block_shape shape);

#endif
