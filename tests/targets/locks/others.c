/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Processes that wait for each other in the kernel and on no futex: others SCENARIO TRUTH-FILE.
 * Files that are locked lie beside the truth.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *truth_path;

/* What parent (0) and child (1) tell each other. */
struct meeting {
	pid_t pid[2];
	pthread_barrier_t both;
};

static struct meeting *meeting;

static void prepare_meeting(void)
{
	pthread_barrierattr_t attr;

	meeting = mmap(
		NULL, sizeof(*meeting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (meeting == MAP_FAILED)
		_exit(1);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, 1);
	pthread_barrier_init(&meeting->both, &attr, 2);
}

/* Forks; returns who one is: 0 the parent, 1 the child. Both know both PIDs. */
static int part(void)
{
	pid_t child;
	int me;

	prepare_meeting();
	child = fork();
	me = child == 0;
	if (me) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(TRUTH_LIFETIME);
	}
	meeting->pid[me] = getpid();
	pthread_barrier_wait(&meeting->both);
	return me;
}

/* Both say what they are about to do, the parent last. */
static void agree(int me, const char *verdict)
{
	pthread_barrier_wait(&meeting->both);
	if (me)
		return;
	usleep(200000);
	truth__verdict(verdict);
}

static void link_of(int fd, char *link, size_t size)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, link, size - 1);
	link[length > 0 ? length : 0] = '\0';
}

static int open_beside(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s.%s", truth_path, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		_exit(1);
	return fd;
}

/* --- locks on files */

static void take_flock(int fd)
{
	flock(fd, LOCK_EX);
}

static void take_record(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 100};

	fcntl(fd, F_SETLKW, &lock);
}

static void take_description(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 100};

	fcntl(fd, F_OFD_SETLKW, &lock);
}

