/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * own_names: the functions that only jemalloc, tcmalloc or mimalloc have, of whichever of them is
 * preloaded.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "truth.h"

#define ROUNDS 40

static struct truth counts;
static void *(*mallocx)(size_t, int);
static void *(*rallocx)(void *, size_t, int);
static size_t (*xallocx)(void *, size_t, size_t, int);
static void (*dallocx)(void *, int);
static void (*sdallocx)(void *, size_t, int);
static void *(*tc_malloc)(size_t);
static void *(*tc_calloc)(size_t, size_t);
static void *(*tc_realloc)(void *, size_t);
static void (*tc_free)(void *);
static void (*tc_free_sized)(void *, size_t);
static void *(*mi_malloc)(size_t);
static void *(*mi_expand)(void *, size_t);
static void *(*mi_heap_get_default)(void);
static void *(*mi_heap_alloc_new)(void *, size_t);
static void *(*mi_heap_zalloc)(void *, size_t);
static void (*mi_free)(void *);

static void *find(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* All before the gate: a name that is not there makes dlsym allocate its message. */
static void find_all(void)
{
	mallocx = find("mallocx");
	rallocx = find("rallocx");
	xallocx = find("xallocx");
	dallocx = find("dallocx");
	sdallocx = find("sdallocx");
	tc_malloc = find("tc_malloc");
	tc_calloc = find("tc_calloc");
	tc_realloc = find("tc_realloc");
	tc_free = find("tc_free");
	tc_free_sized = find("tc_free_sized");
	mi_malloc = find("mi_malloc");
	mi_expand = find("mi_expand");
	mi_heap_get_default = find("mi_heap_get_default");
	mi_heap_alloc_new = find("mi_heap_alloc_new");
	mi_heap_zalloc = find("mi_heap_zalloc");
	mi_free = find("mi_free");
}

/* In place: the block is then at least as large as asked for, or as before. */
static void resize(struct block *b, size_t size)
{
	size_t now = xallocx(b->address, size, 0, 0);

	truth__realloc(&counts, b, now >= size ? b->address : NULL, size);
}

static int use_jemalloc(size_t n)
{
	struct block a = {0}, b = {0};
	void *address;

	if (!xallocx)
		return 0;
	truth__alloc(&counts, &a, mallocx(n, 0), n);
	truth__alloc(&counts, &b, mallocx(n + 1, 0), n + 1);
	resize(&a, n - 1);    /* fits */
	resize(&a, n + 5000); /* cannot */
	truth__realloc(&counts, &b, rallocx(b.address, 2 * n, 0), 2 * n);
	address = a.address;
	truth__free(&counts, &a);
	dallocx(address, 0);
	address = b.address;
	truth__free(&counts, &b);
	sdallocx(address, 2 * n, 0);
	return 1;
}

static int use_tcmalloc(size_t n)
{
	struct block a = {0}, b = {0};
	void *address;

	if (!tc_malloc)
		return 0;
	truth__alloc(&counts, &a, tc_malloc(n), n);
	truth__alloc(&counts, &b, tc_calloc(n, 3), 3 * n);
	truth__realloc(&counts, &a, tc_realloc(a.address, 9 * n), 9 * n);
	address = a.address;
	truth__free(&counts, &a);
	tc_free(address);
	address = b.address;
	truth__free(&counts, &b);
	tc_free_sized(address, 3 * n);
	return 1;
}

static int use_mimalloc(size_t n)
{
	struct block blocks[3] = {{0}};

	if (!mi_malloc)
		return 0;
	truth__alloc(&counts, &blocks[0], mi_malloc(n), n);
	truth__alloc(&counts, &blocks[1], mi_heap_alloc_new(mi_heap_get_default(), n + 1), n + 1);
	truth__alloc(&counts, &blocks[2], mi_heap_zalloc(mi_heap_get_default(), n + 2), n + 2);
	truth__realloc(&counts, &blocks[0], mi_expand(blocks[0].address, n - 1), n - 1);
	truth__realloc(&counts, &blocks[0], mi_expand(blocks[0].address, n + 9000), n + 9000);
	for (int i = 0; i < 3; i++) {
		void *address = blocks[i].address;

		truth__free(&counts, &blocks[i]);
		mi_free(address);
	}
	return 1;
}

int main(void)
{
	int used = 0;

	find_all();
	truth__open();
	for (int i = 1; i <= ROUNDS; i++)
		used += use_jemalloc(60 * i) + use_tcmalloc(60 * i) + use_mimalloc(60 * i);
	truth__close(&counts, true);
	_exit(used == ROUNDS ? 0 : 6);
}
