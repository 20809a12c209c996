/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Ctrl-C, SIGTERM and SIGHUP end memtrace wherever it waits: they are taken by a thread of their
 * own, so that no blocked open(2), write(2) or lock of another thread can keep them off.
 *
 * The first signal ends the program at once, by the signal, until a command asks to be notified
 * (interrupt__tell), which then ends its work and reports. The second one always ends it at once.
 * At once means: what at_end functions do (the terminal is restored, unfinished files are removed),
 * and then the signal's default action. Programs that memtrace starts get the signal mask and the
 * dispositions with which memtrace was started.
 */
#ifndef MEMTRACE_BASE_INTERRUPT_H
#define MEMTRACE_BASE_INTERRUPT_H

#include <spawn.h>
#include <stdbool.h>

#include "base/error.h"

/*
 * Starts taking the signals; before any other thread is made, as each inherits its maker's mask.
 * Also ignores SIGPIPE and SIGXFSZ: writes fail with EPIPE and EFBIG instead. SIGHUP stays ignored
 * where it was (nohup). 0 or a negative errno with @error set.
 */
int interrupt__start(struct error *error);

/* From now on a first signal makes the returned fd readable, and it stays so. -1: not started. */
int interrupt__tell(void);

/*
 * From now on SIGHUP, unless it was ignored from the start, ends nothing: each makes the returned
 * fd readable, an eventfd(2) that the caller reads. -1: not started, or no descriptor is left.
 */
int interrupt__tell_hangup(void);

/* Whether a signal has come that interrupt__tell announced. */
bool interrupt__came(void);

/*
 * Has @clean run before a signal ends the program, the latest first. It runs on another thread
 * while the program's own go on. At most 4 of them; what was added already is not added again.
 */
void interrupt__at_end(void (*clean)(void));

/* For posix_spawn: the mask and dispositions of programs that memtrace starts. 0 or an errno. */
int interrupt__spawn_attributes(posix_spawnattr_t *attributes);

#endif
