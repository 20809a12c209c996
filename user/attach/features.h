/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What this kernel and these privileges allow, found out by trying: each probe is one small
 * function that makes the real system call, never a look at the version. None leaves anything
 * behind, and those that take a sacrificial child wait for it no longer than a second or two.
 */
#ifndef MEMTRACE_ATTACH_FEATURES_H
#define MEMTRACE_ATTACH_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "attach/links.h"
#include "base/error.h"

enum feature {
	FEATURE_BTF = 0,       /* types of the kernel, for programs that fit any version */
	FEATURE_RING_BUFFER,   /* BPF_MAP_TYPE_RINGBUF, 5.8 */
	FEATURE_TASK_STORAGE,  /* BPF_MAP_TYPE_TASK_STORAGE, 5.11 */
	FEATURE_LOOP,	       /* bpf_loop, 5.17 */
	FEATURE_ATTACH_COOKIE, /* bpf_get_attach_cookie, 5.15 */
	FEATURE_UPROBE_SESSION,
	FEATURE_UPROBE_MULTI, /* with a pid filter that means the process, not one thread */
	FEATURE_UPROBE_PERF,
	FEATURE_RETURN_PROBES,	 /* tried on a child: its return is seen and it lives */
	FEATURE_SECCOMP_RETURNS, /* the same under a seccomp filter (CVE-2025-21834) */
	FEATURE_WIDE_NOPS,	 /* multi-byte nops are emulated under a uprobe */
	FEATURE_TASK_ITERATOR,	 /* sleepable, 5.18: stacks of blocked threads without a stop */
	FEATURE_HOLD,		 /* 6.18: a new process is held until it has its probes */
	FEATURE_TRACEFS,	 /* the numbers of the tracepoints of single system calls */
	FEATURE_COUNT,
};

struct feature_result {
	bool available;
	bool is_forbidden; /* it could not be tried: the privileges are missing */
	char reason[160];  /* why not, or how; may be empty */
};

/* Tries one feature. */
struct feature_result features__probe(enum feature feature);

/* "ring buffer", "uprobe session"... */
const char *features__name(enum feature feature);

/*
 * The best kind of link that works here; of the environment's MEMTRACE_LINKS (session, multi, perf)
 * if it is set. Where not even perf-event uprobes do: -EOPNOTSUPP;
 * where the variable has another value: -EINVAL; with @error set.
 */
int features__find_link_kind(enum link_kind *kind, struct error *error);

/* See FEATURE_WIDE_NOPS. */
bool features__emulates_wide_nops(void);

/* See FEATURE_HOLD. */
bool features__holds_processes(void);

/*
 * Whether the kernel lets a seccomp-confined process live when a probed function returns. Return
 * probes must not be put into such a process where it does not.
 */
bool features__spares_confined(void);

#endif
