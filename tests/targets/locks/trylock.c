/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Incident (b): an RPC library's contention profiler. It overrides pthread_mutex_trylock and
 * resolves the real one under pthread_once, with a resolver that allocates, as dlsym does before
 * glibc 2.34. To be preloaded over jemalloc, whose initialization calls pthread_mutex_trylock.
 * Writes the truth to the file of $TRUTH_FILE, as no main is reached.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "truth.h"

static pthread_once_t resolve_once = PTHREAD_ONCE_INIT;
static int (*real_trylock)(pthread_mutex_t *mutex);

/* dlsym of glibc before 2.34 allocates its error state at first use. */
static __attribute__((noinline)) void *allocating_dlsym(const char *name)
{
	void *volatile error_state = calloc(1, 32);
	void *symbol = dlsym(RTLD_NEXT, name);

	free(error_state);
	return symbol;
}

static void resolve_trylock(void)
{
	const char *path = getenv("TRUTH_FILE");

	if (path) {
		truth__open(path, "incident-b");
		truth__wait("resolve_once", &resolve_once, truth__tid(), true);
		truth__verdict("SELF-DEADLOCK");
	}
	real_trylock = (int (*)(pthread_mutex_t *))allocating_dlsym("pthread_mutex_trylock");
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	pthread_once(&resolve_once, resolve_trylock);
	return real_trylock(mutex);
}
