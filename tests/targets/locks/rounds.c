/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Waits whose number, length and holder are known: in each round one thread takes a lock, lets the
 * other wait for it, sees it asleep, holds the lock for some time more and lets it go. Nobody else
 * wants the lock, so each round is exactly one futex wait of each kind.
 *
 *	rounds ROUNDS HOLD_MS: waits for SIGUSR1, then begins; ends with one line of JSON
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

pthread_mutex_t ledger_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t index_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static bool queue_has_work;

static int rounds, hold_ms;
static atomic_int waiter_tid;
static struct {
	uint64_t total_ns;
	uint64_t max_ns;
} mutex_waits, read_waits, condition_waits;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void sleep_ms(int ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000l};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

/* Whether the waiter sleeps in a futex call on @word. */
static bool sleeps_on(const void *word)
{
	char path[64], text[256] = "";
	unsigned long number = 0, address = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", atomic_load(&waiter_tid));
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return sscanf(text, "%lu 0x%lx", &number, &address) == 2 && number == SYS_futex &&
	       address >= (uintptr_t)word && address < (uintptr_t)word + 64;
}

static void wait_until_asleep(const void *word)
{
	while (!sleeps_on(word))
		sleep_ms(1);
}

#define note_wait(waits, begin)                   \
	do {                                      \
		uint64_t ns = now_ns() - (begin); \
		(waits).total_ns += ns;           \
		if (ns > (waits).max_ns)          \
			(waits).max_ns = ns;      \
	} while (0)

/* The frames that a profile must show: nothing is inlined, nothing is jumped to. */
__attribute__((noinline)) static void read_ledger(void)
{
	uint64_t begin = now_ns();

	pthread_mutex_lock(&ledger_lock);
	note_wait(mutex_waits, begin);
	pthread_mutex_unlock(&ledger_lock);
}

__attribute__((noinline)) static void read_index(void)
{
	uint64_t begin = now_ns();

	pthread_rwlock_rdlock(&index_lock);
	note_wait(read_waits, begin);
	pthread_rwlock_unlock(&index_lock);
}

__attribute__((noinline)) static void take_work(void)
{
	uint64_t begin = now_ns();

	pthread_mutex_lock(&queue_mutex);
	while (!queue_has_work)
		pthread_cond_wait(&queue_filled, &queue_mutex);
	queue_has_work = false;
	pthread_mutex_unlock(&queue_mutex);
	note_wait(condition_waits, begin);
}

/* Both sides meet without a futex, so that no other wait is counted. */
static atomic_int steps;

static void meet(int step)
{
	while (atomic_load(&steps) < step)
		sleep_ms(1);
}

static void *run_waiter(void *unused)
{
	atomic_store(&waiter_tid, (int)syscall(SYS_gettid));
	for (int i = 0; i < rounds; i++) {
		meet(3 * i + 1);
		read_ledger();
		meet(3 * i + 2);
		read_index();
		meet(3 * i + 3);
		take_work();
	}
	return unused;
}

__attribute__((noinline)) static void write_ledger(void)
{
	pthread_mutex_lock(&ledger_lock);
	atomic_fetch_add(&steps, 1);
	wait_until_asleep(&ledger_lock);
	sleep_ms(hold_ms);
	pthread_mutex_unlock(&ledger_lock);
}

__attribute__((noinline)) static void write_index(void)
{
	pthread_rwlock_wrlock(&index_lock);
	atomic_fetch_add(&steps, 1);
	wait_until_asleep(&index_lock);
	sleep_ms(hold_ms);
	pthread_rwlock_unlock(&index_lock);
}

__attribute__((noinline)) static void give_work(void)
{
	atomic_fetch_add(&steps, 1);
	wait_until_asleep(&queue_filled);
	sleep_ms(hold_ms);
	pthread_mutex_lock(&queue_mutex);
	queue_has_work = true;
	pthread_mutex_unlock(&queue_mutex);
	pthread_cond_signal(&queue_filled);
}

static volatile sig_atomic_t may_begin;

static void begin(int signal)
{
	may_begin = signal;
}

int main(int argc, char **argv)
{
	pthread_t waiter;

	if (argc < 3)
		return 2;
	rounds = atoi(argv[1]);
	hold_ms = atoi(argv[2]);
	signal(SIGUSR1, begin);
	while (!may_begin)
		sleep_ms(1);
	pthread_create(&waiter, NULL, run_waiter, NULL);
	while (!atomic_load(&waiter_tid))
		sleep_ms(1);
	for (int i = 0; i < rounds; i++) {
		write_ledger();
		write_index();
		give_work();
	}
	while (syscall(SYS_tgkill, getpid(), atomic_load(&waiter_tid), 0) == 0)
		sleep_ms(1);
	pthread_join(waiter, NULL);
	printf("{\"rounds\":%d,\"holder\":%d,\"waiter\":%d,"
	       "\"mutex_ns\":%llu,\"mutex_max_ns\":%llu,"
	       "\"read_ns\":%llu,\"read_max_ns\":%llu,\"condition_ns\":%llu}\n",
		rounds, (int)getpid(), atomic_load(&waiter_tid),
		(unsigned long long)mutex_waits.total_ns, (unsigned long long)mutex_waits.max_ns,
		(unsigned long long)read_waits.total_ns, (unsigned long long)read_waits.max_ns,
		(unsigned long long)condition_waits.total_ns);
	return 0;
}
