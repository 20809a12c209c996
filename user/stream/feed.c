/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/feed.h"

#include <errno.h>
#include <string.h>

#include "python/merge.h"
#include "stream/huge_pages.h"

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
	if (resolved.jit)
		return (struct site_frame){
			.module = SITE_MODULE_JIT, .offset = resolved.jit, .address = address};
	return (struct site_frame){
		.module = resolved.module ? resolved.module->id : 0,
		.offset = resolved.offset + 1,
		.address = address,
	};
}

/* What define_stack builds: native frames, with the Python frames where the loop runs them. */
struct building {
	struct feed *feed;
	const struct event_stack *event;
	uint32_t native; /* of the event's words, those that are native frames */
	int minor;
	uint32_t image;
	struct python_place places[EVENT_MAX_FRAMES / 2];
	size_t place_count;
	size_t loops; /* native frames that run Python frames */
	bool is_lost;
	bool is_unnamed; /* a Python frame */
	struct recording_stack stack;
};

static void split_words(struct building *building)
{
	const struct event_stack *event = building->event;
	uint32_t i = 0, count = event->frame_count;

	while (i < count && !(event->frames[i] & PYTHON_FRAME))
		i++;
	building->native = i;
	if (i == count || !building->feed->python_frames)
		return;
	building->minor = event->frames[i] >> PYTHON_MINOR_SHIFT & UINT16_MAX;
	building->image = event->frames[i];
	for (i++; i + 1 < count; i += 2)
		building->places[building->place_count++] = python_place__of(&event->frames[i]);
}

static void append(struct building *building, struct site_frame frame)
{
	if (building->stack.count < EVENT_MAX_FRAMES)
		building->stack.frames[building->stack.count++] = frame;
}

static void append_run(struct building *building, size_t first, size_t count)
{
	struct python_frames *frames = building->feed->python_frames;

	for (size_t i = first; i < first + count; i++) {
		const struct python_place *place = &building->places[i];
		uint32_t number =
			python_frames__known(frames, building->minor, building->image, place);
		const struct python_frame *frame = python_frames__get(frames, number);

		building->is_unnamed |= !frame || python_frame__is_lost(frame);
		append(building, (struct site_frame){.module = SITE_MODULE_PYTHON,
					 .offset = number,
					 .address = place->code});
	}
}

static bool is_in_loop(struct feed *feed, const struct resolved_address *resolved)
{
	const struct python_runtime *runtime =
		resolved->module ? python_runtimes__get(feed->python_runtimes, resolved->module)
				 : NULL;

	return runtime && python_runtime__in_loop(runtime, resolved->offset);
}

/* How many native frames run Python frames. */
static size_t count_loops(struct building *building)
{
	const struct event_stack *event = building->event;
	size_t loops = 0;

	for (uint32_t i = 0; i < building->native; i++) {
		struct resolved_address resolved = spaces__resolve(building->feed->spaces,
			event->header.process, event->header.thread_sequence, event->frames[i] - 1);

		loops += is_in_loop(building->feed, &resolved);
	}
	return loops;
}

static void merge_frames(struct building *building)
{
	const struct event_stack *event = building->event;
	struct feed *feed = building->feed;
	struct python_merge merge =
		python_merge__begin(building->places, building->place_count, building->loops);
	size_t first, run;

	for (uint32_t i = 0; i < building->native; i++) {
		struct site_frame frame;

		run = 0;
		if (merge.loops && building->place_count) {
			struct resolved_address resolved =
				spaces__resolve(feed->spaces, event->header.process,
					event->header.thread_sequence, event->frames[i] - 1);

			if (is_in_loop(feed, &resolved))
				run = python_merge__next(&merge, &first);
		}
		if (run)
			append_run(building, first, run);
		if (run || (feed->python_only && building->place_count))
			continue;
		frame = resolve_frame(feed, &event->header, event->frames[i], &building->is_lost);
		append(building, frame);
	}
	run = python_merge__rest(&merge, &first);
	append_run(building, first, run);
}

/* Where no Python code runs, as in an interpreter that starts, no Python frame is missing. */
static void set_flags(struct building *building)
{
	struct event_header *header = &building->stack.header;

	if (!building->loops && !building->place_count)
		header->flags &= 0xff;
	if (building->is_unnamed)
		header->flags |= PYTHON_UNNAMED;
}

static void count_stack(struct feed *feed, const struct building *building)
{
	uint32_t stop = building->event->header.flags & 0xff;

	feed->lost_code += building->is_lost;
	if (stop < STACK_STOP_COUNT)
		feed->stack_stops[stop]++;
	python_walks__count(&feed->python_walks, building->stack.header.flags);
	feed->guessed_frames += building->event->guessed_frames;
}

