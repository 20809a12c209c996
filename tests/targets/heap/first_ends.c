/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * first_ends PLUGIN: its first thread ends; a second one then opens the plugin (plugin.c), and lets
 * it keep its blocks. With FOLDER in the environment it makes FOLDER/alone before, and waits for
 * FOLDER/go.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "truth.h"

static pthread_t first;

static void wait_alone(const char *folder)
{
	char path[4096];
	FILE *alone;

	snprintf(path, sizeof(path), "%s/alone", folder);
	alone = fopen(path, "w");
	if (!alone || fclose(alone))
		_exit(3);
	snprintf(path, sizeof(path), "%s/go", folder);
	while (access(path, F_OK))
		usleep(10000);
}

static void *work_on(void *path)
{
	void (*work)(void);
	void *library;

	pthread_join(first, NULL);
	if (getenv("FOLDER"))
		wait_alone(getenv("FOLDER"));
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	*(void **)&work = library ? dlsym(library, "plugin_work") : NULL;
	if (!work)
		_exit(4);
	work();
	/* For whom looks at it now. */
	if (getenv("STAY"))
		pause();
	_exit(0);
}

int main(int argc, char **argv)
{
	pthread_t second;

	first = pthread_self();
	if (argc < 2 || pthread_create(&second, NULL, work_on, argv[1]))
		return 2;
	pthread_exit(NULL);
}
