/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Incident (a), the program: incident_a TRUTH-FILE FOLDER, with libhooks.so preloaded. Main loads
 * and unloads libraries; "purge" threads unmap a page, as those of an allocator;
 * "snapshot" allocates now and then; "watcher" sees the hang and writes what it knows.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "truth.h"

/* Of libhooks.so: weak, as nothing but the preload brings them. */
extern pthread_mutex_t hook_lock __attribute__((weak));
extern pid_t hook_lock_holder __attribute__((weak));
extern unsigned long hook_calls __attribute__((weak));
__attribute__((weak)) void hooks__start(const char *tlsuser_path);

#define PURGERS 64

static pthread_barrier_t all_there, profiling;
static pid_t main_tid;
static pid_t snapshot_tid;

/* Older than the profiler, as an allocator's threads are; each unmaps one page, at its turn. */
static void *purge(void *turn)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prctl(PR_SET_NAME, "purge");
	pthread_barrier_wait(&all_there);
	pthread_barrier_wait(&profiling);
	usleep(1000 * (uintptr_t)turn);
	munmap(page, 4096);
	for (;;)
		pause();
	return NULL;
}

static void *snapshot(void *arg)
{
	prctl(PR_SET_NAME, "snapshot");
	snapshot_tid = truth__tid();
	for (;;) {
		/* volatile: or the compiler takes out a malloc that is only freed. */
		void *volatile block = malloc(64);

		free(block);
		usleep(5000);
	}
	return arg;
}

static void *watch(void *arg)
{
	unsigned long seen = 0;

	prctl(PR_SET_NAME, "watcher");
	for (int still = 0; still < 5;) {
		usleep(100000);
		still = seen == hook_calls ? still + 1 : 0;
		seen = hook_calls;
	}
	truth__wait_of(hook_lock_holder, "purge", "_dl_load_tls_lock", NULL, main_tid, true);
	truth__wait_of(main_tid, "incident_a", "hook_lock", &hook_lock, hook_lock_holder, true);
	truth__wait_of(snapshot_tid, "snapshot", "hook_lock", &hook_lock, hook_lock_holder, false);
	truth__verdict("DEADLOCK");
	for (;;)
		pause();
	return arg;
}

static void load_and_unload(const char *folder)
{
	void *libraries[8];
	char path[256];

	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "%s/plugin%d.so", folder, i);
		libraries[i] = dlopen(path, RTLD_NOW);
	}
	for (int i = 0; i < 8; i++)
		if (libraries[i])
			dlclose(libraries[i]);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char path[256];

	if (argc != 3 || !hooks__start)
		return 2;
	truth__open(argv[1], "incident-a");
	main_tid = truth__tid();
	pthread_barrier_init(&all_there, NULL, PURGERS + 1);
	pthread_barrier_init(&profiling, NULL, PURGERS + 1);
	for (uintptr_t turn = 0; turn < PURGERS; turn++)
		pthread_create(&thread, NULL, purge, (void *)turn);
	pthread_barrier_wait(&all_there);
	snprintf(path, sizeof(path), "%s/libtlsuser.so", argv[2]);
	hooks__start(path);
	pthread_create(&thread, NULL, watch, NULL);
	pthread_create(&thread, NULL, snapshot, NULL);
	pthread_barrier_wait(&profiling);
	for (;;)
		load_and_unload(argv[2]);
}
