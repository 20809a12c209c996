/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Capabilities of this process and kernel lockdown, by name. */
#ifndef MEMTRACE_ATTACH_CAPABILITIES_H
#define MEMTRACE_ATTACH_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* One that memtrace uses, and for what. */
struct capability {
	int number;	  /* linux/capability.h */
	const char *name; /* "CAP_BPF" */
	const char *use;  /* "load BPF programs" */
	bool is_required; /* nothing can be traced without it */
};

/* The list; ends with an entry whose name is NULL. */
const struct capability *capabilities__list(void);

/* Whether it is in this process's effective set; CAP_SYS_ADMIN stands for CAP_BPF, CAP_PERFMON. */
bool capabilities__has(const struct capability *capability);

/*
 * Checks what tracing takes: the required capabilities, and that they are worth something here: a
 * container's seccomp filter or user namespace has bpf(2) refused all the same. 0, or -EPERM with
 * @error naming what is missing and the remedy.
 */
int capabilities__check(struct error *error);

/*
 * Gives up, for this thread and those it makes from now on, every capability that memtrace does not
 * use: also those that programs would get that it executes. What it has of the list, and
 * CAP_SYS_NICE, it keeps; it may not get others again. 0 or a negative errno with @error set.
 */
int capabilities__drop_others(struct error *error);

/* "none", "integrity", "confidentiality", or "unknown" where the kernel does not say. */
void capabilities__read_lockdown(char *out, size_t size);

#endif
