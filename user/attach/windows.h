/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Windows (tracer_options.windows): the probes are there only while one is open, so that between
 * them nothing is paid. The programs stay loaded; the links come and go.
 *
 * What a window costs is counted by the programs: traps by kind, and their own time. It is priced
 * with what a trap costs here, measured on a child of memtrace's own (trap_cost.h).
 */
#ifndef MEMTRACE_ATTACH_WINDOWS_H
#define MEMTRACE_ATTACH_WINDOWS_H

#include "attach/tracer.h"
#include "attach/trap_cost.h"

/*
 * Puts the probes in, and says so in the ring, with the edge WINDOW_BEGIN, when all of them are
 * there: from then on records come. 0, or a negative errno with @error set; what is attached by
 * then stays until tracer__close_window. Without probes to put in (@keep: those of the window
 * before were left) it takes no time.
 */
int tracer__open_window(struct tracer *tracer, uint32_t number, bool keep, struct error *error);

/* Says in the ring that the run begins, or has come so far: first and last of all. */
void tracer__note_times(struct tracer *tracer);

/* The middle of a window is said in the ring, too. */
void tracer__note_middle(struct tracer *tracer, uint32_t number);

/*
 * No more records come; the end is said in the ring. The probes go, in a millisecond or so, unless
 * @keep.
 */
void tracer__close_window(struct tracer *tracer, uint32_t number, bool keep);

/* What the probes have cost the targets since the start, in ns of their processors' time. */
uint64_t tracer__spent_ns(const struct tracer *tracer);

/* Calls tracer_callbacks.spent when the open window has cost about @cost_ns; 0: never. */
void tracer__limit_window(struct tracer *tracer, uint64_t cost_ns);

/* Prices traps by @cost from now on. */
void tracer__price_traps(struct tracer *tracer, const struct trap_cost *cost);

/* Measures what a trap costs here, with a child of memtrace's own. 0, or as above. */
int tracer__measure_traps(struct tracer *tracer, struct trap_cost *cost, struct error *error);

#endif
