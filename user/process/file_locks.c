/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/file_locks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* Tens of thousands of locks. */
#define LOCKS_LIMIT (16u << 20)

static bool parse_type(const char *word, enum file_lock_type *type)
{
	if (!strcmp(word, "FLOCK"))
		*type = FILE_LOCK_FLOCK;
	else if (!strcmp(word, "POSIX"))
		*type = FILE_LOCK_POSIX;
	else if (!strcmp(word, "OFDLCK"))
		*type = FILE_LOCK_DESCRIPTION;
	else
		return false;
	return true;
}

/* "1: -> FLOCK  ADVISORY  WRITE 123 fe:00:535 0 EOF", the arrow for those that wait. */
static bool parse_line(const char *line, struct file_lock *out)
{
	char type[16], kind[16], access[16], end[24] = "";
	unsigned long long id, inode, start = 0;
	unsigned int major, minor;
	int pid, used = 0;

	/* As fdinfo has it. */
	if (!strncmp(line, "lock:", 5))
		line += 5;
	if (sscanf(line, "%llu:%n", &id, &used) != 1 || !used)
		return false;
	line += used + strspn(line + used, " ");
	*out = (struct file_lock){.id = id, .waits = !strncmp(line, "->", 2)};
	if (out->waits)
		line += 2;
	if (sscanf(line, "%15s %15s %15s %d %x:%x:%llu %llu %23s", type, kind, access, &pid, &major,
		    &minor, &inode, &start, end) < 7 ||
		!parse_type(type, &out->type))
		return false;
	out->exclusive = !strcmp(access, "WRITE");
	out->pid = pid;
	out->major = major;
	out->minor = minor;
	out->inode = inode;
	out->start = start;
	out->end = *end >= '0' && *end <= '9' ? strtoull(end, NULL, 10) : FILE_LOCK_EOF;
	return true;
}

int file_locks__parse(const char *text, file_locks *out)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		struct file_lock lock;
		char line[160];

		/* A copy, so that no line is read beyond its end. */
		snprintf(line, sizeof(line), "%.*s", (int)(length < 159 ? length : 159), text);
		if (parse_line(line, &lock) && vec_push(out, lock))
			return -ENOMEM;
		text += length + (text[length] == '\n');
	}
	return 0;
}

static int read_and_parse(const char *path, file_locks *out)
{
	size_t size;
	char *text;
	int err = file__read(path, LOCKS_LIMIT, &text, &size);

	if (err)
		return err;
	err = file_locks__parse(text, out);
	free(text);
	return err;
}

int file_locks__read(file_locks *out)
{
	return read_and_parse("/proc/locks", out);
}

int file_locks__read_descriptor(pid_t pid, int fd, file_locks *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	return read_and_parse(path, out);
}

static bool is_request(const struct file_lock *lock, const struct file_lock *request)
{
	if (!lock->waits || lock->type != request->type || lock->inode != request->inode)
		return false;
	if (lock->type != FILE_LOCK_DESCRIPTION)
		return lock->pid == request->pid;
	return request->start == FILE_LOCK_EOF ||
	       (lock->start == request->start && lock->end == request->end);
}

const struct file_lock *file_locks__blocker(
	const file_locks *locks, const struct file_lock *request)
{
	const struct file_lock *found = NULL;

	vec_for_each (lock, locks)
		if (is_request(lock, request))
			found = lock;
	vec_for_each (lock, locks)
		if (found && !lock->waits && lock->id == found->id && lock->inode == found->inode)
			return lock;
	return NULL;
}
