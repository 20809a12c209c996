/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watcher.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "locks.skel.h"
#include "watch.h"

struct watcher {
	struct locks_bpf *object;
	struct bpf_link *link; /* of the one program */
	struct ring_buffer *ring;
	watcher_end_fn *ended;
	void *context;
	uint64_t threshold_ns;
	uint64_t next_bucket; /* the first that has not been looked into, counted from time 0 */
	int cpu_count;
	struct watch_counters *per_cpu;
};

static int take_end(void *context, void *data, size_t size)
{
	struct watcher *watcher = context;

	if (size >= sizeof(struct event_wait))
		watcher->ended(watcher->context, data);
	return 0;
}

static int load(struct watcher *watcher, unsigned int level, struct error *error)
{
	int err;

	watcher->object = locks_bpf__open();
	if (!watcher->object)
		return error__set(error, -errno, "cannot open the programs of the watch");
	watcher->object->rodata->threshold_ns = watcher->threshold_ns;
	watcher->object->rodata->pid_namespace_level = level;
	err = locks_bpf__load(watcher->object);
	if (err)
		return error__set(error, err,
			"cannot load the programs of the watch: %s (memtrace doctor says what is "
			"missing)",
			strerror(-err));
	watcher->ring =
		ring_buffer__new(bpf_map__fd(watcher->object->maps.ends), take_end, watcher, NULL);
	return watcher->ring ? 0 : error__set(error, -errno, "cannot read the watch's ring buffer");
}

static int attach(struct watcher *watcher, struct error *error)
{
	watcher->link = bpf_program__attach_trace(watcher->object->progs.switch_threads);
	return watcher->link
		       ? 0
		       : error__set(error, -errno, "cannot attach to tracepoint sched_switch: %s",
				 strerror(errno));
}

int watcher__new(uint64_t threshold_ns, unsigned int namespace_level, watcher_end_fn *ended,
	void *context, struct watcher **out, struct error *error)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	int err;

	if (!watcher)
		return error__set(error, -ENOMEM, "out of memory");
	watcher->ended = ended;
	watcher->context = context;
	watcher->threshold_ns = threshold_ns;
	watcher->cpu_count = libbpf_num_possible_cpus();
	if (watcher->cpu_count > 0)
		watcher->per_cpu = calloc(watcher->cpu_count, sizeof(*watcher->per_cpu));
	err = watcher->per_cpu ? load(watcher, namespace_level, error)
			       : error__set(error, -ENOMEM, "out of memory");
	if (!err)
		err = attach(watcher, error);
	watcher->next_bucket = clock__now_ns() / WATCH_BUCKET_NS;
	if (err) {
		watcher__free(watcher);
		return err;
	}
	*out = watcher;
	return 0;
}

void watcher__free(struct watcher *watcher)
{
	if (!watcher)
		return;
	bpf_link__destroy(watcher->link);
	ring_buffer__free(watcher->ring);
	locks_bpf__destroy(watcher->object);
	free(watcher->per_cpu);
	free(watcher);
}

int watcher__fd(const struct watcher *watcher)
{
	return ring_buffer__epoll_fd(watcher->ring);
}

void watcher__read_ends(struct watcher *watcher)
{
	ring_buffer__consume(watcher->ring);
}

static int64_t open_in(const struct watcher *watcher, uint64_t bucket)
{
	int64_t sum = 0;

	for (int cpu = 0; cpu < watcher->cpu_count; cpu++)
		sum += watcher->per_cpu[cpu].open[bucket % WATCH_BUCKETS];
	return sum;
}

int watcher__count(struct watcher *watcher, struct watcher_counts *out, bool *grown)
{
	uint64_t old_enough = (clock__now_ns() - watcher->threshold_ns) / WATCH_BUCKET_NS;
	uint32_t zero = 0;

	*out = (struct watcher_counts){0};
	*grown = false;
	if (bpf_map_lookup_elem(
		    bpf_map__fd(watcher->object->maps.counters), &zero, watcher->per_cpu))
		return -errno;
	for (int cpu = 0; cpu < watcher->cpu_count; cpu++) {
		out->seen += watcher->per_cpu[cpu].seen;
		out->long_ended += watcher->per_cpu[cpu].long_ended;
		out->lost += watcher->per_cpu[cpu].no_memory + watcher->per_cpu[cpu].lost;
	}
	for (uint64_t bucket = 0; bucket < WATCH_BUCKETS; bucket++)
		out->open += open_in(watcher, bucket);
	/* Buckets that are older than the threshold as a whole. */
	for (; watcher->next_bucket < old_enough; watcher->next_bucket++)
		*grown |= open_in(watcher, watcher->next_bucket) > 0;
	return 0;
}
