/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/jit_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "process/root.h"

/* A long-lived node writes some 10 MB, and the names take several times as much in memory. */
#define MAX_FILE (32u << 20)
/* What is kept of a name: generated ones may hold whole source lines. */
#define MAX_NAME 1024

void jit_map__init(struct jit_map *map, int root, pid_t own_pid, uid_t uid)
{
	*map = (struct jit_map){.root = root, .own_pid = own_pid, .uid = uid, .fd = -1};
}

void jit_map__free(struct jit_map *map)
{
	if (map->fd >= 0)
		close(map->fd);
	vec_for_each (name, &map->names)
		free(*name);
	vec_free(&map->names);
	range_index__free(&map->ranges);
	map->fd = -1;
}

/* Reads a hexadecimal number, with or without 0x, and the blank behind it. */
static bool read_hex(const char **at, const char *end, uint64_t *value)
{
	const char *s = *at;
	size_t digits = 0;

	if (end - s > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	for (*value = 0; s < end && *s != ' '; s++, digits++) {
		int digit = *s >= '0' && *s <= '9'   ? *s - '0'
			    : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10
			    : *s >= 'A' && *s <= 'F' ? *s - 'A' + 10
						     : -1;

		if (digit < 0 || digits == 16)
			return false;
		*value = *value << 4 | digit;
	}
	if (!digits || s == end)
		return false;
	*at = s + 1;
	return true;
}

static int parse_line(struct jit_map *map, const char *line, const char *end)
{
	uint64_t start, size, stop;
	char *name;

	if (!read_hex(&line, end, &start) || !read_hex(&line, end, &size) || line == end ||
		__builtin_add_overflow(start, size, &stop) || !size) {
		map->skipped++;
		return 0;
	}
	name = strndup(line, end - line < MAX_NAME ? end - line : MAX_NAME);
	if (!name || vec_push(&map->names, name)) {
		free(name);
		return -ENOMEM;
	}
	return range_index__add(&map->ranges, start, stop, map->names.size, map->names.size - 1);
}

ssize_t jit_map__parse(struct jit_map *map, const char *text, size_t size)
{
	const char *line = text, *end = text + size, *stop;

	while (line < end && (stop = memchr(line, '\n', end - line))) {
		int code = parse_line(map, line, stop);

		if (code)
			return code;
		line = stop + 1;
	}
	range_index__sort(&map->ranges);
	return line - text;
}

static int open_map(struct jit_map *map)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", map->own_pid);
	map->fd = root__open_in(map->root, path);
	if (map->fd < 0)
		return map->fd == -ENOEXEC ? -EPERM : map->fd;
	/* Anybody may put a file into /tmp. */
	if (fstat(map->fd, &status) || (status.st_uid != map->uid && status.st_uid != 0)) {
		map->refused = true;
		return -EPERM;
	}
	return 0;
}

int jit_map__refresh(struct jit_map *map)
{
	struct stat status;
	ssize_t got, used = -EFBIG;
	size_t wanted;
	char *text;
	int code;

	if (map->refused)
		return -EPERM;
	if (map->fd < 0 && (code = open_map(map)))
		return code;
	if (fstat(map->fd, &status))
		return -errno;
	if (status.st_size <= (off_t)map->parsed)
		return 0;
	if (status.st_size > MAX_FILE) {
		map->refused = true;
		log__warn("/tmp/perf-%d.map is larger than %u MiB: what it names from there on "
			  "stays unnamed",
			map->own_pid, MAX_FILE >> 20);
		return -EFBIG;
	}
	wanted = status.st_size - map->parsed;
	text = malloc(wanted);
	if (!text)
		return -ENOMEM;
	got = pread(map->fd, text, wanted, map->parsed);
	used = got < 0 ? -errno : jit_map__parse(map, text, got);
	free(text);
	if (used < 0)
		return used;
	map->parsed += used;
	return 0;
}

const char *jit_map__find(const struct jit_map *map, uint64_t address, uint64_t *start)
{
	const struct range *range = range_index__find(&map->ranges, address);

	if (!range)
		return NULL;
	*start = range->start;
	return map->names.data[range->value];
}
