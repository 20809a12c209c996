/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The tracer follows its processes: fork, exec, exit, new libraries. */
#include <bpf/libbpf.h>
#include <errno.h>

#include "attach/tracer_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "process/translated.h"

/* Reading a process's mappings takes a millisecond or two: from 20 ms on, up to 5 s apart. */
#define LOOK_INTERVAL_NS 20000000ull
#define LOOK_BACKOFF_MAX 8

/* --- holds */

static uint64_t ticket_of(const struct event_process *event)
{
	return event->exit_status | (uint64_t)event->header.thread_sequence << 32;
}

/*
 * Lets the thread go on that waits with the event's ticket. False: nobody was held, or it did not
 * wait until now.
 */
static bool answer_hold(struct tracer *tracer, const struct event_process *event)
{
	uint64_t ticket = ticket_of(event);
	struct hold_slot *slot = &tracer->shared->hold_slots[ticket % HOLD_SLOTS];

	log__debug("process %u: %s answered after %.1f ms%s", event->pid,
		event->header.kind == EVENT_FORK   ? "fork"
		: event->header.kind == EVENT_EXEC ? "exec"
						   : "new libraries",
		(clock__now_ns() - event->header.time_ns) / 1e6, ticket ? "" : ", nothing waits");
	if (ticket && slot->answered < ticket)
		__atomic_store_n(&slot->answered, ticket, __ATOMIC_SEQ_CST);
	__atomic_store_n(&tracer->shared->holds_suspended, 0, __ATOMIC_SEQ_CST);
	return ticket && __atomic_load_n(&slot->failed, __ATOMIC_SEQ_CST) != ticket;
}

/* A process that ran without its probes: because the kernel cannot hold it, or for no longer. */
static void count_unheld(struct tracer *tracer, uint64_t count)
{
	if (tracer->holds_processes)
		tracer->late_by_hold += count;
	else
		tracer->unheld += count;
}

/* --- */

static struct traced *find_image(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__find(&tracer->traced, event->pid);

	return traced && traced->process == event->header.process ? traced : NULL;
}

static void warn(const struct event_process *event, int err, const struct error *error)
{
	if (err != -ESRCH)
		log__warn("process %u: %s%s", event->pid, error->message, file__limit_hint(err));
}

/* Attaches to what is new in an image. Returns how many allocators came. */
static uint64_t attach_new(
	struct tracer *tracer, struct traced *traced, const struct event_process *event)
{
	struct error error = {0};
	int came = tracer__attach_mapped(tracer, event->pid, traced, &error);

	if (came < 0)
		warn(event, came, &error);
	return came > 0 ? came : 0;
}

static void tell_start(struct tracer *tracer, const struct event_process *event)
{
	struct tracer_start start = {
		.pid = event->pid,
		.process = event->header.process,
		.former = event->header.kind == EVENT_EXEC ? event->parent_process : 0,
		.time_ns = event->header.time_ns,
	};

	if (tracer->callbacks.started)
		tracer->callbacks.started(tracer->callbacks.context, &start);
}

static void handle_fork(struct tracer *tracer, const struct event_process *event)
{
	struct traced *child = traced_map__insert(&tracer->traced, event->pid), *parent;
	struct error error = {0};
	int err = 0;

	if (!child)
		return;
	tracer__detach(tracer, child); /* of a process whose end was lost */
	*child = (struct traced){.process = event->header.process};
	spaces__fork(tracer->spaces, event->parent_process, event->header.process, event->pid,
		event->code_epoch);
	if (tracer->unwinding)
		unwinding__share(tracer->unwinding, event->parent_process, event->header.process);
	parent = traced_map__find(&tracer->traced, event->header.tid);
	child->is_translated = parent && parent->is_translated;
	if (parent && parent->process == event->parent_process)
		err = tracer__attach_child(tracer, event->pid, child, parent, &error);
	if (err < 0)
		warn(event, err, &error);
	if (!parent || parent->process != event->parent_process ||
		event->header.flags & CONTROL_NEW_LIBRARIES)
		attach_new(tracer, child, event);
	/* Also if it has ended before they could be looked for: it has what its parent had. */
	child->has_allocator |=
		!parent || parent->process != event->parent_process || parent->has_allocator;
	if (!answer_hold(tracer, event) && child->has_allocator && !child->is_translated)
		count_unheld(tracer, 1);
	tell_start(tracer, event);
}

/*
 * A new image, whose first instruction waits for us, or does not: then its loader does if its hook
 * was probed already, as links outlast exec.
 */
static void attach_image(
	struct tracer *tracer, struct traced *traced, const struct event_process *event)
{
	bool had_loader = traced->has_loader;
	uint64_t came;

	traced->has_loader = false;
	came = attach_new(tracer, traced, event);
	had_loader &= traced->has_loader;
	if (answer_hold(tracer, event))
		return;
	/* What the loader mapped before its hook was probed, it did not tell of. */
	if (traced->has_loader && !had_loader)
		came += attach_new(tracer, traced, event);
	if (had_loader)
		traced->unproven += came;
	else
		count_unheld(tracer, came);
}

