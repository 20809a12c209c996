/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/blocked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/vec.h"
#include "blocked/answers.h"
#include "blocked/kernel_facts.h"
#include "blocked/process_origin.h"
#include "blocked/running.h"
#include "locks/functions.h"
#include "python/merge.h"

/* --- the snapshot */

/* A frame at one pc is the same in every thread of a process, except for its place on the stack. */
struct known_frame {
	bool known;
	struct lock_frame frame;
};

DEFINE_HASH_NUMBER(frame_map, uint64_t, struct known_frame);

struct builder {
	struct blocked *out;
	struct subject *subject;
	struct frame_map known; /* of this subject; the lowest bit of the key: a return address */
	VEC(struct lock_frame) frames;
	size_t *first; /* of each thread, index of its first frame: the array still moves */
};

static void copy_registers(const struct look_thread *in, struct lock_thread *out)
{
	memcpy(out->args, in->args, sizeof(out->args));
	for (size_t i = 0; i < LOOK_SAVED_REGISTERS && i < LOCK_SAVED_REGISTERS; i++)
		if (in->saved[i])
			out->saved[out->saved_count++] = in->saved[i];
}

static struct lock_thread convert(const struct look_thread *in)
{
	struct lock_thread out = {
		.pid = in->pid,
		.tid = in->tid,
		.ns_pid = in->ns_pid,
		.ns_tid = in->ns_tid,
		.pid_namespace = in->pid_namespace,
		.state = look_thread__state(in),
		.start_ns = in->start_ns,
		.switches = in->switches,
		.asleep_ns = LOCK_AGE_UNKNOWN,
		.is_32bit = in->flags & LOOK_32BIT,
		.syscall = in->syscall,
		.restarted = in->flags & LOOK_RESTARTED,
	};

	if (in->asleep_since && in->now >= in->asleep_since)
		out.asleep_ns = in->now - in->asleep_since;
	memcpy(out.comm, in->comm, sizeof(out.comm));
	out.comm[sizeof(out.comm) - 1] = '\0';
	text__make_printable(out.comm);
	copy_registers(in, &out);
	return out;
}

static void name_frame(
	struct builder *builder, uint64_t pc, bool is_return, struct known_frame *out)
{
	struct symbol_frames names = subject__names(builder->subject, pc, is_return);
	const struct module *module =
		subject__module_at(builder->subject, pc, &out->frame.module_offset);

	out->known = true;
	out->frame.pc = pc;
	out->frame.module = module ? module->name : NULL;
	out->frame.build_id = module && module->build_id.size ? module->build_id.hex : NULL;
	if (is_return)
		out->frame.called = subject__called(builder->subject, pc);
	frame_symbols__set(&out->frame, &names, &builder->out->inlined);
}

static int add_frame(struct builder *builder, uint64_t pc, uint64_t slot, bool is_return)
{
	struct known_frame *known = frame_map__insert(&builder->known, pc << 1 | is_return);

	if (!known)
		return -ENOMEM;
	if (!known->known)
		name_frame(builder, pc, is_return, known);
	known->frame.is_guessed = slot & SLOT_IS_GUESSED;
	slot &= ~SLOT_IS_GUESSED;
	/* The return address lies right below where the caller's stack pointer was. */
	known->frame.slot = is_return ? slot - 8 : slot;
	return vec_push(&builder->frames, known->frame);
}

/* Registers as the walk wants them; see LOOK_SAVED_REGISTERS for their places. */
static void begin_walk(const struct look_thread *thread, struct unwind_walk *walk)
{
	memset(walk, 0, sizeof(*walk));
	walk->pc = thread->ip;
	walk->sp = thread->sp;
	memcpy(walk->saved, thread->returns, sizeof(walk->saved));
#if defined(__aarch64__)
	walk->bp = thread->saved[10];
	walk->bx = thread->saved[11];
#else
	walk->bx = thread->saved[0];
	walk->bp = thread->saved[1];
#endif
}

static int add_python_frame(struct builder *builder, const struct python_place *place)
{
	struct python_frame named = subject__python_frame(builder->subject, place);
	struct lock_frame frame = {
		.pc = place->code,
		.function = named.function,
		.file = named.file,
		.line = named.line,
		.is_python = true,
	};

	return vec_push(&builder->frames, frame);
}

static int add_run(struct builder *builder, const struct python_place *places, size_t count,
	struct lock_thread *out)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		err = add_python_frame(builder, &places[i]);
		out->frame_count++;
	}
	return err;
}

/* The Python frames of @out, and how many native frames of the walk run some. */
static struct python_merge begin_merge(struct builder *builder, struct lock_thread *out,
	const struct unwind_walk *walk, struct python_place places[SUBJECT_PYTHON_FRAMES])
{
	const struct subject_python *python = subject__python(builder->subject);
	const struct python_thread *thread =
		python ? subject_python__thread(python, out->ns_tid) : NULL;
	size_t count = 0, loops = 0;

	out->is_python = thread;
	if (thread)
		count = python_stack__walk(
			&python->process, thread->state, places, SUBJECT_PYTHON_FRAMES);
	for (uint32_t i = 0; count && i < walk->record.frame_count; i++)
		loops += subject__in_python_loop(builder->subject, walk->frames[i], i > 0);
	return python_merge__begin(places, count, loops);
}

