/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where bytes that a target controls are parsed: a process without capabilities that can compute,
 * read descriptors that it was given, and answer. What it opens, its supervisor opens for it.
 *
 * The filter is seccomp(2)'s: a call that is not on its list fails with EPERM, and open, openat and
 * openat2 are handed to the supervisor (seccomp_unotify(2), Linux 5.14 for the descriptor that is
 * put in and answered with in one step).
 */
#ifndef MEMTRACE_SANDBOX_SANDBOX_H
#define MEMTRACE_SANDBOX_SANDBOX_H

#include <sys/types.h>

/*
 * Confines the calling process, which must have one thread, for good: no new privileges, no
 * capabilities, bounded memory, no core dump, and the filter. Returns the descriptor
 * to supervise it by, to be sent to the supervisor and closed; or a negative errno where the kernel
 * or a container's own filter refuses: then all but the filter holds.
 */
int sandbox__enter(void);

/*
 * The supervisor's part: answers one call that process @pid waits in; @listener is readable when
 * there is one. A regular ELF file is opened for reading, whatever was asked for; all else is
 * refused. What this process must never read is therefore no ELF file.
 */
void sandbox__answer(int listener, pid_t pid);

#endif
