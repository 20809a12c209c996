/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/jit_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/search.h"
#include "process/root.h"

/* How much of the file is read at a time; a line that is longer than this is not one. */
#define CHUNK (1u << 20)
/* What is kept of a name: generated ones may hold whole source lines. */
#define MAX_NAME 1024

/* A line's memory beside its name: arrays grow by doubling, and so does what malloc rounds up. */
#define LINE_BYTES (2 * (sizeof(struct range) + sizeof(char *) + sizeof(uint64_t)) + 32)

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
	vec_free(&map->places);
	vec_free(&map->gaps);
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

/* @place: of the line, in bytes. */
static int parse_line(struct jit_map *map, const char *line, const char *end, uint64_t place)
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
	if (!name || vec_push(&map->places, place) || vec_push(&map->names, name)) {
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
		*err = parse_line(map, line, stop, map->base + map->parsed + (line - text));
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

	map->unsorted = true;
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

/* A coarse clock gives files their times: it is late by as much. */
#define FILE_TIME_SLACK_NS 20000000

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void jit_map__skip_stale(struct jit_map *map, uint64_t start_ns)
{
	uint64_t age = clock_ns(CLOCK_MONOTONIC) - start_ns, written;
	struct stat status;

	if (map->refused || (map->fd < 0 && open_map(map)) || fstat(map->fd, &status))
		return;
	written = status.st_mtim.tv_sec * 1000000000ull + status.st_mtim.tv_nsec;
	if (written + FILE_TIME_SLACK_NS < clock_ns(CLOCK_REALTIME) - age)
		map->parsed = map->stale = status.st_size;
}

/* The file begins anew, or another has its name. If none has, what was open stays. */
static void begin_anew(struct jit_map *map)
{
	int fd = map->fd;

	map->fd = -1;
	if (open_map(map)) {
		map->fd = fd;
		return;
	}
	map->parsed = map->stale = 0;
	if (fd >= 0)
		close(fd);
}

/* Takes up what the log knows of the file. */
static void rebase(struct jit_map *map, uint64_t inode)
{
	uint64_t base = map->spaces ? spaces__jit_base(map->spaces, map->image, inode) : map->base;

	if (base == map->base)
		return;
	if (map->base + map->parsed < base)
		vec_push(&map->gaps, (struct jit_gap){map->base + map->parsed, base});
	map->base = base;
	map->parsed = map->stale = 0;
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
	/* Unlinked or replaced; or an earlier process's, which this one writes itself. */
	if (!status.st_nlink || (map->stale && status.st_size < (off_t)map->stale)) {
		begin_anew(map);
		if (map->refused || fstat(map->fd, &status))
			return -EPERM;
	}
	rebase(map, status.st_ino);
	if (status.st_size <= (off_t)map->parsed)
		return 0;
	chunk = malloc(CHUNK);
	if (!chunk)
		return -ENOMEM;
	err = read_lines(map, status.st_size, chunk);
	free(chunk);
	map->unsorted |= map->ranges.ranges.size != known;
	return err;
}

static void sort(struct jit_map *map)
{
	if (map->unsorted)
		range_index__sort(&map->ranges);
	map->unsorted = false;
}

const char *jit_map__find(struct jit_map *map, uint64_t address, uint64_t *start)
{
	const struct range *range;

	sort(map);
	range = range_index__find(&map->ranges, address);
	if (!range)
		return NULL;
	*start = range->start;
	return map->names.data[range->value];
}

/* Whether all names between these times were read. */
static bool has_read(const struct jit_map *map, uint64_t from, uint64_t to)
{
	vec_for_each (gap, &map->gaps)
		if (gap->from < to && from < gap->to)
			return false;
	return true;
}

const char *jit_map__find_at(
	struct jit_map *map, uint64_t address, const struct jit_place *place, uint64_t *start)
{
	/* A range's rank is that of its line, from 1 on. */
	size_t floor = search_first(map->places.size, i, map->places.data[i] < place->floor) + 1;
	size_t limit = search_first(map->places.size, i, map->places.data[i] < place->limit) + 1;
	const struct range *range;

	sort(map);
	range = range_index__find_below(&map->ranges, address, limit);
	if (range && range->rank < floor)
		range = NULL;
	if (!range && place->may_be_later && has_read(map, place->floor, place->limit))
		range = range_index__find_from(&map->ranges, address, limit);
	if (!range)
		return NULL;
	*start = range->start;
	return map->names.data[range->value];
}
