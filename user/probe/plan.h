/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The probe plan of one file: which of its functions to probe, with which program, at which place.
 * Most files get an empty one, and soon: a plan costs a few microseconds where no traced name is
 * defined.
 *
 * Only functions that the file defines count. Names for one address are one probe, under the name
 * that comes first in the table of allocators. A function that merely passes its call on to another
 * traced one (delegate.h) gets
 *	operator new	a hint: what was asked for, without a return probe
 *	free, delete	no probe, unless the file's malloc or new has one, and blocks of its own
 *	another name	no probe (a lone jump to a function with the same meaning)
 * so that std::bad_alloc passes, and one call is one event. Where a free may call another one
 * through a pointer, it is probed at its return, too, and what is called in between does not count.
 * Return probes are for functions of the C library and of allocators that are known
 * (known_allocators.h): elsewhere a call may give way to another stack, which they do not survive.
 * A file's own functions, and any operator new that does the work itself, are probed at their entry
 * and their `ret` instructions (returns.h); a known allocator's operator new gets a return probe
 * only where that can be declined, as its reasons to throw are known.
 */
#ifndef MEMTRACE_PROBE_PLAN_H
#define MEMTRACE_PROBE_PLAN_H

#include <stdbool.h>

#include "base/error.h"
#include "probe.h"
#include "probe/probe_site.h"
#include "usdt_places.h"

#define USDT_NAME_SIZE 64

/* A provider of statically defined probes (USDT) for samples of allocations. */
struct usdt_provider {
	char name[USDT_NAME_SIZE];
	char alloc[USDT_NAME_SIZE]; /* names of its probes */
	char free[USDT_NAME_SIZE];
};

struct plan_options {
	/*
	 * The program's own file: a statically linked allocator is looked for in .symtab too. In
	 * libraries only exported functions count, unless a prefix or `all_symbols` asks for more.
	 */
	bool is_executable;
	bool all_symbols;   /* local symbols too, whatever their name (--allocator FILE) */
	const char *prefix; /* --allocator FILE:PREFIX; NULL: none */
	bool wide_nops;	    /* the kernel emulates multi-byte nops (features.h) */
	/*
	 * The program at a function's entry can decline its return, and so it does for every
	 * request that may fail (probe.h, PROBE_MAY_THROW).
	 */
	bool declines_returns;
	const struct usdt_provider *usdt;
	size_t usdt_count;
	bool only_usdt; /* no function is probed */
};

struct probe_plan {
	probe_sites sites[PROBE_PROGRAM_COUNT];
	/*
	 * Calls of free that are not events (internal_calls.h): where they return to, as distances
	 * from the site of free, and from its entry. Its cookie has PROBE_INTERNAL_CALLS if there
	 * are any.
	 */
	VEC(int64_t) internal_calls;
	/* Of the USDT sites, whose cookies are indexes here. */
	VEC(struct usdt_place_of_arguments) usdt_places;
	VEC(char *) notes;    /* for -v: what was left out, and why */
	VEC(char *) untraced; /* functions that should be traced and cannot: worth a warning */
	/*
	 * No symbols at all in a file that has its C library inside: if it allocates, it cannot be
	 * seen. Worth a message when no file of the process has an allocator.
	 */
	bool is_static_stripped;
};

/*
 * Plans the probes for the file open at @fd. 0, also when there is nothing to probe; or -EINVAL (no
 * ELF file memtrace can read), -ENOTSUP (another machine's code), -ENOMEM, with @error set. In any
 * case plan__free frees it.
 */
int plan__make(
	struct probe_plan *plan, int fd, const struct plan_options *options, struct error *error);
void plan__free(struct probe_plan *plan);

/* Whether there is any site of an allocation function. */
bool plan__has_allocator(const struct probe_plan *plan);

/* Writes sites and notes as -v lines: "libc.so.6 free+3 (je, emulated)". */
void plan__log(const struct probe_plan *plan, const char *file_name);

#endif
