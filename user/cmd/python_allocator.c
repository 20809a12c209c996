/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/python_allocator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define VARIABLE "PYTHONMALLOC"

/* Environments are as large as a quarter of the stack, 2 MiB, at the most. */
#define ENVIRONMENT_LIMIT (4 << 20)

/* "debug" has checks in front of pymalloc, "malloc_debug" in front of malloc. */
static bool is_without_pymalloc(const char *value)
{
	return !strcmp(value, "malloc") || !strcmp(value, "malloc_debug");
}

int python_allocator__set(struct error *error)
{
	const char *value = getenv(VARIABLE);

	if (value && *value && !is_without_pymalloc(value))
		return error__set(error, -EINVAL,
			"--python-allocator: " VARIABLE "=%s hides Python's objects from malloc: "
			"unset it, or set it to malloc or malloc_debug",
			value);
	if (value && *value)
		return 0;
	return setenv(VARIABLE, "malloc", 1) ? error__set(error, -ENOMEM, "out of memory") : 0;
}

int python_allocator__check(pid_t pid, struct error *error)
{
	char path[64], *text;
	bool is_right = false;
	size_t size;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	err = file__read(path, ENVIRONMENT_LIMIT, &text, &size);
	if (err)
		return error__set(error, err, "%s: %s", path, strerror(-err));
	for (size_t at = 0; at < size; at += strlen(text + at) + 1)
		if (!strncmp(text + at, VARIABLE "=", strlen(VARIABLE "=")))
			is_right |= is_without_pymalloc(text + at + strlen(VARIABLE "="));
	free(text);
	if (is_right)
		return 0;
	return error__set(error, -EINVAL,
		"--python-allocator: process %d was started without " VARIABLE "=malloc, and what "
		"pymalloc hands out cannot be seen from outside: start it so, or let memtrace "
		"start it (--python-allocator -- COMMAND)",
		(int)pid);
}
