/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a probe costs beside its program: the trap, the kernel's way to the program, the way back.
 * Measured on a child that calls a function of memtrace's own, with probes and without: targets
 * are not used for that.
 */
#ifndef MEMTRACE_ATTACH_TRAP_COST_H
#define MEMTRACE_ATTACH_TRAP_COST_H

#include "attach/links.h"
#include "tracer_shared.h"

struct trap_cost {
	double ns[TRAP_KIND_COUNT];
	/* How far the measurements were apart, as a part of the cost; at least the floor below. */
	double uncertainty;
};

/* A target's caches and its processor's clock are not the child's: no less is believed. */
#define TRAP_COST_LEAST_UNCERTAINTY 0.05

/* The programs that the child is probed with. */
struct trap_programs {
	enum link_kind kind; /* of the first */
	int entry_fd;	     /* at entries */
	int both_fd; /* at both ends, by a session; or where there are none, at the return */
	const volatile uint64_t *program_ns; /* their own time, as they count it */
};

/* 0, or a negative errno with @error set. */
int trap_cost__measure(
	const struct trap_programs *programs, struct trap_cost *cost, struct error *error);

#endif
