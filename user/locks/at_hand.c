/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/at_hand.h"

void at_hand__add_stack(const struct lock_memory *memory, const struct lock_thread *thread,
	uint64_t start, uint64_t end, struct at_hand *out)
{
	size_t count;

	if (!start || end <= start)
		return;
	count = (end - start) / 8;
	if (count > AT_HAND_STACK_WORDS) {
		start = end - 8 * AT_HAND_STACK_WORDS;
		count = AT_HAND_STACK_WORDS;
	}
	if (!memory->read(memory->context, thread->pid, start, out->data, count * 8))
		out->count = out->stack_count = count;
}

void at_hand__add_registers(const struct lock_thread *thread, struct at_hand *out)
{
	for (size_t i = 0; i < thread->saved_count; i++)
		out->data[out->count++] = thread->saved[i];
}

void at_hand__take(
	const struct lock_memory *memory, const struct lock_wait *wait, struct at_hand *out)
{
	const struct lock_thread *thread = wait->thread;
	size_t last = wait->site.frame;

	out->count = out->stack_count = 0;
	if (!thread->frame_count)
		return;
	if (last >= thread->frame_count)
		last = thread->frame_count - 1;
	at_hand__add_stack(memory, thread, thread->frames[0].slot, thread->frames[last].slot, out);
	at_hand__add_registers(thread, out);
}

uint64_t at_hand__outermost(const struct at_hand *words, size_t index)
{
	return words->data[index < words->stack_count ? words->stack_count - 1 - index : index];
}
