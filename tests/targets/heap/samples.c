/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * samples [fork]: an allocator that takes samples of its own and tells of them by the probes
 * otel_memory:alloc(ptr, size, weight) and otel_memory:free(ptr), where somebody looks (their
 * semaphores), and by another provider's, arena:take(ptr, size) and arena:give(ptr), which have
 * none. Blocks are places in a static array: no function of an allocator is called for them.
 * Between the gates; its truth has the weights of otel_memory.
 *
 *	keep_some   1,000 samples of 64 bytes, weight 524,288 each: every fourth stays
 *	keep_large    100 samples of 1 MiB, which stand for themselves: all stay
 *	pass_by     5,000 samples of 32 bytes, with weights 1,000 to 5,999: none stays
 *	own_arena     300 of the other provider, 48 bytes each: every third stays
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"
#include "usdt.h"

#define DISTINCT __attribute__((noinline, noclone))

/* Raised by who looks; the section is that of <sys/sdt.h>. */
__attribute__((section(".probes"), visibility("hidden"),
	used)) volatile uint16_t otel_memory_alloc_semaphore,
	otel_memory_free_semaphore;

static char pool[8192];
static uint64_t weights, live_weights, seen;

/* The operands must not all be constants, nor all in one kind of place. */
static void take(char *pointer, uint64_t size, volatile uint64_t *weight)
{
	USDT3("otel_memory", "alloc", "otel_memory_alloc_semaphore", pointer, size, *weight);
	weights += *weight;
	live_weights += *weight;
	seen += otel_memory_alloc_semaphore > 0;
}

static void give(char *pointer, uint64_t weight)
{
	USDT1("otel_memory", "free", "otel_memory_free_semaphore", pointer);
	live_weights -= weight;
}

DISTINCT static void keep_some(void)
{
	volatile uint64_t weight = 524288;

	for (int i = 0; i < 1000; i++) {
		take(&pool[i], 64, &weight);
		if (i % 4)
			give(&pool[i], weight);
	}
}

DISTINCT static void keep_large(void)
{
	volatile uint64_t weight = 1 << 20;

	for (int i = 0; i < 100; i++)
		take(&pool[2000 + i], 1 << 20, &weight);
}

DISTINCT static void pass_by(void)
{
	volatile uint64_t weight;

	for (int i = 0; i < 5000; i++) {
		weight = 1000 + i;
		take(&pool[3000], 32, &weight);
		give(&pool[3000], weight);
	}
}

DISTINCT static void own_arena(void)
{
	for (long i = 0; i < 300; i++) {
		__asm__ volatile(
			USDT_NOTE("arena", "take", "0", "8@%0 -4@%1")::"r"(&pool[4000 + i]), "r"(48)
			: "memory");
		if (i % 3)
			USDT1("arena", "give", "0", &pool[4000 + i]);
	}
}

/* In its truth's terms a weight is bytes. */
static void work(struct truth *truth)
{
	keep_some();
	keep_large();
	pass_by();
	own_arena();
	truth->alloc_bytes = weights;
	truth->freed_bytes = weights - live_weights;
	dprintf(STDOUT_FILENO, "looked at: %llu\n", (unsigned long long)seen);
}

int main(int argc, char **argv)
{
	struct truth truth = {0};
	pid_t child = 0;

	truth__open();
	if (argc > 1)
		child = fork();
	if (!child)
		work(&truth);
	if (argc > 1 && !child) {
		truth__write(&truth, false);
		_exit(0);
	}
	if (argc > 1)
		waitpid(child, NULL, 0);
	truth__close(&truth, false);
	return 0;
}
