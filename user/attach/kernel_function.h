/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Calls of kernel functions (kfuncs) that not every kernel has, by their number in the kernel's
 * BTF. If libbpf may not list the kernel's modules, which takes CAP_SYS_ADMIN, an extern that the
 * kernel lacks is an error to it; so programs call a placeholder.
 */
#ifndef MEMTRACE_ATTACH_KERNEL_FUNCTION_H
#define MEMTRACE_ATTACH_KERNEL_FUNCTION_H

#include <stdbool.h>

#include "base/error.h"

struct bpf_program;

/*
 * bpf_session_is_return (Linux 6.13) tells entry from return on a session link. Puts its number
 * wherever @program, not yet loaded, calls PROBE_SESSION_CALL. Returns 0, or -ENOENT with @error
 * set if the kernel has no such function or the program no such call.
 */
int kernel_function__bind_session(struct bpf_program *program, struct error *error);

/*
 * bpf_task_work_schedule_resume_impl (Linux 6.18). From now on libbpf opens and loads programs in
 * sections "held/...", which call PROBE_TASK_WORK_CALL also in functions of their own; the rest of
 * the section's name is a BTF tracepoint, unless the program's type is set to another one before it
 * is loaded. Returns 0 or a negative errno.
 */
int kernel_function__allow_held(void);

/* Whether the kernel has it: then it is worth a try to load such a program. */
bool kernel_function__has_task_work(void);

/* Whether it has the tracepoint mmap_lock:mmap_lock_released (Linux 5.11, if it has tracing). */
bool kernel_function__watches_memory(void);

#endif
