#include "stream/feed.h"

#include <errno.h>

static void define_stack(struct feed *feed, const struct event_stack *event, size_t size)
{
	struct site_frame frames[EVENT_MAX_FRAMES];
	uint32_t count = event->frame_count, process = event->header.process;

	if (size < sizeof(*event) || count > EVENT_MAX_FRAMES ||
		size < sizeof(*event) + count * sizeof(event->frames[0]))
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = event->frames[i];
		/* A return address may be the first byte of the next function: look before it. */
		struct resolved_address resolved =
			spaces__resolve(feed->spaces, process, address - 1);

		frames[i] = (struct site_frame){
			.module = resolved.module ? resolved.module->id : 0,
			.offset = resolved.offset + 1,
			.address = address,
		};
	}
	if (event->header.flags < STACK_STOP_COUNT)
		feed->stack_stops[event->header.flags]++;
	feed->guessed_frames += event->guessed_frames;
	if (heap__define_stack(
		    feed->heap, process, event->stack, frames, count, event->header.flags))
		feed->failures++;
}

void feed__record(void *context, const struct event_header *event, size_t size)
{
	const struct event_process *process = (const struct event_process *)event;
	struct feed *feed = context;

	switch (event->kind) {
	case EVENT_STACK:
		define_stack(feed, (const struct event_stack *)event, size);
		return;
	case EVENT_FORK:
		/* The control loop does this too; whoever comes first. */
		spaces__fork(feed->spaces, process->parent_process, event->process, process->pid);
		break;
	case EVENT_EXEC:
		spaces__add(feed->spaces, event->process, process->pid);
		break;
	}
	if (heap__apply(feed->heap, event, size) == -ENOMEM)
		feed->failures++;
}
