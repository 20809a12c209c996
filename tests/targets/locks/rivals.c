/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Hangs in which the word that a thread sleeps on does not say what it waits for: rivals SCENARIO
 * TRUTH-FILE. Also linked with musl's shared library.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "truth.h"

struct account {
	long balance;
	pthread_mutex_t guard;
};

struct account savings, current;
pthread_rwlock_t catalogue = PTHREAD_RWLOCK_INITIALIZER;
pthread_once_t booted = PTHREAD_ONCE_INIT;

static pthread_barrier_t both_hold;

struct transfer {
	const char *comm;
	struct account *from;
	struct account *to;
	const char *to_name;
	struct transfer *other;
	pid_t tid;
};

static void *transfer(void *arg)
{
	struct transfer *self = arg;

	prctl(PR_SET_NAME, self->comm);
	pthread_mutex_lock(&self->from->guard);
	self->tid = truth__tid();
	pthread_barrier_wait(&both_hold);
	truth__wait(self->to_name, &self->to->guard, self->other->tid, true);
	pthread_mutex_lock(&self->to->guard);
	return NULL;
}

static void transfer_both_ways(int type, int protocol)
{
	static struct transfer in = {"in", &savings, &current, "current+8", NULL, 0};
	static struct transfer out = {"out", &current, &savings, "savings+8", &in, 0};
	pthread_mutexattr_t attributes;
	pthread_t thread;

	in.other = &out;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutex_init(&savings.guard, &attributes);
	pthread_mutex_init(&current.guard, &attributes);
	pthread_barrier_init(&both_hold, NULL, 2);
	pthread_create(&thread, NULL, transfer, &in);
	pthread_create(&thread, NULL, transfer, &out);
	truth__settle();
	truth__verdict("DEADLOCK");
	for (;;)
		pause();
}

/* The kernel refuses one of them, who then sleeps on a word of his own stack. */
static void parked(void)
{
	transfer_both_ways(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT);
}

static void errorcheck(void)
{
	transfer_both_ways(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE);
}

/* musl keeps the number of readers, glibc too: who they are, elimination tells. */
static void upgrade(void)
{
	pthread_rwlock_rdlock(&catalogue);
	truth__wait("catalogue", &catalogue, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_rwlock_wrlock(&catalogue);
}

#ifdef __GLIBC__
static pid_t reader;
static volatile pid_t writer;

static void *write_catalogue(void *comm)
{
	prctl(PR_SET_NAME, comm);
	writer = truth__tid();
	truth__wait("catalogue", &catalogue, reader, true);
	pthread_rwlock_wrlock(&catalogue);
	return comm;
}

/* A reader that reads again, behind a writer that it keeps from writing. */
static void writer_first(void)
{
	pthread_rwlockattr_t attributes;
	pthread_t thread;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&catalogue, &attributes);
	prctl(PR_SET_NAME, "reader");
	reader = truth__tid();
	pthread_rwlock_rdlock(&catalogue);
	pthread_create(&thread, NULL, write_catalogue, "writer");
	truth__settle();
	truth__wait("catalogue", &catalogue, writer, true);
	truth__verdict("DEADLOCK");
	pthread_rwlock_rdlock(&catalogue);
}
#endif

/* Ends in a jump to pthread_once: its own frame is gone while it waits. */
static void boot(void)
{
	truth__wait("booted", &booted, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_once(&booted, boot);
}

static void once(void)
{
	pthread_once(&booted, boot);
}

static const struct scenario scenarios[] = {
	{"parked", parked},
	{"errorcheck", errorcheck},
#ifdef __GLIBC__
	{"writer-first", writer_first},
#endif
	{"upgrade", upgrade},
	{"once", once},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