/*
 * A translator has taken the process over. Its links outlast exec and would put probes into what it
 * maps next, its program's loader; so they go before it runs.
 */
static void leave_alone(
	struct traced *traced, const struct event_process *event, const char *translator)
{
	log__warn("process %u: it runs under %s, so its heap cannot be seen from outside",
		event->pid, translator);
	links__free(traced->kept);
	links__free(traced->links);
	traced->kept = traced->links = NULL;
	traced->is_translated = true;
}

static void handle_exec(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = traced_map__insert(&tracer->traced, event->pid);
	const char *translator = translated__by(event->pid);

	if (!traced)
		return;
	if (event->parent_process) {
		spaces__retire(tracer->spaces, event->parent_process);
		tracer__forget_own_calls(tracer, event->parent_process);
		if (tracer->unwinding)
			unwinding__drop(tracer->unwinding, event->parent_process);
		if (tracer->pythons)
			pythons__drop(tracer->pythons, event->parent_process);
	}
	tracer->late_attachments += traced->unproven;
	traced->process = event->header.process;
	traced->generation = traced->in_vain = 0;
	traced->unproven = 0;
	traced->is_translated = false;
	if (translator)
		leave_alone(traced, event, translator);
	if (translator || event->header.flags & CONTROL_THREAD_EXECED)
		tracer__detach(tracer, traced);
	spaces__add(tracer->spaces, event->header.process, event->pid);
	if (tracer->callbacks.executed)
		tracer->callbacks.executed(
			tracer->callbacks.context, event->pid, event->header.process);
	attach_image(tracer, traced, event);
	tell_start(tracer, event);
}

static void handle_exit(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = find_image(tracer, event);

	spaces__retire(tracer->spaces, event->header.process);
	tracer__forget_own_calls(tracer, event->header.process);
	if (tracer->unwinding)
		unwinding__drop(tracer->unwinding, event->header.process);
	if (tracer->pythons)
		pythons__drop(tracer->pythons, event->header.process);
	if (!traced)
		return;
	tracer->late_attachments += traced->unproven;
	tracer__detach(tracer, traced);
	traced_map__remove(&tracer->traced, event->pid, NULL);
	if (tracer->callbacks.exited)
		tracer->callbacks.exited(tracer->callbacks.context, event->pid,
			event->header.process, event->exit_status, tracer->traced.size);
}

static void handle_first_ended(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = find_image(tracer, event);
	pid_t tid = (pid_t)event->header.tid;
	struct error error = {0};

	if (!traced || (tid != (pid_t)event->pid && tid != traced->keeper) ||
		!tracer__keep_probes(tracer, event->pid, traced, &error))
		return;
	log__warn("process %d goes on without its first thread, and its probes cannot be kept in "
		  "place: %s",
		event->pid, error.message);
	tracer->late_attachments++;
}

/*
 * Looks for code that was made at run time. Where stacks lead astray for other reasons there is
 * none to be found: then ever more rarely.
 */
static void handle_unknown_code(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = find_image(tracer, event);
	uint64_t now = clock__now_ns();
	uint32_t generation;

	if (!traced || now - traced->looked_ns < LOOK_INTERVAL_NS << traced->in_vain)
		return;
	traced->looked_ns = now;
	generation = traced->generation;
	traced->unproven += attach_new(tracer, traced, event);
	traced->in_vain = traced->generation != generation     ? 0
			  : traced->in_vain < LOOK_BACKOFF_MAX ? traced->in_vain + 1
							       : LOOK_BACKOFF_MAX;
}

/* The loader waits with what it has mapped, also with what we found before it could ask. */
static void handle_libraries(struct tracer *tracer, const struct event_process *event)
{
	struct traced *traced = find_image(tracer, event);
	uint64_t came = traced ? attach_new(tracer, traced, event) : 0;

	if (traced) {
		came += traced->unproven;
		traced->unproven = 0;
	}
	if (!answer_hold(tracer, event))
		tracer->late_by_hold += came;
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
	case EVENT_FIRST_ENDED:
		handle_first_ended(tracer, event);
		break;
	case EVENT_CODE_NAMES:
		if (tracer->callbacks.named)
			tracer->callbacks.named(tracer->callbacks.context, event->header.process);
		break;
	case EVENT_LIBRARIES:
		handle_libraries(tracer, event);
		break;
	case EVENT_EXIT_REGISTERS:
		if (tracer->callbacks.registers)
			tracer->callbacks.registers(tracer->callbacks.context, data);
		break;
	case EVENT_OOM_VICTIM:
		if (tracer->callbacks.victim)
			tracer->callbacks.victim(tracer->callbacks.context, event->pid);
		break;
	case EVENT_WINDOW_SPENT:
		if (tracer->callbacks.spent)
			tracer->callbacks.spent(tracer->callbacks.context);
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
