/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_targets.h"

#include <errno.h>

#include "attach/confined.h"
#include "base/log.h"
#include "process/children.h"
#include "process/threads.h"

int trace_targets__add(const struct trace_targets *targets, pid_t pid, const char *comm,
	bool awaits_exec, struct error *err)
{
	uint32_t process;

	if (threads__shown(pid) != pid)
		return error__set(err, -ENOTSUP,
			"process %d: its first thread has ended, through which the kernel places "
			"probes, so it cannot be traced; memtrace locks can look at it",
			pid);
	process = tracer__add(targets->tracer, pid, awaits_exec, err);
	if (!process)
		return err->code;
	stream__lock(targets->stream);
	feed__add_process(targets->feed, process, pid, comm);
	stream__unlock(targets->stream);
	return 0;
}

static void attach_child(const struct trace_targets *targets, pid_t pid)
{
	struct process_info info;
	struct error err = {0};
	int code = process__open(pid, &info, &err);

	if (code == -ESRCH)
		return;
	if (!code) {
		code = confined__check(pid, &err);
		if (!code)
			code = trace_targets__add(targets, pid, info.comm, false, &err);
		process__close(&info);
	}
	/* One that ends meanwhile, or is a zombie by now, has nothing to be traced. */
	if (code && code != -ESRCH && code != -EINVAL)
		log__warn("child %d is not traced: %s", pid, err.message);
}

/*
 * Breadth first. A process's children are listed after it has become a target, from when on the
 * kernel's side follows its forks: a child is in the list, or a target by itself, or both.
 */
static int attach_descendants(const struct trace_targets *targets, pid_list *pids)
{
	for (size_t i = 0; i < pids->size; i++) {
		size_t known = pids->size;
		int code = children__list(pids->data[i], pids);

		if (code == -ENOTSUP)
			log__warn("this kernel does not list children: those already running are "
				  "not traced (name each with -p)");
		if (code)
			return code == -ENOTSUP ? 0 : code;
		for (size_t k = known; k < pids->size; k++)
			if (!tracer__image_of(targets->tracer, pids->data[k]))
				attach_child(targets, pids->data[k]);
	}
	return 0;
}

int trace_targets__attach(const struct trace_targets *targets, const struct process_info *processes,
	size_t count, bool follow, struct error *err)
{
	pid_list pids = {0};
	int code = 0;

	for (size_t i = 0; i < count && !code; i++) {
		code = trace_targets__add(targets, processes[i].pid, processes[i].comm, false, err);
		if (!code && !process__is_alive(&processes[i]))
			code = error__set(err, -ESRCH,
				"process %d ended while memtrace attached to it", processes[i].pid);
		if (!code && vec_push(&pids, processes[i].pid))
			code = error__set(err, -ENOMEM, "out of memory");
	}
	if (!code && follow && attach_descendants(targets, &pids))
		code = error__set(err, -ENOMEM, "out of memory");
	vec_free(&pids);
	return code;
}
