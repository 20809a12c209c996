/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <string.h>

#include "locks/hotspot.h"
#include "locks/hotspot_object.h"

#define THREAD_CLASS "java/lang/Thread"
#define OWNABLE_CLASS "java/util/concurrent/locks/AbstractOwnableSynchronizer"
#define TASK_CLASS "java/util/concurrent/FutureTask"

/* What a search has at hand. */
struct jvm_view {
	struct jvm_reader reader;
	const struct snapshot *snapshot;
	struct jvm_layout *layout;
};

/* Once for a JVM: those classes are its own, and a subclass has the fields at the same place. */
static void find_thread_fields(const struct jvm_view *view, uint64_t thread_class)
{
	struct jvm_layout *layout = view->layout;

	if (layout->has_fields)
		return;
	layout->has_fields = true;
	layout->field_owner = layout->field_runner = UINT64_MAX;
	layout->field_blocker =
		jvm_class__field(&view->reader, layout, thread_class, "parkBlocker");
	layout->field_native = jvm_class__field(&view->reader, layout, thread_class, "eetop");
}

/* The offset of @field, which the class @declares declares, in objects of @klass, in @known where
 * it has been found; UINT64_MAX: @klass is not derived from it. */
static uint64_t find_field(const struct jvm_view *view, uint64_t klass, const char *declares,
	const char *field, uint64_t *known)
{
	uint64_t super = jvm_class__find_super(&view->reader, view->layout, klass, declares);

	if (!super)
		return UINT64_MAX;
	if (!jvm__tells(*known))
		*known = jvm_class__field(&view->reader, view->layout, super, field);
	return *known;
}

/* The java.lang.Thread of the JavaThread at @java; 0: none. */
static uint64_t find_thread_object(const struct jvm_view *view, uint64_t java)
{
	uint64_t object, super;

	if (!java || !jvm__tells(view->layout->thread_object))
		return 0;
	object = jvm_object__at(&view->reader, view->layout, java + view->layout->thread_object);
	super = jvm_class__find_super(&view->reader, view->layout,
		jvm_object__class(&view->reader, view->layout, object), THREAD_CLASS);
	if (!super)
		return 0;
	find_thread_fields(view, super);
	return object;
}

/* The thread that runs as the java.lang.Thread at @object; NULL: it has ended, or is virtual. */
static const struct lock_thread *find_thread(const struct jvm_view *view, uint64_t object)
{
	uint64_t java;

	if (!object || !jvm__tells(view->layout->field_native) ||
		!jvm__read(&view->reader, object + view->layout->field_native, &java, sizeof(java)))
		return NULL;
	return hotspot__find_thread(&view->reader, view->snapshot, view->layout, java);
}

static void set_inferred(
	struct lock_wait *wait, enum wait_kind kind, const struct lock_thread *owner)
{
	wait->kind = kind;
	wait->owner = owner;
	wait->certainty = CERTAINTY_INFERRED;
}

/* Thread.join is Object.wait on the Thread, which its end notifies. */
static bool take_join(const struct jvm_view *view, uint64_t java, struct lock_wait *wait)
{
	const struct jvm_layout *layout = view->layout;
	const struct lock_thread *thread;
	uint64_t monitor, object, klass;

	if (!jvm__tells(layout->waiting_monitor) || !jvm__tells(layout->monitor_object) ||
		!jvm__read(&view->reader, java + layout->waiting_monitor, &monitor, 8) || !monitor)
		return false;
	object = jvm_object__at(&view->reader, layout, monitor + layout->monitor_object);
	klass = object ? jvm_object__class(&view->reader, layout, object) : 0;
	if (!klass)
		return false;
	jvm_class__java_name(&view->reader, layout, klass, wait->name, sizeof(wait->name));
	if (!jvm_class__find_super(&view->reader, layout, klass, THREAD_CLASS))
		return false;
	thread = find_thread(view, object);
	if (!thread || thread == wait->thread)
		return false;
	set_inferred(wait, WAIT_JOIN, thread);
	wait->state = (struct lock_state){.address = monitor};
	wait__explain(wait, "it waits on the Thread object of that thread, as Thread.join does");
	return true;
}

/* A lock of java.util.concurrent.locks, or something else that is made like one: a latch names no
 * owner. */
static bool take_lock(
	const struct jvm_view *view, uint64_t blocker, uint64_t klass, struct lock_wait *wait)
{
	uint64_t field = find_field(
		view, klass, OWNABLE_CLASS, "exclusiveOwnerThread", &view->layout->field_owner);
	uint64_t object = jvm_object__reference(&view->reader, view->layout, blocker, field);
	const struct lock_thread *owner = find_thread(view, object);

	if (!jvm__tells(field) || (!object && !strstr(wait->name, "Lock")))
		return false;
	wait->kind = WAIT_RUNTIME;
	wait->state = (struct lock_state){.address = blocker, .recursive = true};
	if (owner) {
		wait->state.field = OWNER_TID;
		wait->state.owner = owner->ns_tid;
	} else if (object) {
		wait__explain(wait, "its owner is a virtual thread, or has ended");
	}
	return true;
}

/* Future.get of what an executor runs. */
static bool take_task(
	const struct jvm_view *view, uint64_t blocker, uint64_t klass, struct lock_wait *wait)
{
	uint64_t field = find_field(view, klass, TASK_CLASS, "runner", &view->layout->field_runner);
	const struct lock_thread *runner = find_thread(
		view, jvm_object__reference(&view->reader, view->layout, blocker, field));

	if (!runner || runner == wait->thread)
		return false;
	set_inferred(wait, WAIT_FUTURE, runner);
	wait->state = (struct lock_state){.address = blocker};
	wait__explain(wait, "that thread runs the task");
	return true;
}

bool hotspot__find_blocker(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct jvm_layout *layout, struct lock_wait *wait)
{
	struct jvm_view view = {{memory, wait->thread->pid}, snapshot, layout};
	uint64_t java, thread, blocker, klass;

	if (!jvm_layout__knows(&view.reader, layout))
		return false;
	java = jvm_layout__java_of(&view.reader, layout, wait->thread->ns_tid);
	thread = find_thread_object(&view, java);
	if (!thread)
		return false;
	if (take_join(&view, java, wait))
		return true;
	blocker = jvm_object__reference(&view.reader, layout, thread, layout->field_blocker);
	klass = blocker ? jvm_object__class(&view.reader, layout, blocker) : 0;
	if (!klass)
		return false;
	jvm_class__java_name(&view.reader, layout, klass, wait->name, sizeof(wait->name));
	/* In a JVM that is stripped its park has no name: the condition that it is made of has. */
	if (wait->kind == WAIT_CONDITION)
		wait->kind = WAIT_PARK;
	return take_lock(&view, blocker, klass, wait) || take_task(&view, blocker, klass, wait);
}
