/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/search.h"
#include "base/vec.h"
#include "process/threads.h"

/* 65,530 mappings (the kernel's default limit) of the longest path are 270 MB; nobody has that. */
#define MAPS_TEXT_LIMIT (256u << 20)

struct cursor {
	char *at;
	char *end;
};

static bool skip_char(struct cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Reads at least one digit; false where there is none or the number does not fit 64 bits. */
static bool read_number(struct cursor *c, unsigned int base, uint64_t *value)
{
	char *first = c->at;

	*value = 0;
	while (c->at < c->end && (unsigned int)digit_value(*c->at) < base)
		if (__builtin_mul_overflow(*value, base, value) ||
			__builtin_add_overflow(*value, digit_value(*c->at++), value))
			return false;
	return c->at > first;
}

static bool read_protection(struct cursor *c, struct mapping *m)
{
	const char *p = c->at;

	if (c->end - c->at < 4)
		return false;
	m->prot = (p[0] == 'r' ? PROT_READ : 0) | (p[1] == 'w' ? PROT_WRITE : 0) |
		  (p[2] == 'x' ? PROT_EXEC : 0);
	m->shared = p[3] == 's';
	c->at += 4;
	return true;
}

/* The kernel writes a newline in a name as \012 and escapes nothing else (seq_file_path). */
static void unescape_newlines(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		if (strncmp(from, "\\012", 4) == 0) {
			*to = '\n';
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* Takes the rest of the line as the path; the line's newline becomes the string's end. */
static void read_path(struct cursor *c, struct mapping *m)
{
	static const char mark[] = " (deleted)";
	size_t length;

	while (skip_char(c, ' '))
		;
	*c->end = '\0';
	m->path = c->at;
	length = strlen(c->at);
	if (c->at[0] == '/' && length > strlen(mark) &&
		strcmp(c->at + length - strlen(mark), mark) == 0) {
		c->at[length - strlen(mark)] = '\0';
		m->deleted = true;
	}
	unescape_newlines(c->at);
}

static bool parse_line(char *line, char *end, struct mapping *m)
{
	struct cursor c = {line, end};
	uint64_t major, minor;

	*m = (struct mapping){0};
	if (!read_number(&c, 16, &m->start) || !skip_char(&c, '-') ||
		!read_number(&c, 16, &m->end) || !skip_char(&c, ' ') || !read_protection(&c, m) ||
		!skip_char(&c, ' ') || !read_number(&c, 16, &m->offset) || !skip_char(&c, ' ') ||
		!read_number(&c, 16, &major) || !skip_char(&c, ':') ||
		!read_number(&c, 16, &minor) || !skip_char(&c, ' ') ||
		!read_number(&c, 10, &m->inode))
		return false;
	if (major > UINT32_MAX || minor > UINT32_MAX || m->start >= m->end)
		return false;
	m->dev_major = major;
	m->dev_minor = minor;
	read_path(&c, m);
	return true;
}

int maps__parse(const char *text, size_t size, struct maps *out)
{
	VEC(struct mapping) list = {0};
	char *copy = malloc(size + 1), *end = copy + size;
	uint64_t last_end = 0;

	*out = (struct maps){0};
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, size);
	*end = '\0';
	for (char *line = copy, *next; line < end; line = next) {
		char *stop = memchr(line, '\n', end - line);
		struct mapping m;

		stop = stop ? stop : end;
		next = stop + 1;
		/* An overlap is a change that happened between two reads of the file. */
		if (!parse_line(line, stop, &m) || m.start < last_end) {
			out->skipped++;
			continue;
		}
		if (vec_push(&list, m)) {
			vec_free(&list);
			free(copy);
			return -ENOMEM;
		}
		last_end = m.end;
	}
	out->data = list.data;
	out->size = list.size;
	out->text = copy;
	return 0;
}

int maps__read(pid_t pid, struct maps *out, struct error *error)
{
	char path[64], *text;
	size_t size;
	int err;

	*out = (struct maps){0};
	snprintf(path, sizeof(path), "/proc/%d/maps", threads__shown(pid));
	err = file__read(path, MAPS_TEXT_LIMIT, &text, &size);
	if (err == -ESRCH)
		return 0;
	if (err == -ENOENT)
		return error__set(error, -ESRCH, "process %d has exited", pid);
	if (err == -EACCES || err == -EPERM)
		return error__set(error, err,
			"no permission to read the mappings of process %d: run memtrace as root",
			pid);
	if (err)
		return error__set(error, err, "cannot read %s: %s", path, strerror(-err));
	err = maps__parse(text, size, out);
	free(text);
	return err ? error__set(error, err, "out of memory for the mappings of %d", pid) : 0;
}

void maps__free(struct maps *maps)
{
	free(maps->data);
	free(maps->text);
	*maps = (struct maps){0};
}

const struct mapping *maps__find(const struct maps *maps, uint64_t address)
{
	size_t i = search_first(maps->size, n, maps->data[n].end <= address);

	return i < maps->size && maps->data[i].start <= address ? &maps->data[i] : NULL;
}

bool mapping__is_vdso(const struct mapping *m)
{
	return strcmp(m->path, "[vdso]") == 0;
}
