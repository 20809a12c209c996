/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The state of a walk of Python frames (python_step.h): in BPF, part of the thread's. */
#ifndef MEMTRACE_PYTHON_STATE_H
#define MEMTRACE_PYTHON_STATE_H

#include "python.h"

/* Room behind what is read, so that a masked offset in it stays inside for the verifier. */
#define PYTHON_BUFFER_MASK 127
#define PYTHON_BUFFER_BYTES 136

struct python_walk {
	__u64 frame;   /* the next to be read; 0: none */
	__u64 context; /* user space: whose memory is read */
	__u8 buffer[PYTHON_BUFFER_BYTES] __attribute__((aligned(8)));
};

#endif
