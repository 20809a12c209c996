/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/wait_tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/unwinding.h"
#include "base/log.h"
#include "contention.skel.h"
#include "process/spaces.h"

/* Threads that wait at one time: of one process, and of a machine. */
#define MAX_WAITS 16384
#define MAX_WAITS_OF_ALL 65536

struct wait_tracer {
	struct contention_bpf *object;
	struct bpf_link *switches;
	struct bpf_link *wakes;
	struct ring_buffer *ring;
	struct wait_handlers handlers;
	struct modules *modules;
	struct spaces *spaces;
	struct unwinding *unwinding;
	int cpu_count;
	struct contention_counters *per_cpu;
};

static int take_record(void *context, void *data, size_t size)
{
	struct wait_tracer *tracer = context;
	const struct event_header *header = data;

	if (size >= sizeof(struct contention_wait) && header->kind == EVENT_CONTENTION)
		tracer->handlers.wait(tracer->handlers.context, data);
	else if (size >= sizeof(struct event_stack) && header->kind == EVENT_STACK)
		tracer->handlers.stack(tracer->handlers.context, data);
	return 0;
}

static int load(
	struct wait_tracer *tracer, const struct wait_tracer_options *options, struct error *error)
{
	int err;

	tracer->object = contention_bpf__open();
	if (!tracer->object)
		return error__set(error, -errno, "cannot open the programs that trace waits");
	tracer->object->rodata->pid_namespace_level = options->namespace_level;
	tracer->object->rodata->all_processes = options->all;
	bpf_map__set_max_entries(
		tracer->object->maps.wait_states, options->all ? MAX_WAITS_OF_ALL : MAX_WAITS);
	bpf_map__set_max_entries(tracer->object->maps.ring,
		options->ring_size ? options->ring_size : WAIT_RING_SIZE);
	err = contention_bpf__load(tracer->object);
	if (err)
		return error__set(error, err,
			"cannot load the programs that trace waits: %s (memtrace doctor says what "
			"is missing)",
			strerror(-err));
	tracer->ring =
		ring_buffer__new(bpf_map__fd(tracer->object->maps.ring), take_record, tracer, NULL);
	return tracer->ring ? 0 : error__set(error, -errno, "cannot read the ring buffer of waits");
}

static int prepare_unwinding(struct wait_tracer *tracer, struct error *error)
{
	struct unwind_maps_fds fds = {
		.spaces = bpf_map__fd(tracer->object->maps.unwind_spaces),
		.ranges = bpf_map__fd(tracer->object->maps.unwind_ranges),
		.segments = bpf_map__fd(tracer->object->maps.unwind_segments),
	};

	tracer->modules = modules__new();
	tracer->spaces = tracer->modules ? spaces__new(tracer->modules) : NULL;
	if (!tracer->spaces)
		return error__set(error, -ENOMEM, "out of memory");
	tracer->unwinding = unwinding__new(&fds, &tracer->object->bss->unwind_shared, error);
	return tracer->unwinding ? 0 : -ENOMEM;
}

int wait_tracer__new(const struct wait_tracer_options *options,
	const struct wait_handlers *handlers, struct wait_tracer **out, struct error *error)
{
	struct wait_tracer *tracer = calloc(1, sizeof(*tracer));
	int err;

	if (!tracer)
		return error__set(error, -ENOMEM, "out of memory");
	tracer->handlers = *handlers;
	tracer->cpu_count = libbpf_num_possible_cpus();
	if (tracer->cpu_count > 0)
		tracer->per_cpu = calloc(tracer->cpu_count, sizeof(*tracer->per_cpu));
	err = tracer->per_cpu ? load(tracer, options, error)
			      : error__set(error, -ENOMEM, "out of memory");
	if (!err)
		err = prepare_unwinding(tracer, error);
	if (err) {
		wait_tracer__free(tracer);
		return err;
	}
	*out = tracer;
	return 0;
}

void wait_tracer__free(struct wait_tracer *tracer)
{
	if (!tracer)
		return;
	wait_tracer__stop(tracer);
	ring_buffer__free(tracer->ring);
	unwinding__free(tracer->unwinding);
	contention_bpf__destroy(tracer->object);
	if (tracer->spaces)
		spaces__free(tracer->spaces);
	if (tracer->modules)
		modules__free(tracer->modules);
	free(tracer->per_cpu);
	free(tracer);
}

