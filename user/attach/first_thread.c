/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Probes of processes that go on without their first thread. A link names a process by its first
 * thread, and applies to the address space that this one has: to none, once it has ended.
 */
#include <errno.h>
#include <string.h>

#include "attach/tracer_private.h"
#include "process/threads.h"

/* A thread may end between its being found and its being used. */
#define TRIES 8

/* Another thread than the first; 0: there is none. */
static pid_t find_other(pid_t pid)
{
	struct threads threads;
	struct error ignored;
	pid_t found = 0;

	if (threads__list(pid, &threads, &ignored))
		return 0;
	for (size_t i = 0; i < threads.size && !found; i++)
		if (threads.data[i].tid != pid && !strchr("ZX", threads.data[i].state))
			found = threads.data[i].tid;
	threads__free(&threads);
	return found;
}

static int keep_file(struct tracer *tracer, const struct attachment *attachment,
	struct links *links, pid_t tid, struct error *error)
{
	const struct probe_plan *plan = tracer__plan_of(tracer, attachment, error);
	int err = plan ? 0 : error->code;

	for (int i = 0; i < PROBE_PROGRAM_COUNT && !err; i++) {
		struct link_request request = {
			.file_fd = attachment->module->file_fd,
			.file_name = attachment->module->name,
			.sites = plan->sites[i].data,
			.site_count = plan->sites[i].size,
			.pid = tid,
		};

		err = links__keep_in_place(links, &request, error);
	}
	return err;
}

static int keep_by(struct tracer *tracer, struct traced *traced, pid_t tid, struct error *error)
{
	struct links *links = links__new();
	int err = links ? 0 : error__set(error, -ENOMEM, "out of memory");

	hash_for_each (slot, &traced->attached)
		if (!err)
			err = keep_file(tracer, &slot->value, links, tid, error);
	if (err) {
		links__free(links);
		return err;
	}
	/* The old ones last: there is no moment without any. */
	links__close(traced->kept, tracer->closer);
	traced->kept = links;
	traced->keeper = tid;
	return 0;
}

int tracer__keep_probes(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error)
{
	int err = -ESRCH;

	for (int i = 0; i < TRIES && err == -ESRCH; i++) {
		pid_t tid = find_other(pid);

		if (!tid)
			return 0; /* the process ends */
		/* Between windows there are no probes: then it only is known by whom. */
		if (!traced->links) {
			traced->keeper = tid;
			return 0;
		}
		err = keep_by(tracer, traced, tid, error);
	}
	return err;
}
