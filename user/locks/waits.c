/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/waits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/search.h"
#include "base/vec.h"
#include "locks/elsewhere.h"
#include "locks/foreign.h"
#include "locks/forked.h"
#include "locks/hotspot.h"
#include "locks/infer.h"
#include "locks/kernel_wait.h"
#include "locks/owner.h"

#define NS_PER_S 1000000000ll

const char *certainty__name(enum certainty certainty)
{
	static const char *const names[] = {"unknown", "suspected", "inferred", "exact"};

	return names[certainty];
}

bool lock_key__equal(const struct lock_key *a, const struct lock_key *b)
{
	return a->space == b->space && a->inode == b->inode && a->offset == b->offset;
}

void wait__explain(struct lock_wait *wait, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(wait->reason, sizeof(wait->reason), format, args);
	va_end(args);
}

/* What a judging of one wait needs. */
struct view {
	const struct snapshot *snapshot;
	const struct lock_memory *memory;
	const struct lock_process *process;
	struct jvm_layout *jvm;
};

static bool uses_musl(const struct view *view, const struct lock_wait *wait)
{
	return view->process->libc == LIBC_MUSL ||
	       (view->process->libc == LIBC_UNKNOWN && wait->site.musl);
}

static void refine_mutex(const struct view *view, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;

	if (wait->futex.type != FUTEX_TYPE_PI &&
		elsewhere__find_parked(view->snapshot, view->memory, uses_musl(view, wait), wait)) {
		wait->kind = WAIT_PI_MUTEX;
	} else if (uses_musl(view, wait)) {
		if (!layout__musl_mutex(view->memory, pid, wait->futex.uaddr, &wait->state))
			wait->kind = WAIT_UNKNOWN;
	} else if (!layout__glibc_mutex(view->memory, pid, wait->futex.uaddr, &wait->state)) {
		wait->kind = WAIT_UNKNOWN;
	}
	if (wait->kind == WAIT_MUTEX && wait->state.robust)
		wait->kind = WAIT_ROBUST_MUTEX;
	if (wait->kind != WAIT_UNKNOWN && wait->state.pi)
		wait->kind = WAIT_PI_MUTEX;
}

/* pthread_cond_wait also waits for its mutex at the end: then the word is a mutex's. */
static void refine_condition(const struct view *view, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;
	struct lock_state condition;

	if (uses_musl(view, wait))
		return; /* waits on a word of its own stack */
	if (wait->futex.type == FUTEX_TYPE_PLAIN && wait->futex.expected != 2 &&
		layout__glibc_condition(view->memory, pid, view->process->libc_minor,
			wait->futex.uaddr, &wait->state))
		return;
	wait->kind = WAIT_MUTEX;
	refine_mutex(view, wait);
	if (wait->kind == WAIT_MUTEX && wait->state.field == OWNER_TID)
		return;
	if (!layout__glibc_condition(
		    view->memory, pid, view->process->libc_minor, wait->futex.uaddr, &condition))
		return;
	wait->kind = WAIT_CONDITION;
	wait->state = condition;
}

/* A low-level lock of the C library: malloc's, a stream's, or another one. */
static void refine_low_level(const struct view *view, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;

	if (wait->site.in_malloc) {
		wait->kind = WAIT_ARENA;
	} else if (!uses_musl(view, wait) &&
		   layout__glibc_stdio(view->memory, pid, wait->futex.uaddr, &wait->state)) {
		wait->kind = WAIT_STDIO;
	} else {
		wait->kind = WAIT_LIBC;
	}
}

static void refine_join(const struct view *view, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;

	if (layout__glibc_join(
		    view->memory, pid, wait->futex.uaddr, wait->futex.expected, &wait->state) ||
		layout__musl_join(view->memory, pid, wait->futex.uaddr, &wait->state))
		return;
	wait->kind = WAIT_UNKNOWN;
}

