/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a target knows about its own hang, written as JSON lines to the file of argv: one line for
 * the process, one for each thread that waits, and last the verdict. A reader that sees the last
 * line knows that the rest is there.
 */
#ifndef TARGETS_LOCKS_TRUTH_H
#define TARGETS_LOCKS_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Seconds after which a target ends itself by SIGALRM, whatever became of its tester. */
#define TRUTH_LIFETIME 600

/* One of the knots that a target can tie. */
struct scenario {
	const char *name;
	void (*run)(void);
};

/*
 * The main of such a target, called with a scenario's name and the path of the truth: runs it. As
 * many threads as IDLE_THREADS in the environment says sleep beside, with a timeout.
 * Returns the exit status, 2 if there is no such scenario.
 */
int truth__main(int argc, char **argv, const struct scenario *scenarios, size_t count);

/* Opens @path, writes the process line and starts the clock of TRUTH_LIFETIME. Ends on failure. */
void truth__open(const char *path, const char *scenario);

/*
 * The calling thread is about to wait for @lock (its name as a symbol) at @address, held by
 * @held_by (a TID of this namespace, 0: nobody or unknown). To be called before the lock that
 * closes the knot is tried.
 */
void truth__wait(const char *lock, const void *address, pid_t held_by, bool in_cycle);

/* The same for the thread @tid of name @comm. */
void truth__wait_of(pid_t tid, const char *comm, const char *lock, const void *address,
	pid_t held_by, bool in_cycle);

/* The last line: the verdict that the whole must get. */
void truth__verdict(const char *verdict);

/* This thread's TID as this namespace sees it. */
pid_t truth__tid(void);

/* Waits until every other thread of this process sleeps in the kernel: the knot is tied. */
void truth__settle(void);

#endif
