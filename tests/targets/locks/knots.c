/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Mutexes, rwlocks, joins and processes that wait for each other: knots SCENARIO TRUTH-FILE. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t lock_b = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t lock_c = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
pthread_rwlock_t index_lock = PTHREAD_RWLOCK_INITIALIZER;
pthread_cond_t never_signalled = PTHREAD_COND_INITIALIZER;
pthread_mutex_t cond_mutex = PTHREAD_MUTEX_INITIALIZER;
sem_t never_posted;
FILE *log_stream;

/* Everyone holds what he holds before anyone tries the next. */
static pthread_barrier_t all_hold;

enum lock_type { MUTEX, MUTEX_TIMED, WRITE_LOCK };

struct worker {
	const char *comm;
	enum lock_type type;
	void *first;
	void *second;
	const char *second_name;
	struct worker *holder; /* of second */
	pid_t tid;
	pthread_t thread;
};

static void take(enum lock_type type, void *lock)
{
	struct timespec until = {.tv_sec = time(NULL) + TRUTH_LIFETIME};

	if (type == MUTEX)
		pthread_mutex_lock(lock);
	else if (type == MUTEX_TIMED)
		pthread_mutex_timedlock(lock, &until);
	else
		pthread_rwlock_wrlock(lock);
}

static void *take_both(void *arg)
{
	struct worker *self = arg;

	prctl(PR_SET_NAME, self->comm);
	take(self->type, self->first);
	self->tid = truth__tid();
	pthread_barrier_wait(&all_hold);
	truth__wait(self->second_name, self->second, self->holder->tid, true);
	take(self->type, self->second);
	return NULL;
}

/* The ring of @count workers; main joins the first: a victim, not part of the cycle. */
static void run_ring(struct worker *workers, int count, const char *verdict)
{
	pthread_barrier_init(&all_hold, NULL, count);
	for (int i = 0; i < count; i++)
		pthread_create(&workers[i].thread, NULL, take_both, &workers[i]);
	truth__settle();
	truth__wait("thread", NULL, workers[0].tid, false);
	truth__verdict(verdict);
	pthread_join(workers[0].thread, NULL);
}

static void run_pair(enum lock_type type, void *a, void *b, const char *name_a, const char *name_b,
	const char *verdict)
{
	struct worker workers[2] = {
		{.comm = "first", .type = type, .first = a, .second = b, .second_name = name_b},
		{.comm = "second", .type = type, .first = b, .second = a, .second_name = name_a},
	};

	workers[0].holder = &workers[1];
	workers[1].holder = &workers[0];
	run_ring(workers, 2, verdict);
}

static void abba(void)
{
	run_pair(MUTEX, &lock_a, &lock_b, "lock_a", "lock_b", "DEADLOCK");
}

static void timed(void)
{
	run_pair(MUTEX_TIMED, &lock_a, &lock_b, "lock_a", "lock_b", "TIMED CYCLE");
}

static void rwlocks(void)
{
	run_pair(WRITE_LOCK, &table_lock, &index_lock, "table_lock", "index_lock", "DEADLOCK");
}

static void three(void)
{
	struct worker workers[3] = {
		{.comm = "first", .first = &lock_a, .second = &lock_b, .second_name = "lock_b"},
		{.comm = "second", .first = &lock_b, .second = &lock_c, .second_name = "lock_c"},
		{.comm = "third", .first = &lock_c, .second = &lock_a, .second_name = "lock_a"},
	};

	for (int i = 0; i < 3; i++)
		workers[i].holder = &workers[(i + 1) % 3];
	run_ring(workers, 3, "DEADLOCK");
}

static void init_mutex(pthread_mutex_t *mutex, int type, int protocol, int robust, int shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setpshared(&attr, shared);
	pthread_mutex_init(mutex, &attr);
}

/* Run with musl: its recursive mutex stores the owner, its normal one does not. */
static void recursive(void)
{
	init_mutex(&lock_a, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0, 0);
	init_mutex(&lock_b, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0, 0);
	abba();
}

/* The kernel refuses the lock that closes the knot; glibc then parks that thread forever. */
static void pi(void)
{
	init_mutex(&lock_a, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0, 0);
	init_mutex(&lock_b, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0, 0);
	abba();
}

