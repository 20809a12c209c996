/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Messages between memtrace and a worker: whole ones, each with at most one descriptor. */
#ifndef MEMTRACE_SANDBOX_MESSAGE_H
#define MEMTRACE_SANDBOX_MESSAGE_H

#include <sys/types.h>

/* What a worker is started with, and where it finds its socket. */
#define WORKER_ARGUMENT "--worker"
#define WORKER_FD 3

/* Makes room for the largest messages. */
void message__widen(int socket);

/* Sends all of it, with @fd unless that is negative: 0 or a negative errno. */
int message__send(int socket, const void *message, size_t size, int fd);

/*
 * Waits for one. Returns its size, or a negative errno: -EPIPE where the other side is gone,
 * -EMSGSIZE for one that is larger than @size. *@fd is the descriptor that came with it, or -1;
 * where @fd is NULL none is taken.
 */
ssize_t message__receive(int socket, void *message, size_t size, int *fd);

#endif
