/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Hangs of the kinds that are reported most: reported SCENARIO TRUTH-FILE. C++'s own locks, the
 * loader's, exit's, and what a fork does not copy. IDLE_THREADS in the environment: truth.h.
 */
#include <dlfcn.h>
#include <future>
#include <link.h>
#include <mutex>
#include <pthread.h>
#include <shared_mutex>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern "C" {
#include "truth.h"
}

std::shared_mutex config_lock;
std::mutex jobs_lock;
std::recursive_mutex transaction_lock;
std::timed_mutex session_lock;
std::once_flag first_flag, second_flag;

static pthread_barrier_t both_hold;
static pid_t tids[3];
static pthread_t threads[3];

static void enter(int number, const char *name)
{
	prctl(PR_SET_NAME, name);
	tids[number] = truth__tid();
}

/* Each of two threads has what it takes first. */
static void meet()
{
	pthread_barrier_wait(&both_hold);
}

[[noreturn]] static void idle()
{
	for (;;)
		sleep(1000);
}

/* Starts both, says the verdict once they sleep, and waits for them. */
static void run_both(void (*first)(), void (*second)(), const char *verdict)
{
	pthread_barrier_init(&both_hold, nullptr, 2);
	std::thread a(first), b(second);

	truth__settle();
	truth__verdict(verdict);
	b.join();
	a.join();
}

/* --- C++'s locks */

static void shared_mutex()
{
	run_both(
		[] {
			enter(0, "reader");
			std::shared_lock<std::shared_mutex> reading(config_lock);
			meet();
			truth__wait("jobs_lock", &jobs_lock, tids[1], true);
			jobs_lock.lock();
		},
		[] {
			enter(1, "writer");
			jobs_lock.lock();
			meet();
			truth__wait("config_lock", &config_lock, tids[0], true);
			config_lock.lock();
		},
		"DEADLOCK");
}

static void call_once()
{
	run_both(
		[] {
			enter(0, "first");
			std::call_once(first_flag, [] {
				meet();
				truth__wait("second_flag", &second_flag, tids[1], true);
				std::call_once(second_flag, [] {});
			});
		},
		[] {
			enter(1, "second");
			std::call_once(second_flag, [] {
				meet();
				truth__wait("first_flag", &first_flag, tids[0], true);
				std::call_once(first_flag, [] {});
			});
		},
		"DEADLOCK");
}

static std::promise<int> left, right;

static void promises()
{
	run_both([] { left.set_value(right.get_future().get()); },
		[] { right.set_value(left.get_future().get()); },
		getenv("IDLE_THREADS") ? "STALL" : "HUNG");
}

static void recursive()
{
	run_both(
		[] {
			enter(0, "payer");
			jobs_lock.lock();
			meet();
			truth__wait("transaction_lock", &transaction_lock, tids[1], true);
			transaction_lock.lock();
		},
		[] {
			enter(1, "payee");
			transaction_lock.lock();
			transaction_lock.lock();
			meet();
			truth__wait("jobs_lock", &jobs_lock, tids[0], true);
			std::scoped_lock both(jobs_lock);
		},
		"DEADLOCK");
}

static void timed()
{
	run_both(
		[] {
			enter(0, "patient");
			session_lock.lock();
			meet();
			truth__wait("jobs_lock", &jobs_lock, tids[1], true);
			jobs_lock.lock();
		},
		[] {
			enter(1, "hasty");
			jobs_lock.lock();
			meet();
			truth__wait("session_lock", &session_lock, tids[0], true);
			(void)session_lock.try_lock_for(std::chrono::hours(1));
		},
		"TIMED CYCLE");
}

/* --- threads that end, and programs */

static void *join_next(void *arg)
{
	size_t number = (size_t)arg;

	enter((int)number, "joiner");
	pthread_barrier_wait(&both_hold);
	truth__wait("thread", nullptr, tids[(number + 1) % 3], true);
	pthread_join(threads[(number + 1) % 3], nullptr);
	return arg;
}

static void join_ring()
{
	pthread_barrier_init(&both_hold, nullptr, 3);
	for (size_t i = 0; i < 3; i++)
		pthread_create(&threads[i], nullptr, join_next, (void *)i);
	truth__settle();
	truth__verdict("DEADLOCK");
	idle();
}

static void stop_worker()
{
	truth__wait("thread", nullptr, tids[1], true);
	meet();
	truth__settle();
	truth__verdict("DEADLOCK");
	pthread_join(threads[0], nullptr);
}

static void *want_what_main_has(void *arg)
{
	enter(1, "worker");
	meet();
	meet();
	truth__wait("jobs_lock", &jobs_lock, tids[0], true);
	jobs_lock.lock();
	return arg;
}

/* A handler of exit(3) joins a thread that wants a lock which main still has. */
static void exit_handler()
{
	pthread_barrier_init(&both_hold, nullptr, 2);
	enter(0, "reported");
	jobs_lock.lock();
	pthread_create(&threads[0], nullptr, want_what_main_has, nullptr);
	meet();
	atexit(stop_worker);
	exit(0);
}

/* --- the loader */

/* Whoever goes through the modules wants a lock of a thread that wants to go through them. */
static int wait_inside(struct dl_phdr_info *, size_t, void *)
{
	meet();
	truth__wait("jobs_lock", &jobs_lock, tids[1], true);
	jobs_lock.lock();
	return 1;
}

static void iterate_modules()
{
	run_both(
		[] {
			enter(0, "iterator");
			dl_iterate_phdr(wait_inside, nullptr);
		},
		[] {
			enter(1, "opener");
			jobs_lock.lock();
			meet();
			truth__wait("_dl_load_write_lock", nullptr, tids[0], true);
			dl_iterate_phdr(wait_inside, nullptr);
		},
		"DEADLOCK");
}

/* --- what a fork does not copy; fork(3) itself would put malloc's locks right */

static void write_dates()
{
	for (time_t now = 0; now < 100; now++) {
		struct tm out;

		localtime_r(&now, &out);
	}
}

/* Whether the child has not ended after three seconds: it would in a millisecond. */
static bool hangs(pid_t child)
{
	for (int i = 0; i < 300; i++) {
		if (waitpid(child, nullptr, WNOHANG) == child)
			return false;
		usleep(10000);
	}
	return true;
}

static void forked_zone()
{
	pid_t child;

	std::thread([] {
		for (;;)
			write_dates();
	}).detach();
	do {
		child = fork();
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_dates();
			_exit(0);
		}
	} while (!hangs(child));
	truth__verdict("FORKED");
	idle();
}

/* --- a lock that is held by who waits for no lock */

static void held_over_read()
{
	static int event = eventfd(0, 0);

	run_both(
		[] {
			enter(0, "fetcher");
			jobs_lock.lock();
			meet();
			eventfd_t value;
			(void)eventfd_read(event, &value);
		},
		[] {
			enter(1, "asker");
			meet();
			truth__wait("jobs_lock", &jobs_lock, tids[0], false);
			jobs_lock.lock();
		},
		"OWNER BLOCKED ELSEWHERE");
}

static const struct scenario scenarios[] = {
	{"shared-mutex", shared_mutex},
	{"call-once", call_once},
	{"promises", promises},
	{"recursive", recursive},
	{"timed", timed},
	{"join-ring", join_ring},
	{"exit-handler", exit_handler},
	{"iterate-modules", iterate_modules},
	{"forked-zone", forked_zone},
	{"held-over-read", held_over_read},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
