/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/order_feed.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/lock_order.h"
#include "base/hash.h"
#include "blocked/frame_symbols.h"
#include "blocked/module_facts.h"
#include "symbols/symbolizer.h"

/* Frames, innermost first, that make the place a stack was taken at. */
#define SITE_FRAMES 4

struct fed_frame {
	const struct module *module; /* NULL: unknown */
	uint64_t offset;
	uint64_t address;
};

struct fed_stack {
	struct fed_frame *frames;
	size_t count;
	bool is_cut;
	bool is_named;
	struct lock_frame *named;
	struct order_stack shown;
};

DEFINE_HASH_NUMBER(fed_stacks, uint64_t, struct fed_stack *);
DEFINE_HASH_NUMBER(fed_pids, uint32_t, pid_t);
DEFINE_HASH_NUMBER(fed_views, uint32_t, struct space_view);
DEFINE_HASH_NUMBER(fed_facts, uint32_t, struct module_facts *);

struct order_feed {
	struct tracer *tracer;
	struct spaces *spaces;
	struct order_model *model;
	struct symbolizer *symbolizer;
	struct fed_stacks stacks;
	struct fed_pids pids;
	struct fed_views ended; /* where the code of processes was that are gone */
	struct fed_facts facts;
	inlined_arrays inlined;
};

/* --- what a lock is */

static bool is_data_of(const struct module *module, uint64_t vaddr)
{
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct module_segment *segment = &module->segments[i];

		if (!segment->executable && vaddr >= segment->vaddr &&
			vaddr - segment->vaddr < segment->memory_size)
			return true;
	}
	return false;
}

static struct module_facts *find_facts(struct order_feed *feed, const struct module *module)
{
	struct module_facts **slot = fed_facts__insert(&feed->facts, module->id);

	if (slot && !*slot)
		*slot = module_facts__new(module, NULL); /* of variables alone */
	return slot ? *slot : NULL;
}

/* "bank.lock", "table+40": the variable that has the lock. */
static void name_in_module(struct order_feed *feed, const struct module *module, uint64_t vaddr,
	struct order_identity *out)
{
	struct module_facts *facts = find_facts(feed, module);
	uint64_t offset;
	const char *name = facts ? module_facts__variable(facts, vaddr, &offset) : NULL;

	snprintf(out->module, sizeof(out->module), "%s", module->name);
	if (name)
		snprintf(out->name, sizeof(out->name), offset ? "%.100s+%llu" : "%.100s", name,
			(unsigned long long)offset);
}

static void name_by_view(struct order_feed *feed, const struct space_view *view, uint64_t address,
	struct order_identity *out)
{
	for (size_t i = 0; i < view->count && !*out->module; i++) {
		const struct code_range *range = &view->ranges[i];

		if (range->module && is_data_of(range->module, address - range->bias))
			name_in_module(feed, range->module, address - range->bias, out);
	}
}

/* Also once the process has ended: by where its code was. */
static void name_lock(
	struct order_feed *feed, uint32_t process, uint64_t address, struct order_identity *out)
{
	const struct space_view *ended = fed_views__find(&feed->ended, process);
	struct space_view view;

	if (ended) {
		name_by_view(feed, ended, address, out);
		return;
	}
	if (spaces__view(feed->spaces, process, &view))
		return;
	name_by_view(feed, &view, address, out);
	space_view__free(&view);
}

/* The last record of an image has been read. How long its locks were held comes at the end. */
static void end_image(struct order_feed *feed, uint32_t process, uint64_t time_ns)
{
	struct space_view *view;

	if (!process)
		return;
	order__end_thread(feed->model, process, 0, time_ns);
	view = fed_views__insert(&feed->ended, process);
	if (view && !view->ranges && spaces__view(feed->spaces, process, view))
		*view = (struct space_view){0};
	spaces__finish(feed->spaces, process);
}

/* A lock between processes is known by the file, or the shared memory, that it lies in. */
static void find_key(pid_t pid, uint64_t address, struct order_identity *out)
{
	const struct mapping *mapping;
	struct maps maps;

	if (maps__read(pid, &maps, NULL))
		return;
	mapping = maps__find(&maps, address);
	if (mapping && mapping->shared && mapping->inode) {
		out->is_shared = true;
		out->key[0] = hash_combine(
			(uint64_t)mapping->dev_major << 32 | mapping->dev_minor, mapping->inode);
		out->key[1] = mapping__file_offset(mapping, address);
	}
	maps__free(&maps);
}

