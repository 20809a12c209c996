/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * One press of Ctrl-C may arrive twice: timeout(1) and its kind pass on what the terminal sends to
 * memtrace as well, and a hang-up comes from the kernel and from the shell. No finger is so fast.
 */
#define REPEAT_NS 200000000ull

/* For what cleans up before the end; a file system that does not answer may hold it up. */
#define CLEANING_SECONDS 2

#define MAX_CLEANERS 4

/*
 * The C library keeps two signals for its threads and refuses them to sigaction(2). It takes the
 * second one when the first thread is made, so a program that was started with it ignored (by
 * posix_spawn, which leaves both so) would pass on another disposition.
 */
#define FIRST_LIBRARY_SIGNAL 32
#define LIBRARY_SIGNALS 2

/* A process has one set of signals, so this is the process's. */
static struct {
	bool started;
	int told_fd;
	atomic_int hangup_fd; /* -1: SIGHUP ends the program */
	atomic_bool tells;
	atomic_bool came;
	sigset_t signals;
	sigset_t mask_before;
	struct sigaction pipe_before;
	struct sigaction size_before;
	bool library_ignored[LIBRARY_SIGNALS];
	void (*cleaners[MAX_CLEANERS])(void);
	atomic_size_t cleaner_count;
} interrupts = {.told_fd = -1, .hangup_fd = -1};

/* Another signal, or a cleaner that hangs, ends the program meanwhile. */
static void allow_end(int signal_number)
{
	sigset_t set = interrupts.signals;

	for (int i = 1; i < SIGRTMIN; i++)
		if (sigismember(&interrupts.signals, i))
			signal(i, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigaddset(&set, SIGALRM);
	sigdelset(&set, signal_number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm(CLEANING_SECONDS);
}

static _Noreturn void end_by(int signal_number)
{
	sigset_t set;

	allow_end(signal_number);
	for (size_t i = atomic_load(&interrupts.cleaner_count); i-- > 0;)
		interrupts.cleaners[i]();
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	kill(getpid(), signal_number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + signal_number);
}

/* False: a SIGHUP is like the other signals. */
static bool tell_hangup(void)
{
	uint64_t one = 1;
	int fd = atomic_load(&interrupts.hangup_fd);

	return fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one);
}

static void *take_signals(void *unused)
{
	uint64_t first_ns = 0, one = 1;
	int signal_number;

	for (;;) {
		if (sigwait(&interrupts.signals, &signal_number))
			continue;
		if (signal_number == SIGHUP && tell_hangup())
			continue;
		if (first_ns && clock__now_ns() - first_ns < REPEAT_NS)
			continue;
		if (first_ns || !atomic_load(&interrupts.tells))
			end_by(signal_number);
		first_ns = clock__now_ns();
		atomic_store(&interrupts.came, true);
		if (write(interrupts.told_fd, &one, sizeof(one)) != sizeof(one))
			end_by(signal_number);
	}
	return unused;
}

/*
 * The kernel's struct sigaction of all architectures begins with the handler; the rest, of which
 * none has more than 7 words, may be 0 for a signal that is ignored.
 */
static bool library_signal_ignored(int signal_number)
{
	unsigned long action[8] = {0};

	return !syscall(SYS_rt_sigaction, signal_number, NULL, action, 8ul) &&
	       action[0] == (unsigned long)SIG_IGN;
}

static void ignore_library_signal(int signal_number)
{
	unsigned long action[8] = {(unsigned long)SIG_IGN};

	syscall(SYS_rt_sigaction, signal_number, action, NULL, 8ul);
}

static void restore_in_child(void)
{
	for (int i = 0; i < LIBRARY_SIGNALS; i++)
		if (interrupts.library_ignored[i])
			ignore_library_signal(FIRST_LIBRARY_SIGNAL + i);
	sigaction(SIGPIPE, &interrupts.pipe_before, NULL);
	sigaction(SIGXFSZ, &interrupts.size_before, NULL);
	sigprocmask(SIG_SETMASK, &interrupts.mask_before, NULL);
}

static void choose_signals(sigset_t *set)
{
	struct sigaction hangup;

	sigemptyset(set);
	/* Also where it is ignored: a script's background job has it so, yet may be sent it. */
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

int interrupt__start(struct error *error)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t all;
	pthread_t thread;
	int err;

	choose_signals(&interrupts.signals);
	interrupts.told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (interrupts.told_fd < 0)
		return error__set(error, -errno, "cannot take signals: %m");
	sigaction(SIGPIPE, &ignore, &interrupts.pipe_before);
	sigaction(SIGXFSZ, &ignore, &interrupts.size_before);
	for (int i = 0; i < LIBRARY_SIGNALS; i++)
		interrupts.library_ignored[i] = library_signal_ignored(FIRST_LIBRARY_SIGNAL + i);
	/* The thread takes no other signal away from those that are meant for it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &interrupts.mask_before);
	err = pthread_create(&thread, NULL, take_signals, NULL);
	pthread_sigmask(SIG_SETMASK, &interrupts.mask_before, NULL);
	if (!err)
		err = pthread_atfork(NULL, NULL, restore_in_child);
	if (err)
		return error__set(error, -err, "cannot take signals: %s", strerror(err));
	pthread_sigmask(SIG_BLOCK, &interrupts.signals, NULL);
	pthread_detach(thread);
	interrupts.started = true;
	return 0;
}

int interrupt__tell(void)
{
	atomic_store(&interrupts.tells, true);
	return interrupts.told_fd;
}

int interrupt__tell_hangup(void)
{
	if (interrupts.started && atomic_load(&interrupts.hangup_fd) < 0)
		atomic_store(&interrupts.hangup_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	return atomic_load(&interrupts.hangup_fd);
}

bool interrupt__came(void)
{
	return atomic_load(&interrupts.came);
}

void interrupt__at_end(void (*clean)(void))
{
	size_t count = atomic_load(&interrupts.cleaner_count);

	for (size_t i = 0; i < count; i++)
		if (interrupts.cleaners[i] == clean)
			return;
	if (count == MAX_CLEANERS)
		return;
	interrupts.cleaners[count] = clean;
	atomic_store(&interrupts.cleaner_count, count + 1);
}

int interrupt__spawn_attributes(posix_spawnattr_t *attributes)
{
	sigset_t defaults;
	int err = posix_spawnattr_init(attributes);

	if (err || !interrupts.started)
		return err;
	sigemptyset(&defaults);
	if (interrupts.pipe_before.sa_handler == SIG_DFL)
		sigaddset(&defaults, SIGPIPE);
	if (interrupts.size_before.sa_handler == SIG_DFL)
		sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_setsigdefault(attributes, &defaults);
	posix_spawnattr_setsigmask(attributes, &interrupts.mask_before);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}
