/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The walker for BPF programs: maps, rule cache, table search. Include it in one .bpf.c of an
 * object; the object's userland fills the maps through user/unwind/maps.h, to which it gives the
 * fds of unwind_spaces, unwind_ranges, unwind_segments and the mapped `unwind_shared`.
 *
 *	struct unwind_walk *w = ...;	in task storage, see unwind.h
 *	unwind__begin(w, registers, ip, sp); w->hash = seed;
 *	stop = unwind__walk(w, process, limit, UNWIND_FROM_RETURN);
 *
 * Kernels 6.1 and newer: bpf_loop, one verification of the loop's body.
 */
#ifndef MEMTRACE_UNWIND_BPF_H
#define MEMTRACE_UNWIND_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "unwind.h"
#include "unwind_begin.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UNWIND_MAX_PROCESSES);
	__type(key, __u32); /* process instance */
	__type(value, struct unwind_space);
} unwind_spaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_MAX_RANGES);
	__type(key, __u32);
	__type(value, struct unwind_range);
} unwind_ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, UNWIND_MAX_SEGMENTS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE);
			__uint(max_entries, 1); /* of another size at run time */
			__uint(key_size, sizeof(__u32));
			__uint(value_size, sizeof(struct unwind_chunk));
		});
} unwind_segments SEC(".maps");

/* Not per CPU: entries are single words, and all CPUs walk the same code. */
struct unwind_shared unwind_shared = {};

static __always_inline int unwind_read(struct unwind_walk *w, void *to, __u32 size, __u64 address)
{
	return bpf_probe_read_user(to, size, (const void *)address);
}

static __always_inline int unwind_find_rare(
	struct unwind_walk *w, __u32 index, struct unwind_rare *rare)
{
	if (index >= UNWIND_MAX_RARE)
		return -1;
	*rare = unwind_shared.rare[index & (UNWIND_MAX_RARE - 1)];
	return 0;
}

/* State of the three binary searches, on the stack: bpf_loop's bodies see it as unknown scalars. */
struct unwind_search {
	__u64 pc;
	__u32 low; /* the element looked for is in [low, high) */
	__u32 high;
	__u32 space;
	__u32 reserved;
	void *segment;
};

/* Steps that suffice for 2^17 ranges or chunks (8 Mi rows). */
#define UNWIND_SEARCH_STEPS 18

static long unwind_search_range(__u32 step, struct unwind_search *s)
{
	__u32 middle = (s->low + s->high) / 2;
	struct unwind_range *range;

	if (s->high - s->low <= 1)
		return 1;
	range = bpf_map_lookup_elem(&unwind_ranges, &middle);
	if (!range)
		return 1;
	if (s->pc < range->start)
		s->high = middle;
	else
		s->low = middle;
	return 0;
}

/* The range of @space that holds @pc, or NULL. */
static __always_inline struct unwind_range *unwind_find_range(
	const struct unwind_space *space, __u64 pc)
{
	struct unwind_search s = {.pc = pc};
	struct unwind_range *range;
	__u32 id = space->space;

	s.low = space->first;
	s.high = s.low + space->count;
	bpf_loop(UNWIND_SEARCH_STEPS, unwind_search_range, &s, 0);
	range = bpf_map_lookup_elem(&unwind_ranges, &s.low);
	if (!range || range->space != id || pc < range->start || pc >= range->end)
		return NULL;
	return range;
}

static long unwind_search_chunk(__u32 step, struct unwind_search *s)
{
	__u32 middle = (s->low + s->high) / 2;
	struct unwind_chunk *chunk;

	if (s->high - s->low <= 1)
		return 1;
	chunk = bpf_map_lookup_elem(s->segment, &middle);
	if (!chunk)
		return 1;
	if (s->pc < unwind_row_pc(chunk->rows[0]))
		s->high = middle;
	else
		s->low = middle;
	return 0;
}

/* The rule in force at @pc (relative to the table) in @chunk; 64 rows: six halvings. */
static __always_inline __u32 unwind_search_rows(const struct unwind_chunk *chunk, __u32 pc)
{
	__u32 low = 0;

	_Static_assert(UNWIND_CHUNK_ROWS == 64, "");
	for (__u32 half = UNWIND_CHUNK_ROWS / 2; half; half /= 2) {
		if (unwind_row_pc(chunk->rows[(low + half) & (UNWIND_CHUNK_ROWS - 1)]) <= pc)
			low += half;
	}
	low &= UNWIND_CHUNK_ROWS - 1;
	if (unwind_row_pc(chunk->rows[low]) > pc)
		return UNWIND_NO_RULE;
	return unwind_row_rule(chunk->rows[low]);
}

