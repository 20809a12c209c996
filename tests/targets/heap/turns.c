/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * turns [-f] PAUSE_US ROUNDS PLUGIN...: opens each plugin in turn, lets it keep its blocks, pauses
 * and closes it; the next one gets its address. Every block belongs to the plugin that was open.
 * With -f a forked child does the work, while the parent goes on to the next plugin. The file
 * "places" gets the address of each plugin's function.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

static int take_turn(const char *path, bool forks, unsigned int pause_us, FILE *places)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void (*work)(void);

	if (!library)
		return 3;
	*(void **)&work = dlsym(library, "plugin_work");
	if (!work)
		return 4;
	fprintf(places, "%p\n", *(void **)&work);
	fflush(places);
	if (forks && fork() == 0) {
		usleep(pause_us);
		work();
		_exit(0);
	}
	if (!forks)
		work();
	if (pause_us && !forks)
		usleep(pause_us);
	return dlclose(library);
}

int main(int argc, char **argv)
{
	bool forks = argc > 1 && !strcmp(argv[1], "-f");
	struct truth truth = {};
	char **args = argv + forks;
	int status = 0;
	FILE *places;

	if (argc - forks < 4)
		return 2;
	places = fopen("places", "w");
	if (!places)
		return 5;
	truth__open();
	for (int round = atoi(args[2]); round && !status; round--)
		for (char **plugin = args + 3; *plugin && !status; plugin++)
			status = take_turn(*plugin, forks, atoi(args[1]), places);
	while (wait(NULL) > 0)
		;
	truth__close(&truth, false);
	return status;
}