static void define_stack(struct feed *feed, const struct event_stack *event, size_t size)
{
	struct building building;
	struct recording_stack *stack = &building.stack;

	if (size < sizeof(*event) || event->frame_count > EVENT_MAX_FRAMES ||
		size < sizeof(*event) + event->frame_count * sizeof(event->frames[0]))
		return;
	building.feed = feed;
	building.event = event;
	building.place_count = 0;
	building.loops = 0;
	building.is_lost = building.is_unnamed = false;
	stack->header = event->header;
	stack->stack = event->stack;
	stack->guessed_frames = event->guessed_frames;
	stack->count = 0;
	split_words(&building);
	if (event->header.flags >> PYTHON_STOP_SHIFT)
		building.loops = count_loops(&building);
	merge_frames(&building);
	set_flags(&building);
	spaces__pass(feed->spaces, event->header.time_ns);
	count_stack(feed, &building);
	if (feed->recorder)
		recorder__put_stack(feed->recorder, stack);
	if (heap__define_stack(feed->heap, event->header.process, event->stack, stack->frames,
		    stack->count, stack->header.flags & 0xff))
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
	losses[LOSS_MODEL_MEMORY] += feed->failures + heap__forgotten_count(feed->heap);
	losses[LOSS_SITES_FULL] += heap__refused_stacks(feed->heap);
	losses[LOSS_CODE_GONE] += feed->lost_code;
}

static bool may_be_huge(const struct event_header *event, size_t size)
{
	return event->kind == EVENT_ALLOC && event->function == FUNCTION_PAGE_FAULT &&
	       event->flags & PAGE_FAULT_MAY_BE_HUGE && size >= sizeof(struct event_alloc);
}

/* The record goes on as one of the page that the fault did bring in. */
static void record_resolved(struct feed *feed, const struct event_header *event)
{
	struct event_alloc fault = *(const struct event_alloc *)event;

	huge_pages__resolve(&fault);
	fault.header.flags &= ~PAGE_FAULT_MAY_BE_HUGE;
	feed__record(feed, &fault.header, sizeof(fault));
}

static uint64_t stack_of(const struct event_header *event, size_t size)
{
	if (event->kind == EVENT_ALLOC && size >= sizeof(struct event_alloc))
		return ((const struct event_alloc *)event)->stack;
	if (event->kind == EVENT_SAMPLE && size >= sizeof(struct event_sample))
		return ((const struct event_sample *)event)->stack;
	if (event->kind == EVENT_REALLOC_END && size >= sizeof(struct event_realloc_end))
		return ((const struct event_realloc_end *)event)->stack;
	return 0;
}

static int apply_calls(
	struct heap *heap, struct sampling *sampling, const struct event_header *event, size_t size)
{
	uint32_t site = SITE_NO_STACK;

	if (!sampling)
		return heap__apply(heap, event, size);
	switch (event->kind) {
	case EVENT_ALLOC:
	case EVENT_REALLOC_END:
		site = heap__site_of(heap, event->process, stack_of(event, size));
		return sampling__apply(sampling, event, size, site);
	case EVENT_ALLOC_FAILED:
		return 0;
	case EVENT_FREE:
	case EVENT_REALLOC_BEGIN:
	case EVENT_WINDOW:
	case EVENT_WINDOW_THREAD:
	case EVENT_LIVENESS:
		return sampling__apply(sampling, event, size, site);
	default:
		return heap__apply(heap, event, size);
	}
}

int feed__apply(const struct feed_models *models, const struct event_header *event, size_t size)
{
	uint32_t site = SITE_NO_STACK;
	int err;

	switch (event->kind) {
	case EVENT_SAMPLE:
		site = heap__site_of(models->heap, event->process, stack_of(event, size));
		/* fallthrough */
	case EVENT_SAMPLE_FREE:
		return models->own_samples
			       ? own_samples__apply(models->own_samples, event, size, site)
			       : 0;
	case EVENT_EXEC:
	case EVENT_EXIT:
		err = models->own_samples
			      ? own_samples__apply(models->own_samples, event, size, site)
			      : 0;
		return err ? err : apply_calls(models->heap, models->sampling, event, size);
	default:
		return apply_calls(models->heap, models->sampling, event, size);
	}
}

void feed__record(void *context, const struct event_header *event, size_t size)
{
	const struct event_process *process = (const struct event_process *)event;
	struct feed *feed = context;
	struct feed_models models = {feed->heap, feed->sampling, feed->own_samples};

	if (event->kind == EVENT_PYTHON_CODE) {
		if (feed->python_frames && python_frames__take_code(feed->python_frames,
						   (const struct event_python_code *)event, size))
			feed->failures++;
		return;
	}
	if (may_be_huge(event, size)) {
		record_resolved(feed, event);
		return;
	}
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
	if (feed__apply(&models, event, size) == -ENOMEM)
		feed->failures++;
}
