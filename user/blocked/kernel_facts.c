/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/kernel_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "blocked/activity.h"
#include "process/children.h"
#include "process/descriptors.h"
#include "process/file_locks.h"
#include "process/memory.h"
#include "process/status.h"
#include "process/unix_peer.h"

struct kernel_facts {
	uint64_t taken_ns;
	bool has_locks;
	file_locks locks;
	bool has_ends;
	struct open_ends ends;
};

struct kernel_facts *kernel_facts__new(void)
{
	return calloc(1, sizeof(struct kernel_facts));
}

static void forget(struct kernel_facts *facts)
{
	vec_free(&facts->locks);
	open_ends__free(&facts->ends);
	facts->has_locks = facts->has_ends = false;
}

void kernel_facts__free(struct kernel_facts *facts)
{
	if (facts)
		forget(facts);
	free(facts);
}

void kernel_facts__begin(struct kernel_facts *facts, uint64_t taken_ns)
{
	if (facts->taken_ns != taken_ns)
		forget(facts);
	facts->taken_ns = taken_ns;
}

static const file_locks *get_locks(struct kernel_facts *facts)
{
	if (!facts->has_locks)
		file_locks__read(&facts->locks);
	facts->has_locks = true;
	return &facts->locks;
}

static const struct open_ends *get_ends(struct kernel_facts *facts)
{
	if (!facts->has_ends)
		open_ends__list(&facts->ends);
	facts->has_ends = true;
	return &facts->ends;
}

static char *read_status(pid_t pid)
{
	char path[64], *text;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return file__read(path, STATUS_LIMIT, &text, &size) ? NULL : text;
}

static size_t count_threads(pid_t pid)
{
	char *status = read_status(pid);
	size_t count = status ? status__number(status, "Threads", 1) : 1;

	free(status);
	return count;
}

#define MASK(number) (1ull << ((number)-1))
/* Of faults, of a person's Ctrl-C, which every Python handles, and the C libraries' own. */
#define HARMLESS_SIGNALS                                                             \
	(MASK(SIGINT) | MASK(SIGILL) | MASK(SIGABRT) | MASK(SIGBUS) | MASK(SIGFPE) | \
		MASK(SIGSEGV) | MASK(SIGPIPE) | MASK(32) | MASK(33) | MASK(34))

static bool handles_signals(pid_t pid)
{
	char *status = read_status(pid);
	const char *mask = status ? status__find(status, "SigCgt") : NULL;
	uint64_t caught = mask ? strtoull(mask, NULL, 16) : 0;

	free(status);
	return caught & ~HARMLESS_SIGNALS;
}

static void add_process(struct kernel_wait *out, pid_t pid)
{
	for (size_t i = 0; i < out->process_count && i < KERNEL_WAIT_PROCESSES; i++)
		if (out->processes[i] == pid)
			return;
	if (out->process_count < KERNEL_WAIT_PROCESSES)
		out->processes[out->process_count] = pid;
	out->process_count++;
}

/* --- locks on files */

static bool stat_descriptor(const struct lock_thread *thread, int fd, struct statx *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", (int)thread->pid, (int)thread->tid,
		fd);
	/* As the kernel has it: a server that does not answer is not asked. */
	return !statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, out);
}

/* F_SETLKW and its kind of fcntl, by number: headers name them by the size of off_t. */
static bool is_waiting_fcntl(uint64_t command, enum file_lock_type *type)
{
	*type = command == F_OFD_SETLKW ? FILE_LOCK_DESCRIPTION : FILE_LOCK_POSIX;
	return command == F_OFD_SETLKW || command == F_SETLKW || command == 7 || command == 14;
}

static bool is_there(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return pid > 0 && !access(path, F_OK);
}

static bool holds(const struct open_end *end, const struct file_lock *lock)
{
	file_locks locks = {0};
	bool found = false;

	file_locks__read_descriptor(end->pid, end->fd, &locks);
	vec_for_each (held, &locks)
		found |= held->type == lock->type && held->inode == lock->inode &&
			 held->start == lock->start && held->end == lock->end;
	vec_free(&locks);
	return found;
}

/* The kernel notes who locked an open file: it may have ended, or be noted as nobody, while others
 * have the same open file, from a fork, and with it the lock. */
static void find_heirs(const struct file_lock *lock, struct kernel_wait *out)
{
	struct open_ends ends;

	if (open_ends__list_path(out->name, &ends))
		return;
	for (size_t i = 0; i < ends.size; i++)
		if (holds(&ends.data[i], lock))
			add_process(out, ends.data[i].pid);
	open_ends__free(&ends);
	if (lock->pid > 0)
		snprintf(out->reason, sizeof(out->reason),
			"PID %d locked it and has ended; %zu process%s the open file from it",
			(int)lock->pid, out->process_count,
			out->process_count == 1 ? " has" : "es have");
	else
		snprintf(out->reason, sizeof(out->reason),
			"a lock of an open file, which %zu process%s", out->process_count,
			out->process_count == 1 ? " has" : "es have");
}