static void refine_stdio(const struct view *view, struct lock_wait *wait)
{
	if (uses_musl(view, wait))
		layout__musl_stdio(
			view->memory, wait->thread->pid, wait->futex.uaddr, &wait->state);
	else if (!layout__glibc_stdio(
			 view->memory, wait->thread->pid, wait->futex.uaddr, &wait->state))
		wait->kind = WAIT_LIBC;
}

static void refine_rwlock(const struct view *view, struct lock_wait *wait)
{
	if (uses_musl(view, wait))
		layout__musl_rwlock(
			view->memory, wait->thread->pid, wait->futex.uaddr, &wait->state);
	else if (!layout__glibc_rwlock(view->memory, wait->thread->pid, wait->futex.uaddr,
			 wait->futex.expected, wait->kind == WAIT_WRITE_LOCK, &wait->state))
		wait->kind = WAIT_UNKNOWN;
}

/* Of several words any may be the one that is waited for: no owner can be named. */
static void refine_vector(const struct view *view, struct lock_wait *wait)
{
	struct futex_vector vector[WAIT_KEPT_WORDS];
	uint32_t count = wait->futex.expected;

	wait->kind = WAIT_VECTOR;
	if (count > WAIT_KEPT_WORDS)
		count = WAIT_KEPT_WORDS;
	if (!count || view->memory->read(view->memory->context, wait->thread->pid,
			      wait->futex.uaddr, vector, count * sizeof(*vector)))
		return;
	for (uint32_t i = 0; i < count; i++)
		wait->words[i] = vector[i].uaddr;
	wait->word_count = wait->futex.expected;
	wait->futex.is_private = vector[0].flags & FUTEX2_FLAG_PRIVATE;
	wait->state.address = vector[0].uaddr;
	wait__explain(wait, "any of %u words may end the wait", wait->word_count);
}

/* No function was recognized, as in a program without symbols: layouts that prove themselves. */
static void refine_nameless(const struct view *view, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;

	if (wait->futex.type == FUTEX_TYPE_PI) {
		wait->kind = WAIT_PI_MUTEX;
		layout__pi_word(view->memory, pid, wait->futex.uaddr, &wait->state);
	} else if (uses_musl(view, wait) && wait->futex.expected & MUSL_STDIO_WAITERS) {
		/* __lockfile has no name in the shared library. */
		wait->kind = WAIT_STDIO;
		refine_stdio(view, wait);
	} else if (wait->site.low_level) {
		refine_low_level(view, wait);
	} else if (layout__glibc_join(view->memory, pid, wait->futex.uaddr, wait->futex.expected,
			   &wait->state)) {
		wait->kind = WAIT_JOIN;
	}
}

/* A lock of another library, made of the C library's or of bare futexes. */
static void refine_foreign(const struct view *view, struct lock_wait *wait)
{
	if (wait->kind == WAIT_ONCE)
		elsewhere__find_once(view->snapshot, view->memory, wait);
	else if (wait->kind == WAIT_GUARD)
		elsewhere__find_guard(view->snapshot, view->memory, wait);
	else
		foreign__refine(view->memory, wait);
}

static void refine_by_layout(const struct view *view, struct lock_wait *wait)
{
	switch (wait->kind) {
	case WAIT_MUTEX:
		refine_mutex(view, wait);
		break;
	case WAIT_CONDITION:
		refine_condition(view, wait);
		break;
	case WAIT_READ_LOCK:
	case WAIT_WRITE_LOCK:
		refine_rwlock(view, wait);
		break;
	case WAIT_JOIN:
		refine_join(view, wait);
		break;
	case WAIT_STDIO:
		refine_stdio(view, wait);
		break;
	case WAIT_BARRIER:
		wait->state.address = wait->futex.uaddr - 4; /* its current_round */
		break;
	case WAIT_UNKNOWN:
		refine_nameless(view, wait);
		break;
	default:
		break;
	}
}

static bool refine_java(const struct view *view, struct lock_wait *wait)
{
	return hotspot__is_java(wait->thread) &&
	       (hotspot__find_monitor(view->snapshot, view->memory, view->jvm, wait) ||
		       hotspot__find_initializer(view->snapshot, view->memory, view->jvm, wait) ||
		       hotspot__find_blocker(view->snapshot, view->memory, view->jvm, wait));
}

