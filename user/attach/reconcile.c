/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What lost control records left wrong is put right by what the kernel's map of targets has: the
 * BPF programs keep it themselves, and it needs no record.
 */
#include <bpf/bpf.h>
#include <errno.h>

#include "attach/tracer_private.h"
#include "base/clock.h"
#include "base/log.h"

int tracer__targets(const struct tracer *tracer, traced_images *images)
{
	int fd = bpf_map__fd(tracer->skel->maps.targets), code = 0;
	__u32 pid, *from = NULL;

	/* A deletion meanwhile starts the walk again: some then come twice, and none is missed. */
	while (!code && !bpf_map_get_next_key(fd, from, &pid)) {
		struct traced_image image = {.pid = pid};
		struct target target;

		from = &pid;
		if (bpf_map_lookup_elem(fd, &pid, &target))
			continue;
		image.process = target.process;
		if (!(target.flags & TARGET_AWAITS_EXEC))
			code = vec_push(images, image);
	}
	return code;
}

uint32_t tracer__image_of(const struct tracer *tracer, pid_t pid)
{
	struct target target;
	__u32 key = pid;

	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.targets), &key, &target))
		return 0;
	return target.process;
}

static void follow(struct tracer *tracer, enum event_kind kind, struct traced_image image,
	uint32_t former, uint32_t status)
{
	struct event_process event = {
		.header = {.kind = kind, .process = image.process, .time_ns = clock__now_ns()},
		.pid = image.pid,
		.parent_process = former,
		.exit_status = status,
	};

	tracer__follow(tracer, &event, sizeof(event));
}

/* An image whose start was not reported is taken up as if its process had just executed it. */
static void take_up(struct tracer *tracer, const traced_images *images)
{
	vec_for_each (image, images) {
		const struct traced *known = traced_map__find(&tracer->traced, image->pid);

		if (known && known->process == image->process)
			continue;
		if (tracer__image_of(tracer, image->pid) == image->process)
			follow(tracer, EVENT_EXEC, *image, known ? known->process : 0, 0);
	}
}

/* Those that are traced by our books and no target in the kernel have ended. */
static void let_go(struct tracer *tracer, const traced_images *traced)
{
	vec_for_each (image, traced)
		if (tracer__image_of(tracer, image->pid) != image->process)
			follow(tracer, EVENT_EXIT, *image, 0, TRACER_STATUS_UNKNOWN);
}

/* What is traced by our books and seems to have ended, to be looked at again. */
static int list_missing(const struct tracer *tracer, traced_images *missing)
{
	int err = 0;

	hash_for_each (slot, &tracer->traced) {
		struct traced_image image = {slot->key, slot->value.process};

		if (!err && tracer__image_of(tracer, image.pid) != image.process)
			err = vec_push(missing, image);
	}
	return err;
}

void tracer__reconcile(struct tracer *tracer)
{
	uint64_t lost =
		__atomic_load_n(&tracer->shared->losses[LOSS_CONTROL_RING_FULL], __ATOMIC_RELAXED);
	traced_images missing = {0}, images = {0};

	if (lost == tracer->reconciled)
		return;
	log__debug("%llu control records lost: looking at the traced processes",
		(unsigned long long)(lost - tracer->reconciled));
	tracer->reconciled = lost;
	if (list_missing(tracer, &missing) || tracer__targets(tracer, &images))
		tracer->reconciled--; /* no memory: once more the next time */
	/* What was on its way when the lists were made comes first. */
	ring_buffer__consume(tracer->control);
	let_go(tracer, &missing);
	take_up(tracer, &images);
	vec_free(&missing);
	vec_free(&images);
}
