/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/futex.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/* Newer than the headers of the systems that we build on. 454 and 456 wake and requeue. */
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAIT 455
#define NR_FUTEX_REQUEUE 456
#define OP_LOCK_PI2 13
/* i386 numbers, of a 32-bit program. */
#define NR32_FUTEX 240
#define NR32_FUTEX_TIME64 422

static bool decode_futex(const uint64_t *args, bool restarted, struct futex_wait *out)
{
	uint32_t op = (uint32_t)args[1];

	*out = (struct futex_wait){
		.uaddr = args[0],
		.expected = (uint32_t)args[2],
		/* The kernel restarts only timed waits through restart_syscall. */
		.timed = restarted || args[3],
		.is_private = op & FUTEX_PRIVATE_FLAG,
	};
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		out->type = FUTEX_TYPE_PLAIN;
		return true;
	case FUTEX_LOCK_PI:
	case OP_LOCK_PI2:
		out->type = FUTEX_TYPE_PI;
		return true;
	case FUTEX_WAIT_REQUEUE_PI:
		out->type = FUTEX_TYPE_REQUEUE_PI;
		return true;
	}
	return false;
}

bool futex__decode(const struct lock_thread *thread, struct futex_wait *out)
{
	const uint64_t *args = thread->args;

	/* One that is stopped in a wait takes it up again when it goes on. */
	if (!strchr("SDTt", thread->state) || !thread->state)
		return false;
	if (thread->is_32bit)
		return (thread->syscall == NR32_FUTEX || thread->syscall == NR32_FUTEX_TIME64) &&
		       decode_futex(args, thread->restarted, out);
	switch (thread->syscall) {
	case SYS_restart_syscall:
		if (!thread->restarted)
			return false;
		/* fall through */
	case SYS_futex:
		return decode_futex(args, thread->restarted, out);
	case NR_FUTEX_WAITV:
		*out = (struct futex_wait){
			FUTEX_TYPE_VECTOR, args[0], (uint32_t)args[1], args[3] != 0, false};
		return true;
	case NR_FUTEX_WAIT:
		*out = (struct futex_wait){FUTEX_TYPE_PLAIN, args[0], (uint32_t)args[1],
			args[4] != 0, (args[3] & FUTEX2_FLAG_PRIVATE) != 0};
		return true;
	}
	return false;
}

static const struct {
	long number;
	const char *name;
} names[] = {
	{SYS_read, "read"},
	{SYS_write, "write"},
	{SYS_readv, "readv"},
	{SYS_writev, "writev"},
	{SYS_pread64, "pread64"},
	{SYS_pwrite64, "pwrite64"},
	{SYS_ppoll, "ppoll"},
	{SYS_pselect6, "pselect6"},
	{SYS_epoll_pwait, "epoll_pwait"},
	{SYS_accept, "accept"},
	{SYS_accept4, "accept4"},
	{SYS_connect, "connect"},
	{SYS_recvfrom, "recvfrom"},
	{SYS_recvmsg, "recvmsg"},
	{SYS_sendto, "sendto"},
	{SYS_sendmsg, "sendmsg"},
	{SYS_wait4, "wait4"},
	{SYS_waitid, "waitid"},
	{SYS_nanosleep, "nanosleep"},
	{SYS_clock_nanosleep, "clock_nanosleep"},
	{SYS_rt_sigsuspend, "rt_sigsuspend"},
	{SYS_rt_sigtimedwait, "rt_sigtimedwait"},
	{SYS_flock, "flock"},
	{SYS_fcntl, "fcntl"},
	{SYS_fsync, "fsync"},
	{SYS_fdatasync, "fdatasync"},
	{SYS_openat, "openat"},
	{SYS_ioctl, "ioctl"},
	{SYS_semtimedop, "semtimedop"},
	{SYS_semop, "semop"},
	{SYS_msgrcv, "msgrcv"},
	{SYS_msgsnd, "msgsnd"},
	{SYS_mq_timedreceive, "mq_timedreceive"},
	{SYS_io_getevents, "io_getevents"},
	{SYS_io_uring_enter, "io_uring_enter"},
	{SYS_splice, "splice"},
	{SYS_sendfile, "sendfile"},
	{SYS_restart_syscall, "restart_syscall"},
	{SYS_futex, "futex"},
	{NR_FUTEX_WAITV, "futex_waitv"},
	{NR_FUTEX_WAIT, "futex_wait"},
	{NR_FUTEX_REQUEUE, "futex_requeue"},
#ifdef SYS_poll
	{SYS_poll, "poll"},
	{SYS_select, "select"},
	{SYS_epoll_wait, "epoll_wait"},
	{SYS_pause, "pause"},
	{SYS_open, "open"},
	{SYS_vfork, "vfork"},
#endif
};

const char *futex__syscall_name(long number)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

const char *futex__activity(const struct lock_thread *thread, char *buffer, size_t size)
{
	const char *name = futex__syscall_name(thread->syscall);

	if (thread->state == 'T')
		return "stopped";
	if (thread->state == 't')
		return "stopped by a debugger";
	if (thread->state == 'R')
		return "running";
	if (name)
		return name;
	if (thread->syscall < 0)
		return "page fault";
	snprintf(buffer, size, "system call %ld", thread->syscall);
	return buffer;
}
