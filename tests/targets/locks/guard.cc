/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
// Static initializers of C++ that wait for themselves or for each other: guard SCENARIO TRUTH-FILE.
extern "C" {
#include "truth.h"
}

#include <cstring>
#include <mutex>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

struct Config {
	Config();
	int value;
};

static int depth;

__attribute__((noinline)) Config &configuration()
{
	static Config instance;
	return instance;
}

// The initializer asks for the object that it is initializing.
Config::Config()
{
	if (++depth == 1) {
		truth__wait("guard variable for configuration()::instance", nullptr, truth__tid(),
			true);
		truth__verdict("SELF-DEADLOCK");
	}
	value = configuration().value + 1;
}

std::mutex registry_lock;
static pthread_barrier_t both_hold;
static pid_t main_tid, loader_tid;

struct Registry {
	Registry()
	{
		pthread_barrier_wait(&both_hold);
		truth__wait("registry_lock", &registry_lock, main_tid, true);
		std::lock_guard<std::mutex> hold(registry_lock);
	}
};

__attribute__((noinline)) Registry &registry()
{
	static Registry instance;
	return instance;
}

static void *run_initializer(void *arg)
{
	prctl(PR_SET_NAME, "initializer");
	loader_tid = truth__tid();
	registry();
	return arg;
}

// One thread is inside the initializer and wants the mutex; the other has the mutex and wants the
// initialized object.
static void cross()
{
	pthread_t thread;

	main_tid = truth__tid();
	pthread_barrier_init(&both_hold, nullptr, 2);
	std::lock_guard<std::mutex> hold(registry_lock);
	pthread_create(&thread, nullptr, run_initializer, nullptr);
	pthread_barrier_wait(&both_hold);
	truth__settle();
	truth__wait("guard variable for registry()::instance", nullptr, loader_tid, true);
	truth__verdict("DEADLOCK");
	registry();
}

static std::once_flag once;

// The same with std::call_once: a pthread_once word that stores no owner.
static void once_cross()
{
	pthread_t thread;
	auto initialize = [] {
		pthread_barrier_wait(&both_hold);
		truth__wait("registry_lock", &registry_lock, main_tid, true);
		std::lock_guard<std::mutex> hold(registry_lock);
	};
	auto start = [](void *arg) -> void * {
		prctl(PR_SET_NAME, "initializer");
		loader_tid = truth__tid();
		std::call_once(once, *static_cast<decltype(initialize) *>(arg));
		return nullptr;
	};

	main_tid = truth__tid();
	pthread_barrier_init(&both_hold, nullptr, 2);
	std::lock_guard<std::mutex> hold(registry_lock);
	pthread_create(&thread, nullptr, start, &initialize);
	pthread_barrier_wait(&both_hold);
	truth__settle();
	truth__wait("once", &once, loader_tid, true);
	truth__verdict("DEADLOCK");
	std::call_once(once, initialize);
}

static void *do_nothing(void *arg)
{
	return arg;
}

// libstdc++ sees a recursive initializer itself while the process never had a second thread.
static void become_threaded()
{
	pthread_t thread;

	pthread_create(&thread, nullptr, do_nothing, nullptr);
	pthread_join(thread, nullptr);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	truth__open(argv[2], argv[1]);
	become_threaded();
	if (!strcmp(argv[1], "guard"))
		return configuration().value;
	if (!strcmp(argv[1], "guard-cross"))
		cross();
	else if (!strcmp(argv[1], "once-cross"))
		once_cross();
	else
		return 2;
	return 0;
}
