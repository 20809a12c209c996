/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The names that a census asks for, and a process's constants: from its memory where they are in
 * it, else from the files that they come from, so that no page is brought in.
 */
#ifndef MEMTRACE_CMD_HEAP_NAMES_H
#define MEMTRACE_CMD_HEAP_NAMES_H

#include "blocked/subject.h"
#include "census/names.h"
#include "cmd/heap_target.h"

struct heap_names {
	struct heap_target *target;
	struct subjects *subjects;
	struct subject *subject;
	struct census_names names; /* used in place */
};

/* Without symbols that can be read there are fewer names: 0, or -ENOMEM with @error set. */
int heap_names__open(struct heap_target *target, struct heap_names *out, struct error *error);
void heap_names__close(struct heap_names *names);

#endif