static void refine_native(const struct view *view, struct lock_wait *wait)
{
	if (wait->site.foreign)
		refine_foreign(view, wait);
	else
		refine_by_layout(view, wait);
}

static void refine(const struct view *view, struct lock_wait *wait)
{
	if (wait->futex.type == FUTEX_TYPE_VECTOR)
		refine_vector(view, wait);
	else if (!refine_java(view, wait))
		refine_native(view, wait);
	/* Nothing of a layout that did not fit. */
	if (wait->kind == WAIT_UNKNOWN || wait->kind == WAIT_LIBC || wait->kind == WAIT_ARENA)
		wait->state = (struct lock_state){0};
	wait->address = wait->state.address ? wait->state.address : wait->futex.uaddr;
}

static void set_key(const struct view *view, struct lock_wait *wait)
{
	const struct lock_memory *memory = view->memory;

	wait->key = (struct lock_key){.space = wait->thread->pid, .offset = wait->address};
	if (wait->futex.is_private && wait->kind != WAIT_PI_MUTEX)
		return;
	wait->shared = memory->shared_key && memory->shared_key(memory->context, wait->thread->pid,
						     wait->address, &wait->key);
}

/* "_rtld_global+2648" is known to its author alone; the loader's locks have names. */
static void rename_loader_lock(const struct view *view, struct lock_wait *wait)
{
	unsigned long offset = 0;
	const char *name;

	if (strncmp(wait->name, "_rtld_global", 12) || (wait->name[12] && wait->name[12] != '+'))
		return;
	sscanf(wait->name + 12, "+%lu", &offset);
	name = layout__loader_lock(view->memory, wait->thread->pid, wait->address - offset, offset);
	if (name)
		snprintf(wait->name, sizeof(wait->name), "%s", name);
}

static void set_name(const struct view *view, struct lock_wait *wait)
{
	const struct lock_memory *memory = view->memory;

	/* The object's address is all that tells it; the GIL is one in a process. */
	if (wait->kind == WAIT_GIL || wait->kind == WAIT_PYTHON_LOCK ||
		wait->kind == WAIT_PYTHON_RLOCK || wait->name[0])
		return;
	if (wait->kind == WAIT_JOIN) {
		snprintf(wait->name, sizeof(wait->name), "thread");
		return;
	}
	if (wait->kind == WAIT_STDIO && memory->stream &&
		memory->stream(memory->context, wait->thread->pid, wait->address, wait->name,
			sizeof(wait->name)))
		return;
	if (!memory->symbol || !memory->symbol(memory->context, wait->thread->pid, wait->address,
				       wait->name, wait->module, sizeof(wait->name)))
		return;
	rename_loader_lock(view, wait);
}

/* How long the kernel will still let it wait. */
static uint64_t time_left(const struct view *view, const struct lock_wait *wait)
{
	const struct lock_thread *thread = wait->thread;
	const struct futex_wait *futex = &wait->futex;
	int64_t timespec[2];
	uint64_t end, now;

	if (!futex->timeout || view->memory->read(view->memory->context, thread->pid,
				       futex->timeout, timespec, sizeof(timespec)))
		return LOCK_AGE_UNKNOWN;
	if (timespec[0] < 0 || timespec[0] > INT32_MAX || timespec[1] < 0 ||
		timespec[1] >= NS_PER_S || (!futex->until && thread->asleep_ns == LOCK_AGE_UNKNOWN))
		return LOCK_AGE_UNKNOWN;
	end = timespec[0] * NS_PER_S + timespec[1];
	now = futex->of_day ? view->snapshot->taken_unix_ns : view->snapshot->taken_ns;
	if (!futex->until)
		now = thread->asleep_ns;
	return end > now ? end - now : 0;
}

