/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* /proc/locks: what is held, what waits, and for whom. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/descriptors.h"
#include "process/file_locks.h"
#include "process/unix_peer.h"

static const char sample[] = "1: FLOCK  ADVISORY  WRITE 100 fe:01:535 0 EOF\n"
			     "1: -> FLOCK  ADVISORY  WRITE 200 fe:01:535 0 EOF\n"
			     "1:  -> FLOCK  ADVISORY  READ 300 fe:01:535 0 EOF\n"
			     "2: POSIX  ADVISORY  READ  400 fe:01:536 100 199\n"
			     "3: OFDLCK ADVISORY  WRITE -1 fe:01:537 0 0\n"
			     "4: LEASE  ACTIVE    READ  500 fe:01:538 0 EOF\n";

static const struct file_lock *find_blocker(
	const file_locks *locks, pid_t pid, enum file_lock_type type, uint64_t inode)
{
	struct file_lock request = {
		.pid = pid, .type = type, .inode = inode, .start = FILE_LOCK_EOF};

	return file_locks__blocker(locks, &request);
}

static void test_locks_and_those_that_wait_are_told_apart(void **state)
{
	file_locks locks = {0};

	assert_int_equal(file_locks__parse(sample, &locks), 0);
	assert_int_equal(locks.size, 5);
	assert_false(locks.data[0].waits);
	assert_true(locks.data[0].exclusive);
	assert_int_equal(locks.data[0].major, 0xfe);
	assert_int_equal(locks.data[0].inode, 535);
	assert_true(locks.data[1].waits);
	assert_true(locks.data[2].waits);
	assert_false(locks.data[2].exclusive);
	assert_int_equal(locks.data[3].type, FILE_LOCK_POSIX);
	assert_int_equal(locks.data[4].type, FILE_LOCK_DESCRIPTION);
	assert_int_equal(locks.data[4].pid, -1);
	vec_free(&locks);
}

static void test_the_blocker_has_the_same_number(void **state)
{
	file_locks locks = {0};
	const struct file_lock *blocker;

	file_locks__parse(sample, &locks);
	blocker = find_blocker(&locks, 200, FILE_LOCK_FLOCK, 535);
	assert_non_null(blocker);
	assert_int_equal(blocker->pid, 100);
	assert_int_equal(find_blocker(&locks, 300, FILE_LOCK_FLOCK, 535)->pid, 100);
	assert_null(find_blocker(&locks, 200, FILE_LOCK_POSIX, 535));
	assert_null(find_blocker(&locks, 200, FILE_LOCK_FLOCK, 536));
	assert_null(find_blocker(&locks, 100, FILE_LOCK_FLOCK, 535));
	vec_free(&locks);
}

static void test_requests_of_open_file_descriptions_note_no_process(void **state)
{
	file_locks locks = {0};

	file_locks__parse("3: OFDLCK ADVISORY  WRITE -1 fe:01:537 0 0\n"
			  "3: -> OFDLCK ADVISORY  WRITE -1 fe:01:537 0 0\n",
		&locks);
	assert_non_null(find_blocker(&locks, 100, FILE_LOCK_DESCRIPTION, 537));
	assert_null(find_blocker(&locks, 100, FILE_LOCK_POSIX, 537));
	vec_free(&locks);
}

static void test_requests_of_open_file_descriptions_are_told_apart_by_their_bytes(void **state)
{
	struct file_lock request = {
		.type = FILE_LOCK_DESCRIPTION, .inode = 537, .start = 1, .end = FILE_LOCK_EOF};
	file_locks locks = {0};

	file_locks__parse("3: OFDLCK ADVISORY  WRITE -1 fe:01:537 0 0\n"
			  "3: -> OFDLCK ADVISORY  WRITE -1 fe:01:537 0 0\n"
			  "4: OFDLCK ADVISORY  WRITE -1 fe:01:537 1 9\n"
			  "4: -> OFDLCK ADVISORY  WRITE -1 fe:01:537 1 EOF\n",
		&locks);
	assert_int_equal(locks.data[2].start, 1);
	assert_int_equal(locks.data[2].end, 9);
	assert_int_equal(file_locks__blocker(&locks, &request)->id, 4);
	request.start = request.end = 0;
	assert_int_equal(file_locks__blocker(&locks, &request)->id, 3);
	request.start = 7;
	request.end = 8;
	assert_null(file_locks__blocker(&locks, &request));
	vec_free(&locks);
}

