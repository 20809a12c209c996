/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_json.h"

#include <stdint.h>

#include "locks/activity.h"

/* Raised when a key changes its meaning; new keys do not. */
#define SCHEMA_VERSION 1

static void put_place(struct json_writer *json, const struct lock_frame *frame)
{
	if (frame->pc <= INT64_MAX)
		json__put_integer(json, "address", frame->pc);
	if (frame->module) {
		json__put_string(json, "module", frame->module);
		if (frame->build_id)
			json__put_string(json, "build_id", frame->build_id);
		json__put_integer(json, "offset", frame->module_offset);
	}
}

static void put_source(struct json_writer *json, const char *file, uint32_t line, bool inlined)
{
	if (file) {
		json__put_string(json, "file", file);
		json__put_integer(json, "line", line);
	}
	if (inlined)
		json__put_boolean(json, "inlined", true);
}

/* As in the heap's report: calls that were inlined are frames of the same address. */
static void put_frame(struct json_writer *json, const struct lock_frame *frame)
{
	for (size_t i = 0; i < frame->inlined_count; i++) {
		const struct lock_inlined *call = &frame->inlined[i];

		json__begin_object(json);
		put_place(json, frame);
		if (call->function)
			json__put_string(json, "function", call->function);
		put_source(json, call->file, call->line, true);
		json__end_object(json);
	}
	json__begin_object(json);
	if (frame->is_python)
		json__put_string(json, "language", "python");
	else
		put_place(json, frame);
	if (frame->function)
		json__put_string(json, "function", frame->function);
	if (frame->function && !frame->is_python)
		json__put_integer(json, "function_offset", frame->function_offset);
	put_source(json, frame->file, frame->line, false);
	json__end_object(json);
}

static void put_stack(
	struct json_writer *json, const char *key, const struct lock_frame *frames, size_t count)
{
	json__key(json, key);
	json__begin_array(json);
	for (size_t i = 0; i < count; i++)
		put_frame(json, &frames[i]);
	json__end_array(json);
}

/* Of a futex_waitv; the first few, where there are many. */
static void put_words(struct json_writer *json, const struct lock_wait *wait)
{
	uint32_t count = wait->word_count;

	if (!count)
		return;
	json__put_integer(json, "word_count", count);
	json__key(json, "words");
	json__begin_array(json);
	for (uint32_t i = 0; i < count && i < WAIT_KEPT_WORDS; i++)
		json__integer(json, wait->words[i]);
	json__end_array(json);
}

/* Where the memory of the lock was allocated. */
static void put_block(struct json_writer *json, const struct lock_block *block)
{
	json__key(json, "block");
	json__begin_object(json);
	json__put_integer(json, "address", block->address);
	json__put_integer(json, "size", block->size);
	put_stack(json, "stack", block->frames, block->frame_count);
	json__end_object(json);
}

static void put_lock(struct json_writer *json, const struct lock_wait *wait)
{
	json__key(json, "lock");
	json__begin_object(json);
	if (wait->futex.type != FUTEX_TYPE_NONE)
		json__put_integer(json, "address", wait->address);
	if (wait->name[0])
		json__put_string(json, "name", wait->name);
	if (wait->module[0])
		json__put_string(json, "module", wait->module);
	json__put_boolean(json, "shared", wait->shared);
	if (wait->block)
		put_block(json, wait->block);
	json__end_object(json);
}

static void put_owner(struct json_writer *json, const struct lock_wait *wait)
{
	json__key(json, "owner");
	json__begin_object(json);
	if (wait->owner) {
		json__put_integer(json, "tid", wait->owner->tid);
		json__put_integer(json, "ns_tid", wait->owner->ns_tid);
		json__put_integer(json, "pid", wait->owner->pid);
		json__put_string(json, "comm", wait->owner->comm);
	} else if (wait->owner_number) {
		json__put_integer(json, "ns_tid", wait->owner_number);
	}
	json__put_string(json, "certainty", certainty__name(wait->certainty));
	if (wait->owner_dead)
		json__put_boolean(json, "dead", true);
	if (wait->forked)
		json__put_boolean(json, "forked", true);
	if (wait->reason[0])
		json__put_string(json, "reason", wait->reason);
	json__end_object(json);
}

