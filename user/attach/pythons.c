/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/pythons.h"

#include <bpf/bpf.h>
#include <stdlib.h>

#include "base/log.h"

struct pythons {
	int map_fd;
	struct tracer_shared *shared;
	struct python_runtimes *runtimes;
	bool refused; /* reported once */
};

struct pythons *pythons__new(int map_fd, struct tracer_shared *shared)
{
	struct pythons *pythons = calloc(1, sizeof(*pythons));

	if (!pythons)
		return NULL;
	pythons->map_fd = map_fd;
	pythons->shared = shared;
	pythons->runtimes = python_runtimes__new();
	if (pythons->runtimes)
		return pythons;
	free(pythons);
	return NULL;
}

void pythons__free(struct pythons *pythons)
{
	if (!pythons)
		return;
	python_runtimes__free(pythons->runtimes);
	free(pythons);
}

static void refuse(struct pythons *pythons, pid_t pid, const struct python_runtime *runtime)
{
	if (!pythons->refused)
		log__warn("process %d: %s; its stacks have no Python frames", (int)pid,
			runtime->refusal);
	pythons->refused = true;
}

static void add(struct pythons *pythons, uint32_t process, const struct python_runtime *runtime,
	uint64_t bias)
{
	struct python_space space = python_runtime__space(runtime, bias), old;

	space.image = process;
	/* A forked child has its parent's, and with it the names of the code objects that they
	 * share. */
	if (!bpf_map_lookup_elem(pythons->map_fd, &process, &old) && old.tss_key == space.tss_key)
		return;
	if (bpf_map_update_elem(pythons->map_fd, &process, &space, BPF_ANY))
		log__debug("image %u has no room for its Python", process);
	pythons->shared->walks_python = 1;
}

void pythons__set(
	struct pythons *pythons, uint32_t process, pid_t pid, const struct space_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		const struct code_range *range = &view->ranges[i];
		const struct python_runtime *runtime =
			range->module ? python_runtimes__get(pythons->runtimes, range->module)
				      : NULL;

		if (runtime && runtime->layout) {
			add(pythons, process, runtime, range->bias);
			return;
		}
		if (runtime)
			refuse(pythons, pid, runtime);
	}
}

void pythons__drop(struct pythons *pythons, uint32_t process)
{
	if (pythons->shared->walks_python)
		bpf_map_delete_elem(pythons->map_fd, &process);
}
