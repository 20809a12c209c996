/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Gives the BPF walker the unwind tables of the traced images: a table for each module, built once,
 * and for each image where in its address space which table holds.
 */
#ifndef MEMTRACE_ATTACH_UNWINDING_H
#define MEMTRACE_ATTACH_UNWINDING_H

#include "base/error.h"
#include "process/spaces.h"
#include "unwind/maps.h"

struct unwinding;

/* See unwind_maps__new. NULL with @error set. */
struct unwinding *unwinding__new(
	const struct unwind_maps_fds *fds, struct unwind_shared *shared, struct error *error);
/* Only when no BPF program uses the maps any more. */
void unwinding__free(struct unwinding *unwinding);

/* Makes the table of a module that will soon be mapped, while nothing waits for it. */
void unwinding__prepare(struct unwinding *unwinding, const struct module *module);

/* Image @process has the code that @view says. 0 or a negative errno with @error set. */
int unwinding__set(struct unwinding *unwinding, uint32_t process, const struct space_view *view,
	struct error *error);

/* A forked child uses its parent's tables until it is given its own. */
void unwinding__share(struct unwinding *unwinding, uint32_t parent, uint32_t child);
void unwinding__drop(struct unwinding *unwinding, uint32_t process);

#endif
