/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * How long the names of many stacks take: bench_symbols FILE [STACKS [DEPTH]]
 *
 * FILE is a program with DWARF. The stacks are drawn as those of a program are: a tree, in which
 * stacks that differ at the top share frames below; the addresses lie inside of functions, taken
 * at random from the symbol table.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "process/elf_file.h"
#include "symbols/symbolizer.h"

typedef VEC(struct elf_symbol) functions;

static bool add_function(void *context, const struct elf_symbol *symbol)
{
	functions *all = context;

	if (symbol->type == STT_FUNC && symbol->size > 16 && symbol->defined)
		return vec_push(all, *symbol) == 0;
	return true;
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* On a busy machine the better measure. */
static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/*
 * The address of frame @level (0: the bottom) of stack @stack: what stacks share is decided by the
 * leading bits of their number, one more bit at every third level.
 */
static uint64_t draw_address(const functions *all, uint64_t stack, uint64_t level, uint64_t stacks)
{
	uint64_t shift = 63 - __builtin_clzll(stacks | 1), used = level / 3;
	uint64_t branch = used >= shift ? stack : stack >> (shift - used);
	uint64_t random = hash_combine(hash_mix(branch + 1), level);
	const struct elf_symbol *f = &all->data[random % all->size];

	return f->value + 1 + hash_mix(random) % (f->size - 1);
}

struct counts {
	size_t answers;
	size_t frames;
	size_t named;
	size_t lines;
};

static void resolve_stacks(struct symbolizer *s, struct module *module, const functions *all,
	uint64_t stacks, uint64_t depth, struct counts *counts)
{
	for (uint64_t stack = 0; stack < stacks; stack++) {
		for (uint64_t level = 0; level < depth; level++) {
			struct symbol_frames answer;

			if (symbolizer__resolve(s, module, draw_address(all, stack, level, stacks),
				    true, &answer))
				continue;
			counts->answers++;
			counts->frames += answer.count;
			counts->named += answer.frames[0].function != NULL;
			counts->lines += answer.frames[0].line != 0;
		}
	}
}

static int run(const char *path, uint64_t stacks, uint64_t depth)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = 1;
	struct modules *registry = modules__new();
	struct symbolizer *s = symbolizer__new(NULL);
	struct module *module = NULL;
	struct elf_file *file = NULL;
	struct counts counts = {0};
	struct rusage usage;
	functions all = {0};
	double start, end, cpu;

	if (fd >= 0 && registry && s)
		module = modules__add_file(registry, fd, path, NULL);
	if (module && elf_file__open(fd, &file, NULL) == 0)
		elf_file__each_symbol(file, ELF_ANY_TABLE, add_function, &all);
	if (all.size) {
		start = now_seconds();
		cpu = cpu_seconds();
		resolve_stacks(s, module, &all, stacks, depth, &counts);
		end = now_seconds();
		cpu = cpu_seconds() - cpu;
		getrusage(RUSAGE_SELF, &usage);
		printf("%s: %zu functions; %llu stacks of %llu frames: %.2f s (CPU %.2f s); %.1f "
		       "inlined "
		       "frames per frame, %.1f %% named, %.1f %% with a line, %ld MiB\n",
			module->name, all.size, (unsigned long long)stacks,
			(unsigned long long)depth, end - start, cpu,
			(double)counts.frames / counts.answers - 1,
			100.0 * counts.named / counts.answers,
			100.0 * counts.lines / counts.answers, usage.ru_maxrss / 1024);
		code = 0;
	} else {
		fprintf(stderr, "bench_symbols: %s has no functions\n", path);
	}
	vec_free(&all);
	elf_file__close(file);
	symbolizer__free(s);
	modules__free(registry);
	if (fd >= 0)
		close(fd);
	return code;
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: bench_symbols FILE [STACKS [DEPTH]]\n");
		return 2;
	}
	return run(argv[1], argc > 2 ? strtoull(argv[2], NULL, 10) : 1000,
		argc > 3 ? strtoull(argv[3], NULL, 10) : 30);
}
