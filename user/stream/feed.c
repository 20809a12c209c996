/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/feed.h"

#include <errno.h>
#include <string.h>

static struct recording_text text_of(const char *text)
{
	return (struct recording_text){text, text ? strlen(text) : 0};
}

static void record_module(struct feed *feed, const struct module *module)
{
	struct recording_module recorded = {
		.id = module->id,
		.path = text_of(module->path),
		.build_id = text_of(module->build_id.size ? module->build_id.hex : NULL),
	};

	if (!recorder__has_module(feed->recorder, module->id))
		recorder__put_module(feed->recorder, &recorded);
}

static struct site_frame resolve_frame(
	struct feed *feed, const struct event_header *header, uint64_t address, bool *is_lost)
{
	/* A return address may be the first byte of the next function: look before it. */
	struct resolved_address resolved = spaces__resolve(
		feed->spaces, header->process, header->thread_sequence, address - 1);

	*is_lost |= resolved.is_lost;
	if (resolved.module && feed->recorder)
		record_module(feed, resolved.module);
	return (struct site_frame){
		.module = resolved.module ? resolved.module->id : 0,
		.offset = resolved.offset + 1,
		.address = address,
	};
}

static void define_stack(struct feed *feed, const struct event_stack *event, size_t size)
{
	uint32_t count = event->frame_count, process = event->header.process;
	struct recording_stack stack;
	bool is_lost = false;

	if (size < sizeof(*event) || count > EVENT_MAX_FRAMES ||
		size < sizeof(*event) + count * sizeof(event->frames[0]))
		return;
	stack.header = event->header;
	stack.stack = event->stack;
	stack.guessed_frames = event->guessed_frames;
	stack.count = count;
	for (uint32_t i = 0; i < count; i++)
		stack.frames[i] = resolve_frame(feed, &event->header, event->frames[i], &is_lost);
	spaces__pass(feed->spaces, event->header.time_ns);
	feed->lost_code += is_lost;
	if (feed->recorder)
		recorder__put_stack(feed->recorder, &stack);
	if (event->header.flags < STACK_STOP_COUNT)
		feed->stack_stops[event->header.flags]++;
	feed->guessed_frames += event->guessed_frames;
	if (heap__define_stack(
		    feed->heap, process, event->stack, stack.frames, count, event->header.flags))
		feed->failures++;
}

int feed__add_process(struct feed *feed, uint32_t process, pid_t pid, const char *comm)
{
	struct recording_process recorded = {.number = process, .pid = pid, .comm = text_of(comm)};

	if (feed->recorder)
		recorder__put_process(feed->recorder, &recorded);
	return heap__add_process(feed->heap, process, pid, comm);
}

void feed__begin(struct feed *feed, uint64_t start_ns)
{
	if (feed->recorder)
		recorder__put_begin(feed->recorder, start_ns);
	heap__begin(feed->heap, start_ns);
}

void feed__add_losses(const struct feed *feed, uint64_t losses[LOSS_COUNT])
{
	losses[LOSS_MODEL_MEMORY] += feed->failures;
	losses[LOSS_SITES_FULL] += heap__refused_stacks(feed->heap);
	losses[LOSS_CODE_GONE] += feed->lost_code;
}

void feed__record(void *context, const struct event_header *event, size_t size)
{
	const struct event_process *process = (const struct event_process *)event;
	struct feed *feed = context;

	if (feed->recorder && event->kind != EVENT_STACK)
		recorder__put_record(feed->recorder, event, size);
	switch (event->kind) {
	case EVENT_STACK:
		define_stack(feed, (const struct event_stack *)event, size);
		return;
	case EVENT_FORK:
		/* The control loop does this too; whoever comes first. */
		spaces__fork(feed->spaces, process->parent_process, event->process, process->pid,
			process->code_epoch);
		break;
	case EVENT_EXEC:
		spaces__add(feed->spaces, event->process, process->pid);
		spaces__finish(feed->spaces, process->parent_process);
		break;
	case EVENT_EXIT:
		spaces__finish(feed->spaces, event->process);
		break;
	}
	if (heap__apply(feed->heap, event, size) == -ENOMEM)
		feed->failures++;
}
