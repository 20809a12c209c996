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

static int fail(struct error *error, int err, const char *path)
{
	return error__set(error, err, "cannot write %s: %s", path, strerror(-err));
}

/* The stream has a descriptor of its own, so that the file can still appear once it is closed. */
static int open_stream(struct output *output, const char *path, struct error *error)
{
	int fd = fcntl(output->written.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	output->path = strdup(path);
	output->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (output->file && output->path)
		return 0;
	if (fd >= 0 && !output->file)
		close(fd);
	return fail(error, -errno, path);
}

int output__open(struct output *output, const char *path, struct error *error)
{
	int err;

	*output = (struct output){.written = {.fd = -1, .place.folder = -1}};
	if (is_stdout(path)) {
		/* An earlier report's failure is not this one's. */
		clearerr(stdout);
		output->file = stdout;
		return 0;
	}
	err = new_file__open(&output->written, path, error);
	if (!err)
		err = open_stream(output, path, error);
	if (err)
		output__abort(output);
	return err;
}

int output__check(const char *path, struct error *error)
{
	return is_stdout(path) ? 0 : new_file__check(path, error);
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
	int err = 0;

	output->file = NULL;
	if (!file)
		return 0;
	if (fflush(file))
		err = -errno;
	else
		err = output__failure(file);
	if (file != stdout && fclose(file) && !err)
		err = -errno;
	return err;
}

int output__commit(struct output *output, struct error *error)
{
	int err = close_stream(output);

	if (!err)
		err = new_file__appear(&output->written);
	if (err)
		fail(error, err, output->path ? output->path : "the standard output");
	output__abort(output);
	return err;
}

void output__abort(struct output *output)
{
	close_stream(output);
	new_file__close(&output->written);
	free(output->path);
	*output = (struct output){.written = {.fd = -1, .place.folder = -1}};
}
