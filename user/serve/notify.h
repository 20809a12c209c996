/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* sd_notify(3), the datagram that it sends, without the library. */
#ifndef MEMTRACE_SERVE_NOTIFY_H
#define MEMTRACE_SERVE_NOTIFY_H

/* Sends "READY=1" and the like to the service manager, if one is listening. */
void notify__send(const char *state);

#endif
