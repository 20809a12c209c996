/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What unwind tables cost before the first stack: building them, reading them back from disk,
 * loading them to BPF; for 200 libraries of this machine and for clang-14.
 *
 *	bench_unwind_load [FILE]...	for these files instead
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The skeleton has a variable of a type of the header's. */
/* clang-format off */
#include "unwind.h"
#include "bench_unwind.skel.h"
/* clang-format on */
#include "unwind/maps.h"
#include "unwind/store.h"

#define LIBRARIES 200

typedef VEC(const char *) name_vec;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static struct unwind_store *open_store(const char *folder)
{
	struct unwind_cache *cache = NULL;
	struct error err = {0};

	if (unwind_cache__open(&cache, folder, UNWIND_CACHE_LIMIT, &err)) {
		fprintf(stderr, "bench_unwind_load: %s\n", err.message);
		exit(1);
	}
	return unwind_store__new(cache);
}

/* Pins the files; those that are not ELF, or are the same file again, are left out. */
static void add_modules(struct modules *modules, const name_vec *names)
{
	for (size_t i = 0; i < names->size; i++) {
		int fd = open(names->data[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			modules__add_file(modules, fd, names->data[i], NULL);
		close(fd);
	}
}

/* A made-up process that maps all of them. */
static void describe(struct modules *modules, struct unwind_store *store, unwind_mapping_vec *out)
{
	uint64_t address = 0x7f0000000000;

	for (uint32_t id = 1; id <= modules__count(modules); id++) {
		const struct module *module = modules__find(modules, id);
		struct unwind_mapping mapping = {.start = address};

		mapping.table = unwind_store__table(store, module);
		mapping.end = address + (module->text_end - module->text_start);
		mapping.bias = address - module->text_start;
		address = (mapping.end + 0xfffff) & ~0xfffffull;
		vec_push(out, mapping);
	}
}

/* Gets all tables through a store; prints how long it took and from where they came. */
static struct unwind_store *get_tables(
	struct modules *modules, const char *folder, const char *what, unwind_mapping_vec *mappings)
{
	struct unwind_store *store = open_store(folder);
	struct unwind_store_statistics statistics;
	double start = now_ms();

	describe(modules, store, mappings);
	statistics = unwind_store__statistics(store);
	printf("  %-22s %8.1f ms  (%lu built, %lu from disk, %lu rows, %.1f MiB)\n", what,
		now_ms() - start, statistics.built, statistics.cached, statistics.rows,
		statistics.bytes / 1048576.0);
	return store;
}

static void load_to_bpf(struct bench_unwind_bpf *skel, const unwind_mapping_vec *mappings)
{
	struct unwind_maps_fds fds = {
		.spaces = bpf_map__fd(skel->maps.unwind_spaces),
		.ranges = bpf_map__fd(skel->maps.unwind_ranges),
		.segments = bpf_map__fd(skel->maps.unwind_segments),
	};
	struct unwind_maps *maps;
	struct error err = {0};
	double start = now_ms();

	if (unwind_maps__new(&maps, &fds, &skel->bss->unwind_shared, &err) ||
		unwind_maps__set(maps, 1, mappings->data, mappings->size, &err)) {
		fprintf(stderr, "bench_unwind_load: %s\n", err.message);
		exit(1);
	}
	printf("  %-22s %8.1f ms  (%.1f MiB in the kernel)\n", "to BPF", now_ms() - start,
		unwind_maps__statistics(maps).bytes / 1048576.0);
	start = now_ms();
	unwind_maps__set(maps, 2, mappings->data, mappings->size, &err);
	printf("  %-22s %8.1f ms\n", "another process", now_ms() - start);
	unwind_maps__free(maps);
}

static void run(const char *title, const name_vec *names, const char *folder)
{
	struct bench_unwind_bpf *skel = bench_unwind_bpf__open_and_load();
	struct modules *modules = modules__new();
	unwind_mapping_vec cold = {0}, warm = {0};
	struct unwind_store *store;

	if (!skel) {
		fprintf(stderr, "bench_unwind_load: cannot load BPF: %s\n", strerror(errno));
		exit(1);
	}
	add_modules(modules, names);
	printf("%s: %zu files\n", title, modules__count(modules));
	unwind_store__free(get_tables(modules, folder, "cold: built and kept", &cold));
	store = get_tables(modules, folder, "warm: from disk", &warm);
	load_to_bpf(skel, &warm);
	unwind_store__free(store);
	vec_free(&cold);
	vec_free(&warm);
	modules__free(modules);
	bench_unwind_bpf__destroy(skel);
}

/* Links are left out: they lead to files that the pattern has anyway. */
static void add_matches(name_vec *names, const char *pattern, size_t limit)
{
	glob_t matches;
	struct stat status;

	if (glob(pattern, 0, NULL, &matches))
		return;
	for (size_t i = 0; i < matches.gl_pathc && names->size < limit; i++)
		if (!lstat(matches.gl_pathv[i], &status) && S_ISREG(status.st_mode))
			vec_push(names, strdup(matches.gl_pathv[i]));
	globfree(&matches);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/memtrace-bench-XXXXXX", command[64], clang_folder[64];
	name_vec libraries = {0}, clang = {0};

	if (!mkdtemp(folder))
		return 1;
	snprintf(clang_folder, sizeof(clang_folder), "%s/clang", folder);
	for (int i = 1; i < argc; i++)
		vec_push(&libraries, argv[i]);
	if (argc == 1) {
		add_matches(&libraries, "/usr/lib/*-linux-gnu/lib*.so.*", LIBRARIES);
		add_matches(&clang, "/usr/lib/llvm-14/bin/clang", 1);
		add_matches(&clang, "/usr/lib/llvm-14/lib/libclang-cpp.so.14*", 2);
		add_matches(&clang, "/usr/lib/*-linux-gnu/libLLVM-14.so*", 3);
	}
	run(argc == 1 ? "libraries" : "files given", &libraries, folder);
	if (clang.size)
		run("clang-14", &clang, clang_folder);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : 0;
}
