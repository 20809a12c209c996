/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What code lay where, and when: the executable mappings of one address space over time. Pure: it
 * is fed what a look at the maps found and which changes of code there were (code_log.h), and
 * answers what an address meant in an epoch. It never guesses: an answer is given where the mapping
 * was seen, and nothing has changed at its addresses between then and the epoch asked for.
 */
#ifndef MEMTRACE_PROCESS_CODE_HISTORY_H
#define MEMTRACE_PROCESS_CODE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct module;

/* A mapping of code. */
struct code_range {
	uint64_t start;
	uint64_t end;
	uint64_t bias;		     /* run-time address - ELF address; 0 without a module */
	const struct module *module; /* NULL: JIT or other memory without a file */
	bool is_uprobes;	     /* the kernel's page of probed instructions */
};

typedef VEC(struct code_range) code_ranges;

/* A range, and the epochs from the first to before the last in which it surely was that. */
struct code_sighting {
	struct code_range range;
	uint32_t from;
	uint32_t to; /* CODE_STILL: it holds yet */
	uint64_t closed_ns;
};
#define CODE_STILL UINT32_MAX

/* A change that it was fed. */
struct code_event {
	uint64_t start;
	uint64_t end;
	uint64_t time_ns;
	uint32_t number;
	bool came; /* code was mapped there */
};

struct code_history {
	VEC(struct code_sighting) current; /* by address, not overlapping; those that still hold */
	VEC(struct code_sighting) past;	   /* in the order in which they ended */
	VEC(struct code_event) events;	   /* by number */
	uint32_t floor;			   /* events up to this number are not known any more */
};

enum code_answer {
	CODE_FOUND,
	CODE_NONE, /* no code that is known of */
	CODE_LOST, /* there was code, of a file that came and went before it was looked at */
};

/* All functions that return int return 0 or -ENOMEM, and then the history knows less. */

/* Something changed at the event's addresses: what was known of them ends. In order of number. */
int code_history__change(struct code_history *history, const struct code_event *event);

/*
 * Events behind @last up to @number, the process's epoch, are missing: what was known ends with
 * @last.
 */
int code_history__lose(
	struct code_history *history, uint32_t last, uint32_t number, uint64_t time_ns);

/*
 * Appends to @regions what is known as code of a file and is not in @ranges, sorted by address, a
 * complete look. Where no event that comes later tells of such a region, the caller makes one.
 */
int code_history__missed(
	const struct code_history *history, const code_ranges *ranges, code_ranges *regions);

/*
 * Takes up what a look found. @since: the epoch before the look began; what changed later than that
 * is left out. What was missed (see above) must have been fed as events.
 */
int code_history__look(
	struct code_history *history, const code_ranges *ranges, uint32_t since, uint64_t time_ns);

/* @range is known to hold since the last event there. */
int code_history__add(struct code_history *history, const struct code_range *range);

/* What was at @address in @epoch; @range is valid until the next change, and only if found. */
enum code_answer code_history__find(const struct code_history *history, uint32_t epoch,
	uint64_t address, const struct code_range **range);

/* Begins @child with what held in @parent in @epoch; its own events, if it has some, are kept. */
int code_history__fork(
	struct code_history *child, const struct code_history *parent, uint32_t epoch);

/* No epoch that had ended before @time_ns will be asked for. */
void code_history__forget(struct code_history *history, uint64_t time_ns);

void code_history__free(struct code_history *history);

#endif
