/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What reading names may cost, over all modules and processes: the files are the targets', and a
 * hostile one must neither hold memtrace up nor fill the memory. Processor time, not the clock's,
 * so that a loaded machine shows the same names; it comes back slowly, for those that run for days.
 * What goes beyond stays unnamed, which is reported once.
 */
#ifndef MEMTRACE_SYMBOLS_BUDGET_H
#define MEMTRACE_SYMBOLS_BUDGET_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"

/* The symbols of the largest browsers and compilers take some 0.5 s and 100 MB. */
#define SYMBOL_BUDGET_NS 2000000000ull
#define SYMBOL_BUDGET_BYTES (256ull << 20)
/* Of the time that goes by, one part in so many is given back. */
#define SYMBOL_BUDGET_REFILL 20
/* Of both, maps of JIT code may use one part in so many: whoever writes one must not cost all
 * others their names. */
#define SYMBOL_BUDGET_JIT_SHARE 2

struct symbol_budget {
	uint64_t ns_left;
	uint64_t bytes_left;
	uint64_t jit_bytes_left; /* of these */
	uint64_t started_ns;	 /* of this thread's processor time */
	uint64_t refilled_ns;	 /* of the clock */
	bool told;
};

static inline uint64_t budget__thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static inline void budget__init(struct symbol_budget *budget)
{
	*budget = (struct symbol_budget){.ns_left = SYMBOL_BUDGET_NS,
		.bytes_left = SYMBOL_BUDGET_BYTES,
		.jit_bytes_left = SYMBOL_BUDGET_BYTES / SYMBOL_BUDGET_JIT_SHARE,
		.refilled_ns = clock__now_ns()};
}

/* Work begins; budget__end charges what it took. */
static inline void budget__begin(struct symbol_budget *budget)
{
	uint64_t now = clock__now_ns();

	budget->ns_left += (now - budget->refilled_ns) / SYMBOL_BUDGET_REFILL;
	if (budget->ns_left > SYMBOL_BUDGET_NS)
		budget->ns_left = SYMBOL_BUDGET_NS;
	budget->refilled_ns = now;
	budget->started_ns = budget__thread_ns();
}

static inline void budget__end(struct symbol_budget *budget)
{
	uint64_t spent = budget__thread_ns() - budget->started_ns;

	budget->ns_left -= spent < budget->ns_left ? spent : budget->ns_left;
}

/* Whether there is time for more, between begin and end. */
static inline bool budget__has_time(const struct symbol_budget *budget)
{
	return budget__thread_ns() - budget->started_ns < budget->ns_left;
}

/* The same for a map of JIT code. */
static inline bool budget__has_jit_time(const struct symbol_budget *budget)
{
	uint64_t spent = budget__thread_ns() - budget->started_ns;

	return spent + SYMBOL_BUDGET_NS / SYMBOL_BUDGET_JIT_SHARE < budget->ns_left;
}

/* Takes @bytes off; false, and none taken, where there are not as many. */
static inline bool budget__take(struct symbol_budget *budget, uint64_t bytes)
{
	if (bytes > budget->bytes_left)
		return false;
	budget->bytes_left -= bytes;
	return true;
}

static inline bool budget__take_for_jit(struct symbol_budget *budget, uint64_t bytes)
{
	if (bytes > budget->jit_bytes_left || !budget__take(budget, bytes))
		return false;
	budget->jit_bytes_left -= bytes;
	return true;
}

/* What a map took, when it goes. */
static inline void budget__give_back_jit(struct symbol_budget *budget, uint64_t bytes)
{
	budget->bytes_left += bytes;
	budget->jit_bytes_left += bytes;
}

static inline void budget__tell(struct symbol_budget *budget, const char *path)
{
	if (!budget->told)
		log__warn("%s: reading names stops at %llu s of work and %llu MiB in all: some "
			  "frames stay unnamed or without lines",
			path, SYMBOL_BUDGET_NS / 1000000000, SYMBOL_BUDGET_BYTES >> 20);
	budget->told = true;
}

#endif
