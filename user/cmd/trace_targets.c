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

static void attach_child(void *context, pid_t pid)
{
	const struct trace_targets *targets = context;
	struct process_info info;
	struct error error = {0};
	int err;

	/* The kernel's side follows the forks of what is a target already: it may be one by itself.
	 */
	if (tracer__image_of(targets->tracer, pid))
		return;
	err = process__open(pid, &info, &error);
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
	if (!err && follow && children__visit(&pids, attach_child, (void *)targets))
		err = error__set(error, -ENOMEM, "out of memory");
	vec_free(&pids);
	return err;
}
