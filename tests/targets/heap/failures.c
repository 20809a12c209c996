/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* failures: calls that must fail, by size, by overflow, by bad arguments and by RLIMIT_AS. */
#include <errno.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "truth.h"

static struct truth truth;
/* Kept from the compiler, which would warn about such sizes. */
static volatile size_t impossible = PTRDIFF_MAX;
static volatile size_t half = (size_t)1 << 63;
static volatile size_t nearly_all = SIZE_MAX - 7;

static void expect_failure(void *address)
{
	struct block b;

	truth__alloc(&truth, &b, opaque(address), 0);
	if (address)
		_exit(5);
}

static void fail_by_size(void)
{
	void *out = &truth;

	expect_failure(malloc(impossible));
	expect_failure(malloc(nearly_all));
	expect_failure(calloc(1, impossible));
	expect_failure(realloc(NULL, impossible));
	expect_failure(memalign(64, impossible));
	expect_failure(aligned_alloc(64, impossible - 63));
	if (posix_memalign(&out, 64, impossible) != ENOMEM)
		_exit(5);
	truth.failed_count += truth_counting;
}

static void fail_by_overflow(struct block *b)
{
	void *address;

	expect_failure(calloc(half, 2));
	expect_failure(calloc(3, half));
	address = reallocarray(b->address, half, 2);
	truth__realloc(&truth, b, opaque(address), 1);
	expect_failure(reallocarray(NULL, half, 4));
}

static void fail_by_argument(void)
{
	void *out = NULL;

	/* The alignment is no multiple of a pointer, then no power of two. */
	if (posix_memalign(&out, 3, 100) != EINVAL || posix_memalign(&out, 24, 100) != EINVAL)
		_exit(5);
	truth.failed_count += 2 * truth_counting;
}

/* Takes all that is left under a limit of a few MiB more than now, in blocks of 1 MiB. */
static void fail_by_limit(void)
{
	static struct block blocks[4096];
	struct rlimit old, limit;
	int i;

	getrlimit(RLIMIT_AS, &old);
	limit = old;
	limit.rlim_cur = (rlim_t)256 << 20;
	if (setrlimit(RLIMIT_AS, &limit))
		_exit(6);
	for (i = 0; i < 4096; i++) {
		do_malloc(&truth, &blocks[i], 1 << 20);
		if (!blocks[i].address)
			break;
	}
	do_realloc(&truth, &blocks[0], (size_t)300 << 20);
	for (int j = 0; j < i; j++)
		do_free(&truth, &blocks[j]);
	setrlimit(RLIMIT_AS, &old);
}

int main(int argc, char **argv)
{
	struct block b;

	truth__open();
	do_malloc(&truth, &b, 123);
	for (int i = 0; i < 10; i++) {
		fail_by_size();
		fail_by_overflow(&b);
		fail_by_argument();
	}
	if (argc < 2)
		fail_by_limit();
	do_free(&truth, &b);
	truth__close(&truth, false);
	_exit(0);
}
