/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Registers and stack of a thread that runs, sampled by perf_event_open(2) on the CPU clock: the
 * kernel copies both in the timer's interrupt. Nothing is stopped, and no signal is sent.
 */
#ifndef MEMTRACE_BLOCKED_RUNNING_H
#define MEMTRACE_BLOCKED_RUNNING_H

#include <stdint.h>
#include <sys/types.h>

/* The most of a stack that is copied: what a record of 64 KiB holds beside the rest. */
#define RUNNING_STACK_BYTES 32768

struct running_sample {
	uint64_t pc;
	uint64_t sp;
	uint64_t bp;
	uint64_t bx;	      /* x86-64: rbx; arm64: lr */
	uint64_t stack_bytes; /* valid in stack, which begins at sp */
	uint8_t stack[RUNNING_STACK_BYTES];
};

/*
 * Waits at most @timeout_ms for a moment in which @tid runs in user space. Returns 0 or a negative
 * errno: -ETIMEDOUT where it did not, -EPERM or -EACCES where it may not be sampled.
 */
int running__sample(pid_t tid, int timeout_ms, struct running_sample *out);

#endif