static int set_target(struct wait_tracer *tracer, pid_t pid, const struct contention_target *target)
{
	uint32_t key = pid;

	return bpf_map_update_elem(bpf_map__fd(tracer->object->maps.targets), &key, target, BPF_ANY)
		       ? -errno
		       : 0;
}

/* Processes are numbered by PID here: a new image under the same one replaces the old. */
static int load_tables(struct wait_tracer *tracer, pid_t pid, struct error *error)
{
	struct space_view view;
	int err = spaces__add(tracer->spaces, pid, pid);

	if (!err)
		err = spaces__refresh(tracer->spaces, pid, error);
	if (!err)
		err = spaces__view(tracer->spaces, pid, &view);
	if (err)
		return err;
	err = unwinding__set(tracer->unwinding, pid, &view, error);
	space_view__free(&view);
	return err;
}

int wait_tracer__add(struct wait_tracer *tracer, pid_t pid, struct error *error)
{
	struct contention_target target = {.mm = CONTENTION_ANY_MM};
	int err = load_tables(tracer, pid, error);

	if (!err) {
		err = set_target(tracer, pid, &target);
		if (err)
			error__set(error, err, "cannot trace process %d: %s", (int)pid,
				strerror(-err));
	}
	return err;
}

int wait_tracer__refresh(struct wait_tracer *tracer, pid_t pid, uint64_t mm)
{
	struct contention_target target = {.mm = mm};
	struct error error = {0};
	int err = load_tables(tracer, pid, &error);

	if (!err)
		err = set_target(tracer, pid, &target);
	if (err)
		log__debug("no unwind tables for process %d: %s", (int)pid,
			*error.message ? error.message : strerror(-err));
	return err;
}

void wait_tracer__ignore(struct wait_tracer *tracer, pid_t pid)
{
	struct contention_target target = {.ignored = 1};

	set_target(tracer, pid, &target);
}

void wait_tracer__drop(struct wait_tracer *tracer, pid_t pid)
{
	uint32_t key = pid;

	bpf_map_delete_elem(bpf_map__fd(tracer->object->maps.targets), &key);
	unwinding__drop(tracer->unwinding, pid);
	spaces__retire(tracer->spaces, pid);
	spaces__finish(tracer->spaces, pid);
}

int wait_tracer__start(struct wait_tracer *tracer, struct error *error)
{
	tracer->wakes = bpf_program__attach_trace(tracer->object->progs.wake_thread);
	if (!tracer->wakes)
		return error__set(error, -errno, "cannot attach to tracepoint sched_waking: %s",
			strerror(errno));
	tracer->switches = bpf_program__attach_trace(tracer->object->progs.switch_threads);
	if (!tracer->switches)
		return error__set(error, -errno, "cannot attach to tracepoint sched_switch: %s",
			strerror(errno));
	return 0;
}

void wait_tracer__stop(struct wait_tracer *tracer)
{
	bpf_link__destroy(tracer->switches);
	bpf_link__destroy(tracer->wakes);
	tracer->switches = tracer->wakes = NULL;
}

int wait_tracer__fd(const struct wait_tracer *tracer)
{
	return ring_buffer__epoll_fd(tracer->ring);
}

void wait_tracer__read(struct wait_tracer *tracer)
{
	ring_buffer__consume(tracer->ring);
}

void wait_tracer__read_open(struct wait_tracer *tracer)
{
	int fd = bpf_map__fd(tracer->object->maps.wait_states);
	struct contention_wait wait;
	uint32_t key, *before = NULL;

	while (!bpf_map_get_next_key(fd, before, &key)) {
		before = &key;
		if (!bpf_map_lookup_elem(fd, &key, &wait))
			tracer->handlers.wait(tracer->handlers.context, &wait);
	}
}

int wait_tracer__count(const struct wait_tracer *tracer, struct contention_counters *out)
{
	uint32_t zero = 0;

	*out = (struct contention_counters){0};
	if (bpf_map_lookup_elem(bpf_map__fd(tracer->object->maps.counters), &zero, tracer->per_cpu))
		return -errno;
	for (int cpu = 0; cpu < tracer->cpu_count; cpu++) {
		out->seen += tracer->per_cpu[cpu].seen;
		out->ended += tracer->per_cpu[cpu].ended;
		out->no_memory += tracer->per_cpu[cpu].no_memory;
		out->ring_full += tracer->per_cpu[cpu].ring_full;
		out->stack_ring_full += tracer->per_cpu[cpu].stack_ring_full;
	}
	return 0;
}