static void self(void)
{
	pthread_mutex_lock(&lock_a);
	truth__wait("lock_a", &lock_a, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_mutex_lock(&lock_a);
}

static __attribute__((noinline)) pthread_mutex_t *make_cache_lock(void)
{
	pthread_mutex_t *lock = malloc(sizeof(*lock));

	if (!lock)
		_exit(1);
	pthread_mutex_init(lock, NULL);
	return lock;
}

/* The lock has no name but that of the block it lies in. */
static void heap(void)
{
	pthread_mutex_t *lock = make_cache_lock();

	pthread_mutex_lock(lock);
	truth__wait("heap block of 40 bytes", lock, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_mutex_lock(lock);
}

static void upgrade(void)
{
	pthread_rwlock_rdlock(&table_lock);
	truth__wait("table_lock", &table_lock, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_rwlock_wrlock(&table_lock);
}

static pid_t main_tid;

static void *want_lock_a(void *arg)
{
	prctl(PR_SET_NAME, arg);
	truth__wait("lock_a", &lock_a, main_tid, !strcmp(arg, "joined"));
	pthread_mutex_lock(&lock_a);
	return NULL;
}

static void join(void)
{
	pthread_t joined, queued;

	main_tid = truth__tid();
	pthread_mutex_lock(&lock_a);
	pthread_create(&joined, NULL, want_lock_a, "joined");
	truth__settle();
	pthread_create(&queued, NULL, want_lock_a, "queued");
	truth__settle();
	truth__wait("thread", NULL, 0, true);
	truth__verdict("DEADLOCK");
	pthread_join(joined, NULL);
}

struct shared {
	pthread_mutex_t one;
	pthread_mutex_t two;
	pthread_barrier_t both;
	pid_t tid[2];
};

static void cross(struct shared *shared, int me)
{
	pthread_mutex_t *mine = me ? &shared->two : &shared->one;
	pthread_mutex_t *other = me ? &shared->one : &shared->two;

	shared->tid[me] = truth__tid();
	pthread_mutex_lock(mine);
	pthread_barrier_wait(&shared->both);
	truth__wait(me ? "shared memory" : "shared memory+40", other, shared->tid[!me], true);
	if (!me) {
		usleep(200000);
		truth__verdict("DEADLOCK");
	}
	pthread_mutex_lock(other);
}

static void processes(void)
{
	struct shared *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	init_mutex(&shared->one, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0, 1);
	init_mutex(&shared->two, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0, 1);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, 1);
	pthread_barrier_init(&shared->both, &attr, 2);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(TRUTH_LIFETIME);
		cross(shared, 1);
		_exit(0);
	}
	cross(shared, 0);
}

static pid_t dead_tid;

/* arg: whether to leave the kernel without the list of robust mutexes, as a runtime does that
 * registers its own list: then nobody is told of the death. */
static void *die_holding(void *arg)
{
	dead_tid = truth__tid();
	pthread_mutex_lock(&lock_a);
	if (arg)
		syscall(SYS_set_robust_list, NULL, 24);
	return NULL;
}

static void want_from_the_dead(void *unregister)
{
	pthread_t thread;

	pthread_create(&thread, NULL, die_holding, unregister);
	pthread_join(thread, NULL);
	truth__wait("lock_a", &lock_a, dead_tid, false);
	truth__verdict("OWNER DEAD");
	pthread_mutex_lock(&lock_a);
}

static void abandoned(void)
{
	want_from_the_dead(NULL);
}

static void robust(void)
{
	init_mutex(&lock_a, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, 0);
	want_from_the_dead(&lock_a);
}

static void condition(void)
{
	pthread_mutex_lock(&cond_mutex);
	truth__wait("never_signalled", &never_signalled, 0, false);
	truth__verdict("HUNG");
	for (;;)
		pthread_cond_wait(&never_signalled, &cond_mutex);
}

static void semaphore(void)
{
	sem_init(&never_posted, 0, 0);
	truth__wait("never_posted", &never_posted, 0, false);
	truth__verdict("HUNG");
	sem_wait(&never_posted);
}

/* A garbage owner, and the word says locked: no thread of that number is anywhere. */
static void corrupt(void)
{
	int *words = (int *)&lock_a;

	words[0] = 2;
	words[2] = 0x5ca1ab1e;
	truth__wait("lock_a", &lock_a, 0, false);
	truth__verdict("HUNG");
	pthread_mutex_lock(&lock_a);
}

/* The owner's number is that of a thread of another process: a fork child's inheritance. */
static void inherited(void)
{
	pthread_mutex_lock(&lock_a);
	if (fork()) {
		for (;;)
			pause();
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(TRUTH_LIFETIME);
	truth__wait("lock_a", &lock_a, getppid(), false);
	truth__verdict("FORKED");
	pthread_mutex_lock(&lock_a);
}

static void *hold_and_read(void *arg)
{
	int ends[2];
	char byte;

	prctl(PR_SET_NAME, "reader");
	pthread_mutex_lock(&lock_a);
	main_tid = truth__tid();
	if (pipe(ends) == 0 && read(ends[0], &byte, 1) < 0)
		return NULL;
	return arg;
}

static void *hold_and_spin(void *arg)
{
	prctl(PR_SET_NAME, "spinner");
	pthread_mutex_lock(&lock_a);
	__atomic_store_n(&main_tid, truth__tid(), __ATOMIC_SEQ_CST);
	for (volatile uint64_t i = 0;; i++)
		;
	return arg;
}

static void wait_for_holder(void *(*hold)(void *), const char *verdict)
{
	pthread_t thread;

	pthread_create(&thread, NULL, hold, NULL);
	while (!__atomic_load_n(&main_tid, __ATOMIC_SEQ_CST))
		usleep(1000);
	truth__wait("lock_a", &lock_a, main_tid, false);
	truth__verdict(verdict);
	pthread_mutex_lock(&lock_a);
}

static void elsewhere(void)
{
	wait_for_holder(hold_and_read, "OWNER BLOCKED ELSEWHERE");
}

static void busy(void)
{
	wait_for_holder(hold_and_spin, "BUSY");
}

static pthread_barrier_t stream_held;

static void *print_under_mutex(void *arg)
{
	struct worker *self = arg;
	char name[64];

	prctl(PR_SET_NAME, "printer");
	self->tid = truth__tid();
	pthread_mutex_lock(&lock_a);
	pthread_barrier_wait(&stream_held);
	snprintf(name, sizeof(name), "stream of fd %d /dev/null", fileno(log_stream));
	truth__wait(name, NULL, main_tid, true);
	fputs("never\n", log_stream);
	return NULL;
}

static void stdio(void)
{
	struct worker printer = {0};

	log_stream = fopen("/dev/null", "w");
	if (!log_stream)
		_exit(1);
	main_tid = truth__tid();
	pthread_barrier_init(&stream_held, NULL, 2);
	pthread_create(&printer.thread, NULL, print_under_mutex, &printer);
	flockfile(log_stream);
	pthread_barrier_wait(&stream_held);
	truth__settle();
	truth__wait("lock_a", &lock_a, printer.tid, true);
	truth__verdict("DEADLOCK");
	pthread_mutex_lock(&lock_a);
}

/* The first process of a namespace: its TIDs are 1, 2, 3 there and in its mutexes. */
static void pidns(void)
{
	pid_t child;

	if (syscall(SYS_unshare, 0x20000000 /* CLONE_NEWPID */))
		_exit(77);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(TRUTH_LIFETIME);
		abba();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void allocate(__attribute__((unused)) int signal)
{
	for (int i = 0; i < 200; i++) {
		void *volatile block = malloc(100 + 800 * i);

		free(block);
	}
}

static void *wait_for_ever(void *arg)
{
	pause();
	return arg;
}

/* A signal handler that allocates, until it comes in the middle of malloc: within seconds. */
static void arena(void)
{
	struct itimerval often = {.it_interval.tv_usec = 50, .it_value.tv_usec = 50};
	void *volatile blocks[64];
	pthread_t thread;

	/* With one thread alone malloc does not lock. */
	pthread_create(&thread, NULL, wait_for_ever, NULL);
	truth__wait("main_arena", NULL, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	signal(SIGVTALRM, allocate);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	for (;;) {
		for (int i = 0; i < 64; i++)
			blocks[i] = malloc(3000 + 97 * i);
		for (int i = 0; i < 64; i++)
			free(blocks[i]);
	}
}

#define CROWD 10000

static void *join_crowd(void *arg)
{
	pthread_mutex_lock(&lock_b);
	return arg;
}

/* AB-BA with thousands of victims behind one of the two. */
static void crowd(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&lock_b);
	for (int i = 0; i < CROWD; i++)
		if (pthread_create(&thread, &attr, join_crowd, NULL))
			usleep(10000);
	truth__settle();
	truth__wait("lock_b", &lock_b, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	pthread_mutex_lock(&lock_b);
}

static const struct scenario scenarios[] = {
	{"abba", abba},
	{"three", three},
	{"self", self},
	{"heap", heap},
	{"rwlocks", rwlocks},
	{"upgrade", upgrade},
	{"join", join},
	{"processes", processes},
	{"pi", pi},
	{"robust", robust},
	{"abandoned", abandoned},
	{"inherited", inherited},
	{"stdio", stdio},
	{"condition", condition},
	{"semaphore", semaphore},
	{"recursive", recursive},
	{"pidns", pidns},
	{"timed", timed},
	{"corrupt", corrupt},
	{"elsewhere", elsewhere},
	{"busy", busy},
	{"arena", arena},
	{"crowd", crowd},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
