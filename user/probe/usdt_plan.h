/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which of a file's statically defined probes (USDT) tell of samples that its allocator takes
 * itself, and where their arguments are: alloc(ptr, size, weight) and free(ptr) of a provider.
 */
#ifndef MEMTRACE_PROBE_USDT_PLAN_H
#define MEMTRACE_PROBE_USDT_PLAN_H

#include "probe/elf_view.h"
#include "probe/plan.h"

/* Of those that --usdt names: "PROVIDER[:ALLOC[:FREE]]". False: it is not written so. */
bool usdt_provider__parse(const char *text, struct usdt_provider *provider);

/*
 * Adds the sites of PROBE_PROGRAM_USDT_ALLOC and _FREE to the plan, whose cookies are indexes into
 * plan->usdt_places; in words what should be there and cannot be read. 0 or -ENOMEM.
 */
int usdt_plan__add(struct probe_plan *plan, const struct elf_view *view,
	const struct usdt_provider *providers, size_t count);

#endif