static int add_frames(struct builder *builder, struct lock_thread *out,
	const struct unwind_walk *walk, const uint64_t *pointers)
{
	struct python_place places[SUBJECT_PYTHON_FRAMES];
	struct python_merge merge = begin_merge(builder, out, walk, places);
	size_t first, run;
	int err = 0;

	for (uint32_t i = 0; i < walk->record.frame_count && !err; i++) {
		run = 0;
		if (merge.loops &&
			subject__in_python_loop(builder->subject, walk->frames[i], i > 0))
			run = python_merge__next(&merge, &first);
		if (run) {
			err = add_run(builder, places + first, run, out);
			continue;
		}
		err = add_frame(builder, walk->frames[i], pointers[i], i > 0);
		out->frame_count++;
		if (!err && functions__leaves_stack(
				    builder->frames.data[builder->frames.size - 1].function)) {
			out->is_cut = i + 1 < walk->record.frame_count;
			return 0;
		}
	}
	run = python_merge__rest(&merge, &first);
	return err ? err : add_run(builder, places + first, run, out);
}

static int add_stack(struct builder *builder, const struct look_thread *in, struct lock_thread *out)
{
	uint64_t pointers[EVENT_MAX_FRAMES + 1] = {0};
	struct unwind_walk walk;

	/* Registers of a thread that runs are those of its last visit to the kernel. */
	if (in->flags & (LOOK_ON_CPU | LOOK_32BIT) || !(in->flags & LOOK_USER) || !in->ip)
		return 0;
	begin_walk(in, &walk);
	subject__walk(builder->subject, &walk, pointers);
	return add_frames(builder, out, &walk, pointers);
}

/* glibc's variable, from 2.32 on, is cleared for good with the first thread: children inherit it.
 */
static bool was_threaded(struct subject *subject, pid_t pid)
{
	uint64_t address = subject__libc_variable(subject, "__libc_single_threaded");
	char alone;

	return address && !subject__read(pid, address, &alone, sizeof(alone)) && !alone;
}

static int add_process(
	struct builder *builder, const struct look *look, struct snapshot *snapshot, pid_t pid)
{
	size_t count, first;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);
	struct lock_process process = {.pid = pid};
	int err = 0;

	if (!threads)
		return -ESRCH;
	first = threads - snapshot->threads;
	/* Waits that may not be seen are not the same as none. */
	if (look->threads[first].flags & LOOK_DENIED)
		return -ESRCH;
	builder->subject = subjects__take(builder->out->subjects, pid, threads[0].start_ns, NULL);
	if (!builder->subject)
		return -ESRCH;
	process.libc = subject__libc(builder->subject, &process.libc_minor);
	process_origin__read(&process);
	process.was_threaded = process.forked && was_threaded(builder->subject, pid);
	snapshot->processes[snapshot->process_count++] = process;
	/* Look and snapshot have the same order. */
	for (size_t i = first; i < first + count && !err; i++) {
		builder->first[i] = builder->frames.size;
		err = add_stack(builder, &look->threads[i], &snapshot->threads[i]);
		if (!err)
			err = activity__note(&snapshot->threads[i], &builder->out->activities);
	}
	frame_map__free(&builder->known);
	return err;
}

static int add_threads(const struct look *look, size_t pid_count, struct snapshot *snapshot)
{
	snapshot->taken_ns = look->taken_ns;
	snapshot->taken_unix_ns = look->taken_unix_ns;
	snapshot->complete = look->complete;
	snapshot->threads = calloc(look->count + 1, sizeof(*snapshot->threads));
	snapshot->processes = calloc(pid_count + 1, sizeof(*snapshot->processes));
	if (!snapshot->threads || !snapshot->processes)
		return -ENOMEM;
	for (size_t i = 0; i < look->count; i++)
		snapshot->threads[i] = convert(&look->threads[i]);
	snapshot->thread_count = look->count;
	return 0;
}

/* Now that the arrays no longer move. */
static void place_frames(struct builder *builder, struct blocked *out)
{
	out->frames = builder->frames.data;
	out->frame_count = builder->frames.size;
	for (size_t i = 0; i < out->snapshot.thread_count; i++)
		if (out->snapshot.threads[i].frame_count)
			out->snapshot.threads[i].frames = out->frames + builder->first[i];
}