/*
 * A Python lock is made of a condition variable or a semaphore. The GIL is waited for in turns of
 * 5 ms, forever: each begins with another word and a time-out, and none of that matters.
 */
static bool take_python(const struct view *view, struct lock_wait *wait)
{
	const struct lock_memory *memory = view->memory;
	struct lock_python found;

	if (!memory->python_lock || wait->futex.type != FUTEX_TYPE_PLAIN ||
		!memory->python_lock(memory->context, wait->thread, wait->futex.uaddr, &found))
		return false;
	wait->site.foreign = wait->site.adopted = true;
	wait->address = found.address;
	wait->state = (struct lock_state){.address = found.address, .owner = found.owner};
	if (found.owner)
		wait->state.field = OWNER_TID;
	if (found.kind == LOCK_PYTHON_GIL) {
		wait->kind = WAIT_GIL;
		wait->futex.timed = false;
		wait->futex.uaddr = found.address;
		if (found.is_free)
			wait->state.field = OWNER_FREE;
	} else if (found.kind == LOCK_PYTHON_RLOCK) {
		wait->kind = WAIT_PYTHON_RLOCK;
		wait->state.recursive = true;
	} else {
		wait->kind = WAIT_PYTHON_LOCK;
	}
	return true;
}

static bool wants_gil(const struct view *view, const struct lock_wait *wait)
{
	struct lock_wait copy = *wait;

	return take_python(view, &copy) && copy.kind == WAIT_GIL && copy.state.field == OWNER_TID &&
	       copy.state.owner != (uint32_t)wait->thread->ns_tid;
}

static int add_wait(
	const struct view *view, const struct lock_thread *thread, struct lock_waits *out)
{
	struct lock_wait wait = {.thread = thread, .fd = -1};

	/* A turn of a wait for the GIL may just be over; without a stack it runs, and may have it.
	 */
	if (!futex__decode(thread, &wait.futex) &&
		!(thread->is_python && thread->state == 'R' && thread->frame_count &&
			futex__decode_call(thread, &wait.futex) && wants_gil(view, &wait))) {
		if (!kernel_wait__judge(view->snapshot, view->memory, thread, out, &wait))
			return 0;
		return vec_push(out, wait) ? -ENOMEM : 0;
	}
	wait.left_ns = time_left(view, &wait);
	wait.site = wait_site__find(thread);
	wait.kind = wait.site.kind;
	if (!take_python(view, &wait))
		refine(view, &wait);
	set_key(view, &wait);
	set_name(view, &wait);
	return vec_push(out, wait) ? -ENOMEM : 0;
}

int waits__find(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_waits *out)
{
	int err = 0;

	*out = (struct lock_waits){0};
	for (size_t i = 0; i < snapshot->process_count && !err; i++) {
		struct jvm_layout jvm = {0};
		struct view view = {snapshot, memory, &snapshot->processes[i], &jvm};
		size_t count;
		const struct lock_thread *threads =
			snapshot__threads_of(snapshot, view.process->pid, &count);

		for (size_t n = 0; n < count; n++) {
			err = add_wait(&view, &threads[n], out);
			if (err)
				break;
		}
		jvm_layout__free(&jvm);
	}
	if (err) {
		waits__free(out);
		return err;
	}
	for (size_t i = 0; i < out->size; i++)
		if (out->data[i].futex.type != FUTEX_TYPE_NONE)
			owner__resolve(snapshot, &out->data[i]);
	if (infer__owners(snapshot, memory, out) || kernel_wait__drop_idle(out)) {
		waits__free(out);
		return -ENOMEM;
	}
	forked__mark(snapshot, out);
	return 0;
}

void waits__free(struct lock_waits *waits)
{
	vec_free(&waits->processes);
	vec_free(waits);
}

struct lock_wait *waits__of(const struct lock_waits *waits, const struct lock_thread *thread)
{
	/* Both point into one sorted array. */
	size_t i = search_first(waits->size, n, waits->data[n].thread < thread);

	return i < waits->size && waits->data[i].thread == thread ? &waits->data[i] : NULL;
}
