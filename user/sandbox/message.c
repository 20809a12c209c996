/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "sandbox/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/worker.h"

/* Room for one descriptor beside a message. */
union ancillary {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

void message__widen(int socket)
{
	int size = 2 * WORKER_MESSAGE_SIZE;

	setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int message__send(int socket, const void *message, size_t size, int fd)
{
	struct iovec bytes = {(void *)message, size};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
	union ancillary control = {0};
	ssize_t sent;

	if (fd >= 0) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	do
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* The descriptor that came along, or -1. */
static int take_descriptor(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	int fd = -1;

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
		control->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

ssize_t message__receive(int socket, void *message, size_t size, int *fd)
{
	struct iovec bytes = {message, size};
	union ancillary control = {0};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
	ssize_t got;

	if (fd) {
		*fd = -1;
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
	}
	do
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (fd)
		*fd = take_descriptor(&header);
	if (got == 0)
		return -EPIPE;
	return header.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}
