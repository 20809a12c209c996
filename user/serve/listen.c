/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

static int parse_unix(const char *path, struct listen_address *out, struct error *error)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&out->address;

	if (*path != '/' || strlen(path) >= sizeof(address->sun_path))
		return error__set(error, -EINVAL,
			"--listen unix:%s: not an absolute path of less than %zu characters", path,
			sizeof(address->sun_path));
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	out->length = sizeof(*address);
	out->is_unix = out->is_loopback = true;
	return 0;
}

/* False: not a port. */
static bool parse_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || !number || number > 65535)
		return false;
	*port = htons(number);
	return true;
}

static bool parse_host(const char *host, in_port_t port, struct listen_address *out)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->address;
	struct sockaddr_in *four = (struct sockaddr_in *)&out->address;

	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		out->length = sizeof(*four);
		out->is_loopback = ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1)
		return false;
	six->sin6_family = AF_INET6;
	six->sin6_port = port;
	out->length = sizeof(*six);
	out->is_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	return true;
}

int listen__parse(const char *text, struct listen_address *out, struct error *error)
{
	const char *colon = strrchr(text, ':'), *begin = text;
	char host[INET6_ADDRSTRLEN] = "127.0.0.1";
	size_t length = colon ? colon - text : 0;
	in_port_t port;

	*out = (struct listen_address){0};
	if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)))
		return parse_unix(text + strlen(UNIX_PREFIX), out, error);
	if (length >= 2 && *text == '[' && colon[-1] == ']') {
		begin++;
		length -= 2;
	}
	if (colon && length < sizeof(host)) {
		memcpy(host, begin, length);
		host[length] = '\0';
	}
	if ((colon && (!length || length >= sizeof(host))) ||
		!parse_port(colon ? colon + 1 : text, &port) || !parse_host(host, port, out))
		return error__set(error, -EINVAL,
			"--listen %s: not an address like %s, [::1]:9464 or unix:/path", text,
			LISTEN_DEFAULT);
	return 0;
}

/* A socket file that nobody listens on any more stands in the way; one that is in use is not ours.
 */
static void remove_stale(const struct listen_address *address)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)&address->address;
	struct stat info;
	int fd;

	if (lstat(name->sun_path, &info) || !S_ISSOCK(info.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)name, address->length) && errno == ECONNREFUSED)
		unlink(name->sun_path);
	close(fd);
}

int listen__open(const struct listen_address *address, const char *text, struct error *error)
{
	int on = 1, err = 0, fd;
	mode_t mask;

	fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error__set(error, -errno, "cannot make a socket: %m");
	if (address->is_unix)
		remove_stale(address);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	mask = umask(0177);
	if (bind(fd, (const struct sockaddr *)&address->address, address->length))
		err = -errno;
	umask(mask);
	if (!err && listen(fd, LISTEN_BACKLOG))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return error__set(error, err, "cannot listen on %s: %s%s", text, strerror(-err),
		err == -EADDRINUSE ? " (choose another with --listen)" : "");
}

void listen__remove(const struct listen_address *address)
{
	if (address->is_unix)
		unlink(((const struct sockaddr_un *)&address->address)->sun_path);
}
