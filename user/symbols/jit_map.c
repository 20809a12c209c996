/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/jit_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/root.h"

/* How much of the file is read at a time; a line that is longer than this is not one. */
#define CHUNK (1u << 20)
/* What is kept of a name: generated ones may hold whole source lines. */
#define MAX_NAME 1024

/* A line's memory beside its name: arrays grow by doubling, and so does what malloc rounds up. */
#define LINE_BYTES (2 * (sizeof(struct range) + sizeof(char *)) + 32)

void jit_map__init(
	struct jit_map *map, int directory, pid_t own_pid, uid_t uid, struct symbol_budget *budget)
{
	*map = (struct jit_map){
		.directory = directory, .own_pid = own_pid, .uid = uid, .fd = -1, .budget = budget};
}

void jit_map__free(struct jit_map *map)
{
	if (map->fd >= 0)
		close(map->fd);
	vec_for_each (name, &map->names)
		free(*name);
	vec_free(&map->names);
	range_index__free(&map->ranges);
	if (map->budget)
		budget__give_back_jit(map->budget, map->taken);
	map->taken = 0;
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

static bool take(struct jit_map *map, size_t bytes)
{
	if (map->budget && !budget__take_for_jit(map->budget, bytes))
		return false;
	map->taken += bytes;
	return true;
}

static int parse_line(struct jit_map *map, const char *line, const char *end)
{
	uint64_t start, size, stop;
	size_t length;
	char *name;

	if (!read_hex(&line, end, &start) || !read_hex(&line, end, &size) || line == end ||
		__builtin_add_overflow(start, size, &stop) || !size) {
		map->skipped++;
		return 0;
	}
	length = end - line < MAX_NAME ? end - line : MAX_NAME;
	if (!take(map, length + LINE_BYTES))
		return -E2BIG;
	name = strndup(line, length);
	if (!name || vec_push(&map->names, name)) {
		free(name);
		return -ENOMEM;
	}
	return range_index__add(&map->ranges, start, stop, map->names.size, map->names.size - 1);
}

/* Without sorting: returns the bytes of the whole lines, *code says what ended them. */
static size_t parse_lines(struct jit_map *map, const char *text, size_t size, int *err)
{
	const char *line = text, *end = text + size, *stop;

	*err = 0;
	while (line < end && (stop = memchr(line, '\n', end - line))) {
		*err = parse_line(map, line, stop);
		if (*err)
			break;
		line = stop + 1;
	}
	return line - text;
}

ssize_t jit_map__parse(struct jit_map *map, const char *text, size_t size)
{
	int err;
	size_t used = parse_lines(map, text, size, &err);

	range_index__sort(&map->ranges);
	return err ? err : (ssize_t)used;
}

static int open_map(struct jit_map *map)
{
	struct stat status;
	char name[32];

	snprintf(name, sizeof(name), "perf-%d.map", map->own_pid);
	map->fd = root__open_beneath(map->directory, name);
	if (map->fd < 0)
		return map->fd == -ENOEXEC ? -EPERM : map->fd;
	/* Anybody may put a file into /tmp. */
	if (fstat(map->fd, &status) || (status.st_uid != map->uid && status.st_uid != 0)) {
		map->refused = true;
		return -EPERM;
	}
	return 0;
}

static void refuse(struct jit_map *map)
{
	char path[64];

	map->refused = true;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", map->own_pid);
	if (map->budget)
		budget__tell(map->budget, path);
}

/* Reads on while there is time: what is left waits for more of it. */
static int read_lines(struct jit_map *map, uint64_t end, char *chunk)
{
	while (map->parsed < end) {
		size_t wanted = end - map->parsed < CHUNK ? end - map->parsed : CHUNK, used;
		ssize_t got;
		int err;

		if (map->budget && !budget__has_jit_time(map->budget)) {
			budget__tell(map->budget, "a map of JIT code");
			return 0;
		}
		got = pread(map->fd, chunk, wanted, map->parsed);
		if (got < 0)
			return -errno;
		used = parse_lines(map, chunk, got, &err);
		map->parsed += used;
		if (err == -E2BIG || (!used && got == CHUNK))
			refuse(map);
		if (err || !used)
			return err;
	}
	return 0;
}

int jit_map__refresh(struct jit_map *map)
{
	struct stat status;
	size_t known = map->ranges.ranges.size;
	char *chunk;
	int err;

	if (map->refused)
		return -EPERM;
	if (map->fd < 0 && (err = open_map(map)))
		return err;
	if (fstat(map->fd, &status))
		return -errno;
	if (status.st_size <= (off_t)map->parsed)
		return 0;
	chunk = malloc(CHUNK);
	if (!chunk)
		return -ENOMEM;
	err = read_lines(map, status.st_size, chunk);
	free(chunk);
	if (map->ranges.ranges.size != known)
		range_index__sort(&map->ranges);
	return err;
}

const char *jit_map__find(const struct jit_map *map, uint64_t address, uint64_t *start)
{
	const struct range *range = range_index__find(&map->ranges, address);

	if (!range)
		return NULL;
	*start = range->start;
	return map->names.data[range->value];
}
