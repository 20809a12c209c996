/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A report of a small made-up run, for the tests of its formats. */
#ifndef TESTS_UNIT_REPORT_SAMPLE_H
#define TESTS_UNIT_REPORT_SAMPLE_H

#include "heap_feed.h"
#include "report/model.h"

#define SAMPLE_DURATION_NS 12340000000ull

static const struct report_target sample_target = {4321, "/usr/bin/leaky --fast"};

/* Names by offset; offset 0xb is a call inlined into another; 0xe has no name. */
static int sample_name(
	void *context, const struct site_frame *address, struct report_frames *frames)
{
	struct report_frame frame = {
		.address = address->address,
		.module = "/usr/bin/leaky",
		.build_id = "0123abcd",
		.offset = address->offset,
	};

	if (address->offset == 0xe)
		return vec_push(&frames->list, frame);
	if (address->offset == 0xb) {
		struct report_frame inlined = frame;

		inlined.function = "std::vector<int>::push_back(int const&)";
		inlined.inlined = true;
		if (vec_push(&frames->list, inlined))
			return -ENOMEM;
	}
	frame.function = address->offset == 0xa ? "leak_here" : "balanced(std::string const&)";
	frame.function_offset = 4;
	frame.file = "/src/leaky.c";
	frame.line = 40 + address->offset;
	return vec_push(&frames->list, frame);
}

static inline void sample_stack(struct feed *feed, uint64_t stack, size_t depth, uint64_t offset)
{
	struct site_frame frames[EVENT_MAX_FRAMES];

	for (size_t i = 0; i < depth; i++)
		frames[i] = (struct site_frame){
			.module = 1,
			.offset = i ? 0x100 + i : offset,
			.address = 0x555500000000 + (i ? 0x100 + i : offset),
		};
	assert_int_equal(
		heap__define_stack(feed->heap, feed->process, stack, frames, depth, STACK_COMPLETE),
		0);
}

/* A mapping by the program itself. */
static inline void sample_map(struct feed *feed, uint64_t address, uint64_t length, uint64_t stack)
{
	struct event_mapping event = {.address = address,
		.length = length,
		.protection = 3,   /* PROT_READ | PROT_WRITE */
		.map_flags = 0x22, /* MAP_PRIVATE | MAP_ANONYMOUS */
		.stack = stack};

	event.header = feed_header(feed, EVENT_MAPPING);
	event.header.function = FUNCTION_MMAP;
	feed_apply(feed, &event);
}

#define SAMPLE_MAPPED_BYTES 65536

/* Beside the heap SAMPLE_MAPPED_BYTES mapped at 0xc. 100 blocks of 1 KiB leak at 0xa; 50 of 10
 * bytes are freed at once at 0xb; one failure at 0xe. */
static inline struct feed sample_feed(void)
{
	struct feed feed = {.process = 1, .tid = 100};
	struct heap_options options = {.start_ns = START_NS};

	feed.heap = heap__new(&options);
	assert_non_null(feed.heap);
	assert_int_equal(heap__add_process(feed.heap, 1, 4321, "leaky"), 0);
	sample_stack(&feed, 0xa, 12, 0xa);
	sample_stack(&feed, 0xb, 3, 0xb);
	sample_stack(&feed, 0xe, 1, 0xe);
	sample_stack(&feed, 0xc, 2, 0xc);
	for (int i = 0; i < 100; i++)
		feed_alloc(&feed, 0x100000 + 0x1000 * i, 1024, 0xa);
	for (int i = 0; i < 50; i++) {
		feed_alloc(&feed, 0x1000, 10, 0xb);
		feed_free(&feed, 0x1000);
	}
	feed_alloc(&feed, 0, 1ull << 40, 0xe);
	feed_free(&feed, 0x9000);
	sample_map(&feed, 0x70000000, SAMPLE_MAPPED_BYTES, 0xc);
	return feed;
}

static inline void sample_collect(
	struct report *report, const struct feed *feed, struct report_options options)
{
	report->run.version = "v1";
	report->run.targets = &sample_target;
	report->run.target_count = 1;
	report->run.duration_ns = SAMPLE_DURATION_NS;
	options.now_ns = START_NS + SAMPLE_DURATION_NS;
	assert_int_equal(report__collect(report, feed->heap, &options), 0);
	assert_int_equal(report__name(report, sample_name, NULL), 0);
}

#endif