/* What a thread does that waits for no lock. */
static void put_activity(struct json_writer *json, const struct lock_thread *thread)
{
	const char *syscall = activity__syscall_name(thread->syscall);
	char buffer[ACTIVITY_SIZE];

	if (syscall)
		json__put_string(json, "syscall", syscall);
	if (thread->syscall >= 0)
		json__put_integer(json, "syscall_number", thread->syscall);
	json__put_string(json, "activity", activity__name(thread, buffer, sizeof(buffer)));
	json__put_string(json, "does", activity__describe(thread, buffer, sizeof(buffer)));
	if (!thread->activity || thread->activity->fd < 0)
		return;
	json__put_integer(json, "fd", thread->activity->fd);
	if (thread->activity->link)
		json__put_string(json, "path", thread->activity->link);
}

/* Of one that runs, the samples, the first as its stack. */
static void put_thread_stack(struct json_writer *json, const struct lock_thread *thread)
{
	if (!thread->sample_counts[0]) {
		put_stack(json, "stack", thread->frames, thread->frame_count);
		if (thread->is_cut)
			json__put_boolean(json, "stack_cut", true);
		return;
	}
	json__put_boolean(json, "sampled", true);
	put_stack(json, "stack", thread->samples[0], thread->sample_counts[0]);
	if (thread->sample_counts[1])
		put_stack(json, "second_stack", thread->samples[1], thread->sample_counts[1]);
}

/* Where the chain of owners ends: in a thread that waits for no lock, or for one without an owner.
 */
static void put_end(struct json_writer *json, const struct lock_findings *findings, size_t index)
{
	const struct wait_fate *fate = &findings->graph.fates[index];
	const struct lock_thread *end = fate->end;

	if (!end || fate->in_cycle || verdict__is_deadlock(fate->verdict) ||
		end == findings->waits.data[index].thread)
		return;
	json__key(json, "ends_in");
	json__begin_object(json);
	json__put_integer(json, "pid", end->pid);
	json__put_integer(json, "tid", end->tid);
	json__put_string(json, "comm", end->comm);
	put_activity(json, end);
	put_thread_stack(json, end);
	json__end_object(json);
}

/* A lock as a person would call it. */
static void put_lock_label(struct json_writer *json, const char *key, const struct lock_wait *wait)
{
	char address[32];

	if (wait->name[0]) {
		json__put_string(json, key, wait->name);
		return;
	}
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)wait->address);
	json__put_string(json, key, address);
}

/* What the thread has itself, with one of those that wait for it. */
static void put_held(struct json_writer *json, const struct lock_findings *findings, size_t index)
{
	const struct wait_graph *graph = &findings->graph;
	size_t i = SIZE_MAX;

	json__key(json, "holds");
	json__begin_array(json);
	while ((i = graph__next_held(graph, index, i)) != SIZE_MAX) {
		const struct lock_wait *held = &findings->waits.data[i];

		json__begin_object(json);
		put_lock_label(json, "lock", held);
		json__put_integer(json, "address", held->address);
		json__put_string(json, "kind", wait_kind__name(held->kind));
		json__put_integer(json, "waiter", held->thread->tid);
		json__end_object(json);
	}
	json__end_array(json);
}