/* The bytes that fcntl(2) is asked to lock; unknown where they are not told from the file's start.
 */
static void read_range(const struct lock_thread *thread, struct file_lock *request)
{
	struct flock range;

	if (memory__read_all(thread->pid, thread->args[2], &range, sizeof(range)) ||
		range.l_whence != SEEK_SET || range.l_start < 0 || range.l_len < 0)
		return;
	request->start = range.l_start;
	request->end = range.l_len ? (uint64_t)range.l_start + range.l_len - 1 : FILE_LOCK_EOF;
}

static bool find_file_lock(struct kernel_facts *facts, const struct lock_thread *thread,
	enum file_lock_type type, struct kernel_wait *out)
{
	struct file_lock request = {.pid = thread->pid, .type = type, .start = FILE_LOCK_EOF};
	const struct file_lock *blocker;
	struct statx file;

	out->fd = (int)thread->args[0];
	out->kind = type == FILE_LOCK_FLOCK ? WAIT_FLOCK : WAIT_RECORD_LOCK;
	if (!activity__read_link(thread, out->fd, out->name, sizeof(out->name)) ||
		!stat_descriptor(thread, out->fd, &file))
		return true;
	out->key =
		(struct lock_key){.space = (uint64_t)file.stx_dev_major << 32 | file.stx_dev_minor,
			.inode = file.stx_ino,
			.offset = out->kind};
	request.inode = file.stx_ino;
	if (type == FILE_LOCK_DESCRIPTION)
		read_range(thread, &request);
	blocker = file_locks__blocker(get_locks(facts), &request);
	if (blocker && (blocker->type == FILE_LOCK_POSIX || is_there(blocker->pid)))
		add_process(out, blocker->pid);
	else if (blocker)
		find_heirs(blocker, out);
	return true;
}

/* --- semaphores of System V */

static bool has_own_ipc(pid_t pid)
{
	char path[64], theirs[64], ours[64];
	ssize_t a, b;

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", (int)pid);
	a = readlink(path, theirs, sizeof(theirs));
	b = readlink("/proc/self/ns/ipc", ours, sizeof(ours));
	return a <= 0 || a != b || memcmp(theirs, ours, a) != 0;
}

/* Who changed a semaphore last is not its owner: of a queue's, that is whoever took before. */
static void find_semaphore(const struct lock_thread *thread, struct kernel_wait *out)
{
	int set = (int)thread->args[0], value, last;
	struct sembuf operation;

	out->kind = WAIT_SYSV;
	out->timed = thread->syscall == SYS_semtimedop && thread->args[3];
	out->key = (struct lock_key){.space = WAIT_SYSV, .inode = (uint32_t)set + 1ull};
	snprintf(out->name, sizeof(out->name), "of set %d", set);
	if (!thread->args[2] ||
		memory__read_all(thread->pid, thread->args[1], &operation, sizeof(operation)))
		return;
	out->key.offset = operation.sem_num;
	snprintf(out->name, sizeof(out->name), "%d of set %d", operation.sem_num, set);
	if (has_own_ipc(thread->pid))
		return;
	value = semctl(set, operation.sem_num, GETVAL);
	last = semctl(set, operation.sem_num, GETPID);
	if (value >= 0 && last > 0)
		snprintf(out->reason, sizeof(out->reason),
			"its value is %d, last changed by PID %d%s", value, last,
			last == thread->pid ? ", this process" : "");
}

/* --- children */

static void find_children(const struct lock_thread *thread, struct kernel_wait *out)
{
	bool is_waitid = thread->syscall == SYS_waitid;
	int pid = (int)thread->args[is_waitid];
	pid_list children = {0};

	out->kind = WAIT_CHILD;
	if (is_waitid && (int)thread->args[0] != P_PID)
		pid = -1;
	if (children__list(thread->pid, &children) == 0)
		vec_for_each (child, &children)
			/* Numbers of another namespace tell nothing. */
			if (pid <= 0 || thread->pid != thread->ns_pid || *child == pid)
				add_process(out, *child);
	vec_free(&children);
	out->key = (struct lock_key){
		.space = WAIT_CHILD, .inode = thread->pid, .offset = out->processes[0]};
	snprintf(out->name, sizeof(out->name), "child");
}

/* --- pipes and sockets */

struct stream_end {
	int fd;
	bool writes;
	bool is_socket;
	bool is_fifo;
	uint64_t inode;
	char link[WAIT_NAME_SIZE];
};

static bool find_stream(const struct lock_thread *thread, struct stream_end *out)
{
	struct statx file;

	switch (thread->syscall) {
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		out->writes = true;
		break;
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
		out->writes = false;
		break;
	default:
		return false;
	}
	out->fd = (int)thread->args[0];
	if (!activity__read_link(thread, out->fd, out->link, sizeof(out->link)))
		return false;
	out->is_socket = out->link[0] == 's';
	out->is_fifo = out->link[0] == '/' && stat_descriptor(thread, out->fd, &file) &&
		       S_ISFIFO(file.stx_mode);
	out->inode = out->is_fifo ? file.stx_ino : descriptor__inode(out->link);
	return out->inode != 0;
}

