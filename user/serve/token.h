/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The bearer token that clients must show, out of a file that may be replaced while serving. */
#ifndef MEMTRACE_SERVE_TOKEN_H
#define MEMTRACE_SERVE_TOKEN_H

#include "base/error.h"

/* Longer ones do not fit into a request's headers. */
#define TOKEN_SIZE 1024

/*
 * The first line of the file, without white space around it. 0, or a negative errno with @error
 * set: also for an empty one, for one that is too long, and for characters that no header can hold.
 */
int token__read(const char *path, char token[TOKEN_SIZE], struct error *error);

#endif
