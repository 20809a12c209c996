/* The tracer follows its processes: fork, exec, exit, new libraries. */
#include "attach/tracer_private.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* Reading a process's mappings takes a millisecond or two: from 20 ms on, up to 5 s apart. */
#define LOOK_INTERVAL_NS 20000000ull
#define LOOK_BACKOFF_MAX 8

static void handle_fork(struct tracer *tracer, const struct event_process *event)
{
	struct traced *child = traced_map__insert(&tracer->traced, event->pid);

	if (!child)
		return;
	*child = (struct traced){.process = event->header.process};
	spaces__fork(tracer->spaces, event->parent_process, event->header.process, event->pid);
	if (tracer->unwinding)
		unwinding__share(tracer->unwinding, event->parent_process, event->header.process);
	if (tracer->callbacks.started)
		tracer->callbacks.started(tracer->callbacks.context, event->pid);
}

/*
 * Attaches to what an image brought. No allocator comes late where the loader waits for that, which
 * it also does before a new program's first call; static programs have none.
 */
static void attach_new(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__find(&tracer->traced, event->pid);
	uint64_t timeouts = tracer->shared->hold_timeouts;
	struct error err = {0};
	int came;

	if (!traced || traced->process != event->header.process)
		return;
	came = tracer__attach_mapped(tracer, event->pid, traced, &err);
	if (came < 0 && came != -ESRCH)
		log__warn("process %u: %s%s", event->pid, err.message, file__limit_hint(came));
	if (came > 0 && (!traced->has_loader || timeouts != tracer->shared->hold_timeouts))
		tracer->late_attachments += came;
}

static void handle_exec(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__insert(&tracer->traced, event->pid);

	if (!traced)
		return;
	if (event->parent_process) {
		spaces__retire(tracer->spaces, event->parent_process);
		if (tracer->unwinding)
			unwinding__drop(tracer->unwinding, event->parent_process);
	}
	*traced = (struct traced){.process = event->header.process};
	spaces__add(tracer->spaces, event->header.process, event->pid);
	attach_new(tracer, event);
	if (tracer->callbacks.started)
		tracer->callbacks.started(tracer->callbacks.context, event->pid);
}

static void handle_exit(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__find(&tracer->traced, event->pid);

	spaces__retire(tracer->spaces, event->header.process);
	if (tracer->unwinding)
		unwinding__drop(tracer->unwinding, event->header.process);
	if (!traced || traced->process != event->header.process)
		return;
	traced_map__remove(&tracer->traced, event->pid, NULL);
	if (tracer->callbacks.exited)
		tracer->callbacks.exited(tracer->callbacks.context, event->pid, event->exit_status,
			tracer->traced.size);
}

/*
 * Looks for code that was made at run time. Where stacks lead astray for other reasons there is
 * none to be found: then ever more rarely.
 */
static void handle_unknown_code(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__find(&tracer->traced, event->pid);
	uint64_t now = clock__now_ns();
	uint32_t generation;

	if (!traced || traced->process != event->header.process ||
		now - traced->looked_ns < LOOK_INTERVAL_NS << traced->in_vain)
		return;
	traced->looked_ns = now;
	generation = traced->generation;
	attach_new(tracer, event);
	traced->in_vain = traced->generation != generation     ? 0
			  : traced->in_vain < LOOK_BACKOFF_MAX ? traced->in_vain + 1
							       : LOOK_BACKOFF_MAX;
}

static void handle_libraries(struct tracer *tracer, const struct event_process *event)
{
	uint64_t ticket = event->parent_process | (uint64_t)event->exit_status << 32;

	attach_new(tracer, event);
	__atomic_store_n(&tracer->shared->libraries_done, ticket, __ATOMIC_RELEASE);
}

int tracer__follow(void *context, void *data, size_t size)
{
	const struct event_process *event = data;
	struct tracer *tracer = context;

	if (size < sizeof(*event))
		return 0;
	switch (event->header.kind) {
	case EVENT_FORK:
		handle_fork(tracer, event);
		break;
	case EVENT_EXEC:
		handle_exec(tracer, event);
		break;
	case EVENT_EXIT:
		handle_exit(tracer, event);
		break;
	case EVENT_UNKNOWN_CODE:
		handle_unknown_code(tracer, event);
		break;
	case EVENT_LIBRARIES:
		handle_libraries(tracer, event);
		break;
	}
	return 0;
}

int tracer__control_fd(const struct tracer *tracer)
{
	return ring_buffer__epoll_fd(tracer->control);
}

void tracer__handle_control(struct tracer *tracer)
{
	ring_buffer__consume(tracer->control);
	tracer__reconcile(tracer);
}
