/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Own and inclusive wait time of each function. */
#include <stdlib.h>
#include <string.h>

#include "contention/contention.h"

/* One function of a stack: a frame's own, or one that was inlined there. */
struct place {
	const char *name;
	const char *module;
	uint64_t module_offset; /* of nameless code alone */
	const char *file;
};

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash;
}

static inline uint64_t place_hash(struct place place)
{
	uint64_t hash = hash_combine(hash_text(place.name), place.module_offset);

	return hash_combine(hash, hash_text(place.module));
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static inline bool place_equal(struct place a, struct place b)
{
	return a.module_offset == b.module_offset && same_text(a.name, b.name) &&
	       same_text(a.module, b.module);
}

DEFINE_HASH(function_numbers, struct place, size_t, place_hash, place_equal);

struct tally {
	struct function_numbers numbers;
	contention_functions *out;
	VEC(size_t) seen; /* the stack at hand: functions that it had already */
};

static struct contention_function *find_function(struct tally *tally, struct place place)
{
	size_t *number = function_numbers__find(&tally->numbers, place);
	struct contention_function function = {
		.name = place.name,
		.module = place.module,
		.module_offset = place.module_offset,
		.file = place.file,
	};

	if (number)
		return &tally->out->data[*number];
	number = function_numbers__insert(&tally->numbers, place);
	if (!number || vec_push(tally->out, function))
		return NULL;
	*number = tally->out->size - 1;
	return &tally->out->data[*number];
}

/* Recursion: time below a function counts once, however often the function is on the stack. */
static int is_seen(struct tally *tally, size_t number)
{
	vec_for_each (known, &tally->seen)
		if (*known == number)
			return 1;
	return vec_push(&tally->seen, number);
}

static int count_place(
	struct tally *tally, struct place place, bool is_own, const struct contention_sums *sums)
{
	struct contention_function *function = find_function(tally, place);
	int seen;

	if (!function)
		return -ENOMEM;
	if (is_own) {
		function->own_ns += sums->total_ns;
		function->own_count += sums->count;
	}
	seen = is_seen(tally, function - tally->out->data);
	if (!seen) {
		function->inclusive_ns += sums->total_ns;
		function->inclusive_count += sums->count;
	}
	return seen < 0 ? seen : 0;
}

static int count_frame(struct tally *tally, const struct lock_frame *frame, bool is_own,
	const struct contention_sums *sums)
{
	struct place place = {
		.name = frame->function, .module = frame->module, .file = frame->file};
	int err = 0;

	for (size_t i = 0; i < frame->inlined_count && !err; i++) {
		const struct lock_inlined *call = &frame->inlined[i];
		struct place inlined = {call->function, frame->module, 0, call->file};

		err = count_place(tally, inlined, is_own && !i, sums);
	}
	if (!frame->function)
		place.module_offset = frame->module ? frame->module_offset : frame->pc;
	return err ? err : count_place(tally, place, is_own && !frame->inlined_count, sums);
}

static int count_row(struct tally *tally, const struct contention_stack *stack,
	const struct contention_sums *sums)
{
	size_t first = stack->first < stack->count ? stack->first : 0;
	int err = 0;

	tally->seen.size = 0;
	for (size_t i = first; i < stack->count && !err; i++)
		err = count_frame(tally, &stack->frames[i], i == first, sums);
	return err;
}

static int compare_functions(const void *x, const void *y)
{
	const struct contention_function *a = x, *b = y;

	if (a->own_ns != b->own_ns)
		return a->own_ns < b->own_ns ? 1 : -1;
	if (a->inclusive_ns != b->inclusive_ns)
		return a->inclusive_ns < b->inclusive_ns ? 1 : -1;
	return strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

int contention__functions(struct contention *model, const struct contention_filter *filter,
	enum contention_side side, contention_functions *out)
{
	struct tally tally = {.out = out};
	contention_rows rows;
	int err = contention__rank_rows(model, filter, -1, side, &rows);

	*out = (contention_functions){0};
	vec_for_each (row, &rows) {
		const struct contention_stack *stack = contention__stack(model, (*row)->stack);

		if (stack && !err)
			err = count_row(&tally, stack, &(*row)->sums);
	}
	if (out->size)
		qsort(out->data, out->size, sizeof(*out->data), compare_functions);
	function_numbers__free(&tally.numbers);
	vec_free(&tally.seen);
	vec_free(&rows);
	return err;
}
