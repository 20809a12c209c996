/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the choice of the site is worth, for each function of each allocator that is installed: the
 * time that an empty probe adds to a call at the chosen site and at the entry, and whether it was
 * met exactly once per call. The exit status is 1 if one was not.
 *
 *	bench_sites			all allocators
 *	bench_sites --target		(internal) the program that makes the calls
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/features.h"
#include "attach/links.h"
#include "probe/plan.h"
#include "process/allocators.h"
#include "sites.skel.h"

#ifdef __x86_64__
#define MULTIARCH "x86_64-linux-gnu"
#else
#define MULTIARCH "aarch64-linux-gnu"
#endif

#define CALLS 2000
#define SIZE 64
#define ALIGNMENT 16
/* Best of these, as anything else on the machine only adds. */
#define ROUNDS 2

/* --- the target: reads names of functions, answers with ns per call */

typedef uintptr_t (*any_function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t);

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void prepare_arguments(const struct allocator_function *function, uintptr_t arguments[4])
{
	/* Extended functions of jemalloc take flags last, where others take an alignment. */
	uintptr_t rest = strstr(function->name, "allocx") ? 0 : ALIGNMENT;

	for (int i = 0; i < 4; i++)
		arguments[i] = rest;
	if (function->size < 4)
		arguments[function->size] = SIZE;
	if (function->count < 4)
		arguments[function->count] = 1;
	if (function->operation == PROBE_FREE)
		arguments[1] = strstr(function->name, "dallocx") == function->name ? 0 : SIZE;
}

static uintptr_t call_once(const struct allocator_function *function, any_function call,
	uintptr_t arguments[4], uintptr_t block)
{
	uintptr_t out = 0, result;

	if (function->operation == PROBE_POSIX_MEMALIGN)
		arguments[function->pointer] = (uintptr_t)&out;
	else if (function->pointer < 4)
		arguments[function->pointer] = block;
	result = call(arguments[0], arguments[1], arguments[2], arguments[3]);
	return function->operation == PROBE_POSIX_MEMALIGN ? out : result;
}

/* One block per call, so that what is probed is called CALLS times whatever it is. */
static uint64_t time_calls(const struct allocator_function *function, any_function call)
{
	bool gives_block =
		function->operation == PROBE_ALLOC || function->operation == PROBE_POSIX_MEMALIGN;
	uintptr_t arguments[4];
	uint64_t start = now_ns();

	prepare_arguments(function, arguments);
	for (int i = 0; i < CALLS; i++) {
		uintptr_t block = gives_block ? 0 : (uintptr_t)aligned_alloc(ALIGNMENT, SIZE);

		block = call_once(function, call, arguments, block);
		if (function->operation != PROBE_FREE)
			free((void *)block);
	}
	return (now_ns() - start) / CALLS;
}

static int run_target(void)
{
	char name[96];

	printf("ready\n");
	fflush(stdout);
	while (scanf("%95s", name) == 1) {
		const struct allocator_function *function = allocators__find(name);
		any_function call = (any_function)dlsym(RTLD_DEFAULT, name);

		printf("%lld\n", function && call ? (long long)time_calls(function, call) : -1ll);
		fflush(stdout);
	}
	return 0;
}

/* --- the bench */

struct target {
	pid_t pid;
	FILE *to, *from;
};

struct bench {
	struct sites_bpf *skel;
	struct target target;
	int file_fd;
	bool failed;
};

