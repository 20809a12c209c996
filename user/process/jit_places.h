/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Places in code that processes make at run time. An address there means other code at another
 * time, and its name is a line of the process's map of names (symbols/jit_map.h), in which lines
 * for the same address follow each other. So a place is an image, an address, and the time since
 * which the address has been what it is; it has a number, as a module has. Fed with the changes of
 * names that the log tells of (bpf/code_log.h). Pure; spaces.h guards it.
 */
#ifndef MEMTRACE_PROCESS_JIT_PLACES_H
#define MEMTRACE_PROCESS_JIT_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/code_log.h"
#include "base/hash.h"
#include "base/vec.h"

/* An address means other code from now on: other memory is mapped there, or it got another name. */
struct jit_change {
	uint64_t start; /* about [start, end) */
	uint64_t end;
	uint64_t before; /* bytes of names that the process had written before */
	uint32_t number; /* of the change of code */
	bool named;
};

/* A file of names. */
struct jit_file {
	uint64_t inode;
	uint64_t base; /* bytes of names that the process had written before its first */
};

struct jit_image {
	VEC(struct jit_change) changes; /* by number */
	VEC(struct jit_file) files;	/* the last is the one that it writes now */
	bool is_whole;			/* it had no names that were written before it was traced */
	uint32_t parent;     /* image that it was forked from, which had made code; 0: none */
	uint32_t fork_epoch; /* of the parent's code then */
};

struct jit_spot {
	uint32_t process;
	uint32_t since; /* number of the last change at the address; 0: none */
	uint64_t address;
};

DEFINE_HASH_NUMBER(jit_image_map, uint32_t, struct jit_image *);
DEFINE_HASH_PAIR(jit_spot_index, uint32_t);

struct jit_places {
	struct jit_image_map images; /* by number of the image; those that make code */
	VEC(struct jit_spot) spots;  /* place n is spots[n - 1] */
	struct jit_spot_index index;
};

/* Where the name of a place is to be found. */
struct jit_place {
	uint32_t process; /* the image whose map of names it is in */
	/* It is the last line about the address from `floor` bytes on that is before `limit`. */
	uint64_t floor;
	uint64_t limit;
	bool may_be_later; /* or else the first from `limit` on: it ran before it was named */
};

/* @process makes code that is in no file. 0 or -ENOMEM. */
int jit_places__add(struct jit_places *places, uint32_t process);

/* @process was forked from @parent while the parent's code was in epoch @epoch. 0 or -ENOMEM. */
int jit_places__fork(struct jit_places *places, uint32_t parent, uint32_t process, uint32_t epoch);

/* A change with CODE_NAMED, or one that maps no file. 0 or -ENOMEM. */
int jit_places__change(struct jit_places *places, const struct code_change *change);

/*
 * The number of the place that @address was in @epoch; 0: @process makes no code, or no memory. A
 * forked child's code is its parent's until it writes names of its own.
 */
uint32_t jit_places__at(
	struct jit_places *places, uint32_t process, uint32_t epoch, uint64_t address);

/*
 * Where the name of place @number is looked for: first (@generation 0) among its image's, then
 * among those of its ancestors. False: there is no such place or generation.
 */
bool jit_places__get(struct jit_places *places, uint32_t number, unsigned int generation,
	struct jit_place *place);

/* How many bytes of names @process had written before the first of the file @inode. */
uint64_t jit_places__base(struct jit_places *places, uint32_t process, uint64_t inode);

/* @process is gone, and no stack of it will come. What its places need is kept. */
void jit_places__forget(struct jit_places *places, uint32_t process);

void jit_places__free(struct jit_places *places);

#endif
