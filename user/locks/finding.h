/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The confirmed findings of a look, one by one: what the watch reports when it forms and when it is
 * gone. A process is listed with the verdict that says most of it (findings__hung).
 */
#ifndef MEMTRACE_LOCKS_FINDING_H
#define MEMTRACE_LOCKS_FINDING_H

#include "base/vec.h"
#include "locks/findings.h"

enum finding_kind {
	FINDING_CYCLE, /* DEADLOCK or SELF-DEADLOCK; index: of the graph's cycles */
	FINDING_WAIT,  /* FORKED or LOST WAKE-UP; index: of the first wait of those for that lock */
	FINDING_HUNG,  /* HUNG; index: of findings->hung */
};

struct finding {
	enum finding_kind kind;
	enum verdict verdict;
	size_t index;
};

typedef VEC(struct finding) finding_list;

/* Lists them: cycles first, processes that hang last. 0 or -ENOMEM; the caller calls vec_free. */
int finding__list(const struct lock_findings *findings, finding_list *out);

/* Whether wait @wait is part of it, or waits behind it. */
bool finding__has(const struct lock_findings *findings, const struct finding *finding, size_t wait);

/* A number that is the same for the same finding in every look. */
uint64_t finding__identity(const struct lock_findings *findings, const struct finding *finding);

/* One line, without a newline: "DEADLOCK: 2 threads wait for each other, c (PID 12, TID 14)...". At
 * most @size bytes, the final 0 included. */
void finding__headline(const struct lock_findings *findings, const struct finding *finding,
	char *out, size_t size);

#endif