int blocked__build(const struct look *look, struct subjects *subjects, const pid_t *pids,
	size_t pid_count, struct blocked *out, struct error *error)
{
	struct builder builder = {.out = out};
	int err;

	*out = (struct blocked){
		.subjects = subjects,
		.memory = answers__of(subjects),
	};
	kernel_facts__begin(subjects__kernel_facts(subjects), look->taken_ns);
	builder.first = calloc(look->count + 1, sizeof(*builder.first));
	err = builder.first ? add_threads(look, pid_count, &out->snapshot) : -ENOMEM;
	for (size_t i = 0; i < pid_count && !err; i++) {
		err = add_process(&builder, look, &out->snapshot, pids[i]);
		if (err == -ESRCH) {
			out->unreadable++;
			err = 0;
		}
	}
	place_frames(&builder, out);
	snapshot__sort(&out->snapshot);
	free(builder.first);
	frame_map__free(&builder.known);
	if (!err)
		return 0;
	blocked__free(out);
	return error__set(error, err, "out of memory");
}

/* --- threads that run */

#define SAMPLE_TIMEOUT_MS 150
#define SAMPLES_APART_US 25000

static void begin_sampled_walk(const struct running_sample *sample, struct unwind_walk *walk)
{
	memset(walk, 0, sizeof(*walk));
	walk->pc = sample->pc;
	walk->sp = sample->sp;
	walk->bp = sample->bp;
	walk->bx = sample->bx;
}

/* Copies the frames of a walk to where the thread keeps its sample @index. */
static void keep_sample(struct builder *builder, const struct unwind_walk *walk,
	const uint64_t *pointers, struct lock_thread *thread, size_t index)
{
	struct lock_frame *copy;

	builder->frames.size = 0;
	for (uint32_t i = 0; i < walk->record.frame_count; i++)
		if (add_frame(builder, walk->frames[i], pointers[i], i > 0))
			return;
	if (!builder->frames.size)
		return;
	copy = calloc(builder->frames.size, sizeof(*copy));
	if (!copy || vec_push(&builder->out->sampled, copy)) {
		free(copy);
		return;
	}
	memcpy(copy, builder->frames.data, builder->frames.size * sizeof(*copy));
	thread->samples[index] = copy;
	thread->sample_counts[index] = builder->frames.size;
}

void blocked__sample(struct blocked *blocked, const struct lock_thread *thread)
{
	struct lock_thread *out = &blocked->snapshot.threads[thread - blocked->snapshot.threads];
	struct builder builder = {
		.out = blocked, .subject = subjects__find(blocked->subjects, thread->pid)};
	struct running_sample *sample = malloc(sizeof(*sample));

	for (size_t i = 0; sample && builder.subject && i < LOCK_SAMPLES; i++) {
		uint64_t pointers[EVENT_MAX_FRAMES + 1] = {0};
		struct stack_copy copy;
		struct unwind_walk walk;

		if (i)
			usleep(SAMPLES_APART_US);
		if (running__sample(thread->tid, SAMPLE_TIMEOUT_MS, sample))
			break;
		copy = (struct stack_copy){sample->sp, sample->stack, sample->stack_bytes};
		begin_sampled_walk(sample, &walk);
		subject__walk_copy(builder.subject, &copy, &walk, pointers);
		keep_sample(&builder, &walk, pointers, out, i);
	}
	frame_map__free(&builder.known);
	vec_free(&builder.frames);
	free(sample);
}

bool blocked__describe_end(struct blocked *blocked, const struct lock_thread *thread)
{
	/* The note that the thread points to is ours. */
	struct activity_note *note = (struct activity_note *)thread->activity;

	if (!note || note->activity.detail ||
		!kernel_facts__describe_end(subjects__kernel_facts(blocked->subjects), thread,
			note->detail, sizeof(note->detail)))
		return false;
	note->activity.detail = note->detail;
	return true;
}

void blocked__free(struct blocked *blocked)
{
	free(blocked->snapshot.threads);
	free(blocked->snapshot.processes);
	free(blocked->frames);
	inlined_arrays__free(&blocked->inlined);
	vec_for_each (sample, &blocked->sampled)
		free(*sample);
	vec_free(&blocked->sampled);
	activity__free_notes(&blocked->activities);
	*blocked = (struct blocked){0};
}

bool blocked__futex(const struct look_thread *thread, struct futex_wait *out)
{
	struct lock_thread converted;

	if (!(thread->flags & LOOK_USER) || thread->syscall < 0)
		return false;
	converted = convert(thread);
	return futex__decode(&converted, out);
}

bool blocked__waits(const struct look_thread *thread)
{
	char state = look_thread__state(thread);
	struct futex_wait futex;

	if (blocked__futex(thread, &futex))
		return true;
	if (!(thread->flags & LOOK_USER) || (state != 'S' && state != 'D'))
		return false;
	return thread->syscall == SYS_flock || thread->syscall == SYS_semop ||
	       thread->syscall == SYS_semtimedop ||
	       (thread->syscall == SYS_fcntl &&
		       (thread->args[1] == F_SETLKW || thread->args[1] == F_OFD_SETLKW));
}

bool blocked__waits_for(struct subjects *subjects, const struct look_thread *thread, pid_t *pid)
{
	struct lock_thread converted = convert(thread);
	struct kernel_wait wait = {.fd = -1};

	if (!kernel_facts__find(subjects__kernel_facts(subjects), &converted, &wait) ||
		!kernel_wait__is_for_one(&wait))
		return false;
	*pid = wait.processes[0];
	return true;
}
