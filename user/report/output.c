/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_stdout(const char *path)
{
	return !path || !strcmp(path, "-");
}

static int fail(struct error *err, int code, const char *path)
{
	return error__set(err, code, "cannot write %s: %s", path, strerror(-code));
}

/* The stream has a descriptor of its own, so that the file can still appear once it is closed. */
static int open_stream(struct output *output, const char *path, struct error *err)
{
	int fd = fcntl(output->written.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	output->path = strdup(path);
	output->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (output->file && output->path)
		return 0;
	if (fd >= 0 && !output->file)
		close(fd);
	return fail(err, -errno, path);
}

int output__open(struct output *output, const char *path, struct error *err)
{
	int code;

	*output = (struct output){.written = {.fd = -1, .place.folder = -1}};
	if (is_stdout(path)) {
		/* An earlier report's failure is not this one's. */
		clearerr(stdout);
		output->file = stdout;
		return 0;
	}
	code = new_file__open(&output->written, path, err);
	if (!code)
		code = open_stream(output, path, err);
	if (code)
		output__abort(output);
	return code;
}

int output__check(const char *path, struct error *err)
{
	return is_stdout(path) ? 0 : new_file__check(path, err);
}

int output__failure(FILE *file)
{
	struct pollfd pipe = {.fd = fileno(file), .events = POLLOUT};

	if (!ferror(file))
		return 0;
	return poll(&pipe, 1, 0) == 1 && pipe.revents & POLLERR ? -EPIPE : -EIO;
}

/* 0 or a negative errno, where any write has failed. */
static int close_stream(struct output *output)
{
	FILE *file = output->file;
	int code = 0;

	output->file = NULL;
	if (!file)
		return 0;
	if (fflush(file))
		code = -errno;
	else
		code = output__failure(file);
	if (file != stdout && fclose(file) && !code)
		code = -errno;
	return code;
}

int output__commit(struct output *output, struct error *err)
{
	int code = close_stream(output);

	if (!code)
		code = new_file__appear(&output->written);
	if (code)
		fail(err, code, output->path ? output->path : "the standard output");
	output__abort(output);
	return code;
}

void output__abort(struct output *output)
{
	close_stream(output);
	new_file__close(&output->written);
	free(output->path);
	*output = (struct output){.written = {.fd = -1, .place.folder = -1}};
}