static void cross_files(void (*take)(int fd))
{
	int me = part();
	int fds[2] = {open_beside("first"), open_beside("second")};
	char name[512];

	take(fds[me]);
	link_of(fds[!me], name, sizeof(name));
	truth__wait(name, NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	take(fds[!me]);
}

static void cross_flock(void)
{
	cross_files(take_flock);
}

/* Its holders are noted nowhere but with their descriptors. */
static void cross_description(void)
{
	cross_files(take_description);
}

static void cross_record(void)
{
	/* Within the kernel's own check a cycle of two is refused: here flock closes it. */
	int me = part();
	int file = open_beside("table"), other = open_beside("index");
	char name[512];

	if (me)
		take_record(file);
	else
		take_flock(other);
	link_of(me ? other : file, name, sizeof(name));
	truth__wait(name, NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	if (me)
		take_flock(other);
	else
		take_record(file);
}

/* A second descriptor of the same file: its own lock is in its way. */
static void self_flock(void)
{
	int first = open_beside("once"), second = open_beside("once");
	char name[512];

	take_flock(first);
	link_of(second, name, sizeof(name));
	truth__wait(name, NULL, truth__tid(), true);
	truth__verdict("SELF-DEADLOCK");
	take_flock(second);
}

/* Has the open file that @locker locked, and outlives it. */
static void inherit(pid_t locker, int ready)
{
	while (getppid() == locker)
		usleep(1000);
	/* From now on it is the first process's child. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(ready, "x", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

/* Who took the lock has ended; a child that inherited the descriptor has it still. */
static void inherited_flock(void)
{
	int fd = open_beside("pid"), again, ready[2];
	pid_t locker;
	char byte;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe(ready))
		_exit(1);
	locker = fork();
	if (locker == 0) {
		locker = getpid();
		take_flock(fd);
		if (fork() == 0)
			inherit(locker, ready[1]);
		_exit(0);
	}
	waitpid(locker, NULL, 0);
	if (read(ready[0], &byte, 1) != 1)
		_exit(1);
	close(fd);
	again = open_beside("pid");
	truth__verdict("OWNER BLOCKED ELSEWHERE");
	take_flock(again);
}

/* --- pipes and sockets */

static void fill(int fd)
{
	static char block[1 << 20];

	for (;;)
		if (write(fd, block, sizeof(block)) < 0)
			_exit(1);
}

static void cross_streams(int mine[2], int other[2])
{
	int me = part();
	int out = me ? other[1] : mine[1];
	char name[64];

	/* Each keeps the end that it writes to, and the one that it should read. */
	close(me ? other[0] : mine[0]);
	close(me ? mine[1] : other[1]);
	link_of(out, name, sizeof(name));
	truth__wait(name, NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	fill(out);
}

static void full_pipes(void)
{
	int to_child[2], to_parent[2];

	if (pipe(to_child) || pipe(to_parent))
		_exit(1);
	cross_streams(to_child, to_parent);
}

/* Nobody else has the end that is to be read. */
static void own_pipe(void)
{
	int ends[2];
	char name[64];

	if (pipe(ends))
		_exit(1);
	link_of(ends[1], name, sizeof(name));
	truth__wait(name, NULL, getpid(), true);
	truth__verdict("SELF-DEADLOCK");
	fill(ends[1]);
}

static void full_sockets(void)
{
	int ends[2], me;
	char name[64];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		_exit(1);
	me = part();
	close(ends[!me]);
	link_of(ends[me], name, sizeof(name));
	truth__wait(name, NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	fill(ends[me]);
}

static void full_fifo(void)
{
	char path[512], name[512];
	int me, fd;

	snprintf(path, sizeof(path), "%s.fifo", truth_path);
	if (mkfifo(path, 0600))
		_exit(1);
	me = part();
	fd = open(path, me ? O_WRONLY : O_RDONLY);
	link_of(fd, name, sizeof(name));
	truth__wait(me ? name : "child", NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	if (me)
		fill(fd);
	else
		waitpid(meeting->pid[1], NULL, 0);
}

/* The parent waits for its child, which waits for the parent to read. */
static void full_child(void)
{
	int ends[2], me;
	char name[64];

	if (pipe(ends))
		_exit(1);
	me = part();
	if (me)
		close(ends[0]);
	link_of(ends[1], name, sizeof(name));
	truth__wait(me ? name : "child", NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	if (me)
		fill(ends[1]);
	waitpid(meeting->pid[1], NULL, 0);
}

/* Each waits for the other to say something. */
static void silence(void)
{
	int to_child[2], to_parent[2], me, in;
	char name[64], byte;

	if (pipe(to_child) || pipe(to_parent))
		_exit(1);
	me = part();
	in = me ? to_child[0] : to_parent[0];
	close(me ? to_child[1] : to_parent[1]);
	close(me ? to_parent[0] : to_child[0]);
	link_of(in, name, sizeof(name));
	truth__wait(name, NULL, meeting->pid[!me], true);
	agree(me, "DEADLOCK");
	if (read(in, &byte, 1) != 1)
		_exit(1);
}

static void on_term(__attribute__((unused)) int signal)
{
}

/* The same with a handler that could write: a supervisor and its worker, both well. */
static void supervised(void)
{
	struct sigaction action = {.sa_handler = on_term};
	int ends[2], me;
	char byte;

	if (pipe(ends))
		_exit(1);
	sigaction(SIGTERM, &action, NULL);
	me = part();
	if (me)
		close(ends[1]);
	agree(me, "none");
	if (me)
		exit(read(ends[0], &byte, 1) != 1);
	waitpid(meeting->pid[1], NULL, 0);
}

/* --- children */

static void hung_child(void)
{
	int me = part();

	if (me) {
		pthread_mutex_lock(&journal_lock);
		truth__wait("journal_lock", &journal_lock, truth__tid(), true);
	} else {
		truth__wait("child", NULL, meeting->pid[1], false);
	}
	agree(me, "SELF-DEADLOCK");
	if (me)
		pthread_mutex_lock(&journal_lock);
	waitpid(meeting->pid[1], NULL, 0);
}

static void *want_journal(void *arg)
{
	pthread_mutex_lock(&journal_lock);
	return arg;
}

/* Who holds the lock is stopped by its tracer, the parent. */
static void traced_child(void)
{
	int me = part();
	pthread_t thread;
	int status;

	if (me) {
		pthread_mutex_lock(&journal_lock);
		pthread_create(&thread, NULL, want_journal, NULL);
		truth__settle();
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
	}
	waitpid(meeting->pid[1], &status, 0);
	truth__verdict("OWNER BLOCKED ELSEWHERE");
	for (;;)
		pause();
}

/* --- what merely sleeps */

static int events[2];

static void *watch_event(void *arg)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(EPOLL_CLOEXEC);

	prctl(PR_SET_NAME, "poller");
	epoll_ctl(set, EPOLL_CTL_ADD, events[0], &event);
	epoll_wait(set, &event, 1, -1);
	return arg;
}

/* Nothing waits for a lock: one thread watches an event, the other reads another. */
static void sleepers(void)
{
	pthread_t thread;
	uint64_t value;

	events[0] = eventfd(0, EFD_CLOEXEC);
	events[1] = eventfd(0, EFD_CLOEXEC);
	pthread_create(&thread, NULL, watch_event, NULL);
	truth__settle();
	truth__verdict("none");
	if (read(events[1], &value, sizeof(value)) < 0)
		_exit(1);
}

static void semaphores(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = {.sem_num = 0, .sem_op = -1};

	/* Goes when its owner has ended: nothing is left behind. */
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGTERM, on_term);
		pause();
		semctl(set, 0, IPC_RMID);
		_exit(0);
	}
	semctl(set, 0, SETVAL, 1);
	semop(set, &down, 1);
	truth__verdict("STALL");
	semop(set, &down, 1);
}

static const struct scenario scenarios[] = {
	{"cross-flock", cross_flock},
	{"cross-record", cross_record},
	{"cross-description", cross_description},
	{"self-flock", self_flock},
	{"inherited-flock", inherited_flock},
	{"full-pipes", full_pipes},
	{"own-pipe", own_pipe},
	{"full-sockets", full_sockets},
	{"full-fifo", full_fifo},
	{"full-child", full_child},
	{"silence", silence},
	{"supervised", supervised},
	{"hung-child", hung_child},
	{"traced-child", traced_child},
	{"sleepers", sleepers},
	{"semaphores", semaphores},
};

int main(int argc, char **argv)
{
	truth_path = argc > 2 ? argv[2] : "";
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
