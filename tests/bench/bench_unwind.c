/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a stack costs in a return probe, side by side in one process: no stack, the kernel's
 * frame-pointer walk (bpf_get_stack) and the walk by unwind tables, at several depths. The probed
 * process is this one; its functions are built without frame pointers, and once more with, for the
 * kernel's walk to have a fair chance. Exits with 1 if a walk did not give the true stack.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

/* The skeleton has a variable of a type of the header's. */
/* clang-format off */
#include "unwind.h"
#include "bench_unwind.skel.h"
/* clang-format on */
#include "base/error.h"
#include "unwind/maps.h"

#define CALLS 2000
#define ROUNDS 60

static volatile long sink;

__attribute__((noinline)) void bench_probed(void)
{
	asm volatile("nop" ::: "memory");
}

static double measured_ns;

/* The bottom of the call chain: CPU time of a probed call, the least of many short rounds. */
static __attribute__((noinline)) void measure(void)
{
	struct timespec start, end;

	measured_ns = 1e18;
	for (int round = 0; round < ROUNDS; round++) {
		double ns;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
		for (int i = 0; i < CALLS; i++)
			bench_probed();
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		ns = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
		if (ns / CALLS < measured_ns)
			measured_ns = ns / CALLS;
	}
}

static __attribute__((noinline)) void touch(void)
{
	bench_probed();
	sink++;
}

typedef void chain_fn(int depth, void (*bottom)(void));

/*
 * A ring of functions that call each other, with frames of different sizes, so that a chain has
 * many different return addresses; DEFINE_CHAIN(prefix, attributes).
 */
#define LINK(prefix, n, next, words, attributes)                   \
	static __attribute__((noinline))                           \
	attributes void prefix##n(int depth, void (*bottom)(void)) \
	{                                                          \
		volatile long room[words];                         \
		room[0] = depth;                                   \
		if (depth <= 1)                                    \
			bottom();                                  \
		else                                               \
			prefix##next(depth - 1, bottom);           \
		sink += room[0];                                   \
	}
#define DEFINE_CHAIN(prefix, attributes)   \
	static chain_fn prefix##0;         \
	LINK(prefix, 7, 0, 2, attributes)  \
	LINK(prefix, 6, 7, 30, attributes) \
	LINK(prefix, 5, 6, 6, attributes)  \
	LINK(prefix, 4, 5, 1, attributes)  \
	LINK(prefix, 3, 4, 12, attributes) \
	LINK(prefix, 2, 3, 3, attributes)  \
	LINK(prefix, 1, 2, 50, attributes) \
	LINK(prefix, 0, 1, 4, attributes)
DEFINE_CHAIN(plain, __attribute__((optimize("omit-frame-pointer"))))
DEFINE_CHAIN(framed, __attribute__((optimize("no-omit-frame-pointer"))))

#define MAX_MAPPINGS 64
struct own_mappings {
	struct unwind_mapping mappings[MAX_MAPPINGS];
	size_t count;
};

/* The table of a mapped file, or of the vDSO. */
static struct unwind_table *build_table(const char *path, uint64_t start, uint64_t end)
{
	struct unwind_table *table = NULL;
	struct error err = {0};
	int fd;

	if (!strcmp(path, "[vdso]")) {
		unwind_table__build_memory((void *)start, end - start, &table, &err);
	} else if (path[0] == '/') {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		unwind_table__build(fd, &table, &err);
		close(fd);
	}
	return table;
}

/* This process's executable mappings, with their tables. */
static int read_own_mappings(struct own_mappings *own)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];

	while (file && own->count < MAX_MAPPINGS && fgets(line, sizeof(line), file)) {
		struct unwind_mapping *mapping = &own->mappings[own->count];
		unsigned long start, end, offset;
		char permissions[8], path[256] = "";

		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255s", &start, &end, permissions,
			    &offset, path) < 4 ||
			permissions[2] != 'x')
			continue;
		*mapping = (struct unwind_mapping){.start = start, .end = end};
		mapping->table = build_table(path, start, end);
		mapping->is_uprobes = !strcmp(path, "[uprobes]");
		/* All of these files have vaddr = offset in their text. */
		mapping->bias = start - offset;
		own->count++;
	}
	if (file)
		fclose(file);
	return own->count ? 0 : -ENOENT;
}

