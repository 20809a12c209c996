/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/remote_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors of the helper, which has no others: links must not outlive memtrace in it. */
enum {
	HELPER_SOCKET = 0,
	HELPER_COPY = 1,
	HELPER_FILE = 2,
	HELPER_DATA = 3,
};

#define CHUNK (1u << 20)
#define END_WAIT_MS 100

struct answer {
	int code;
	int file; /* -1: none came */
};

/* The descriptor goes along in the message's control data, unix(7). */
union descriptor_room {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_answer(int err)
{
	union descriptor_room room = {0};
	struct iovec data = {&err, sizeof(err)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	const int file = HELPER_FILE;

	if (!err) {
		message.msg_control = room.bytes;
		message.msg_controllen = sizeof(room.bytes);
		room.header.cmsg_level = SOL_SOCKET;
		room.header.cmsg_type = SCM_RIGHTS;
		room.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&room.header), &file, sizeof(file));
	}
	sendmsg(HELPER_SOCKET, &message, MSG_NOSIGNAL);
}

static int copy_file(const char *path)
{
	struct stat status;
	size_t copied = 0;
	ssize_t n;

	if (open(path, O_PATH) != HELPER_FILE)
		return -errno;
	if (fstat(HELPER_FILE, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	if (open("/proc/self/fd/2", O_RDONLY | O_NONBLOCK) != HELPER_DATA)
		return -errno;
	while ((n = sendfile(HELPER_COPY, HELPER_DATA, NULL, CHUNK)) > 0)
		if ((copied += n) > REMOTE_FILE_LIMIT)
			return -EFBIG;
	return n < 0 ? -errno : 0;
}

/* In the child of a process that has threads: system calls only. */
static void help(const char *path, int copy, int socket)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Both may stand where they are to go: first out of the way. */
	copy = fcntl(copy, F_DUPFD, HELPER_DATA + 1);
	socket = fcntl(socket, F_DUPFD, HELPER_DATA + 1);
	dup2(socket, HELPER_SOCKET);
	dup2(copy, HELPER_COPY);
	if (copy < 0 || socket < 0 || syscall(SYS_close_range, HELPER_FILE, ~0u, 0))
		_exit(1);
	send_answer(copy_file(path));
	_exit(0);
}

static struct answer receive_answer(int socket)
{
	struct answer answer = {.code = -ETIMEDOUT, .file = -1};
	struct pollfd ready = {socket, POLLIN, 0};
	union descriptor_room room;
	struct iovec data = {&answer.code, sizeof(answer.code)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes)};
	struct cmsghdr *header;

	if (poll(&ready, 1, REMOTE_FILE_WAIT_MS) <= 0)
		return answer;
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof(answer.code)) {
		answer.code = -EIO; /* it died */
		return answer;
	}
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&answer.file, CMSG_DATA(header), sizeof(answer.file));
	return answer;
}

/* False: it cannot end yet. Even to close a file may be a question to its server. */
static bool end_helper(pid_t helper)
{
	struct pollfd ended = {syscall(SYS_pidfd_open, helper, 0), POLLIN, 0};

	kill(helper, SIGKILL);
	if (ended.fd >= 0) {
		poll(&ended, 1, END_WAIT_MS);
		close(ended.fd);
	}
	return waitpid(helper, NULL, WNOHANG) == helper;
}

static int ask_helper(const char *path, int copy, struct remote_file *out)
{
	struct answer answer;
	int sockets[2];
	pid_t helper;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	helper = fork();
	if (!helper)
		help(path, copy, sockets[1]);
	close(sockets[1]);
	answer = helper < 0 ? (struct answer){-errno, -1} : receive_answer(sockets[0]);
	close(sockets[0]);
	if (helper > 0 && !end_helper(helper))
		out->helper = helper;
	out->file = answer.file;
	return !answer.code && answer.file < 0 ? -EMFILE : answer.code;
}

int remote_file__fetch(const char *path, struct remote_file *out)
{
	int err;

	*out = (struct remote_file){.file = -1};
	out->copy = memfd_create("memtrace-file", MFD_CLOEXEC);
	if (out->copy < 0)
		return -errno;
	err = ask_helper(path, out->copy, out);
	if (err) {
		close(out->copy);
		if (out->file >= 0)
			close(out->file);
	}
	return err;
}
