/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Where the server listens: "127.0.0.1:9464", "[::1]:9464", "9464" (on loopback), "unix:/path". */
#ifndef MEMTRACE_SERVE_LISTEN_H
#define MEMTRACE_SERVE_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"

#define LISTEN_DEFAULT "127.0.0.1:9464"
/* Connections that the kernel keeps until they are accepted. */
#define LISTEN_BACKLOG 128

struct listen_address {
	struct sockaddr_storage address;
	socklen_t length;
	bool is_unix;
	bool is_loopback;
};

/* 0, or -EINVAL with @error set. Host names are not looked up: which of their addresses? */
int listen__parse(const char *text, struct listen_address *out, struct error *error);

/*
 * A listening socket that does not block, or a negative errno with @error set. A unix socket that
 * is left from a server that is gone is replaced; only this user may connect to a new one.
 */
int listen__open(const struct listen_address *address, const char *text, struct error *error);

/* Removes what listen__open left in the file system. */
void listen__remove(const struct listen_address *address);

#endif
