/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which processes are under a seccomp filter. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/confined.h"

/* A filter that allows everything. */
static void confine(void)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {1, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		_exit(1);
}

static void tell_and_wait(int fd)
{
	if (write(fd, "x", 1) == 1)
		pause();
}

static void *confine_thread(void *fd)
{
	confine();
	tell_and_wait(*(int *)fd);
	return NULL;
}

enum child { FREE_CHILD, CONFINED_CHILD, CHILD_WITH_CONFINED_THREAD };

static pid_t start_child(enum child kind)
{
	pthread_t thread;
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (kind == CONFINED_CHILD)
			confine();
		if (kind != CHILD_WITH_CONFINED_THREAD)
			tell_and_wait(fds[1]);
		else if (!pthread_create(&thread, NULL, confine_thread, &fds[1]))
			pthread_join(thread, NULL);
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_process_without_filter_is_not_confined(void **state)
{
	pid_t pid = start_child(FREE_CHILD);

	/* Where the tests themselves run confined (containers), so is every child. */
	assert_int_equal(confined__has_filter(pid), confined__has_filter(getpid()));
	end_child(pid);
}

static void test_process_with_filter_is_confined(void **state)
{
	pid_t pid = start_child(CONFINED_CHILD);

	assert_true(confined__has_filter(pid));
	end_child(pid);
}

static void test_filter_of_one_thread_counts(void **state)
{
	pid_t pid = start_child(CHILD_WITH_CONFINED_THREAD);

	assert_true(confined__has_filter(pid));
	end_child(pid);
}

static void test_process_that_is_gone_is_not_confined(void **state)
{
	pid_t pid = start_child(CONFINED_CHILD);

	end_child(pid);
	assert_false(confined__has_filter(pid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_without_filter_is_not_confined),
		cmocka_unit_test(test_process_with_filter_is_confined),
		cmocka_unit_test(test_filter_of_one_thread_counts),
		cmocka_unit_test(test_process_that_is_gone_is_not_confined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
