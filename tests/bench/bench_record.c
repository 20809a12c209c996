/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What recording costs and how fast a replay is: ns and bytes per event of the recorder, its
 * writer's thread included, beside what the heap model takes for the same events; events/s of the
 * replay on one core. With FILE: the replay of that recording.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "stream/recorder.h"
#include "stream/replay.h"

#define SITES 2000
#define FRAMES 20
#define THREADS 4
#define ROUNDS 5
#define GOAL_EVENTS_PER_SECOND 10e6

union record {
	struct event_header header;
	struct event_alloc alloc;
	struct event_free free;
};

struct trace {
	union record *records;
	size_t size;
	uint64_t time_ns;
	uint32_t sequences[THREADS];
};

static uint64_t state = 88172645463325252ull;

static uint64_t random_number(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double clock_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* --- events as programs make them */

static struct event_header *add(struct trace *trace, uint8_t kind, uint64_t block)
{
	union record *record = &trace->records[trace->size++];
	uint32_t thread = block / 64 % THREADS;

	trace->time_ns += 200 + random_number() % 1000;
	trace->sequences[thread] += kind == EVENT_ALLOC;
	record->header = (struct event_header){
		.kind = kind,
		.function = kind == EVENT_ALLOC ? FUNCTION_MALLOC : FUNCTION_FREE,
		.tid = 1000 + thread,
		.process = 1,
		.thread_sequence = trace->sequences[thread],
		.time_ns = trace->time_ns,
	};
	record->free.address = 0x555555560000ull + block * 96;
	return &record->header;
}

/* A site allocates blocks of a few sizes only. */
static void add_alloc(struct trace *trace, uint64_t block)
{
	struct event_alloc *event = (struct event_alloc *)add(trace, EVENT_ALLOC, block);
	uint64_t site = random_number() % 64 * (random_number() % (SITES / 64));

	event->stack = (1 + site) * 0x9e3779b97f4a7c15ull;
	event->size = 16 + site % 1000 + random_number() % 4 * 8;
}

static struct trace make_trace(size_t live, size_t events)
{
	struct trace trace = {
		.records = malloc((live + events) * sizeof(union record)), .time_ns = 1000};

	if (!trace.records)
		exit(1);
	for (size_t i = 0; i < live; i++)
		add_alloc(&trace, i);
	for (size_t i = 0; i < events / 2; i++) {
		uint64_t block = random_number() % live;

		add(&trace, EVENT_FREE, block);
		add_alloc(&trace, block);
	}
	return trace;
}

static struct recording_stack make_stack(uint64_t site)
{
	struct recording_stack stack = {
		.header = {.kind = EVENT_STACK, .process = 1},
		.stack = (1 + site) * 0x9e3779b97f4a7c15ull,
		.count = FRAMES,
	};

	for (int i = 0; i < FRAMES; i++)
		stack.frames[i] = (struct site_frame){1, site * 100 + i, 0x400000 + site * 100 + i};
	return stack;
}

/* --- the measurements */

static double apply_to_model(const struct trace *trace)
{
	struct heap_options options = {0};
	struct heap *heap = heap__new(&options);
	double start;

	if (!heap)
		exit(1);
	for (uint64_t site = 0; site < SITES; site++) {
		struct recording_stack stack = make_stack(site);

		heap__define_stack(heap, 1, stack.stack, stack.frames, FRAMES, STACK_COMPLETE);
	}
	start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (size_t i = 0; i < trace->size; i++)
		heap__apply(heap, &trace->records[i].header, sizeof(union record));
	start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	heap__free(heap);
	return start;
}

struct recorded {
	double coding;	/* CPU seconds of the thread that puts */
	double process; /* CPU seconds with those of the writer's thread */
	uint64_t bytes;
};

static struct recorded record(const struct trace *trace, const char *path)
{
	struct error err;
	struct recorder *recorder = recorder__open(path, &err);
	struct recorded out = {0};
	double coding, process;
	static const size_t sizes[] = {[EVENT_ALLOC] = sizeof(struct event_alloc),
		[EVENT_FREE] = sizeof(struct event_free)};

	if (!recorder || recorder__appear(recorder, &err))
		exit(1);
	recorder__put_begin(recorder, 1000);
	for (uint64_t site = 0; site < SITES; site++) {
		struct recording_stack stack = make_stack(site);

		recorder__put_stack(recorder, &stack);
	}
	process = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	coding = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	for (size_t i = 0; i < trace->size; i++) {
		const struct event_header *event = &trace->records[i].header;

		recorder__put_record(recorder, event, sizes[event->kind]);
		/* The ring's reader is never that fast: give the writer its time. */
		if (i % (1 << 20) == 0)
			recorder__drain(recorder);
	}
	out.coding = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - coding;
	if (recorder__drain(recorder).missing)
		printf("records are missing: the figures mean nothing\n");
	out.process = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - process;
	out.bytes = recorder__drain(recorder).bytes;
	recorder__close(recorder, &err);
	return out;
}

/* CPU seconds, and the events in *@events. */
static double replay(const char *path, uint64_t *events)
{
	struct replay_options options = {0};
	struct replay replay;
	struct error err;
	FILE *file = fopen(path, "r");
	double start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);

	if (!file || replay__run(&replay, file, path, &options, &err)) {
		fprintf(stderr, "%s\n", file ? err.message : path);
		exit(1);
	}
	start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	*events = replay.records;
	replay__free(&replay);
	fclose(file);
	return start;
}

static void bench_replay(const char *path)
{
	double best = 1e9, seconds;
	uint64_t events = 0;

	for (int round = 0; round < ROUNDS; round++) {
		seconds = replay(path, &events);
		best = seconds < best ? seconds : best;
	}
	printf("  replay                %6.1f ns/event %6.1f M events/s (goal: %.0f M)\n",
		best / events * 1e9, events / best / 1e6, GOAL_EVENTS_PER_SECOND / 1e6);
}

static void bench(const char *what, size_t live, size_t events, const char *path)
{
	struct trace trace = make_trace(live, events);
	struct recorded best = {1e9, 1e9, 0}, now;
	double model = 1e9, seconds;

	for (int round = 0; round < ROUNDS; round++) {
		seconds = apply_to_model(&trace);
		model = seconds < model ? seconds : model;
		now = record(&trace, path);
		best.coding = now.coding < best.coding ? now.coding : best.coding;
		best.process = now.process < best.process ? now.process : best.process;
		best.bytes = now.bytes;
	}
	printf("%s, %zu events\n", what, trace.size);
	printf("  model alone           %6.1f ns/event\n", model / trace.size * 1e9);
	printf("  recording: coding     %6.1f ns/event\n", best.coding / trace.size * 1e9);
	printf("  recording: all        %6.1f ns/event\n", best.process / trace.size * 1e9);
	printf("  file                  %6.2f bytes/event\n", (double)best.bytes / trace.size);
	bench_replay(path);
	free(trace.records);
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/memtrace_bench.XXXXXX";
	int fd;

	if (argc > 1) {
		printf("%s\n", argv[1]);
		bench_replay(argv[1]);
		return 0;
	}
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	bench("10 k live blocks", 10000, 4000000, path);
	bench("1 M live blocks", 1000000, 4000000, path);
	unlink(path);
	return 0;
}
