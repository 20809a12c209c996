/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The loader's lock against the application's: loader SCENARIO TRUTH-FILE, run in the folder of
 * plugin.so. The plugin's constructor calls plugin_constructor, which is defined here.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "truth.h"

pthread_mutex_t app_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *plugin_path;
static const char *scenario;
static pthread_barrier_t meeting;
static pid_t main_tid, other_tid;

static void *open_under_lock(void *arg)
{
	prctl(PR_SET_NAME, "opener");
	other_tid = truth__tid();
	pthread_mutex_lock(&app_lock);
	pthread_barrier_wait(&meeting);
	truth__wait("_dl_load_lock", NULL, main_tid, true);
	dlopen("libm.so.6", RTLD_NOW);
	return arg;
}

static void *open_plainly(void *arg)
{
	prctl(PR_SET_NAME, "opener");
	other_tid = truth__tid();
	truth__wait("_dl_load_lock", NULL, main_tid, true);
	dlopen("libm.so.6", RTLD_NOW);
	return arg;
}

/* Runs inside dlopen: main holds the loader's lock. */
void plugin_constructor(void)
{
	pthread_t thread;

	if (!strcmp(scenario, "loader-lock")) {
		pthread_barrier_wait(&meeting);
		truth__settle();
		truth__wait("app_lock", &app_lock, other_tid, true);
		truth__verdict("DEADLOCK");
		pthread_mutex_lock(&app_lock);
	} else {
		pthread_create(&thread, NULL, open_plainly, NULL);
		truth__settle();
		truth__wait("thread", NULL, other_tid, true);
		truth__verdict("DEADLOCK");
		pthread_join(thread, NULL);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 4)
		return 2;
	scenario = argv[1];
	plugin_path = argv[3];
	truth__open(argv[2], scenario);
	main_tid = truth__tid();
	pthread_barrier_init(&meeting, NULL, 2);
	if (!strcmp(scenario, "loader-lock"))
		pthread_create(&thread, NULL, open_under_lock, NULL);
	return dlopen(plugin_path, RTLD_NOW) ? 0 : 1;
}
