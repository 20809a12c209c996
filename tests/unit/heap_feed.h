/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Feeds a heap model with records as the tracer would send them, one short line for each. */
#ifndef TESTS_UNIT_HEAP_FEED_H
#define TESTS_UNIT_HEAP_FEED_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "heap/heap.h"

#define START_NS 1000000000ull
#define STACK_A 0xaaaaull
#define STACK_B 0xbbbbull

/* Where the next record comes from; time moves 10 ns with every record. */
struct feed {
	struct heap *heap;
	uint32_t process;
	uint32_t tid;
	uint32_t sequence; /* of the thread: tests that switch threads set it */
	uint64_t now_ns;   /* since START_NS */
};

static inline struct event_header feed_header(struct feed *feed, uint8_t kind)
{
	feed->now_ns += 10;
	return (struct event_header){
		.kind = kind,
		.function = FUNCTION_MALLOC,
		.tid = feed->tid,
		.process = feed->process,
		.thread_sequence = feed->sequence,
		.time_ns = START_NS + feed->now_ns,
	};
}

#define feed_apply(feed, event) \
	assert_int_equal(heap__apply((feed)->heap, &(event)->header, sizeof(*(event))), 0)

static inline void feed_alloc(struct feed *feed, uint64_t address, uint64_t size, uint64_t stack)
{
	struct event_alloc event = {.address = address, .size = size, .stack = stack};

	feed->sequence++;
	event.header = feed_header(feed, address ? EVENT_ALLOC : EVENT_ALLOC_FAILED);
	feed_apply(feed, &event);
}

static inline void feed_free_kind(struct feed *feed, uint8_t kind, uint64_t address)
{
	struct event_free event = {.address = address};

	event.header = feed_header(feed, kind);
	feed_apply(feed, &event);
}

static inline void feed_free(struct feed *feed, uint64_t address)
{
	feed_free_kind(feed, EVENT_FREE, address);
}

static inline void feed_realloc_begin(struct feed *feed, uint64_t address)
{
	feed_free_kind(feed, EVENT_REALLOC_BEGIN, address);
}

static inline void feed_realloc_end(struct feed *feed, enum realloc_outcome outcome, uint64_t old,
	uint64_t address, uint64_t size, uint64_t stack)
{
	struct event_realloc_end event = {
		.address = address, .size = size, .stack = stack, .old_address = old};

	feed->sequence += outcome == REALLOC_MOVED;
	event.header = feed_header(feed, EVENT_REALLOC_END);
	event.header.flags = outcome;
	feed_apply(feed, &event);
}

static inline void feed_life(
	struct feed *feed, enum event_kind kind, uint32_t process, uint32_t parent, uint16_t flags)
{
	struct event_process event = {
		.pid = 1000 + process, .parent_process = parent, .comm = "child"};

	event.header = feed_header(feed, kind);
	event.header.process = process;
	event.header.flags = flags;
	feed_apply(feed, &event);
}

/* A stack of one frame in module 1 at @offset. */
static inline void feed_stack(struct feed *feed, uint64_t stack, uint64_t offset)
{
	struct site_frame frame = {.module = 1, .offset = offset, .address = 0x1000 + offset};

	assert_int_equal(
		heap__define_stack(feed->heap, feed->process, stack, &frame, 1, STACK_COMPLETE), 0);
}

static inline struct feed feed_start_with(struct heap_options options)
{
	struct feed feed = {.process = 1, .tid = 100};

	options.start_ns = START_NS;
	feed.heap = heap__new(&options);
	assert_non_null(feed.heap);
	assert_int_equal(heap__add_process(feed.heap, 1, 1001, "target"), 0);
	feed_stack(&feed, STACK_A, 0xa);
	feed_stack(&feed, STACK_B, 0xb);
	return feed;
}

static inline struct feed feed_start(void)
{
	return feed_start_with((struct heap_options){0});
}

static inline struct heap_totals feed_totals(const struct feed *feed)
{
	struct heap_totals totals;

	heap__totals(feed->heap, &totals);
	return totals;
}

/* The site of the stack of one frame at @offset; NULL if there is none. */
static inline const struct site *feed_site(const struct feed *feed, uint64_t offset)
{
	size_t count;
	const struct site *sites = heap__sites(feed->heap, &count);

	for (size_t i = SITE_FIRST_STACK; i < count; i++)
		if (heap__frames(feed->heap, &sites[i])->offset == offset)
			return &sites[i];
	return NULL;
}

/* The identities that heap.h promises, whatever happened. */
static inline void feed_check_balance(const struct feed *feed)
{
	struct heap_totals totals = feed_totals(feed);
	const struct heap_counts *c = &totals.counts;
	uint64_t count = 0, bytes = 0;
	size_t sites;
	const struct site *site = heap__sites(feed->heap, &sites);

	assert_int_equal(totals.live_count + totals.inherited_live_count,
		c->alloc_count + c->inherited_count - c->free_count - c->implied_free_count -
			c->inherited_dropped_count - c->exec_discarded_count - c->at_exit_count -
			c->at_exit_inherited_count - c->forgotten_count);
	assert_int_equal(totals.live_bytes + totals.inherited_live_bytes,
		c->alloc_bytes + c->inherited_bytes - c->freed_bytes - c->implied_free_bytes -
			c->inherited_dropped_bytes - c->exec_discarded_bytes - c->at_exit_bytes -
			c->at_exit_inherited_bytes - c->forgotten_bytes);
	for (size_t i = 0; i < sites; i++) {
		count += site[i].live_count;
		bytes += site[i].live_bytes;
	}
	assert_int_equal(totals.live_count, count);
	assert_int_equal(totals.live_bytes, bytes);
}

static inline void feed_stop(struct feed *feed)
{
	feed_check_balance(feed);
	heap__free(feed->heap);
}

#endif
