/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Threads that can never go on though no lock names its owner, and one program that can:
 * stuck SCENARIO TRUTH-FILE.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
pthread_barrier_t meeting;
pthread_rwlock_t table_lock;
sem_t disk, network;
atomic_int spin_word;

/* Everyone holds what he holds before anyone tries the next. */
static pthread_barrier_t all_hold;
static pid_t tids[4];

static pthread_t start(const char *comm, void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		_exit(1);
	pthread_setname_np(thread, comm);
	return thread;
}

static void name_myself(const char *comm, int number)
{
	prctl(PR_SET_NAME, comm);
	tids[number] = truth__tid();
}

/* Main is no more than the joiner of thread @number, unless idle threads are there to keep it
 * company. */
static void join_or_idle(pthread_t thread, int number, const char *verdict)
{
	truth__settle();
	if (!getenv("IDLE_THREADS")) {
		truth__wait("thread", NULL, tids[number], false);
		truth__verdict(verdict);
		pthread_join(thread, NULL);
	}
	truth__verdict(verdict);
	for (;;)
		sleep(1000);
}

/* --- no cycle: somebody would have to signal, and nobody can */

/* It sleeps with the outer lock in hand, which whoever would signal wants first. */
static void *consume(void *arg)
{
	name_myself("consumer", 0);
	pthread_mutex_lock(&state_lock);
	pthread_mutex_lock(&queue_lock);
	truth__wait("not_empty", &not_empty, 0, false);
	pthread_cond_wait(&not_empty, &queue_lock);
	return arg;
}

static void *produce(void *arg)
{
	name_myself("producer", 1);
	truth__wait("state_lock", &state_lock, tids[0], false);
	pthread_mutex_lock(&state_lock);
	pthread_cond_signal(&not_empty);
	return arg;
}

static void nested_monitor(void)
{
	pthread_t producer;

	start("consumer", consume);
	truth__settle();
	producer = start("producer", produce);
	truth__settle();
	join_or_idle(producer, 1, "HUNG");
}

static void *come_first(void *arg)
{
	name_myself("first", 0);
	pthread_mutex_lock(&state_lock);
	truth__wait("meeting", &meeting, 0, false);
	pthread_barrier_wait(&meeting);
	return arg;
}

static void *come_late(void *arg)
{
	name_myself("late", 1);
	truth__wait("state_lock", &state_lock, tids[0], false);
	pthread_mutex_lock(&state_lock);
	pthread_barrier_wait(&meeting);
	return arg;
}

static void barrier(void)
{
	pthread_t late;

	pthread_barrier_init(&meeting, NULL, 2);
	start("first", come_first);
	truth__settle();
	late = start("late", come_late);
	truth__settle();
	join_or_idle(late, 1, "HUNG");
}

static void *take_disk_first(void *arg)
{
	name_myself("disk", 0);
	sem_wait(&disk);
	pthread_barrier_wait(&all_hold);
	truth__wait("network", &network, 0, false);
	sem_wait(&network);
	return arg;
}

static void *take_network_first(void *arg)
{
	name_myself("network", 1);
	sem_wait(&network);
	pthread_barrier_wait(&all_hold);
	truth__wait("disk", &disk, 0, false);
	sem_wait(&disk);
	return arg;
}

static void semaphores(void)
{
	pthread_t last;

	sem_init(&disk, 0, 1);
	sem_init(&network, 0, 1);
	pthread_barrier_init(&all_hold, NULL, 2);
	start("disk", take_disk_first);
	last = start("network", take_network_first);
	join_or_idle(last, 1, "HUNG");
}

/* --- a wake-up that never comes */

static void *want_queue(void *arg)
{
	name_myself("waiter", 0);
	truth__wait("queue_lock", &queue_lock, 0, false);
	pthread_mutex_lock(&queue_lock);
	return arg;
}

/* The lock is initialized anew while a thread waits for it: the word is 0, and nobody is woken. */
static void reset(void)
{
	pthread_t waiter;

	pthread_mutex_lock(&queue_lock);
	waiter = start("waiter", want_queue);
	truth__settle();
	memset(&queue_lock, 0, sizeof(queue_lock));
	join_or_idle(waiter, 0, "LOST WAKE-UP");
}

/* --- fork copies one thread */

static void *hold_queue(void *arg)
{
	name_myself("holder", 0);
	pthread_mutex_lock(&queue_lock);
	pause();
	return arg;
}

