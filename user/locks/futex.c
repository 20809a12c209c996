/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/futex.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/* Newer than the headers of the systems that we build on. 454 and 456 wake and requeue. */
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAIT 455
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
		.timeout = restarted ? 0 : args[3],
		.of_day = op & FUTEX_CLOCK_REALTIME,
		.is_private = op & FUTEX_PRIVATE_FLAG,
	};
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		out->type = FUTEX_TYPE_PLAIN;
		return true;
	case FUTEX_WAIT_BITSET:
		out->type = FUTEX_TYPE_PLAIN;
		out->until = true;
		return true;
	case FUTEX_LOCK_PI:
		out->of_day = true;
		/* fall through */
	case OP_LOCK_PI2:
		out->type = FUTEX_TYPE_PI;
		out->until = true;
		return true;
	case FUTEX_WAIT_REQUEUE_PI:
		out->until = true;
		out->type = FUTEX_TYPE_REQUEUE_PI;
		return true;
	}
	return false;
}

bool futex__decode(const struct lock_thread *thread, struct futex_wait *out)
{
	/* One that is stopped in a wait takes it up again when it goes on. */
	return thread->state && strchr("SDTt", thread->state) && futex__decode_call(thread, out);
}

bool futex__decode_call(const struct lock_thread *thread, struct futex_wait *out)
{
	const uint64_t *args = thread->args;

	if (thread->is_32bit) {
		if ((thread->syscall != NR32_FUTEX && thread->syscall != NR32_FUTEX_TIME64) ||
			!decode_futex(args, thread->restarted, out))
			return false;
		out->timeout = 0; /* its struct timespec is another one */
		return true;
	}
	switch (thread->syscall) {
	case SYS_restart_syscall:
		if (!thread->restarted)
			return false;
		/* fall through */
	case SYS_futex:
		return decode_futex(args, thread->restarted, out);
	case NR_FUTEX_WAITV:
		*out = (struct futex_wait){
			.type = FUTEX_TYPE_VECTOR,
			.uaddr = args[0],
			.expected = (uint32_t)args[1],
			.timed = args[3] != 0,
			.timeout = args[3],
			.until = true,
			.of_day = args[4] == CLOCK_REALTIME,
		};
		return true;
	case NR_FUTEX_WAIT:
		*out = (struct futex_wait){
			.type = FUTEX_TYPE_PLAIN,
			.uaddr = args[0],
			.expected = (uint32_t)args[1],
			.timed = args[4] != 0,
			.timeout = args[4],
			.until = true,
			.of_day = args[5] == CLOCK_REALTIME,
			.is_private = (args[3] & FUTEX2_FLAG_PRIVATE) != 0,
		};
		return true;
	}
	return false;
}
