/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/wait_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "blocked/answers.h"
#include "blocked/frame_symbols.h"
#include "blocked/subject.h"
#include "process/process.h"

struct named_frame {
	bool known;
	struct lock_frame frame;
};

/* By program (see program_of) and address, whose lowest bit says that it is a return address. */
DEFINE_HASH_PAIR(named_frames, struct named_frame);

/* PID → how many programs had it before. */
DEFINE_HASH_NUMBER(program_numbers, uint64_t, uint32_t);

struct wait_names {
	struct subjects *subjects;
	struct named_frames frames;
	struct program_numbers programs;
	VEC(struct lock_frame *) stacks;
	inlined_arrays inlined;
};

struct wait_names *wait_names__new(bool lines, struct error *error)
{
	struct wait_names *names = calloc(1, sizeof(*names));

	if (!names) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	names->subjects = subjects__new(lines ? SUBJECT_LINES_ALL : SUBJECT_LINES_NONE, error);
	if (!names->subjects) {
		wait_names__free(names);
		return NULL;
	}
	return names;
}

void wait_names__free(struct wait_names *names)
{
	if (!names)
		return;
	vec_for_each (stack, &names->stacks)
		free(*stack);
	inlined_arrays__free(&names->inlined);
	vec_free(&names->stacks);
	named_frames__free(&names->frames);
	program_numbers__free(&names->programs);
	subjects__free(names->subjects);
	free(names);
}

int wait_names__take(struct wait_names *names, pid_t pid)
{
	struct error error = {0};

	/* Its mappings can no longer be read: those of before name its last waits. */
	if (!process__read_start_time(pid))
		return -ESRCH;
	return subjects__take(names->subjects, pid, 0, &error) ? 0 : -ESRCH;
}

void wait_names__forget(struct wait_names *names, pid_t pid)
{
	uint32_t *number = program_numbers__insert(&names->programs, pid);

	if (number)
		++*number;
}

/* --- frames */

/* Of what runs as @pid now. */
static uint64_t program_of(struct wait_names *names, pid_t pid)
{
	const uint32_t *number = program_numbers__find(&names->programs, pid);

	return (uint64_t)(number ? *number : 0) << 32 | (uint32_t)pid;
}

static void name_frame(struct wait_names *names, struct subject *subject, uint64_t pc,
	bool is_return, struct lock_frame *out)
{
	struct symbol_frames symbols = {0};
	const struct module *module = NULL;

	out->pc = pc;
	if (subject) {
		symbols = subject__names(subject, pc, is_return);
		module = subject__module_at(subject, pc, &out->module_offset);
	}
	if (module) {
		out->module = module->name;
		out->build_id = module->build_id.size ? module->build_id.hex : NULL;
	}
	if (subject && is_return)
		out->called = subject__called(subject, pc);
	frame_symbols__set(out, &symbols, &names->inlined);
}

static const struct lock_frame *find_frame(
	struct wait_names *names, struct subject *subject, pid_t pid, uint64_t pc, bool is_return)
{
	struct hash_pair key = {program_of(names, pid), pc << 1 | is_return};
	struct named_frame *known = named_frames__insert(&names->frames, key);

	if (!known)
		return NULL;
	/* What has no name yet may have been mapped since. */
	if (!known->known || !known->frame.module) {
		known->known = true;
		name_frame(names, subject, pc, is_return, &known->frame);
	}
	return &known->frame;
}

const struct lock_frame *wait_names__stack(
	struct wait_names *names, const struct event_stack *stack)
{
	pid_t pid = stack->header.process;
	struct subject *subject = subjects__find(names->subjects, pid);
	struct lock_frame *frames = calloc(stack->frame_count + 1, sizeof(*frames));

	if (!frames || vec_push(&names->stacks, frames)) {
		free(frames);
		return NULL;
	}
	for (uint32_t i = 0; i < stack->frame_count; i++) {
		const struct lock_frame *frame =
			find_frame(names, subject, pid, stack->frames[i], i > 0);

		if (frame)
			frames[i] = *frame;
	}
	return frames;
}

/* --- what a wait is for */

/* Memory as it was when the wait began, as far as that was kept; else as it is. */
static int read_image(const struct contention_wait *wait, uint64_t address, void *data, size_t size)
{
	uint64_t start = wait->uaddr - CONTENTION_IMAGE_BEFORE;

	if (wait->image_bytes && address >= start && address + size <= start + wait->image_bytes) {
		memcpy(data, wait->image + (address - start), size);
		return 0;
	}
	return subject__read(wait->header.process, address, data, size);
}

static int read_for_owner(void *context, pid_t pid, uint64_t address, void *data, size_t size)
{
	return read_image(context, address, data, size);
}

struct judging {
	const struct contention_wait *wait;
	struct lock_memory live; /* answers of a look */
};

static int read_for_judging(void *context, pid_t pid, uint64_t address, void *data, size_t size)
{
	const struct judging *judging = context;

	return read_image(judging->wait, address, data, size);
}

static bool name_symbol(
	void *context, pid_t pid, uint64_t address, char *name, char *module, size_t size)
{
	const struct judging *judging = context;

	return judging->live.symbol(judging->live.context, pid, address, name, module, size);
}

