/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * User space's end of the log of changes of code (bpf/code_log.h says what it is for).
 */
#ifndef MEMTRACE_PROCESS_CODE_LOG_H
#define MEMTRACE_PROCESS_CODE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/code_log.h"

struct code_log {
	struct code_change *entries; /* [CODE_LOG_SIZE], mapped; NULL: nothing is traced yet */
	uint32_t *newest; /* number of the last change, and the epochs: shared with BPF */
	uint32_t *epochs;
	uint32_t *makes_code; /* set once code was met that is in no file; shared, too */
	uint32_t read;	      /* number of the last change that was read */
};

enum code_log_read {
	CODE_LOG_END,
	CODE_LOG_CHANGE,
	CODE_LOG_OVERRUN, /* changes were overwritten before they were read: skipped */
};

/* The next change, in order of number. One that is just being written is waited for, briefly. */
enum code_log_read code_log__next(struct code_log *log, struct code_change *change);

/* The epoch that the code of @process is in now. */
uint32_t code_log__epoch(const struct code_log *log, uint32_t process);

/* Adds a change that user space found out about. */
void code_log__add(struct code_log *log, uint32_t process, uint64_t start, uint64_t end);

#endif
