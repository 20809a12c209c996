/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the files of sampling/ share: the sums over windows, and the sample of blocks. */
#ifndef MEMTRACE_SAMPLING_SAMPLING_PRIVATE_H
#define MEMTRACE_SAMPLING_SAMPLING_PRIVATE_H

#include "base/hash.h"
#include "sampling/sampling.h"

/* Candidates of a site that a window adds at the most, and of all sites together. */
#define SAMPLE_PER_SITE 32
#define SAMPLE_PER_WINDOW 1024
/* At least this many of each site, however many sites there are. */
#define SAMPLE_LEAST 4
#define CONTROLS_PER_WINDOW 64
/* Asking for 32,768 blocks takes a few ms. Beyond, half of them are dropped at random. */
#define SAMPLE_LIMIT 32768

/* The least time between two questions for a block. */
#define ASK_INTERVAL_NS 10000000ull

/* --- what one site did outside of windows, as those around tell */

struct rest_sums {
	double rest;
	double variance;
	double rate; /* in the window `latest`, for each ns */
};

struct site_sums {
	uint64_t seen_count;
	uint64_t seen_bytes;
	double squared_bytes; /* sum of the squares of the sizes */
	struct rest_sums count;
	struct rest_sums bytes;
	uint32_t latest; /* window in which it did something, index + 1; 0: none */
	/* What was seen, with what the threads lost to probes; and what of this an error of the
	 * price of a probe moves. */
	double done_count, done_bytes;
	double moved_count, moved_bytes;
};

/* --- the open window */

/* (process, tid) → index in window_threads */
DEFINE_HASH_PAIR(window_thread_map, uint32_t);
/* (site, thread's index) */
struct window_cell {
	uint64_t count;
	uint64_t bytes;
	double squared_bytes;
};
DEFINE_HASH_PAIR(window_cell_map, struct window_cell);

struct window_thread {
	uint64_t traps;
	uint64_t cpu_ns; /* 0: not known */
	uint64_t delay_ns;
	double slowed; /* p */
};

struct fresh_block {
	uint64_t size;
	uint64_t time_ns;
	uint32_t site;
	uint32_t thread;
	bool is_early; /* allocated before the window's middle */
};
/* (process, address) */
DEFINE_HASH_PAIR(fresh_map, struct fresh_block);

struct window_sums {
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t cost_ns;   /* at its end, since the last window's end */
	uint64_t middle_ns; /* = end_ns: all its blocks are early */
};

/* --- the sample */

struct sampled_block {
	uint64_t address;
	uint64_t size;
	uint64_t time_ns; /* allocated, or freed */
	uint64_t next_ns; /* when it is due */
	double weight;	  /* it stands for so many blocks */
	uint32_t process;
	uint32_t site;
	uint32_t window; /* index */
	uint32_t next;	 /* of the same address: index + 1; 0: none */
	bool is_control;
	bool is_dead;
	bool is_asked; /* it was answered for at least once */
};

/* (process, address) → index of the latest + 1 */
DEFINE_HASH_PAIR(sample_map, uint32_t);

struct sampling {
	double uncertainty; /* of the price of a trap, as a part of it */
	double budget;
	VEC(struct site_sums) sites; /* by the heap model's ids */
	VEC(struct window_sums) windows;
	struct site_sums all;
	uint64_t first_ns, last_ns;
	uint64_t last_cost_ns;
	bool has_begun;

	bool is_open;
	bool is_late; /* past the middle */
	struct window_sums open;
	struct window_thread_map thread_index;
	VEC(struct window_thread) threads;
	struct window_cell_map cells;
	struct fresh_map fresh;
	VEC(struct sampled_block) controls; /* freed in the open window */
	uint64_t freed;			    /* how many could have become controls */

	VEC(struct sampled_block) sample;
	struct sample_map by_address;
	uint64_t answers;
	uint64_t unknown_answers;
	uint64_t random; /* state of the generator */
};

/* 0 <= result < @below. */
uint64_t sampling__random(struct sampling *sampling, uint64_t below);

/* Time between window @index and the one before, or the run's start. */
static inline double sampling__gap_before(const struct sampling *sampling, uint32_t index)
{
	const struct window_sums *window = &sampling->windows.data[index];

	return (double)window->begin_ns - (double)(index ? window[-1].end_ns : sampling->first_ns);
}

/* The site's rates in window @index, the latest of all. */
void rest__see(struct sampling *sampling, struct site_sums *site, uint32_t index, double count_rate,
	double bytes_rate);

/* --- sample.c */

/* At a window's end: takes candidates and controls into the sample. 0 or -ENOMEM. */
int sample__take(struct sampling *sampling, uint32_t window);

/* The address was freed, or given out: whatever was there is dead. */
void sample__end(struct sampling *sampling, uint32_t process, uint64_t address);

void sample__answer(struct sampling *sampling, const struct event_liveness *event);

/* Classes of sizes that share their allocator's lists, 0 to SIZE_CLASSES - 1. */
#define SIZE_CLASSES 128
unsigned int sample__class(uint64_t size);

#endif