static void take_spin(void)
{
	while (atomic_exchange(&spin_word, 2))
		syscall(SYS_futex, &spin_word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void *hold_spin(void *arg)
{
	name_myself("holder", 0);
	take_spin();
	pause();
	return arg;
}

static bool become_child(void)
{
	if (fork()) {
		for (;;)
			pause();
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(TRUTH_LIFETIME);
	return true;
}

static void forked_mutex(void)
{
	start("holder", hold_queue);
	truth__settle();
	become_child();
	truth__wait("queue_lock", &queue_lock, 0, false);
	truth__verdict("FORKED");
	pthread_mutex_lock(&queue_lock);
}

/* The word does not name who has it. */
static void forked_word(void)
{
	start("holder", hold_spin);
	truth__settle();
	become_child();
	truth__wait("spin_word", &spin_word, 0, false);
	truth__verdict("FORKED");
	take_spin();
}

/* --- cycles through locks that name no owner */

static void *read_then_state(void *arg)
{
	name_myself("reader", 0);
	pthread_rwlock_rdlock(&table_lock);
	pthread_barrier_wait(&all_hold);
	truth__wait("state_lock", &state_lock, tids[1], true);
	pthread_mutex_lock(&state_lock);
	return arg;
}

static void *state_then_write(void *arg)
{
	name_myself("writer", 1);
	pthread_mutex_lock(&state_lock);
	pthread_barrier_wait(&all_hold);
	truth__wait("table_lock", &table_lock, tids[0], true);
	pthread_rwlock_wrlock(&table_lock);
	return arg;
}

static void reader(void)
{
	pthread_t last;

	pthread_rwlock_init(&table_lock, NULL);
	pthread_barrier_init(&all_hold, NULL, 2);
	start("reader", read_then_state);
	last = start("writer", state_then_write);
	join_or_idle(last, 1, "DEADLOCK");
}

static void *write_table(void *arg)
{
	name_myself("writer", 1);
	pthread_barrier_wait(&all_hold);
	truth__wait("table_lock", &table_lock, tids[0], true);
	pthread_rwlock_wrlock(&table_lock);
	return arg;
}

static void *state_then_read(void *arg)
{
	name_myself("second", 2);
	pthread_mutex_lock(&state_lock);
	pthread_barrier_wait(&all_hold);
	usleep(400000);
	truth__wait("table_lock", &table_lock, tids[1], true);
	pthread_rwlock_rdlock(&table_lock);
	return arg;
}

static void *read_then_wait(void *arg)
{
	name_myself("first", 0);
	pthread_rwlock_rdlock(&table_lock);
	pthread_barrier_wait(&all_hold);
	usleep(100000);
	truth__wait("state_lock", &state_lock, tids[2], true);
	pthread_mutex_lock(&state_lock);
	return arg;
}

/* The writer waits for the first reader, which waits for the second, which waits behind the
 * writer. */
static void readers(void)
{
	pthread_rwlockattr_t attr;
	pthread_t last;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&table_lock, &attr);
	pthread_barrier_init(&all_hold, NULL, 3);
	start("writer", write_table);
	start("second", state_then_read);
	last = start("first", read_then_wait);
	usleep(600000);
	join_or_idle(last, 0, "DEADLOCK");
}

static void *spin_then_state(void *arg)
{
	name_myself("spin", 0);
	take_spin();
	pthread_barrier_wait(&all_hold);
	truth__wait("state_lock", &state_lock, tids[1], true);
	pthread_mutex_lock(&state_lock);
	return arg;
}

static void *state_then_spin(void *arg)
{
	name_myself("state", 1);
	pthread_mutex_lock(&state_lock);
	pthread_barrier_wait(&all_hold);
	truth__wait("spin_word", &spin_word, tids[0], true);
	take_spin();
	return arg;
}

/* A lock of the application's own making. */
static void own_lock(void)
{
	pthread_t last;

	pthread_barrier_init(&all_hold, NULL, 2);
	start("spin", spin_then_state);
	last = start("state", state_then_spin);
	join_or_idle(last, 1, "DEADLOCK");
}

/* --- and one that is well: workers that wait for work, which a socket would bring */

static void *wait_for_work(void *arg)
{
	pthread_mutex_lock(&queue_lock);
	for (;;)
		pthread_cond_wait(&not_empty, &queue_lock);
	return arg;
}

static void pool(void)
{
	struct epoll_event event;
	int fd = epoll_create1(0);

	for (int i = 0; i < 8; i++)
		start("worker", wait_for_work);
	truth__settle();
	truth__verdict("STALL");
	for (;;)
		epoll_wait(fd, &event, 1, -1);
}

static const struct scenario scenarios[] = {
	{"nested-monitor", nested_monitor},
	{"barrier", barrier},
	{"semaphores", semaphores},
	{"reset", reset},
	{"forked-mutex", forked_mutex},
	{"forked-word", forked_word},
	{"reader", reader},
	{"readers", readers},
	{"own-lock", own_lock},
	{"pool", pool},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
