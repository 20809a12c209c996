/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What is found out about a process before it is traced, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/process.h"
#include "process/threads.h"

static void test_own_process_is_described(void **state)
{
	struct process_info process;
	struct error err;

	assert_int_equal(process__open(getpid(), &process, &err), 0);
	assert_int_equal(process.pid, getpid());
	assert_string_equal(process.comm, "test_process");
	assert_non_null(strstr(process.exe, "/test_process"));
	assert_non_null(strstr(process.command_line, "test_process"));
	assert_int_equal(process.uid, geteuid());
	assert_true(process.start_time > 0);
	assert_int_equal(process.namespace_pids[0], getpid());
	assert_int_equal(process__own_pid(&process), getpid());
	assert_true(process__is_alive(&process));
	process__close(&process);
}

static void test_no_such_process_says_so(void **state)
{
	struct process_info process;
	struct error err;

	assert_int_equal(process__open(0x7ffffffe, &process, &err), -ESRCH);
	assert_string_equal(err.message, "no process with PID 2147483646");
	assert_int_equal(process__open(-5, &process, &err), -EINVAL);
}

static void test_a_kernel_thread_is_refused(void **state)
{
	struct process_info process;
	struct error err;

	/* PID 2 is kthreadd, but for pid namespaces. */
	if (access("/proc/2/status", R_OK) || process__read_start_time(2) > 100)
		skip();
	assert_int_equal(process__open(2, &process, &err), -EINVAL);
	assert_non_null(strstr(err.message, "kernel thread"));
}

static void test_a_zombie_is_refused_and_an_exit_is_noticed(void **state)
{
	struct process_info process;
	struct error err;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(process__open(child, &process, &err), 0);
	assert_true(process__is_alive(&process));
	kill(child, SIGKILL);
	siginfo_t info;
	waitid(P_PID, child, &info, WEXITED | WNOWAIT);
	assert_false(process__is_alive(&process));
	process__close(&process);
	assert_int_equal(process__open(child, &process, &err), -ESRCH);
	assert_non_null(strstr(err.message, "has exited"));
	waitpid(child, NULL, 0);
}

static void test_control_characters_in_arguments_do_not_reach_the_terminal(void **state)
{
	char *const arguments[] = {"sleep\033[2J", "100", NULL};
	struct process_info process;
	struct error err;
	int ready[2], opened;
	char byte;
	pid_t child;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		execv("/bin/sleep", arguments);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0); /* the exec closed it */
	close(ready[0]);
	opened = process__open(child, &process, &err);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(opened, 0);
	assert_string_equal(process.command_line, "sleep?[2J 100");
	process__close(&process);
}

struct thread_probe {
	pthread_barrier_t barrier;
	pid_t tid;
};

static void *run_thread(void *argument)
{
	struct thread_probe *probe = argument;

	probe->tid = gettid();
	prctl(PR_SET_NAME, "worker");
	pthread_barrier_wait(&probe->barrier);
	pthread_barrier_wait(&probe->barrier);
	return NULL;
}

static void test_a_thread_is_listed_and_its_tid_is_no_process(void **state)
{
	const struct thread_info *thread;
	struct process_info process;
	struct thread_probe probe;
	struct threads threads;
	struct error err;
	pthread_t handle;

	pthread_barrier_init(&probe.barrier, NULL, 2);
	pthread_create(&handle, NULL, run_thread, &probe);
	pthread_barrier_wait(&probe.barrier);
	assert_int_equal(threads__list(getpid(), &threads, &err), 0);
	assert_int_equal(threads.size, 2);
	thread = threads__find(&threads, probe.tid);
	assert_non_null(thread);
	assert_string_equal(thread->comm, "worker");
	assert_int_equal(thread->own_tid, probe.tid);
	assert_ptr_equal(threads__find_own(&threads, probe.tid), thread);
	assert_null(threads__find(&threads, 1));
	assert_int_equal(threads__find(&threads, getpid())->state, 'R');
	assert_int_equal(process__open(probe.tid, &process, &err), -EINVAL);
	assert_non_null(strstr(err.message, "is a thread (worker) of process"));
	threads__free(&threads);
	pthread_barrier_wait(&probe.barrier);
	pthread_join(handle, NULL);
}

/* Runs in a child of a new pid namespace: it is PID 1 there. */
static void test_a_process_in_a_pid_namespace_is_known_by_both_numbers(void **state)
{
	const struct thread_info *thread;
	struct process_info process;
	struct threads threads;
	struct error err;
	int opened, listed;
	pid_t outer, child;
	int pids[2];

	assert_int_equal(pipe(pids), 0);
	outer = fork();
	if (outer == 0) {
		if (unshare(CLONE_NEWPID))
			_exit(77);
		child = fork();
		if (child == 0) {
			pause();
			_exit(0);
		}
		if (write(pids[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		waitpid(child, NULL, 0);
		_exit(0);
	}
	close(pids[1]);
	if (read(pids[0], &child, sizeof(child)) != sizeof(child))
		skip(); /* no permission to make namespaces */
	opened = process__open(child, &process, &err);
	listed = threads__list(child, &threads, &err);
	kill(child, SIGKILL);
	waitpid(outer, NULL, 0);
	close(pids[0]);
	assert_int_equal(opened, 0);
	assert_int_equal(listed, 0);
	assert_int_equal(process.namespace_depth, 2);
	assert_int_equal(process__own_pid(&process), 1);
	thread = threads__find_own(&threads, 1);
	assert_non_null(thread);
	assert_int_equal(thread->tid, child);
	threads__free(&threads);
	process__close(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_process_is_described),
		cmocka_unit_test(test_no_such_process_says_so),
		cmocka_unit_test(test_a_kernel_thread_is_refused),
		cmocka_unit_test(test_a_zombie_is_refused_and_an_exit_is_noticed),
		cmocka_unit_test(test_control_characters_in_arguments_do_not_reach_the_terminal),
		cmocka_unit_test(test_a_thread_is_listed_and_its_tid_is_no_process),
		cmocka_unit_test(test_a_process_in_a_pid_namespace_is_known_by_both_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
