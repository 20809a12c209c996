/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Makes recordings of made-up runs, in files of this test's own, and reads them back. */
#ifndef TESTS_UNIT_RECORDING_SAMPLE_H
#define TESTS_UNIT_RECORDING_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "stream/recorder.h"
#include "stream/replay.h"

#define START_NS 5000000000ull
#define STEP_NS 1000ull

#define TEXT(literal) ((struct recording_text){literal, sizeof(literal) - 1})

/* The bytes of a file. */
struct content {
	uint8_t *data;
	size_t size;
};

static inline struct event_header sample_header(uint8_t kind, uint32_t sequence, uint64_t step)
{
	return (struct event_header){
		.kind = kind,
		.function = kind == EVENT_FREE ? FUNCTION_FREE : FUNCTION_MALLOC,
		.tid = 70 + step % 3,
		.process = 1,
		.thread_sequence = sequence,
		.time_ns = START_NS + step * STEP_NS,
	};
}

static inline void sample_put_start(struct recorder *recorder)
{
	static const struct recording_target target = {71, {"leaky --fast", 12}};
	struct recording_run run = {
		.version = TEXT("v1"), .page_size = 4096, .targets = &target, .target_count = 1};
	struct recording_module module = {
		.id = 1, .path = TEXT("/usr/bin/leaky"), .build_id = TEXT("c0ffee")};
	struct recording_process process = {.number = 1, .pid = 71, .comm = TEXT("leaky")};
	struct recording_stack stack = {.stack = 0xabcdef0123456789, .count = 2};

	stack.header = sample_header(EVENT_STACK, 0, 0);
	stack.frames[0] = (struct site_frame){1, 0x10, 0x400010};
	stack.frames[1] = (struct site_frame){1, 0x20, 0x400020};
	recorder__put_run(recorder, &run);
	recorder__put_process(recorder, &process);
	recorder__put_begin(recorder, START_NS);
	recorder__put_module(recorder, &module);
	recorder__put_stack(recorder, &stack);
}

/* @pairs blocks of 100 bytes, of which every second is freed. */
static inline void sample_put_events(struct recorder *recorder, uint32_t pairs)
{
	for (uint32_t i = 0; i < pairs; i++) {
		struct event_alloc alloc = {
			.header = sample_header(EVENT_ALLOC, i, 2 * i + 1),
			.address = 0x600000 + 112 * i,
			.size = 100,
			.stack = 0xabcdef0123456789,
		};
		struct event_free free = {
			.header = sample_header(EVENT_FREE, i, 2 * i + 2),
			.address = alloc.address,
		};

		recorder__put_record(recorder, &alloc.header, sizeof(alloc));
		if (i % 2)
			recorder__put_record(recorder, &free.header, sizeof(free));
	}
}

static inline void sample_put_end(struct recorder *recorder, uint32_t pairs)
{
	static const struct recording_text note = {"All is well.", 12};
	static const struct recording_name_frame frames[] = {
		{.function = {"inner", 5}, .file = {"leaky.c", 7}, .line = 3, .inlined = true},
		{.function = {"outer", 5}, .file = {"leaky.c", 7}, .line = 9},
	};
	struct recording_name name = {.module = 1, .offset = 0x10, .frames = frames, .count = 2};
	struct recording_name left_out = {.module = 1, .offset = 0x20};
	struct recording_status status = {
		.is_end = true,
		.start_ns = START_NS,
		.start_unix_ns = 1700000000000000000,
		.now_ns = START_NS + (2 * pairs + 3) * STEP_NS,
		.duration_ns = (2 * pairs + 3) * STEP_NS,
		.losses = {[LOSS_RING_FULL] = 7},
		.notes = &note,
		.note_count = 1,
	};

	recorder__drain(recorder);
	recorder__put_name(recorder, &name);
	recorder__put_name(recorder, &left_out);
	recorder__put_status(recorder, &status);
}

static inline char *sample_path(void)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/memtrace_recording.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return path;
}

static inline struct content sample_read_file(const char *path)
{
	struct content content = {0};
	FILE *file = fopen(path, "r");
	long size;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	content.data = malloc(size + 1);
	content.size = size;
	assert_non_null(content.data);
	assert_int_equal(fread(content.data, 1, size, file), size);
	fclose(file);
	return content;
}

static inline struct content sample_recording(uint32_t pairs)
{
	const char *path = sample_path();
	struct error err = {0};
	struct recorder *recorder = recorder__open(path, &err);
	struct content content;

	assert_non_null(recorder);
	assert_int_equal(recorder__appear(recorder, &err), 0);
	sample_put_start(recorder);
	sample_put_events(recorder, pairs);
	sample_put_end(recorder, pairs);
	assert_int_equal(recorder__close(recorder, &err), 0);
	content = sample_read_file(path);
	unlink(path);
	return content;
}

/* Replays @size bytes; what replay__run returns. */
static inline int sample_replay(struct replay *replay, const uint8_t *data, size_t size,
	struct replay_options options, struct error *err)
{
	FILE *file = size ? fmemopen((void *)data, size, "r") : fopen("/dev/null", "r");
	int code;

	assert_non_null(file);
	code = replay__run(replay, file, "sample", &options, err);
	fclose(file);
	return code;
}

#endif