static void describe(void *context, uint32_t process, uint64_t address, uint32_t facts,
	struct order_identity *out)
{
	struct order_feed *feed = context;

	out->pid = order_feed__pid(feed, process);
	name_lock(feed, process, address, out);
	if (facts & ORDER_SHARED)
		find_key(out->pid, address, out);
}

/* --- life */

struct order_feed *order_feed__new(
	struct tracer *tracer, struct spaces *spaces, uint64_t attached_ns)
{
	struct order_feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->tracer = tracer;
	feed->spaces = spaces;
	feed->model = order__new(describe, feed, attached_ns);
	feed->symbolizer = symbolizer__new(NULL);
	if (feed->model && feed->symbolizer)
		return feed;
	order_feed__free(feed);
	return NULL;
}

void order_feed__free(struct order_feed *feed)
{
	if (!feed)
		return;
	hash_for_each (slot, &feed->stacks) {
		if (!slot->value)
			continue;
		free(slot->value->frames);
		free(slot->value->named);
		free(slot->value);
	}
	hash_for_each (slot, &feed->facts)
		module_facts__free(slot->value);
	hash_for_each (ended, &feed->ended)
		space_view__free(&ended->value);
	fed_views__free(&feed->ended);
	inlined_arrays__free(&feed->inlined);
	fed_stacks__free(&feed->stacks);
	fed_pids__free(&feed->pids);
	fed_facts__free(&feed->facts);
	symbolizer__free(feed->symbolizer);
	order__free(feed->model);
	free(feed);
}

struct order_model *order_feed__model(struct order_feed *feed)
{
	return feed->model;
}

int order_feed__add(struct order_feed *feed, uint32_t process, pid_t pid)
{
	pid_t *slot = fed_pids__insert(&feed->pids, process);

	if (!slot)
		return -ENOMEM;
	*slot = pid;
	return 0;
}

pid_t order_feed__pid(void *context, uint32_t process)
{
	struct order_feed *feed = context;
	const pid_t *pid = fed_pids__find(&feed->pids, process);

	return pid ? *pid : 0;
}

/* --- records */

static uint64_t site_of(const struct fed_stack *stack)
{
	uint64_t hash = 1;

	for (size_t i = 0; i < stack->count && i < SITE_FRAMES; i++)
		hash = hash_combine(
			hash_combine(
				hash, stack->frames[i].module ? stack->frames[i].module->id : 0),
			stack->frames[i].offset);
	return hash;
}

static int take_stack(struct order_feed *feed, const struct event_stack *event)
{
	struct fed_stack **slot = fed_stacks__insert(&feed->stacks, event->stack), *stack;
	unsigned int stop = event->header.flags & 0xff;

	if (!slot)
		return -ENOMEM;
	if (*slot)
		return 0;
	stack = calloc(1, sizeof(*stack));
	if (stack)
		stack->frames = calloc(event->frame_count + 1, sizeof(*stack->frames));
	if (!stack || !stack->frames) {
		free(stack);
		return -ENOMEM;
	}
	stack->is_cut = stop != STACK_COMPLETE && stop != STACK_END_OF_THREAD;
	for (uint32_t i = 0; i < event->frame_count; i++) {
		/* A return address may be the first byte of the next function. */
		struct resolved_address resolved = spaces__resolve(feed->spaces,
			event->header.process, event->header.thread_sequence, event->frames[i] - 1);

		stack->frames[stack->count++] =
			(struct fed_frame){resolved.module, resolved.offset + 1, event->frames[i]};
	}
	spaces__pass(feed->spaces, event->header.time_ns);
	*slot = stack;
	return order__add_stack(feed->model, event->stack, site_of(stack));
}

static void forget_lock(void *context, uint64_t address)
{
	struct order_feed *feed = context;

	lock_order__forget(feed->tracer, address);
}

/* Memory that is unmapped takes its locks along. */
static void take_mapping(struct order_feed *feed, const struct event_mapping *event)
{
	struct order_gone gone = {
		.header = event->header, .address = event->old_address, .size = event->old_length};

	if (event->header.function == FUNCTION_MUNMAP && gone.size > 1)
		order__take_gone(feed->model, &gone, forget_lock);
}