static bool start_target(struct target *target, const char *preload)
{
	int to[2], from[2];
	char line[32];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return false;
	target->pid = fork();
	if (!target->pid) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		execl("/proc/self/exe", "bench_sites", "--target", NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	target->to = fdopen(to[1], "w");
	target->from = fdopen(from[0], "r");
	return target->pid > 0 && fgets(line, sizeof(line), target->from);
}

static void stop_target(struct target *target)
{
	fclose(target->to);
	fclose(target->from);
	waitpid(target->pid, NULL, 0);
}

static long long ask_target(struct target *target, const char *name)
{
	long long ns, best = -1;

	for (int i = 0; i < ROUNDS; i++) {
		fprintf(target->to, "%s\n", name);
		fflush(target->to);
		if (fscanf(target->from, "%lld", &ns) != 1 || ns < 0)
			return -1;
		if (best < 0 || ns < best)
			best = ns;
	}
	return best;
}

/* ns per call with a probe at @offset; the hits per call in @hits. */
static long long measure(struct bench *bench, const char *name, uint64_t offset, double *hits)
{
	struct probe_site site = {.offset = offset};
	struct links *links = links__new();
	struct link_request request = {
		.kind = LINK_MULTI,
		.program_fd = bpf_program__fd(bench->skel->progs.count_hit),
		.file_fd = bench->file_fd,
		.file_name = "allocator",
		.sites = &site,
		.site_count = 1,
		.pid = bench->target.pid,
	};
	struct error err;
	long long ns = -1;

	bench->skel->bss->hits = 0;
	snprintf(site.name, sizeof(site.name), "%s", name);
	if (links__attach(links, &request, &err))
		fprintf(stderr, "bench_sites: %s\n", err.message);
	else
		ns = ask_target(&bench->target, name);
	links__free(links);
	*hits = (double)bench->skel->bss->hits / (CALLS * ROUNDS);
	return ns;
}

static void bench_site(struct bench *bench, const struct probe_site *site)
{
	unsigned int distance = atoi(strchr(site->name, '+') + 1);
	long long bare, chosen, entry;
	double hits, entry_hits;
	char name[96];

	snprintf(name, sizeof(name), "%.*s", (int)(strchr(site->name, '+') - site->name),
		site->name);
	/* A heap as first argument is more than this program can give. */
	if (!strncmp(name, "mi_heap_", 8))
		return;
	bare = ask_target(&bench->target, name);
	if (bare < 0)
		return;
	chosen = measure(bench, name, site->offset, &hits);
	entry = measure(bench, name, site->offset - distance, &entry_hits);
	printf("  %-36s %5lld %6lld %6lld %9.3f\n", site->name, bare, chosen - bare, entry - bare,
		hits);
	if (hits != entry_hits || hits < 1) {
		printf("    met %.3f times per call, the entry %.3f times\n", hits, entry_hits);
		bench->failed = true;
	}
}

static void bench_allocator(struct bench *bench, const char *path, const char *preload)
{
	struct plan_options options = {.wide_nops = features__emulates_wide_nops()};
	struct probe_plan plan;
	struct error err;

	bench->file_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (bench->file_fd < 0)
		return;
	if (plan__make(&plan, bench->file_fd, &options, &err)) {
		fprintf(stderr, "bench_sites: %s: %s\n", path, err.message);
		bench->failed = true;
	} else if (start_target(&bench->target, preload)) {
		printf("%s\n", path);
		for (int i = 0; i < PROBE_PROGRAM_HINT; i++)
			vec_for_each (site, &plan.sites[i])
				bench_site(bench, site);
		stop_target(&bench->target);
	}
	plan__free(&plan);
	close(bench->file_fd);
}

static const char *path_of_libc(void)
{
	Dl_info info;

	return dladdr((void *)(uintptr_t)dlsym(RTLD_DEFAULT, "malloc"), &info) ? info.dli_fname
									       : "";
}

int main(int argc, char **argv)
{
	static const char *const libraries[] = {
		"/usr/lib/" MULTIARCH "/libjemalloc.so.2",
		"/usr/lib/" MULTIARCH "/libtcmalloc_minimal.so.4",
		"/usr/lib/" MULTIARCH "/libmimalloc.so.2.0",
	};
	struct bench bench = {0};

	if (argc > 1 && !strcmp(argv[1], "--target"))
		return run_target();
	bench.skel = sites_bpf__open();
	if (!bench.skel)
		return 1;
	links__prepare_program(bench.skel->progs.count_hit, LINK_MULTI);
	if (sites_bpf__load(bench.skel)) {
		fprintf(stderr, "bench_sites: cannot load the BPF program: run as root\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ns per call: untraced, added by an empty probe at the chosen site, at the entry;\n"
	       "hits per call\n");
	bench_allocator(&bench, path_of_libc(), NULL);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		bench_allocator(&bench, libraries[i], libraries[i]);
	sites_bpf__destroy(bench.skel);
	return bench.failed;
}
