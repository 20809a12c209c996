/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a function that waits has at hand: the words on the stack from its frame inwards, and the
 * registers that it entered the kernel with. Where the futex word is not in the lock, the lock's
 * address is among them.
 */
#ifndef MEMTRACE_LOCKS_AT_HAND_H
#define MEMTRACE_LOCKS_AT_HAND_H

#include "locks/waits.h"

/* So much of the stack of a function that waits and of those that it calls is looked through. */
#define AT_HAND_STACK_WORDS 512

struct at_hand {
	uint64_t data[AT_HAND_STACK_WORDS + LOCK_SAVED_REGISTERS];
	size_t count;
	size_t stack_count; /* of these, the first, which are the stack's */
};

/* Adds what lies from @start to @end on the stack of @thread, at most the AT_HAND_STACK_WORDS
 * nearest @end; none where it cannot be read. To be called first, on an empty @out. */
void at_hand__add_stack(const struct lock_memory *memory, const struct lock_thread *thread,
	uint64_t start, uint64_t end, struct at_hand *out);

void at_hand__add_registers(const struct lock_thread *thread, struct at_hand *out);

/* What the function that @wait waits in, and those that it called, have: the stack up to its frame,
 * innermost first, then the registers. */
void at_hand__take(
	const struct lock_memory *memory, const struct lock_wait *wait, struct at_hand *out);

/* The word @index in the other order: the stack from the outermost function inwards, which has what
 * it was called with, then the registers. */
uint64_t at_hand__outermost(const struct at_hand *words, size_t index);

#endif