static bool name_stream(void *context, pid_t pid, uint64_t lock, char *name, size_t size)
{
	const struct judging *judging = context;

	return judging->live.stream(judging->live.context, pid, lock, name, size);
}

static bool find_shared_key(void *context, pid_t pid, uint64_t address, struct lock_key *key)
{
	const struct judging *judging = context;

	return judging->live.shared_key(judging->live.context, pid, address, key);
}

static const char *name_called(void *context, pid_t pid, uint64_t return_address)
{
	const struct judging *judging = context;

	return judging->live.called(judging->live.context, pid, return_address);
}

/* FUTEX2_PRIVATE stands where futex_wait(2) has its flags. */
static void set_arguments(const struct contention_wait *wait, struct lock_thread *thread)
{
	thread->syscall = wait->number;
	thread->args[0] = wait->uaddr;
	thread->args[1] = wait->op;
	thread->args[2] = wait->expected;
	thread->args[3] = wait->header.flags & CONTENTION_TIMED ? 1 : 0;
}

bool wait_names__is_loader(const struct lock_wait *wait)
{
	return !strncmp(wait->module, "ld-linux", 8) || !strncmp(wait->module, "ld-musl", 7) ||
	       !strncmp(wait->name, "_rtld_global", 12) || !strncmp(wait->name, "_dl_load", 8);
}

int wait_names__judge(struct wait_names *names, const struct contention_wait *wait,
	const struct lock_frame *frames, size_t count, struct judged_wait *out)
{
	struct subject *subject = subjects__find(names->subjects, wait->header.process);
	struct lock_thread thread = {
		.pid = wait->header.process,
		.tid = wait->header.tid,
		.ns_pid = wait->header.process,
		.ns_tid = wait->header.thread_sequence,
		.state = 'S',
		.asleep_ns = LOCK_AGE_UNKNOWN,
		.frames = (struct lock_frame *)frames,
		.frame_count = count,
	};
	struct lock_process process = {.pid = wait->header.process};
	struct snapshot snapshot = {&thread, 1, &process, 1, wait->begin_ns, 0, false};
	struct judging judging = {wait, answers__of(names->subjects)};
	struct lock_memory memory = {.context = &judging,
		.read = read_for_judging,
		.symbol = name_symbol,
		.stream = name_stream,
		.shared_key = find_shared_key,
		.called = name_called};
	struct lock_waits waits;

	*out = (struct judged_wait){.wait.address = wait->uaddr};
	out->wait.key = (struct lock_key){wait->header.process, 0, wait->uaddr};
	if (subject)
		process.libc = subject__libc(subject, &process.libc_minor);
	set_arguments(wait, &thread);
	if (waits__find(&snapshot, &memory, &waits))
		return -ENOMEM;
	if (waits.size)
		out->wait = waits.data[0];
	out->wait.thread = NULL;
	out->wait.owner = NULL;
	out->musl =
		process.libc == LIBC_MUSL || (process.libc == LIBC_UNKNOWN && out->wait.site.musl);
	waits__free(&waits);
	return 0;
}

static bool read_glibc(const struct lock_memory *memory, const struct contention_wait *wait,
	enum wait_kind kind, struct lock_state *state)
{
	pid_t pid = wait->header.process;
	uint64_t uaddr = wait->uaddr;

	switch (kind) {
	case WAIT_MUTEX:
	case WAIT_ROBUST_MUTEX:
		return layout__glibc_mutex(memory, pid, uaddr, state);
	case WAIT_PI_MUTEX:
		return layout__pi_word(memory, pid, uaddr, state);
	case WAIT_READ_LOCK:
	case WAIT_WRITE_LOCK:
		return layout__glibc_rwlock(
			memory, pid, uaddr, wait->expected, kind == WAIT_WRITE_LOCK, state);
	case WAIT_JOIN:
		return layout__glibc_join(memory, pid, uaddr, wait->expected, state);
	case WAIT_STDIO:
		return layout__glibc_stdio(memory, pid, uaddr, state);
	default:
		return false;
	}
}

static bool read_musl(const struct lock_memory *memory, const struct contention_wait *wait,
	enum wait_kind kind, struct lock_state *state)
{
	pid_t pid = wait->header.process;

	switch (kind) {
	case WAIT_MUTEX:
	case WAIT_ROBUST_MUTEX:
	case WAIT_PI_MUTEX:
		return layout__musl_mutex(memory, pid, wait->uaddr, state);
	case WAIT_JOIN:
		return layout__musl_join(memory, pid, wait->uaddr, state);
	case WAIT_STDIO:
		return layout__musl_stdio(memory, pid, wait->uaddr, state);
	default:
		return false;
	}
}

uint32_t wait_names__owner(const struct contention_wait *wait, enum wait_kind kind, bool musl)
{
	struct lock_memory memory = {.context = (void *)wait, .read = read_for_owner};
	struct lock_state state = {0};
	bool known = musl ? read_musl(&memory, wait, kind, &state)
			  : read_glibc(&memory, wait, kind, &state);

	return known && state.field == OWNER_TID ? state.owner : 0;
}
