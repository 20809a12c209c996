/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as blocked threads, their stacks and their memory: the judgement ends, and a cycle that
 * it finds is one, of live threads that each wait for the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/findings.h"
#include "locks/kernel_wait.h"
#include "report/locks_dot.h"
#include "report/locks_json.h"
#include "report/locks_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_THREADS 64
#define MAX_FRAMES 6

struct bytes {
	const uint8_t *data;
	size_t size;
	size_t next;
};

static uint8_t take(struct bytes *bytes)
{
	return bytes->next < bytes->size ? bytes->data[bytes->next++] : 0;
}

/* Memory is the input over and over, so that addresses of locks lead to bytes that it chose. */
static int read_memory(void *context, pid_t pid, uint64_t address, void *data, size_t size)
{
	const struct bytes *bytes = context;

	if (!bytes->size || address % 13 == 12)
		return -1;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)data)[i] = bytes->data[(address + i) % bytes->size];
	return 0;
}

static bool share(void *context, pid_t pid, uint64_t address, struct lock_key *key)
{
	*key = (struct lock_key){.space = 1, .inode = 2, .offset = address};
	return address % 7 == 0;
}

/* What the kernel says of a wait is another view of the same bytes. */
static bool tell_kernel_wait(
	void *context, const struct lock_thread *thread, struct kernel_wait *out)
{
	const struct bytes *bytes = context;
	uint8_t choice = bytes->size ? bytes->data[(thread->tid * 7u) % bytes->size] : 0;

	if (choice % 3 == 0)
		return false;
	out->kind = WAIT_FLOCK + choice % (WAIT_CHILD - WAIT_FLOCK + 1);
	out->fd = choice % 5;
	out->key = (struct lock_key){.space = out->kind, .inode = choice};
	out->process_count = choice % 4;
	for (size_t i = 0; i < out->process_count; i++)
		out->processes[i] = 1 + (choice + i) % 2 * MAX_THREADS;
	out->own_too = choice & 64;
	out->handles_signals = choice & 128;
	memcpy(out->name, "a name", 7);
	return true;
}

static struct lock_frame make_frame(struct bytes *bytes)
{
	static const char *const names[] = {NULL, "__lll_lock_wait", "pthread_mutex_lock",
		"pthread_cond_wait", "pthread_once", "__cxa_guard_acquire", "malloc", "work",
		"pthread_rwlock_wrlock", "pthread_rwlock_rdlock", "pthread_join", "sem_wait",
		"std::__1::__call_once(x)", "std::sys::sync::once::futex::Once::call",
		"__lll_lock_wait_private", "runtime.notesleep"};
	uint8_t choice = take(bytes);

	return (struct lock_frame){
		.pc = take(bytes),
		.slot = 8 * (uint64_t)take(bytes),
		.function = names[choice % 16],
		.called = names[choice / 16],
		.module = take(bytes) % 2 ? "libc.so.6" : "app",
	};
}

static void make_thread(
	struct bytes *bytes, size_t i, struct lock_frame *frames, struct lock_thread *out)
{
	static const long calls[] = {202, 202, 202, 98, 449, 455, 0, -1};
	uint8_t kind = take(bytes);

	*out = (struct lock_thread){
		.pid = 1 + kind % 2 * MAX_THREADS,
		.tid = 1 + i,
		.ns_pid = 1,
		.ns_tid = 1 + take(bytes) % MAX_THREADS,
		.pid_namespace = 1,
		.state = "SSSDRTZS"[kind / 2 % 8],
		.start_ns = i,
		.syscall = calls[kind / 16 % 8],
		.frames = frames,
		.frame_count = take(bytes) % (MAX_FRAMES + 1),
	};
	for (int n = 0; n < 4; n++)
		out->args[n] = take(bytes);
	while (out->saved_count < LOCK_SAVED_REGISTERS && out->saved_count < kind % 16u)
		out->saved[out->saved_count++] = take(bytes);
	for (size_t n = 0; n < out->frame_count; n++)
		frames[n] = make_frame(bytes);
}

static void check_cycles(const struct wait_graph *graph)
{
	for (size_t c = 0; c < graph->cycle_count; c++) {
		const struct wait_cycle *cycle = &graph->cycles[c];

		for (size_t n = 0; n < cycle->count; n++) {
			const size_t *members = &graph->members[cycle->first];
			const struct lock_wait *wait = &graph->waits->data[members[n]];
			size_t next = members[(n + 1) % cycle->count];

			if (wait->owner != graph->waits->data[next].thread ||
				wait->owner->state == 'Z')
				abort();
		}
	}
}

static void write_all(const struct lock_findings *findings)
{
	struct locks_text_options text = {0};
	struct locks_json_head head = {0};
	FILE *null = fopen("/dev/null", "w");

	if (!null)
		abort();
	locks_text__write(null, findings, &text);
	locks_json__write(null, findings, &head, false);
	locks_dot__write(null, findings);
	fclose(null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, size, 0};
	struct lock_frame frames[MAX_THREADS][MAX_FRAMES];
	struct lock_thread threads[MAX_THREADS];
	struct lock_process processes[] = {
		{1, LIBC_GLIBC, 36}, {1 + MAX_THREADS, take(&bytes) % 3, 0}};
	struct lock_memory memory = {.context = &bytes,
		.read = read_memory,
		.shared_key = share,
		.kernel_wait = tell_kernel_wait};
	struct snapshot snapshot = {
		.threads = threads, .processes = processes, .process_count = 2, .complete = true};
	struct lock_findings before, now;

	snapshot.thread_count = take(&bytes) % (MAX_THREADS + 1);
	for (size_t i = 0; i < snapshot.thread_count; i++)
		make_thread(&bytes, i, frames[i], &threads[i]);
	snapshot__sort(&snapshot);
	if (findings__judge(&snapshot, &memory, &before))
		return 0;
	if (!findings__judge(&snapshot, &memory, &now)) {
		check_cycles(&now.graph);
		findings__confirm(&now, &before, false);
		/* The same twice: every cycle is confirmed. */
		for (size_t c = 0; c < now.graph.cycle_count; c++)
			if (!now.confirmed[c])
				abort();
		write_all(&now);
		findings__free(&now);
	}
	findings__free(&before);
	return 0;
}