static void test_lines_that_are_cut_or_odd_are_passed_over(void **state)
{
	static const char *const odd[] = {"", "\n\n", "1:", "1: ->", "1: FLOCK",
		"x: FLOCK ADVISORY", "1: FLOCK  ADVISORY  WRITE 100 fe:01",
		"1: FLOCKFLOCKFLOCKFLOCKFLOCK A WRITE 1 0:0:1", "99999999999999999999999: FLOCK"};
	file_locks locks = {0};
	char endless[5000];

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		assert_int_equal(file_locks__parse(odd[i], &locks), 0);
	memset(endless, 'a', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(file_locks__parse(endless, &locks), 0);
	assert_int_equal(locks.size, 0);
	vec_free(&locks);
}

static void test_own_lock_is_in_proc_and_in_fdinfo(void **state)
{
	char path[] = "/tmp/memtrace-locks-XXXXXX";
	int fd = mkstemp(path);
	file_locks all = {0}, own = {0};
	struct stat st;
	size_t found = 0;

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	fstat(fd, &st);
	assert_int_equal(file_locks__read(&all), 0);
	vec_for_each (lock, &all)
		found += lock->inode == st.st_ino && lock->pid == getpid() && !lock->waits;
	assert_int_equal(found, 1);
	assert_int_equal(file_locks__read_descriptor(getpid(), fd, &own), 0);
	assert_int_equal(own.size, 1);
	assert_int_equal(own.data[0].inode, st.st_ino);
	vec_free(&all);
	vec_free(&own);
	close(fd);
}

static void test_ends_of_a_pipe_know_their_direction(void **state)
{
	struct open_ends ends;
	const struct open_end *found;
	struct stat st;
	int pair[2];
	size_t count;

	assert_int_equal(pipe(pair), 0);
	fstat(pair[0], &st);
	assert_int_equal(open_ends__list(&ends), 0);
	found = open_ends__find(&ends, st.st_ino, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(found[i].pid, getpid());
		assert_int_equal(found[i].reads, found[i].fd == pair[0]);
		assert_int_equal(found[i].writes, found[i].fd == pair[1]);
	}
	assert_null(open_ends__find(&ends, 0, &count));
	open_ends__free(&ends);
	close(pair[0]);
	close(pair[1]);
}

static void test_peer_of_a_unix_socket(void **state)
{
	struct stat first, second;
	int pair[2];
	uint64_t peer;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fstat(pair[0], &first);
	fstat(pair[1], &second);
	peer = unix_peer__find(first.st_ino);
	close(pair[0]);
	close(pair[1]);
	if (!peer)
		skip(); /* the kernel has no unix_diag */
	assert_int_equal(peer, second.st_ino);
	assert_int_equal(unix_peer__find(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locks_and_those_that_wait_are_told_apart),
		cmocka_unit_test(test_the_blocker_has_the_same_number),
		cmocka_unit_test(test_requests_of_open_file_descriptions_note_no_process),
		cmocka_unit_test(
			test_requests_of_open_file_descriptions_are_told_apart_by_their_bytes),
		cmocka_unit_test(test_lines_that_are_cut_or_odd_are_passed_over),
		cmocka_unit_test(test_own_lock_is_in_proc_and_in_fdinfo),
		cmocka_unit_test(test_ends_of_a_pipe_know_their_direction),
		cmocka_unit_test(test_peer_of_a_unix_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
