/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_targets.h"

#include <errno.h>

#include "attach/confined.h"
#include "base/log.h"
#include "process/children.h"
#include "process/threads.h"

int trace_targets__add(const struct trace_targets *targets, pid_t pid, const char *comm,
	bool awaits_exec, struct error *error)
{
	uint32_t process;

	if (threads__shown(pid) != pid)
		return error__set(error, -ENOTSUP,
			"process %d: its first thread has ended, through which the kernel places "
			"probes, so it cannot be traced; memtrace locks can look at it",
			pid);
	process = tracer__add(targets->tracer, pid, awaits_exec, error);
	if (!process)
		return error->code;
	stream__lock(targets->stream);
	feed__add_process(targets->feed, process, pid, comm);
	stream__unlock(targets->stream);
	return 0;
}

static void attach_child(const struct trace_targets *targets, pid_t pid)
{
	struct process_info info;
	struct error error = {0};
	int err = process__open(pid, &info, &error);

	if (err == -ESRCH)
		return;
	if (!err) {
		err = confined__check(pid, &error);
		if (!err)
			err = trace_targets__add(targets, pid, info.comm, false, &error);
		process__close(&info);
	}
	/* One that ends meanwhile, or is a zombie by now, has nothing to be traced. */
	if (err && err != -ESRCH && err != -EINVAL)
		log__warn("child %d is not traced: %s", pid, error.message);
}

/*
 * Breadth first. A process's children are listed after it has become a target, from when on the
 * kernel's side follows its forks: a child is in the list, or a target by itself, or both.
 */
static int attach_descendants(const struct trace_targets *targets, pid_list *pids)
{
	for (size_t i = 0; i < pids->size; i++) {
		size_t known = pids->size;
		int err = children__list(pids->data[i], pids);

		if (err == -ENOTSUP)
			log__warn("this kernel does not list children: those already running are "
				  "not traced (name each with -p)");
		if (err)
			return err == -ENOTSUP ? 0 : err;
		for (size_t k = known; k < pids->size; k++)
			if (!tracer__image_of(targets->tracer, pids->data[k]))
				attach_child(targets, pids->data[k]);
	}
	return 0;
}

int trace_targets__attach(const struct trace_targets *targets, const struct process_info *processes,
	size_t count, bool follow, struct error *error)
{
	pid_list pids = {0};
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		err = trace_targets__add(
			targets, processes[i].pid, processes[i].comm, false, error);
		if (!err && !process__is_alive(&processes[i]))
			err = error__set(error, -ESRCH,
				"process %d ended while memtrace attached to it", processes[i].pid);
		if (!err && vec_push(&pids, processes[i].pid))
			err = error__set(error, -ENOMEM, "out of memory");
	}
	if (!err && follow && attach_descendants(targets, &pids))
		err = error__set(error, -ENOMEM, "out of memory");
	vec_free(&pids);
	return err;
}
