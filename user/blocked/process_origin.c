/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/process_origin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "process/status.h"

/* include/linux/sched.h: forked, and no exec since. */
#define PF_FORKNOEXEC 0x40
#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
/* glibc's SIGCANCEL and SIGSETXID, which it handles itself: nptl internal-signals.h. */
#define LIBC_SIGNALS (SIGNAL_BIT(32) | SIGNAL_BIT(33))
/* Those that a thread's own doings raise: a thread that sleeps does none. */
#define FAULT_SIGNALS                                                                          \
	(SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGBUS) | \
		SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGPIPE) |               \
		SIGNAL_BIT(SIGSYS) | SIGNAL_BIT(SIGXCPU))

static char *read_text(pid_t pid, const char *name)
{
	char path[128], *text;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return file__read(path, STATUS_LIMIT, &text, &size) ? NULL : text;
}

/* proc_pid_stat(5): field @number, counted from 1, behind the name that may hold anything. */
static unsigned long long stat_field(const char *stat, int number)
{
	const char *field = strrchr(stat, ')');

	for (int i = 2; field && i < number; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field, NULL, 10) : 0;
}

/* Whether both run one file; whoever adopted an orphan runs another one. */
static bool run_the_same(pid_t a, pid_t b)
{
	struct file_identity one, two;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)a);
	if (file__identify(path, &one))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)b);
	return !file__identify(path, &two) && file__is_same(&one, &two);
}

static void read_parent(const char *stat, struct lock_process *process)
{
	pid_t parent = stat_field(stat, 4);
	char *status;

	process->forked = stat_field(stat, 9) & PF_FORKNOEXEC;
	if (!process->forked || parent <= 0 || !run_the_same(process->pid, parent))
		return;
	status = read_text(parent, "status");
	if (!status)
		return;
	process->parent = parent;
	process->parent_threads = status__number(status, "Threads", 1);
	free(status);
}

static uint64_t signal_mask(const char *status, const char *field)
{
	const char *value = status__find(status, field);

	return value ? strtoull(value, NULL, 16) : 0;
}

/* A signal for the process is taken by any thread that does not block it: of them, the first. */
static void read_signals(struct lock_process *process)
{
	char *status = read_text(process->pid, "status");

	if (!status)
		return;
	process->handled = signal_mask(status, "SigCgt") & ~signal_mask(status, "SigBlk") &
			   ~(LIBC_SIGNALS | FAULT_SIGNALS);
	free(status);
}

/* proc_pid_timers(5), and the children of the first thread, where the kernel tells of them. */
static void read_events(struct lock_process *process)
{
	char path[64], *timers = read_text(process->pid, "timers"), *children = NULL;

	process->has_timer = timers && *timers;
	free(timers);
	if (!(process->handled & SIGNAL_BIT(SIGCHLD)))
		return;
	snprintf(path, sizeof(path), "task/%d/children", (int)process->pid);
	children = read_text(process->pid, path);
	process->has_timer |= children && *children;
	free(children);
}

void process_origin__read(struct lock_process *process)
{
	char *stat = read_text(process->pid, "stat");

	if (stat)
		read_parent(stat, process);
	free(stat);
	read_signals(process);
	read_events(process);
	/* An alarm of setitimer(2) shows nowhere: where it is handled, it may be on its way. */
	process->has_timer |= process->handled & (SIGNAL_BIT(SIGALRM) | SIGNAL_BIT(SIGIO));
}