static __always_inline __u32 unwind_search_table(const struct unwind_range *range, __u64 pc)
{
	struct unwind_search s = {.pc = pc - range->base};
	__u32 segment = range->segment;
	struct unwind_chunk *chunk;

	s.low = range->first_chunk;
	s.high = s.low + range->chunk_count;
	s.segment = bpf_map_lookup_elem(&unwind_segments, &segment);
	if (!s.segment)
		return UNWIND_NO_RULE;
	bpf_loop(UNWIND_SEARCH_STEPS, unwind_search_chunk, &s, 0);
	chunk = bpf_map_lookup_elem(s.segment, &s.low);
	return chunk ? unwind_search_rows(chunk, s.pc) : UNWIND_NO_RULE;
}

/* A cache miss: searches the tables and remembers the rule. */
static __noinline __u32 unwind_search(__u32 process, __u64 pc, __u64 salt)
{
	struct unwind_space *space = bpf_map_lookup_elem(&unwind_spaces, &process);
	__u64 mixed = (pc ^ salt) * UNWIND_MIX;
	__u32 rule = UNWIND_OUTSIDE;
	struct unwind_range *range;

	if (!space)
		return UNWIND_NO_TABLES;
	range = unwind_find_range(space, pc);
	if (range && range->kind)
		rule = range->kind;
	else if (range && range->chunk_count)
		rule = unwind_search_table(range, pc);
	else if (range)
		rule = UNWIND_NO_RULE;
	unwind_shared.cache[mixed >> 32 & (UNWIND_CACHE_SIZE - 1)] = mixed << 32 | rule;
	__sync_fetch_and_add(&unwind_shared.cache_misses, 1);
	return rule;
}

static __always_inline __u32 unwind_find_rule(struct unwind_walk *w, __u64 pc)
{
	__u64 mixed = (pc ^ w->salt) * UNWIND_MIX;
	__u64 entry = unwind_shared.cache[mixed >> 32 & (UNWIND_CACHE_SIZE - 1)];

	if (entry >> 32 == (__u32)mixed && (__u32)entry)
		return entry;
	return unwind_search(w->process, pc, w->salt);
}

#include "unwind_step.h"

/* The rest is in the walk: the verifier sees unknown scalars there, and one pass is enough. */
struct unwind_loop {
	struct unwind_walk *walk;
};

static long unwind_loop_frame(__u32 i, struct unwind_loop *loop)
{
	int stop = unwind_frame(loop->walk);

	if (stop == UNWIND_CONTINUE)
		return 0;
	loop->walk->stop = stop;
	return 1;
}

/*
 * Walks from w->pc, which is the first frame, to the stack's base; at most @limit frames (1 to
 * EVENT_MAX_FRAMES). Returns the enum stack_stop, also in w->record.header.flags.
 */
static __always_inline int unwind__walk(
	struct unwind_walk *w, __u32 process, __u32 limit, enum unwind_start start)
{
	struct unwind_loop loop = {.walk = w};

	w->process = process;
	w->salt = unwind_salt(process, unwind_shared.epochs[process & (UNWIND_EPOCHS - 1)]);
	unwind_begin(w, limit, start);
	w->stop = STACK_TRUNCATED;
	bpf_loop(EVENT_MAX_FRAMES + 1, unwind_loop_frame, &loop, 0);
	unwind_end(w, start, w->stop);
	return w->stop;
}

/*
 * Lets @child unwind with the tables of @parent: at fork, before userland knows of the child. 0 or
 * a negative errno (also when the parent has none).
 */
static __always_inline long unwind__share_space(__u32 parent, __u32 child)
{
	struct unwind_space *space = bpf_map_lookup_elem(&unwind_spaces, &parent), copy;

	if (!space)
		return -2; /* ENOENT */
	copy = *space;
	return bpf_map_update_elem(&unwind_spaces, &child, &copy, BPF_ANY);
}

/* --- the kernel's walk by frame pointers, instead */

/* The kernel put @bytes of addresses into walk->frames, guesses all: counts and hashes them. */
static __always_inline void unwind_take_guesses(struct unwind_walk *walk, long bytes)
{
	__u64 hash = walk->hash;

	walk->record.frame_count = bytes > 0 ? bytes / sizeof(__u64) : 0;
	walk->record.guessed_frames = walk->record.frame_count;
	for (__u32 i = 0; i < EVENT_MAX_FRAMES && i < walk->record.frame_count; i++)
		hash = unwind_mix(hash, walk->frames[i]);
	walk->hash = hash;
}

/* Of the current thread, from where it entered the kernel; walk->hash is the seed. */
static __always_inline void unwind_frame_pointers(struct unwind_walk *walk)
{
	unwind_take_guesses(walk, bpf_get_task_stack(bpf_get_current_task_btf(), walk->frames,
					  sizeof(walk->frames), BPF_F_USER_STACK));
}

#endif
