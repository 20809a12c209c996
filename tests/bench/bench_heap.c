/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * How many records the heap model takes in a second on one core, as in a replay: from a buffer in
 * memory, with the hint for what comes next. Prints ns per event and events/s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heap/heap.h"

#define SITES 2000
#define THREADS 4
#define AHEAD 8 /* records between the hint and the record */

union record {
	struct event_header header;
	struct event_alloc alloc;
	struct event_free free;
};

struct trace {
	union record *records;
	size_t size;
};

static uint64_t state = 88172645463325252ull;

static uint64_t random_number(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Addresses as an allocator gives them: 16-byte aligned, in one heap. */
static uint64_t address_of(uint64_t block)
{
	return 0x555555560000ull + block * 96;
}

static struct event_header header_of(size_t i, uint8_t kind, uint32_t thread)
{
	return (struct event_header){
		.kind = kind,
		.function = kind == EVENT_ALLOC ? FUNCTION_MALLOC : FUNCTION_FREE,
		.tid = 1000 + thread,
		.process = 1,
		.thread_sequence = i,
		.time_ns = 1000 + i * 100,
	};
}

static void add_alloc(struct trace *trace, uint64_t block)
{
	size_t i = trace->size++;

	trace->records[i].alloc = (struct event_alloc){
		.header = header_of(i, EVENT_ALLOC, block / 64 % THREADS),
		.address = address_of(block),
		.size = 16 + block % 1000,
		.stack = 1 + random_number() % SITES,
	};
}

static void add_free(struct trace *trace, uint64_t block)
{
	size_t i = trace->size++;

	trace->records[i].free = (struct event_free){
		.header = header_of(i, EVENT_FREE, block / 64 % THREADS),
		.address = address_of(block),
	};
}

static struct heap *new_heap(void)
{
	struct heap_options options = {0};
	struct heap *heap = heap__new(&options);
	struct site_frame frames[20];

	for (uint64_t site = 0; heap && site < SITES; site++) {
		for (size_t i = 0; i < 20; i++)
			frames[i] = (struct site_frame){.module = 1, .offset = site * 100 + i};
		if (heap__define_stack(heap, 1, 1 + site, frames, 20, STACK_COMPLETE))
			exit(1);
	}
	return heap;
}

/* Bytes of this process in memory. */
static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t total = 0, pages = 0;

	if (!file || fscanf(file, "%zu %zu", &total, &pages) != 2)
		exit(1);
	fclose(file);
	return pages * 4096;
}

/* Most bytes that the trace's live blocks take while they become more, and at the end. */
static void print_memory(const struct trace *trace)
{
	size_t before = resident(), most = 0, now_bytes = 0;
	struct heap *heap = new_heap();

	if (!heap)
		exit(1);
	for (size_t i = 0; i < trace->size; i++) {
		heap__apply(heap, &trace->records[i].header, sizeof(union record));
		if (i % 50000 && i + 1 < trace->size)
			continue;
		now_bytes = resident() - before;
		most = now_bytes > most ? now_bytes : most;
	}
	printf("%-44s %6.1f at the end, %.1f at most\n", "bytes for each of them",
		(double)now_bytes / trace->size, (double)most / trace->size);
	heap__free(heap);
}

/* Applies the trace from record @from on; the longest single record goes to *@pause, if wanted. */
static double replay(struct heap *heap, const struct trace *trace, size_t from, double *pause)
{
	double start = now(), before = start, after;

	for (size_t i = from; i < trace->size; i++) {
		if (i + AHEAD < trace->size)
			heap__prefetch(heap, &trace->records[i + AHEAD].header);
		heap__apply(heap, &trace->records[i].header, sizeof(union record));
		if (!pause)
			continue;
		after = now();
		if (after - before > *pause)
			*pause = after - before;
		before = after;
	}
	return now() - start;
}

static void print_rate(const char *what, double seconds, size_t events)
{
	printf("%-44s %6.1f ns/event %6.1f M events/s\n", what, seconds / events * 1e9,
		events / seconds / 1e6);
}

/* @live blocks live all the time; each event pair frees a random one and allocates it again. */
static void bench_steady(const char *what, size_t live, size_t events)
{
	struct trace trace = {.records = malloc((live + events) * sizeof(union record))};
	struct heap *heap = new_heap();
	double best = 1e9;

	if (!trace.records || !heap)
		exit(1);
	for (size_t i = 0; i < live; i++)
		add_alloc(&trace, i);
	for (size_t i = 0; i < events / 2; i++) {
		uint64_t block = random_number() % live;

		add_free(&trace, block);
		add_alloc(&trace, block);
	}
	replay(heap, &trace, 0, NULL);
	for (int round = 0; round < 8; round++) {
		double seconds = replay(heap, &trace, live, NULL);

		best = seconds < best ? seconds : best;
	}
	print_rate(what, best, events);
	heap__free(heap);
	free(trace.records);
}

/* Allocations freed at once, as most of them are in real programs. */
static void bench_temporary(size_t events)
{
	struct trace trace = {.records = malloc(events * sizeof(union record))};
	struct heap *heap = new_heap();

	if (!trace.records || !heap)
		exit(1);
	for (size_t i = 0; i < events / 2; i++) {
		add_alloc(&trace, i % 64);
		add_free(&trace, i % 64);
	}
	replay(heap, &trace, 0, NULL);
	print_rate("freed at once", replay(heap, &trace, 0, NULL), events);
	heap__free(heap);
	free(trace.records);
}

static void bench_growth(size_t blocks)
{
	struct trace trace = {.records = malloc(blocks * sizeof(union record))};
	struct heap *heap = new_heap(), *again = new_heap();
	double pause = 0;

	if (!trace.records || !heap || !again)
		exit(1);
	for (size_t i = 0; i < blocks; i++)
		add_alloc(&trace, i);
	print_rate("growing to 10 M live blocks", replay(heap, &trace, 0, NULL), blocks);
	replay(again, &trace, 0, &pause);
	printf("%-44s %6.1f ms\n", "longest pause meanwhile", pause * 1e3);
	heap__free(heap);
	heap__free(again);
	print_memory(&trace);
	free(trace.records);
}

int main(void)
{
	bench_temporary(4000000);
	bench_steady("10 k live blocks, freed at random", 10000, 4000000);
	bench_steady("1 M live blocks, freed at random", 1000000, 4000000);
	bench_steady("4 M live blocks, freed at random", 4000000, 4000000);
	bench_growth(10000000);
	return 0;
}
