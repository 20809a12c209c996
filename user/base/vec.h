/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Growable arrays. `VEC(type)` is the type of one; it starts as {0} and is freed with vec_free.
 *
 *	VEC(int) numbers = {0};
 *	if (vec_push(&numbers, 7))
 *		return -ENOMEM;
 *	vec_for_each(n, &numbers) sum += *n;
 *	vec_free(&numbers);
 */
#ifndef MEMTRACE_BASE_VEC_H
#define MEMTRACE_BASE_VEC_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VEC(type)                \
	struct {                 \
		type *data;      \
		size_t size;     \
		size_t capacity; \
	}

/* Makes room for @wanted elements of @element_size bytes. Returns 0 or -ENOMEM. */
static inline int vec__reserve(void **data, size_t *capacity, size_t wanted, size_t element_size)
{
	size_t grown = *capacity ? *capacity : 8;
	void *moved;

	if (wanted <= *capacity)
		return 0;
	while (grown < wanted)
		grown *= 2;
	moved = reallocarray(*data, grown, element_size);
	if (!moved)
		return -ENOMEM;
	*data = moved;
	*capacity = grown;
	return 0;
}

/* Room for @count elements in all; 0 or -ENOMEM. */
#define vec_reserve(vec, count) \
	vec__reserve((void **)&(vec)->data, &(vec)->capacity, (count), sizeof(*(vec)->data))

/* Appends a value; 0 or -ENOMEM. */
#define vec_push(vec, ...)                           \
	(vec_reserve(vec, (vec)->size + 1) ? -ENOMEM \
					   : ((vec)->data[(vec)->size++] = (__VA_ARGS__), 0))

static inline void vec__splice(
	void *data, size_t *size, size_t at, size_t removed, size_t added, size_t element_size)
{
	size_t tail = *size - at - removed;

	if (tail && added != removed)
		memmove((char *)data + (at + added) * element_size,
			(char *)data + (at + removed) * element_size, tail * element_size);
	*size = at + added + tail;
}

/*
 * Makes the @removed elements from index @at on @added others, for which room was reserved and
 * whose values are to be filled in.
 */
#define vec_splice(vec, at, removed, added) \
	vec__splice((vec)->data, &(vec)->size, (at), (removed), (added), sizeof(*(vec)->data))

#define vec_free(vec)                              \
	do {                                       \
		free((vec)->data);                 \
		(vec)->data = NULL;                \
		(vec)->size = (vec)->capacity = 0; \
	} while (0)

#define vec_for_each(item, vec)                              \
	for (__typeof__((vec)->data + 0) item = (vec)->data; \
		(vec)->size && item < (vec)->data + (vec)->size; item++)

#endif
