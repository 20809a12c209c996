/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Blocks that are lost, and blocks that only look so: one case of each way to hold a pointer.
 *
 *	lost CASE
 *
 * It stands at its gate ($GATE, ../README.md) once the case is made; without one it returns, so
 * that valgrind can judge the same program.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../heap/truth.h"

struct node {
	struct node *left, *right;
	char body[40];
};

static void *held[16];
static __thread void *of_thread;
static pthread_key_t key;
static pthread_barrier_t made;

/* Below what is called later there must be no copies of pointers. */
static __attribute__((noinline)) void wipe_stack(void)
{
	volatile char room[32 << 10];

	memset((void *)room, 0, sizeof(room));
	__asm__ volatile("" ::"r"(room) : "memory");
}

static struct node *new_node(struct node *left, struct node *right)
{
	struct node *node = calloc(1, sizeof(*node));

	node->left = left;
	node->right = right;
	return node;
}

static struct node *new_tree(int depth)
{
	return depth ? new_node(new_tree(depth - 1), new_tree(depth - 1)) : NULL;
}

static void tree(void)
{
	held[0] = new_tree(4);
	(void)!new_tree(6);
}

static void cycle(void)
{
	struct node *a = new_node(NULL, NULL), *b = new_node(a, NULL), *c = new_node(b, NULL);

	a->left = c;
}

/* A chain that leads into a ring, and one that a leader found later holds. */
static void chains(void)
{
	struct node *first = new_node(NULL, NULL), *second = new_node(first, NULL);

	first->right = second;
	(void)!new_node(second, new_node(NULL, NULL));
}

static void inner(void)
{
	struct node *node = new_node(new_node(NULL, NULL), NULL);

	held[0] = node->body + 8;
	/* As new[] with destructors keeps a count in front. */
	uint64_t *counted = malloc(8 + 5 * 24);

	memset(counted, 1, 8 + 5 * 24);
	counted[0] = 5;
	held[1] = counted + 1;
}

static void mapped(void)
{
	void **page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[17] = malloc(333);
	(void)!malloc(444);
	/* Blocks with mappings of their own. */
	held[0] = calloc(1, 1 << 20);
	memset(held[0], 0, 4096);
	((void **)held[0])[100] = malloc(555);
	*(volatile char *)malloc(2 << 20) = 1;
}

static void *hold_in_thread(void *argument)
{
	void *on_stack[4] = {malloc(71), NULL};

	(void)argument;
	__asm__ volatile("" ::"r"(on_stack) : "memory");
	of_thread = malloc(72);
	pthread_setspecific(key, malloc(73));
	(void)!malloc(74);
	wipe_stack();
	pthread_barrier_wait(&made);
	pthread_barrier_wait(&made);
	__asm__ volatile("" ::"r"(on_stack) : "memory");
	return NULL;
}

static void threads(void)
{
	pthread_t thread;

	pthread_key_create(&key, NULL);
	pthread_barrier_init(&made, NULL, 2);
	of_thread = malloc(75);
	pthread_setspecific(key, malloc(76));
	pthread_create(&thread, NULL, hold_in_thread, NULL);
	pthread_barrier_wait(&made);
}

/* A pool: one block of which the program has only pointers to its middle, and one by its start. */
static void pool(void)
{
	char *lost = malloc(4096), *kept = malloc(4096);

	memset(lost, 0, 4096);
	memset(kept, 0, 4096);
	*(void **)(kept + 800) = malloc(100);
	*(void **)(lost + 800) = malloc(100);
	held[0] = lost + 1000;
	held[1] = kept;
}

static const struct {
	const char *name;
	void (*make)(void);
} cases[] = {{"tree", tree}, {"cycle", cycle}, {"chains", chains}, {"inner", inner},
	{"mapped", mapped}, {"threads", threads}, {"pool", pool}};

/* The only pointer is in a register that no call of the C library needs to save: rbx or x19. */
static void hold_in_register(void)
{
#if defined(__x86_64__)
	register void *only __asm__("rbx") = calloc(1, 99);
#else
	register void *only __asm__("x19") = calloc(1, 99);
#endif
	__asm__ volatile("" : "+r"(only));
	wipe_stack();
	__asm__ volatile("" : "+r"(only));
	if (getenv("GATE"))
		truth__signal("ready");
	for (;;) {
		pause();
		__asm__ volatile("" : "+r"(only));
	}
}

/* The only pointer goes round at full speed: globals, blocks made for it, a register. */
static void move_on(void)
{
	static struct node *volatile places[64];
	unsigned int at = 0;

	places[0] = new_tree(10);
	if (getenv("GATE"))
		truth__signal("ready");
	for (;;) {
		struct node *only = places[at % 64], **carrier;

		places[at % 64] = NULL;
		carrier = malloc(sizeof(*carrier) + at % 7 * 32);
		*(struct node *volatile *)carrier = only;
		only = NULL;
		at += 13;
		places[at % 64] = *(struct node *volatile *)carrier;
		*(struct node *volatile *)carrier = NULL;
		free(carrier);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "register") == 0)
		hold_in_register();
	if (strcmp(argv[1], "moving") == 0)
		move_on();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (strcmp(argv[1], cases[i].name) == 0)
			cases[i].make();
	wipe_stack();
	if (getenv("GATE")) {
		truth__signal("ready");
		truth__await("finish");
	}
	/* Without destructors: what is held stays held. */
	_exit(0);
}