/* The ends that can end the wait: of a pipe those of the other direction, of a socket its peer's.
 */
static void add_ends(const struct open_end *ends, size_t count, const struct lock_thread *thread,
	const struct stream_end *stream, struct kernel_wait *out, bool *own)
{
	for (size_t i = 0; i < count; i++) {
		if (stream->writes ? !ends[i].reads : !ends[i].writes)
			continue;
		if (ends[i].pid == thread->pid)
			*own = true;
		else
			add_process(out, ends[i].pid);
	}
}

static void find_ends(struct kernel_facts *facts, const struct lock_thread *thread,
	const struct stream_end *stream, struct kernel_wait *out, bool *own)
{
	const struct open_end *ends = NULL;
	struct open_ends of_path;
	size_t count = 0;
	uint64_t inode;

	*own = false;
	if (stream->is_fifo) {
		if (open_ends__list_path(stream->link, &of_path))
			return;
		add_ends(of_path.data, of_path.size, thread, stream, out, own);
		open_ends__free(&of_path);
		return;
	}
	inode = stream->is_socket ? unix_peer__find(stream->inode) : stream->inode;
	if (inode)
		ends = open_ends__find(get_ends(facts), inode, &count);
	add_ends(ends, count, thread, stream, out, own);
}

/* Where a process has the other end, too: whether nothing but its only thread, which waits, could
 * use it. A named pipe can be opened by others, and a signal's handler may do anything. */
static bool can_only_end_itself(
	const struct lock_thread *thread, const struct stream_end *stream, size_t threads)
{
	return threads == 1 && !stream->is_fifo && !handles_signals(thread->pid);
}

static bool find_pipe(
	struct kernel_facts *facts, const struct lock_thread *thread, struct kernel_wait *out)
{
	struct stream_end stream;
	size_t threads;
	bool own;

	if (!find_stream(thread, &stream))
		return false;
	threads = count_threads(thread->pid);
	/* A thread among others that waits for data is an idle one, as a rule. */
	if (!stream.writes && threads > 1)
		return false;
	if (stream.is_socket)
		out->kind = stream.writes ? WAIT_SOCKET_WRITE : WAIT_SOCKET_READ;
	else
		out->kind = stream.writes ? WAIT_PIPE_WRITE : WAIT_PIPE_READ;
	out->fd = stream.fd;
	out->key = (struct lock_key){.space = out->kind, .inode = stream.inode};
	snprintf(out->name, sizeof(out->name), "%s", stream.link);
	out->handles_signals = !stream.writes && handles_signals(thread->pid);
	if (out->handles_signals)
		return true;
	find_ends(facts, thread, &stream, out, &own);
	out->own_too = own && threads > 1;
	if (own && !out->process_count && can_only_end_itself(thread, &stream, threads))
		add_process(out, thread->pid);
	if (!stream.writes && out->process_count)
		out->handles_signals = handles_signals(out->processes[0]);
	return true;
}

bool kernel_facts__find(
	struct kernel_facts *facts, const struct lock_thread *thread, struct kernel_wait *out)
{
	enum file_lock_type type;

	switch (thread->syscall) {
	case SYS_flock:
		return find_file_lock(facts, thread, FILE_LOCK_FLOCK, out);
	case SYS_fcntl:
		return is_waiting_fcntl(thread->args[1], &type) &&
		       find_file_lock(facts, thread, type, out);
	case SYS_semop:
	case SYS_semtimedop:
		find_semaphore(thread, out);
		return true;
	case SYS_wait4:
	case SYS_waitid:
		find_children(thread, out);
		return true;
	default:
		return find_pipe(facts, thread, out);
	}
}

bool kernel_facts__describe_end(
	struct kernel_facts *facts, const struct lock_thread *thread, char *out, size_t size)
{
	struct kernel_wait wait = {0};
	struct stream_end stream;
	size_t length;
	bool own;

	if (!find_stream(thread, &stream))
		return false;
	find_ends(facts, thread, &stream, &wait, &own);
	if (!own && !wait.process_count) {
		/* Not of our network namespace, or no Unix socket: nothing is known. */
		if (stream.is_socket)
			return false;
		snprintf(out, size, "no visible process has the other end open");
		return true;
	}
	length = snprintf(out, size, "the other end is open in %s", own ? "this process" : "");
	for (size_t i = 0; i < wait.process_count && i < KERNEL_WAIT_PROCESSES && length < size;
		i++) {
		char *status = read_status(wait.processes[i]), comm[PROCESS_COMM_SIZE] = "?";

		if (status)
			status__comm(status, comm);
		free(status);
		length += snprintf(out + length, size - length, "%s%s (PID %d)",
			own || i ? ", " : "", comm, (int)wait.processes[i]);
	}
	return true;
}
