/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Errors travel up as a message built where the cause is known. A function that can fail takes a
 * `struct error *` and returns a negative errno; whoever gives up prints the message, once.
 */
#ifndef MEMTRACE_BASE_ERROR_H
#define MEMTRACE_BASE_ERROR_H

#define ERROR_MESSAGE_SIZE 512

struct error {
	int code; /* negative errno; 0 while nothing went wrong */
	char message[ERROR_MESSAGE_SIZE];
};

/*
 * Sets the message of @error (which may be NULL) and returns @code, a negative errno, so that
 * `return error__set(err, -ENOENT, ...)` ends a function. One line, no newline: what is wrong
 * with which thing, then what to do about it.
 */
int error__set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message already in @error; returns its code. */
int error__prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
