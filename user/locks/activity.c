/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/activity.h"

#include <stdio.h>
#include <sys/syscall.h>

/* Newer than the headers of the systems that we build on: asm-generic and x86-64 agree. */
#define NR_EPOLL_PWAIT2 441
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAIT 455
#define NR_FUTEX_REQUEUE 456

#define NO_DESCRIPTOR (-1)

static const struct {
	long number;
	const char *name;
	int descriptor; /* which argument is one that the call waits on */
} calls[] = {
	{SYS_read, "read", 0},
	{SYS_write, "write", 0},
	{SYS_readv, "readv", 0},
	{SYS_writev, "writev", 0},
	{SYS_pread64, "pread64", 0},
	{SYS_pwrite64, "pwrite64", 0},
	{SYS_preadv, "preadv", 0},
	{SYS_pwritev, "pwritev", 0},
	{SYS_ppoll, "ppoll", NO_DESCRIPTOR},
	{SYS_pselect6, "pselect6", NO_DESCRIPTOR},
	{SYS_epoll_pwait, "epoll_pwait", 0},
	{NR_EPOLL_PWAIT2, "epoll_pwait2", 0},
	{SYS_accept, "accept", 0},
	{SYS_accept4, "accept4", 0},
	{SYS_connect, "connect", 0},
	{SYS_recvfrom, "recvfrom", 0},
	{SYS_recvmsg, "recvmsg", 0},
	{SYS_recvmmsg, "recvmmsg", 0},
	{SYS_sendto, "sendto", 0},
	{SYS_sendmsg, "sendmsg", 0},
	{SYS_sendmmsg, "sendmmsg", 0},
	{SYS_wait4, "wait4", NO_DESCRIPTOR},
	{SYS_waitid, "waitid", NO_DESCRIPTOR},
	{SYS_nanosleep, "nanosleep", NO_DESCRIPTOR},
	{SYS_clock_nanosleep, "clock_nanosleep", NO_DESCRIPTOR},
	{SYS_rt_sigsuspend, "rt_sigsuspend", NO_DESCRIPTOR},
	{SYS_rt_sigtimedwait, "rt_sigtimedwait", NO_DESCRIPTOR},
	{SYS_flock, "flock", 0},
	{SYS_fcntl, "fcntl", 0},
	{SYS_fsync, "fsync", 0},
	{SYS_fdatasync, "fdatasync", 0},
	{SYS_openat, "openat", NO_DESCRIPTOR},
	{SYS_ioctl, "ioctl", 0},
	{SYS_semtimedop, "semtimedop", NO_DESCRIPTOR},
	{SYS_semop, "semop", NO_DESCRIPTOR},
	{SYS_msgrcv, "msgrcv", NO_DESCRIPTOR},
	{SYS_msgsnd, "msgsnd", NO_DESCRIPTOR},
	{SYS_mq_timedreceive, "mq_timedreceive", 0},
	{SYS_mq_timedsend, "mq_timedsend", 0},
	{SYS_io_getevents, "io_getevents", NO_DESCRIPTOR},
	{SYS_io_uring_enter, "io_uring_enter", 0},
	{SYS_splice, "splice", 0},
	{SYS_sendfile, "sendfile", 0},
	{SYS_restart_syscall, "restart_syscall", NO_DESCRIPTOR},
	{SYS_futex, "futex", NO_DESCRIPTOR},
	{NR_FUTEX_WAITV, "futex_waitv", NO_DESCRIPTOR},
	{NR_FUTEX_WAIT, "futex_wait", NO_DESCRIPTOR},
	{NR_FUTEX_REQUEUE, "futex_requeue", NO_DESCRIPTOR},
#ifdef SYS_poll
	{SYS_poll, "poll", NO_DESCRIPTOR},
	{SYS_select, "select", NO_DESCRIPTOR},
	{SYS_epoll_wait, "epoll_wait", 0},
	{SYS_pause, "pause", NO_DESCRIPTOR},
	{SYS_open, "open", NO_DESCRIPTOR},
	{SYS_vfork, "vfork", NO_DESCRIPTOR},
#endif
};

const char *activity__syscall_name(long number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].number == number)
			return calls[i].name;
	return NULL;
}

int activity__descriptor_argument(long number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].number == number)
			return calls[i].descriptor;
	return NO_DESCRIPTOR;
}

const char *activity__name(const struct lock_thread *thread, char *buffer, size_t size)
{
	const char *name = activity__syscall_name(thread->syscall);

	if (thread->state == 'T')
		return "stopped";
	if (thread->state == 't')
		return "stopped by a debugger";
	if (thread->state == 'R')
		return "running";
	if (thread->state == 'Z')
		return "ended";
	if (name)
		return name;
	if (thread->syscall < 0)
		return "page fault";
	snprintf(buffer, size, "system call %ld", thread->syscall);
	return buffer;
}

const char *activity__describe(const struct lock_thread *thread, char *buffer, size_t size)
{
	const struct lock_activity *activity = thread->activity;
	char name[32];
	const char *what = activity__name(thread, name, sizeof(name));

	if (thread->state == 'T')
		what = "stopped by a signal, until kill -CONT";
	if (thread->state == 'R')
		what = "runs";
	if (thread->state == 't' && activity)
		what = "stopped by its tracer,";
	if (!activity)
		snprintf(buffer, size, "%s", what);
	else if (activity->fd >= 0)
		snprintf(buffer, size, "%s of fd %d%s%s%s%s%s", what, activity->fd,
			activity->link ? " (" : "", activity->link ? activity->link : "",
			activity->link ? ")" : "", activity->detail ? ", " : "",
			activity->detail ? activity->detail : "");
	else
		snprintf(buffer, size, "%s%s%s", what, activity->detail ? " " : "",
			activity->detail ? activity->detail : "");
	return buffer;
}
