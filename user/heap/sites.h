/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Call sites: distinct stacks after their frames were resolved to (module, offset), with what was
 * allocated there. The same code path in two processes, or at two load addresses, is one site.
 */
#ifndef MEMTRACE_HEAP_SITES_H
#define MEMTRACE_HEAP_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"

/*
 * The composition of the heap at its peak costs O(1) per event: the heap numbers its peaks
 * (epochs), and a site stores what it held when it changes for the first time after one. A site
 * that did not change since then holds now what it held at the peak (site__at_peak).
 */

/* Sites that are not stacks; their ids are the first. */
enum site_special {
	SITE_NO_STACK = 0, /* none was taken: --stacks none */
	SITE_STACK_LOST,   /* the record that held the stack was lost */
	SITE_TABLE_FULL,   /* more than HEAP_MAX_SITES distinct stacks */
	SITE_FILTERED,	   /* not a site: blocks outside of --min-size, --max-size */
	SITE_FIRST_STACK,
};

/* 2^20 sites are about 0.3 GB with their frames; beyond, the report would be unreadable anyway. */
#define HEAP_MAX_SITES (1u << 20)

/* Lifetimes are counted by their log2 in ns; the last bucket has all from 2^47 ns (39 hours). */
#define LIFETIME_BUCKETS 48

/* site_frame.module of a Python frame: its offset is a number of python/frames.h. */
#define SITE_MODULE_PYTHON UINT32_MAX

/* Of a frame in code made at run time: its offset is a number of process/jit_places.h. */
#define SITE_MODULE_JIT (UINT32_MAX - 1)

struct site_frame {
	uint32_t module;  /* 0: in no module: not known whose code */
	uint64_t offset;  /* in the module: ELF vaddr; absolute address when there is no module */
	uint64_t address; /* absolute, as first seen: not part of the site's identity */
};

/* What the program mapped by calls of its own from here: see mappings.h. */
struct site_mapped {
	uint64_t count;	     /* calls that added memory */
	uint64_t bytes;	     /* that they added */
	uint64_t live_bytes; /* still mapped, in processes that run; copies by fork are not counted
			      */
	uint64_t at_exit_bytes; /* still mapped when their process ended */
};

struct site {
	uint64_t live_count; /* in processes that still run, inherited copies left out */
	uint64_t live_bytes;
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t free_count;
	uint64_t freed_bytes;
	uint64_t temporary_count;
	uint64_t peak_epoch;
	uint64_t peak_count; /* only of the epoch before: read with site__at_peak */
	uint64_t peak_bytes;
	uint64_t *lifetimes;	    /* [LIFETIME_BUCKETS] of freed blocks; NULL while none */
	struct site_mapped *mapped; /* NULL while nothing was */
	uint64_t at_exit_count;	    /* live when their process ended */
	uint64_t at_exit_bytes;
	uint64_t low_bytes; /* least live and at exit in the slice in which it changed last */
	uint64_t failed_count;
	uint32_t functions;   /* bit set by enum event_function: through which it allocated */
	uint32_t first_frame; /* in sites.frames */
	uint32_t slice;	      /* of time, in which it changed last: see slices.h */
	uint32_t share;	      /* index of the latest one: see shares.h */
	uint16_t frame_count;
	uint8_t stop; /* enum stack_stop */
};

DEFINE_HASH_NUMBER(site_index, uint64_t, uint32_t);

struct sites {
	VEC(struct site) list;
	VEC(struct site_frame) frames;
	struct site_index index; /* hash of the frames → id */
	bool is_closed;		 /* there is no room for another */
	uint64_t refused;	 /* stacks that found the table full */
};

/* 0 or -ENOMEM. */
int sites__init(struct sites *sites);
void sites__free(struct sites *sites);

/*
 * The id of the site with these frames, innermost first (at most EVENT_MAX_FRAMES are kept), new
 * or known. SITE_TABLE_FULL when there is no room, which is counted, or no memory.
 */
uint32_t sites__intern(
	struct sites *sites, const struct site_frame *frames, size_t count, uint8_t stop);

/* Before a site changes: keeps what it held at peak number @epoch. */
static inline void site__touch(struct site *site, uint64_t epoch)
{
	if (site->peak_epoch == epoch)
		return;
	site->peak_epoch = epoch;
	site->peak_count = site->live_count;
	site->peak_bytes = site->live_bytes;
}

/* What the site held at the heap's peak, number @epoch being the last one. */
static inline void site__at_peak(
	const struct site *site, uint64_t epoch, uint64_t *count, uint64_t *bytes)
{
	*count = site->peak_epoch == epoch ? site->peak_count : site->live_count;
	*bytes = site->peak_epoch == epoch ? site->peak_bytes : site->live_bytes;
}

/* What the program mapped from site @id, zeroed when new; NULL: no memory. */
struct site_mapped *sites__mapped(struct sites *sites, uint32_t id);

/* Counts the lifetime of a freed block; without memory for it the histogram stays empty. */
void site__add_lifetime(struct site *site, uint64_t ns);

#endif
