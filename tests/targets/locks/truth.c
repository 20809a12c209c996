/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "truth.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int truth_fd = -1;

/* One write per line into an O_APPEND file: threads and processes do not mix. No stdio: some
 * targets hang on its locks. */
static void write_line(const char *format, ...)
{
	char line[512];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(truth_fd, line, length) != length)
		_exit(1);
}

pid_t truth__tid(void)
{
	return syscall(SYS_gettid);
}

void truth__open(const char *path, const char *scenario)
{
	truth_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (truth_fd < 0)
		_exit(1);
	alarm(TRUTH_LIFETIME);
	write_line("{\"scenario\":\"%s\",\"pid\":%d}\n", scenario, (int)getpid());
}

void truth__wait_of(pid_t tid, const char *comm, const char *lock, const void *address,
	pid_t held_by, bool in_cycle)
{
	write_line("{\"pid\":%d,\"tid\":%d,\"comm\":\"%s\",\"lock\":\"%s\",\"address\":%lu,"
		   "\"held_by\":%d,\"in_cycle\":%s}\n",
		(int)getpid(), (int)tid, comm, lock, (unsigned long)address, (int)held_by,
		in_cycle ? "true" : "false");
}

void truth__wait(const char *lock, const void *address, pid_t held_by, bool in_cycle)
{
	char comm[17] = "";

	prctl(PR_GET_NAME, comm);
	truth__wait_of(truth__tid(), comm, lock, address, held_by, in_cycle);
}

void truth__verdict(const char *verdict)
{
	write_line("{\"verdict\":\"%s\"}\n", verdict);
}

static bool is_asleep(const char *tid)
{
	char path[64], text[512], *state;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%.10s/stat", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return true;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return true;
	text[length] = '\0';
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

static bool all_asleep(void)
{
	struct dirent *entry;
	bool asleep = true;
	char self[64] = "";
	DIR *tasks = opendir("/proc/self/task");

	if (!tasks)
		return true;
	/* /proc may be of another pid namespace: compare its names with its own name for us. */
	if (readlink("/proc/thread-self", self, sizeof(self) - 1) < 0)
		_exit(1);
	while (asleep && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, strrchr(self, '/') + 1))
			asleep = is_asleep(entry->d_name);
	closedir(tasks);
	return asleep;
}

void truth__settle(void)
{
	/* Twice asleep 50 ms apart: not the short sleep before the last lock. */
	for (int quiet = 0; quiet < 2; quiet = all_asleep() ? quiet + 1 : 0)
		usleep(50000);
}

static void *sleep_on(void *arg)
{
	for (;;)
		sleep(1000);
	return arg;
}

static void start_idle(void)
{
	const char *idle = getenv("IDLE_THREADS");
	pthread_t thread;

	for (int i = idle ? atoi(idle) : 0; i > 0; i--)
		pthread_create(&thread, NULL, sleep_on, NULL);
}

int truth__main(int argc, char **argv, const struct scenario *scenarios, size_t count)
{
	if (argc != 3)
		return 2;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(scenarios[i].name, argv[1]))
			continue;
		truth__open(argv[2], argv[1]);
		start_idle();
		scenarios[i].run();
		return 0;
	}
	return 2;
}
