/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The other end of a Unix socket: sock_diag(7), UNIX_DIAG_PEER. */
#ifndef MEMTRACE_PROCESS_UNIX_PEER_H
#define MEMTRACE_PROCESS_UNIX_PEER_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The inode of the socket that the Unix socket @inode is connected to; 0: it is not a Unix socket,
 * has no peer, or is in another network namespace than we are.
 */
uint64_t unix_peer__find(uint64_t inode);

#endif