static int load_mappings(struct bench_unwind_bpf *skel, struct unwind_maps **maps)
{
	struct unwind_maps_fds fds = {
		.spaces = bpf_map__fd(skel->maps.unwind_spaces),
		.ranges = bpf_map__fd(skel->maps.unwind_ranges),
		.segments = bpf_map__fd(skel->maps.unwind_segments),
	};
	static struct own_mappings own;
	struct error err = {0};
	int ret;

	ret = read_own_mappings(&own);
	if (!ret)
		ret = unwind_maps__new(maps, &fds, &skel->bss->unwind_shared, &err);
	if (!ret)
		ret = unwind_maps__set(*maps, 1, own.mappings, own.count, &err);
	if (ret)
		fprintf(stderr, "bench_unwind: %s\n", err.message);
	return ret;
}

static uint64_t own_bias(void)
{
	return getauxval(AT_PHDR) & ~0xfffull;
}

/* Attaches @program to the return of bench_probed, runs @bottom at @depth. */
static int run_probed(struct bpf_program *program, chain_fn *chain, int depth, void (*bottom)(void))
{
	struct bpf_link *link;

	link = bpf_program__attach_uprobe(
		program, true, getpid(), "/proc/self/exe", (uintptr_t)bench_probed - own_bias());
	if (!link) {
		fprintf(stderr, "bench_unwind: cannot attach: %s\n", strerror(errno));
		return -1;
	}
	chain(depth, bottom);
	bpf_link__destroy(link);
	return 0;
}

/* The chain's frames must be there: @depth of it, below them bottom(), above them main's. */
static int check_walk(struct bench_unwind_bpf *skel, int depth)
{
	if (run_probed(skel->progs.stack_cfi_kept, plain0, depth, touch))
		return -1;
	printf("depth %2d: %u frames, stop %u, guessed %u\n", depth, skel->bss->last_count,
		skel->bss->last_stop, skel->bss->last_guessed);
	return skel->bss->last_stop != STACK_COMPLETE || skel->bss->last_guessed ||
	       skel->bss->last_count < (unsigned int)depth + 2;
}

static int compare_costs(struct bench_unwind_bpf *skel)
{
	static const int depths[] = {5, 10, 20, 40, 100};

	printf("%6s %10s %16s %16s %9s %9s\n", "frames", "none ns", "fp ns", "cfi ns", "cfi/fp",
		"ns/frame");
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		/* measure, its chain, main and two of libc's: the chain is what is left. */
		int depth = depths[i] - 6;
		unsigned int fp_frames, cfi_frames;
		double none, fp, cfi;

		depth = depth < 1 ? 1 : depth;
		run_probed(skel->progs.stack_none, plain0, depth, measure);
		none = measured_ns;
		run_probed(skel->progs.stack_fp, framed0, depth, measure);
		fp = measured_ns;
		fp_frames = skel->bss->last_count;
		run_probed(skel->progs.stack_cfi, plain0, depth, measure);
		cfi = measured_ns;
		cfi_frames = skel->bss->last_count;
		printf("%6u %10.0f %10.0f (%3u) %10.0f (%3u) %9.2f %9.1f\n", cfi_frames, none, fp,
			fp_frames, cfi, cfi_frames, cfi / fp, (cfi - none) / cfi_frames);
	}
	return 0;
}

int main(void)
{
	struct bench_unwind_bpf *skel = bench_unwind_bpf__open_and_load();
	struct unwind_maps *maps = NULL;
	int failed = 1;

	if (!skel) {
		fprintf(stderr, "bench_unwind: cannot load the BPF programs: %s\n",
			strerror(errno));
		return 1;
	}
	if (!load_mappings(skel, &maps))
		failed = check_walk(skel, 1) || check_walk(skel, 20) || check_walk(skel, 60) ||
			 compare_costs(skel);
	unwind_maps__free(maps);
	bench_unwind_bpf__destroy(skel);
	return failed;
}