static void put_wait(struct json_writer *json, const struct lock_findings *findings, size_t index)
{
	const struct lock_wait *wait = &findings->waits.data[index];
	const struct lock_thread *thread = wait->thread;

	json__begin_object(json);
	json__put_integer(json, "pid", thread->pid);
	json__put_integer(json, "tid", thread->tid);
	json__put_integer(json, "ns_pid", thread->ns_pid);
	json__put_integer(json, "ns_tid", thread->ns_tid);
	json__put_string(json, "comm", thread->comm);
	json__put_string(json, "kind", wait_kind__name(wait->kind));
	if (wait->site.function)
		json__put_string(json, "function", wait->site.function);
	if (wait->futex.type != FUTEX_TYPE_NONE)
		json__put_integer(json, "uaddr", wait->futex.uaddr);
	if (wait->fd >= 0)
		json__put_integer(json, "fd", wait->fd);
	if (wait->futex.type == FUTEX_TYPE_PLAIN)
		json__put_integer(json, "expected", wait->futex.expected);
	put_words(json, wait);
	put_lock(json, wait);
	json__put_boolean(json, "timed", wait->futex.timed);
	if (wait->left_ns != LOCK_AGE_UNKNOWN)
		json__put_integer(json, "timeout_left_ns", wait->left_ns);
	if (thread->asleep_ns != LOCK_AGE_UNKNOWN)
		json__put_integer(json, "age_ns", thread->asleep_ns);
	put_owner(json, wait);
	json__put_string(json, "verdict", verdict__name(findings__verdict(findings, index)));
	put_end(json, findings, index);
	put_held(json, findings, index);
	put_stack(json, "stack", thread->frames, thread->frame_count);
	if (thread->is_cut)
		json__put_boolean(json, "stack_cut", true);
	json__end_object(json);
}

/* With @finding, which may be NULL, those that belong to it alone. */
static void put_waits(struct json_writer *json, const struct lock_findings *findings,
	const struct finding *finding)
{
	json__key(json, "waits");
	json__begin_array(json);
	for (size_t i = 0; i < findings->waits.size; i++)
		if (!finding || finding__has(findings, finding, i))
			put_wait(json, findings, i);
	json__end_array(json);
}

static void put_member(struct json_writer *json, const struct lock_wait *wait)
{
	json__begin_object(json);
	json__put_integer(json, "pid", wait->thread->pid);
	json__put_integer(json, "tid", wait->thread->tid);
	json__put_integer(json, "ns_tid", wait->thread->ns_tid);
	json__put_string(json, "comm", wait->thread->comm);
	put_lock_label(json, "waits_for", wait);
	if (wait->futex.type != FUTEX_TYPE_NONE)
		json__put_integer(json, "lock_address", wait->address);
	json__put_string(json, "kind", wait_kind__name(wait->kind));
	json__put_integer(json, "held_by", wait->owner->tid);
	json__put_string(json, "certainty", certainty__name(wait->certainty));
	if (wait->reason[0])
		json__put_string(json, "reason", wait->reason);
	json__end_object(json);
}

static void put_cycle(struct json_writer *json, const struct lock_findings *findings, size_t index)
{
	const struct wait_cycle *cycle = &findings->graph.cycles[index];

	json__begin_object(json);
	json__put_string(json, "verdict", verdict__name(cycle->verdict));
	json__put_string(json, "certainty", certainty__name(cycle->certainty));
	json__key(json, "cycle");
	json__begin_array(json);
	for (size_t i = 0; i < cycle->count; i++)
		put_member(json, &findings->waits.data[findings->graph.members[cycle->first + i]]);
	json__end_array(json);
	json__key(json, "victims");
	json__begin_array(json);
	for (size_t i = 0; i < findings->waits.size; i++)
		if (findings__leads_to(findings, i, index, false))
			json__integer(json, findings->waits.data[i].thread->tid);
	json__end_array(json);
	json__end_object(json);
}

/* The confirmed cycles that are deadlocks; or (@timed) those that a timeout will break. */
static void put_cycles(struct json_writer *json, const struct lock_findings *findings, bool timed)
{
	json__begin_array(json);
	for (size_t i = 0; i < findings->graph.cycle_count; i++)
		if (findings->confirmed[i] &&
			verdict__is_deadlock(findings->graph.cycles[i].verdict) != timed)
			put_cycle(json, findings, i);
	json__end_array(json);
}

