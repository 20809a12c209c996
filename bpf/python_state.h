/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The state of a walk of Python frames (python_step.h): in BPF, part of the thread's. */
#ifndef MEMTRACE_PYTHON_STATE_H
#define MEMTRACE_PYTHON_STATE_H

#include "python.h"

/* Room behind what is read, so that a masked offset in it stays inside for the verifier. */
#define PYTHON_BUFFER_MASK 127
#define PYTHON_BUFFER_BYTES 136

/*
 * Since 3.11 the frames of a thread lie side by side in chunks: one read of 2 KiB, which costs
 * about three of a frame, brings a dozen.
 */
#define PYTHON_WINDOW_BYTES 2048
#define PYTHON_WINDOW_MASK (PYTHON_WINDOW_BYTES - 1)

struct python_walk {
	__u64 frame;   /* the next to be read; 0: none */
	__u64 context; /* user space: whose memory is read */
	__u64 start;   /* of what is in the window */
	__u64 size;    /* bytes of it; 0: nothing is */
	__u64 last;    /* the frame that was read last; 0: none */
	__u8 buffer[PYTHON_BUFFER_BYTES] __attribute__((aligned(8)));
	__u8 window[PYTHON_WINDOW_BYTES + 8] __attribute__((aligned(8)));
};

#endif
