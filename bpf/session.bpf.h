/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A session link runs one program at a function's entry and at its return (Linux 6.13). */
#ifndef MEMTRACE_SESSION_BPF_H
#define MEMTRACE_SESSION_BPF_H

#include "probe.h"

/*
 * The kernel's function bpf_session_is_return, whose number user space puts in before it loads
 * these programs (user/attach/kernel_function.h): libbpf takes an extern that the kernel lacks for
 * an error where it may not list the kernel's modules, without CAP_SYS_ADMIN.
 */
static bool (*const session_is_return)(void) = (void *)PROBE_SESSION_CALL;

#endif