static void put_convoys(struct json_writer *json, const struct lock_findings *findings)
{
	json__key(json, "convoys");
	json__begin_array(json);
	for (size_t i = 0; i < findings->graph.convoy_count; i++) {
		const struct convoy *convoy = &findings->graph.convoys[i];
		const struct lock_wait *wait = &findings->waits.data[convoy->wait];

		json__begin_object(json);
		put_lock_label(json, "lock", wait);
		if (wait->futex.type != FUTEX_TYPE_NONE)
			json__put_integer(json, "address", wait->address);
		json__put_integer(json, "length", convoy->count);
		if (wait->owner)
			json__put_integer(json, "held_by", wait->owner->tid);
		json__end_object(json);
	}
	json__end_array(json);
}

/* A process that nothing inside can wake, and the signals whose handlers could. */
static void put_hung(struct json_writer *json, const struct hung_process *hung)
{
	json__begin_object(json);
	json__put_string(json, "verdict", verdict__name(VERDICT_HUNG));
	json__put_integer(json, "pid", hung->process->pid);
	json__put_string(json, "comm", hung->threads->comm);
	json__put_integer(json, "threads", hung->waiting);
	json__put_integer(json, "idle", hung->apart);
	json__key(json, "signals");
	json__begin_array(json);
	for (int n = 1; n <= 64; n++)
		if (hung->process->handled & 1ull << (n - 1))
			json__integer(json, n);
	json__end_array(json);
	json__end_object(json);
}

void locks_json__put(struct json_writer *json, const struct lock_findings *findings)
{
	json__key(json, "deadlocks");
	put_cycles(json, findings, false);
	json__key(json, "warnings");
	put_cycles(json, findings, true);
	json__key(json, "hung");
	json__begin_array(json);
	vec_for_each (hung, &findings->hung)
		if (findings__hung(findings, hung->process->pid) == hung)
			put_hung(json, hung);
	json__end_array(json);
	put_convoys(json, findings);
	put_waits(json, findings, NULL);
}

void locks_json__put_none(struct json_writer *json)
{
	static const char *const keys[] = {"deadlocks", "warnings", "convoys", "waits"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json__key(json, keys[i]);
		json__begin_array(json);
		json__end_array(json);
	}
}

void locks_json__put_finding(struct json_writer *json, const struct lock_findings *findings,
	const struct finding *finding)
{
	json__key(json, "deadlocks");
	json__begin_array(json);
	if (finding->kind == FINDING_CYCLE)
		put_cycle(json, findings, finding->index);
	json__end_array(json);
	json__key(json, "hung");
	json__begin_array(json);
	if (finding->kind == FINDING_HUNG)
		put_hung(json, &findings->hung.data[finding->index]);
	json__end_array(json);
	put_waits(json, findings, finding);
}

static void put_processes(struct json_writer *json, const struct lock_findings *findings)
{
	const struct snapshot *snapshot = findings->snapshot;

	json__key(json, "processes");
	json__begin_array(json);
	for (size_t i = 0; i < snapshot->process_count; i++) {
		pid_t pid = snapshot->processes[i].pid;
		const char *user_threads = findings__user_threads(findings, pid);
		size_t count;
		const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);

		json__begin_object(json);
		json__put_integer(json, "pid", pid);
		json__put_integer(json, "threads", count);
		if (threads) {
			json__put_integer(json, "ns_pid", threads->ns_pid);
			json__put_string(json, "comm", threads->comm);
		}
		if (user_threads)
			json__put_string(json, "user_threads", user_threads);
		json__end_object(json);
	}
	json__end_array(json);
}

void locks_json__write(FILE *file, const struct lock_findings *findings,
	const struct locks_json_head *head, bool compact)
{
	struct json_writer json;

	json__start(&json, file, compact ? 0 : 3);
	json__begin_object(&json);
	json__put_integer(&json, "version", SCHEMA_VERSION);
	if (head->event)
		json__put_string(&json, "event", head->event);
	json__put_integer(&json, "looks", head->looks);
	json__put_integer(&json, "took_ns", head->took_ns);
	json__put_string(&json, "source", head->used_proc ? "proc" : "bpf");
	put_processes(&json, findings);
	locks_json__put(&json, findings);
	json__end_object(&json);
	json__finish(&json);
}
