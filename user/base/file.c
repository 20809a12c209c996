/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_READ 4096

/* Fills @buffer up to @room or the end of the file; returns the bytes read or a negative errno. */
static ssize_t fill(int fd, char *buffer, size_t room)
{
	size_t filled = 0;

	while (filled < room) {
		ssize_t n = read(fd, buffer + filled, room - filled);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		filled += n;
	}
	return filled;
}

int file__read_fd(int fd, size_t limit, char **data, size_t *size)
{
	size_t capacity = FIRST_READ, filled = 0;
	char *buffer = NULL;

	for (;;) {
		char *grown = realloc(buffer, capacity + 1);
		ssize_t n;

		if (!grown) {
			free(buffer);
			return -ENOMEM;
		}
		buffer = grown;
		n = fill(fd, buffer + filled, capacity - filled);
		if (n < 0 || filled + n > limit) {
			free(buffer);
			return n < 0 ? (int)n : -EFBIG;
		}
		filled += n;
		if (filled < capacity)
			break;
		capacity *= 2;
	}
	buffer[filled] = '\0';
	*data = buffer;
	*size = filled;
	return 0;
}

int file__read(const char *path, size_t limit, char **data, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0)
		return -errno;
	err = file__read_fd(fd, limit, data, size);
	close(fd);
	return err;
}

static int identify(int fd, const char *path, int flags, struct file_identity *out)
{
	struct statx status;

	if (statx(fd, path, flags | AT_STATX_DONT_SYNC, STATX_INO, &status))
		return -errno;
	*out = (struct file_identity){status.stx_dev_major, status.stx_dev_minor, status.stx_ino};
	return 0;
}

int file__identify(const char *path, struct file_identity *out)
{
	return identify(AT_FDCWD, path, 0, out);
}

int file__identify_fd(int fd, struct file_identity *out)
{
	return identify(fd, "", AT_EMPTY_PATH, out);
}

bool file__is_same(const struct file_identity *a, const struct file_identity *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

void file__allow_many(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

bool file__is_limit(int err)
{
	return err == -EMFILE || err == -ENFILE;
}

const char *file__limit_hint(int err)
{
	return file__is_limit(err) ? ": raise `ulimit -n`" : "";
}
