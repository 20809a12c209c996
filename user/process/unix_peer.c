/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/unix_peer.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	struct unix_diag_req body;
};

/* The attribute UNIX_DIAG_PEER of an answer of @size bytes. */
static uint64_t read_peer(const void *answer, ssize_t size)
{
	const struct nlmsghdr *header = answer;
	const struct unix_diag_msg *message;
	const struct rtattr *attribute;
	int left;

	if (!NLMSG_OK(header, size) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
		return 0;
	message = NLMSG_DATA(header);
	attribute = (const struct rtattr *)(message + 1);
	left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*message));
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		uint32_t peer;

		if (attribute->rta_type != UNIX_DIAG_PEER || RTA_PAYLOAD(attribute) < sizeof(peer))
			continue;
		memcpy(&peer, RTA_DATA(attribute), sizeof(peer));
		return peer;
	}
	return 0;
}

uint64_t unix_peer__find(uint64_t inode)
{
	struct request request = {
		.header = {.nlmsg_len = sizeof(request),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = AF_UNIX,
			.udiag_states = -1,
			.udiag_ino = (uint32_t)inode,
			.udiag_show = UDIAG_SHOW_PEER,
			.udiag_cookie = {-1, -1}},
	};
	_Alignas(struct nlmsghdr) char answer[4096];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	uint64_t peer = 0;
	ssize_t size;

	if (fd < 0 || inode > UINT32_MAX)
		goto out;
	if (send(fd, &request, sizeof(request), 0) != sizeof(request))
		goto out;
	size = recv(fd, answer, sizeof(answer), 0);
	if (size > 0)
		peer = read_peer(answer, size);
out:
	if (fd >= 0)
		close(fd);
	return peer;
}
