/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "truth.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GATE_TIMEOUT_MS 60000

bool truth_counting;

__attribute__((constructor)) static void start_counting(void)
{
	truth_counting = !getenv("GATE");
}

static void gate_path(char *path, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", getenv("GATE"), name);
}

void truth__signal(const char *name)
{
	char path[PATH_MAX];
	int fd;

	gate_path(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		_exit(3);
	close(fd);
}

void truth__await(const char *name)
{
	struct timespec pause = {.tv_nsec = 1000000};
	char path[PATH_MAX];

	gate_path(path, name);
	for (int ms = 0; ms < GATE_TIMEOUT_MS; ms++) {
		if (access(path, F_OK) == 0)
			return;
		nanosleep(&pause, NULL);
	}
	_exit(3);
}

void truth__open(void)
{
	if (!getenv("GATE"))
		return;
	truth__signal("ready");
	truth__await("go");
	truth_counting = true;
}

void truth__write(const struct truth *t, bool alone)
{
	const char *path = getenv("TRUTH");
	char line[1024], peak[64] = "";
	int fd, length;

	if (!path)
		return;
	if (alone)
		snprintf(peak, sizeof(peak), ",\"peak_bytes\":%llu",
			(unsigned long long)t->peak_bytes);
	length = snprintf(line, sizeof(line),
		"{\"pid\":%d,\"alloc_count\":%llu,\"alloc_bytes\":%llu,\"free_count\":%llu,"
		"\"freed_bytes\":%llu,\"live_count\":%llu,\"live_bytes\":%llu,"
		"\"failed_count\":%llu,\"temporary_count\":%llu,\"untracked_free_count\":%llu%s}\n",
		(int)getpid(), (unsigned long long)t->alloc_count,
		(unsigned long long)t->alloc_bytes, (unsigned long long)t->free_count,
		(unsigned long long)t->freed_bytes,
		(unsigned long long)(t->alloc_count + t->inherited_count - t->free_count),
		(unsigned long long)(t->alloc_bytes + t->inherited_bytes - t->freed_bytes),
		(unsigned long long)t->failed_count, (unsigned long long)t->temporary_count,
		(unsigned long long)t->untracked_free_count, peak);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, length) != length)
		_exit(4);
	close(fd);
}

void truth__close(const struct truth *t, bool alone)
{
	truth_counting = false;
	truth__write(t, alone);
	if (!getenv("GATE"))
		return;
	truth__signal("done");
	truth__await("finish");
}

void truth__add(struct truth *to, const struct truth *from)
{
	to->alloc_count += from->alloc_count;
	to->alloc_bytes += from->alloc_bytes;
	to->free_count += from->free_count;
	to->freed_bytes += from->freed_bytes;
	to->failed_count += from->failed_count;
	to->temporary_count += from->temporary_count;
	to->untracked_free_count += from->untracked_free_count;
	to->inherited_count += from->inherited_count;
	to->inherited_bytes += from->inherited_bytes;
}

static void note_peak(struct truth *t)
{
	uint64_t live = t->alloc_bytes - t->freed_bytes;

	if (t->alloc_bytes >= t->freed_bytes && live > t->peak_bytes)
		t->peak_bytes = live;
}

void truth__alloc(struct truth *t, struct block *b, void *address, size_t size)
{
	memset(b, 0, sizeof(*b));
	if (!address) {
		t->failed_count += truth_counting;
		return;
	}
	b->address = address;
	b->size = size;
	b->thread = t->thread;
	b->sequence = ++t->sequence;
	b->traced = truth_counting;
	if (!truth_counting)
		return;
	t->alloc_count++;
	t->alloc_bytes += size;
	note_peak(t);
}

void truth__free(struct truth *t, struct block *b)
{
	if (b->address && truth_counting && b->traced) {
		t->free_count++;
		t->freed_bytes += b->size;
		t->temporary_count += b->thread == t->thread && b->sequence == t->sequence;
	} else if (b->address && truth_counting) {
		t->untracked_free_count++;
	}
	b->address = NULL;
}

void truth__realloc(struct truth *t, struct block *b, void *address, size_t size)
{
	if (!address && size > 0) {
		t->failed_count += truth_counting;
		return;
	}
	truth__free(t, b);
	if (address)
		truth__alloc(t, b, address, size);
}
