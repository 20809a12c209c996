/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/code_log.h"

#include <sched.h>
#include <string.h>

#include "base/clock.h"

/* An entry is filled in within a microsecond, unless its CPU has other things to do. */
#define PATIENCE 1000

static struct code_change *entry_of(const struct code_log *log, uint32_t number)
{
	return &log->entries[number % CODE_LOG_SIZE];
}

/* Whether the entry holds change @number, or a later one (*is_over). */
static bool is_there(const struct code_log *log, uint32_t number, bool *is_over)
{
	uint32_t held = __atomic_load_n(&entry_of(log, number)->number, __ATOMIC_ACQUIRE);
	uint32_t newest = __atomic_load_n(log->newest, __ATOMIC_ACQUIRE);

	*is_over = newest - number >= CODE_LOG_SIZE;
	return held == number;
}

static bool wait_for(const struct code_log *log, uint32_t number, bool *is_over)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (is_there(log, number, is_over) || *is_over)
			return !*is_over;
		sched_yield();
	}
	return false;
}

enum code_log_read code_log__next(struct code_log *log, struct code_change *change)
{
	uint32_t newest, number = log->read + 1;
	bool is_over = false;

	if (!log->entries)
		return CODE_LOG_END;
	newest = __atomic_load_n(log->newest, __ATOMIC_ACQUIRE);
	if (number == newest + 1)
		return CODE_LOG_END;
	if (wait_for(log, number, &is_over)) {
		memcpy(change, entry_of(log, number), sizeof(*change));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		is_over = !is_there(log, number, &is_over);
	} else if (!is_over) {
		return CODE_LOG_END;
	}
	log->read = is_over ? newest - CODE_LOG_SIZE / 2 : number;
	return is_over ? CODE_LOG_OVERRUN : CODE_LOG_CHANGE;
}

uint32_t code_log__epoch(const struct code_log *log, uint32_t process)
{
	if (!log->entries)
		return 0;
	return __atomic_load_n(&log->epochs[process % CODE_EPOCHS], __ATOMIC_ACQUIRE);
}

static void raise_epoch(struct code_log *log, uint32_t process, uint32_t number)
{
	uint32_t *epoch = &log->epochs[process % CODE_EPOCHS];
	uint32_t current = __atomic_load_n(epoch, __ATOMIC_ACQUIRE);

	while ((int32_t)(number - current) > 0 &&
		!__atomic_compare_exchange_n(
			epoch, &current, number, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

void code_log__add(struct code_log *log, uint32_t process, uint64_t start, uint64_t end)
{
	uint32_t number = __atomic_add_fetch(log->newest, 1, __ATOMIC_ACQ_REL);
	struct code_change *change = entry_of(log, number);

	__atomic_store_n(&change->number, 0, __ATOMIC_RELEASE);
	change->process = process;
	change->start = start;
	change->end = end;
	change->time_ns = clock__now_ns();
	change->inode = change->page = change->into = 0;
	change->flags = 0;
	__atomic_store_n(&change->number, number, __ATOMIC_RELEASE);
	raise_epoch(log, process, number);
}
