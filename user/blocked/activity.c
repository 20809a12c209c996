/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/activity.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "locks/activity.h"
#include "locks/futex.h"
#include "process/children.h"
#include "process/memory.h"
#include "process/status.h"

/* Descriptors of a set, and children, that one line has room for. */
#define LISTED 3
/* An epoll instance may watch thousands: its fdinfo is read so far. */
#define FDINFO_LIMIT (256u << 10)

static void append(struct activity_note *note, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct activity_note *note, const char *format, ...)
{
	size_t length = strlen(note->detail);
	va_list args;

	va_start(args, format);
	vsnprintf(note->detail + length, sizeof(note->detail) - length, format, args);
	va_end(args);
}

bool activity__read_link(const struct lock_thread *thread, int fd, char *link, size_t size)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", (int)thread->pid, (int)thread->tid,
		fd);
	length = readlink(path, link, size - 1);
	if (length < 0)
		return false;
	link[length] = '\0';
	text__make_printable(link);
	return true;
}

static void append_descriptor(
	struct activity_note *note, const struct lock_thread *thread, int fd, const char *separator)
{
	char link[64];

	append(note, "%sfd %d", separator, fd);
	if (activity__read_link(thread, fd, link, sizeof(link)))
		append(note, " (%s)", link);
}

static void append_more(struct activity_note *note, size_t count)
{
	if (count > LISTED)
		append(note, " and %zu more", count - LISTED);
}

/* The name of process @pid, from its first thread; "" where it is gone. */
static void append_process(struct activity_note *note, pid_t pid, const char *separator)
{
	char path[64], comm[PROCESS_COMM_SIZE] = "";
	size_t size;
	char *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!file__read(path, STATUS_LIMIT, &status, &size)) {
		status__comm(status, comm);
		free(status);
	}
	append(note, "%s%s%s(PID %d)", separator, comm, comm[0] ? " " : "", (int)pid);
}

/* proc_pid_fdinfo(5): "tfd:        5 events:       19 data: ..." for each descriptor. */
static void describe_epoll(struct activity_note *note, const struct lock_thread *thread, int fd)
{
	char path[64], *text, *at;
	size_t size, count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fdinfo/%d", (int)thread->pid,
		(int)thread->tid, fd);
	if (file__read(path, FDINFO_LIMIT, &text, &size))
		return;
	for (at = text; (at = strstr(at, "tfd:")); at += 4) {
		if (at != text && at[-1] != '\n')
			continue;
		if (++count <= LISTED)
			append_descriptor(
				note, thread, atoi(at + 4), count > 1 ? ", " : "which watches ");
	}
	append_more(note, count);
	if (!count)
		append(note, "which watches nothing");
	free(text);
}

static void describe_poll(struct activity_note *note, const struct lock_thread *thread)
{
	struct pollfd set[LISTED];
	uint64_t count = thread->args[1];

	if (!count || memory__read_all(thread->pid, thread->args[0], set,
			      (count < LISTED ? count : LISTED) * sizeof(*set)))
		return;
	for (size_t i = 0; i < count && i < LISTED; i++)
		append_descriptor(note, thread, set[i].fd, i ? ", " : "of ");
	append_more(note, count);
}

static void append_timeout(struct activity_note *note, int milliseconds)
{
	if (milliseconds >= 0)
		append(note, "%swith a timeout of %d ms", note->detail[0] ? ", " : "",
			milliseconds);
}

static void describe_any_child(struct activity_note *note, const struct lock_thread *thread)
{
	pid_list children = {0};

	if (children__list(thread->pid, &children) == 0) {
		for (size_t i = 0; i < children.size && i < LISTED; i++)
			append_process(note, children.data[i], i ? ", " : "for any child: ");
		append_more(note, children.size);
		if (!children.size)
			append(note, "for a child");
	}
	vec_free(&children);
}

/* wait4(pid, ...) and waitid(type, id, ...). */
static void describe_child(struct activity_note *note, const struct lock_thread *thread)
{
	int pid = (int)thread->args[thread->syscall == SYS_waitid];

	if (thread->syscall == SYS_waitid && (int)thread->args[0] != P_PID)
		pid = -1;
	if (pid > 0 && thread->pid == thread->ns_pid)
		append_process(note, pid, "for ");
	else
		describe_any_child(note, thread);
}

static void describe_tracer(struct activity_note *note, const struct lock_thread *thread)
{
	char path[64], *status;
	size_t size;
	pid_t tracer;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)thread->pid, (int)thread->tid);
	if (file__read(path, STATUS_LIMIT, &status, &size))
		return;
	tracer = status__number(status, "TracerPid", 0);
	free(status);
	if (tracer > 0)
		append_process(note, tracer, "");
}

static void describe(struct activity_note *note, const struct lock_thread *thread)
{
	int argument = activity__descriptor_argument(thread->syscall);

	if (thread->state == 't') {
		describe_tracer(note, thread);
		return;
	}
	if (argument >= 0) {
		note->activity.fd = (int)thread->args[argument];
		if (activity__read_link(thread, note->activity.fd, note->link, sizeof(note->link)))
			note->activity.link = note->link;
	}
	switch (thread->syscall) {
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
		describe_epoll(note, thread, note->activity.fd);
		append_timeout(note, (int)thread->args[3]);
		break;
#ifdef SYS_poll
	case SYS_poll:
		describe_poll(note, thread);
		append_timeout(note, (int)thread->args[2]);
		break;
#endif
	case SYS_ppoll:
		describe_poll(note, thread);
		break;
	case SYS_wait4:
	case SYS_waitid:
		describe_child(note, thread);
		break;
	}
}

int activity__note(struct lock_thread *thread, activity_notes *notes)
{
	struct activity_note *note;
	struct futex_wait futex;

	if (!strchr("SDt", thread->state) || thread->is_32bit || futex__decode(thread, &futex) ||
		(thread->syscall < 0 && thread->state != 't'))
		return 0;
	note = calloc(1, sizeof(*note));
	if (!note)
		return -ENOMEM;
	note->activity.fd = -1;
	describe(note, thread);
	if (note->detail[0])
		note->activity.detail = note->detail;
	if ((note->activity.fd < 0 && !note->activity.detail) || vec_push(notes, note)) {
		free(note);
		return 0;
	}
	thread->activity = &note->activity;
	return 0;
}

void activity__free_notes(activity_notes *notes)
{
	vec_for_each (note, notes)
		free(*note);
	vec_free(notes);
}