static void take_process(struct order_feed *feed, const struct event_process *event)
{
	switch (event->header.kind) {
	case EVENT_FORK:
		spaces__fork(feed->spaces, event->parent_process, event->header.process, event->pid,
			event->code_epoch);
		order_feed__add(feed, event->header.process, event->pid);
		break;
	case EVENT_EXEC:
		spaces__add(feed->spaces, event->header.process, event->pid);
		order_feed__add(feed, event->header.process, event->pid);
		end_image(feed, event->parent_process, event->header.time_ns);
		break;
	case EVENT_EXIT:
		end_image(feed, event->header.process, event->header.time_ns);
		break;
	}
}

int order_feed__record(void *context, void *data, size_t size)
{
	const struct event_header *header = data;
	const struct order_nested *nested = data;
	struct order_feed *feed = context;

	switch (header->kind) {
	case EVENT_STACK:
		take_stack(feed, data);
		break;
	case EVENT_ORDER_NESTED:
		if (size >= sizeof(*nested) + nested->count * sizeof(struct order_held))
			order__take_nested(
				feed->model, nested, (const struct order_held *)(nested + 1));
		break;
	case EVENT_ORDER_GONE:
		order__take_gone(feed->model, data, forget_lock);
		break;
	case EVENT_ORDER_FOREIGN:
		order__take_foreign(feed->model, data);
		break;
	case EVENT_MAPPING:
		take_mapping(feed, data);
		break;
	case EVENT_THREAD_EXIT:
		order__end_thread(feed->model, header->process, header->tid, header->time_ns);
		break;
	case EVENT_FORK:
	case EVENT_EXEC:
	case EVENT_EXIT:
		take_process(feed, data);
		break;
	}
	return 0;
}

static int add_hold(void *context, const struct order_lock_key *key, const struct order_hold *hold)
{
	struct order_feed *feed = context;

	return order__add_hold(feed->model, key, hold);
}

int order_feed__finish(struct order_feed *feed)
{
	return lock_order__holds(feed->tracer, add_hold, feed);
}

/* --- names */

static void name_frame(
	struct order_feed *feed, const struct fed_frame *frame, struct lock_frame *out)
{
	struct symbol_frames symbols = {0};

	*out = (struct lock_frame){.pc = frame->address, .module_offset = frame->offset};
	if (!frame->module)
		return;
	out->module = frame->module->name;
	if (frame->module->build_id.size)
		out->build_id = frame->module->build_id.hex;
	symbolizer__resolve(feed->symbolizer, frame->module, frame->offset, true, &symbols);
	frame_symbols__set(out, &symbols, &feed->inlined);
}

static void name_stack(struct order_feed *feed, struct fed_stack *stack)
{
	stack->is_named = true;
	stack->named = calloc(stack->count + 1, sizeof(*stack->named));
	if (!stack->named)
		return;
	for (size_t i = 0; i < stack->count; i++)
		name_frame(feed, &stack->frames[i], &stack->named[i]);
	stack->shown = (struct order_stack){stack->named, stack->count, 0, stack->is_cut};
	while (stack->shown.first + 1 < stack->count &&
		functions__is_libc(stack->named[stack->shown.first].module))
		stack->shown.first++;
}

const struct order_stack *order_feed__stack(void *context, uint64_t hash)
{
	struct order_feed *feed = context;
	struct fed_stack **slot = fed_stacks__find(&feed->stacks, hash);

	if (!slot || !*slot)
		return NULL;
	if (!(*slot)->is_named)
		name_stack(feed, *slot);
	return &(*slot)->shown;
}

static bool stack_matches(struct order_feed *feed, uint64_t hash, const char *pattern)
{
	const struct order_stack *stack = order_feed__stack(feed, hash);

	for (size_t i = 0; stack && i < stack->count; i++) {
		const struct lock_frame *frame = &stack->frames[i];

		if (frame->function && !fnmatch(pattern, frame->function, 0))
			return true;
		for (size_t k = 0; k < frame->inlined_count; k++)
			if (frame->inlined[k].function &&
				!fnmatch(pattern, frame->inlined[k].function, 0))
				return true;
	}
	return false;
}

bool order_feed__matches(
	struct order_feed *feed, const struct order_finding *finding, const char *pattern)
{
	vec_for_each (number, &finding->uses) {
		const struct order_use *use = order__use(feed->model, *number);

		if (stack_matches(feed, use->from_stack, pattern) ||
			stack_matches(feed, use->to_stack, pattern))
			return true;
	}
	return false;
}
