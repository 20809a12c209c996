/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* A larger document was not written by memtrace. */
#define MAX_FILE (1ull << 30)

bool document__read_head(const char *path, char *head, size_t size)
{
	/* Neither waits for a FIFO's writer nor gets a terminal. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? pread(fd, head, size - 1, 0) : -1;

	if (fd >= 0)
		close(fd);
	head[got > 0 ? got : 0] = '\0';
	return *head == '{';
}

int document__load(const char *path, const char *what, json_t **out, struct error *error)
{
	json_error_t at;
	size_t size;
	char *text;
	int err = file__read(path, MAX_FILE, &text, &size);

	*out = NULL;
	if (err)
		return error__set(error, err, "%s: %s", path, strerror(-err));
	*out = json_loadb(text, size, 0, &at);
	free(text);
	return *out ? 0
		    : error__set(error, -EINVAL, "%s is not %s: %s (line %d)", path, what, at.text,
			      at.line);
}
