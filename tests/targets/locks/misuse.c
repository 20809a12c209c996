/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Threads that use locks as nobody may: misuse SCENARIO TRUTH-FILE. A mutex of each type taken
 * twice, a rwlock that its reader wants to write, what nobody signals, whoever ends with a lock in
 * hand.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "truth.h"

pthread_mutex_t lock;
pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
pthread_cond_t never_signalled = PTHREAD_COND_INITIALIZER;
pthread_once_t once_flag = PTHREAD_ONCE_INIT;
pthread_spinlock_t spin_lock;
sem_t never_posted;

static pthread_barrier_t both_read;
static pid_t upgraders[2];

static void take_twice(int type, int protocol, int robust, int shared)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutexattr_setpshared(&attributes, shared);
	pthread_mutex_init(&lock, &attributes);
	pthread_mutex_lock(&lock);
	truth__wait("lock", &lock, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_mutex_lock(&lock);
}

static void normal_twice(void)
{
	take_twice(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, 0);
}

static void adaptive_twice(void)
{
	take_twice(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, 0);
}

static void robust_twice(void)
{
	take_twice(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, 0);
}

static void inheriting_twice(void)
{
	take_twice(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, 0);
}

static void shared_twice(void)
{
	take_twice(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
		PTHREAD_PROCESS_SHARED);
}

static void upgrade(void)
{
	pthread_rwlock_rdlock(&table_lock);
	truth__wait("table_lock", &table_lock, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_rwlock_wrlock(&table_lock);
}

static void *read_and_write(void *arg)
{
	size_t number = (size_t)arg;

	prctl(PR_SET_NAME, "upgrader");
	upgraders[number] = truth__tid();
	pthread_rwlock_rdlock(&table_lock);
	pthread_barrier_wait(&both_read);
	truth__wait("table_lock", &table_lock, upgraders[!number], true);
	pthread_rwlock_wrlock(&table_lock);
	return arg;
}

static void both_upgrade(void)
{
	pthread_t thread;

	pthread_barrier_init(&both_read, NULL, 2);
	for (size_t i = 0; i < 2; i++)
		pthread_create(&thread, NULL, read_and_write, (void *)i);
	truth__settle();
	truth__verdict("DEADLOCK");
	for (;;)
		sleep(1000);
}

static void initialize(void)
{
	truth__wait("once_flag", &once_flag, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_once(&once_flag, initialize);
}

static void once_in_once(void)
{
	pthread_once(&once_flag, initialize);
}

static void unsignalled(void)
{
	pthread_mutex_lock(&lock);
	truth__wait("never_signalled", &never_signalled, 0, false);
	truth__verdict("HUNG");
	pthread_cond_wait(&never_signalled, &lock);
}

static void unposted(void)
{
	sem_init(&never_posted, 0, 0);
	truth__wait("never_posted", &never_posted, 0, false);
	truth__verdict("HUNG");
	sem_wait(&never_posted);
}

static void spin_twice(void)
{
	pthread_spin_init(&spin_lock, 0);
	pthread_spin_lock(&spin_lock);
	truth__verdict("RUNS");
	pthread_spin_lock(&spin_lock);
}

static void *take_and_end(void *arg)
{
	pthread_mutex_lock(&lock);
	*(pid_t *)arg = truth__tid();
	return NULL;
}

static void ended_owner(void)
{
	pthread_t thread;
	pid_t owner;

	pthread_create(&thread, NULL, take_and_end, &owner);
	pthread_join(thread, NULL);
	truth__wait("lock", &lock, 0, false);
	truth__verdict("OWNER DEAD");
	pthread_mutex_lock(&lock);
}

static void *read_for_ever(void *arg)
{
	pthread_rwlock_rdlock(&table_lock);
	pthread_barrier_wait(&both_read);
	for (;;)
		sleep(1000);
	return arg;
}

static void forked_reader(void)
{
	pthread_t thread;

	pthread_barrier_init(&both_read, NULL, 2);
	pthread_create(&thread, NULL, read_for_ever, NULL);
	pthread_barrier_wait(&both_read);
	if (fork() == 0) {
		truth__wait("table_lock", &table_lock, 0, false);
		truth__verdict("FORKED");
		pthread_rwlock_wrlock(&table_lock);
	}
	for (;;)
		sleep(1000);
}

static const struct scenario scenarios[] = {
	{"normal-twice", normal_twice},
	{"adaptive-twice", adaptive_twice},
	{"robust-twice", robust_twice},
	{"inheriting-twice", inheriting_twice},
	{"shared-twice", shared_twice},
	{"upgrade", upgrade},
	{"both-upgrade", both_upgrade},
	{"once-in-once", once_in_once},
	{"unsignalled", unsignalled},
	{"unposted", unposted},
	{"spin-twice", spin_twice},
	{"ended-owner", ended_owner},
	{"forked-reader", forked_reader},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
