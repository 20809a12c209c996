/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/vec.h"

/* Some 800 bytes for each of at most 65,530 mappings; vm.max_map_count may be raised. */
#define SMAPS_TEXT_LIMIT (1ull << 30)
#define PAGE 4096

/* A mapping's line begins with a hexadecimal address, a field's with a capital and no '-'. */
static bool is_header(const char *line, const char *end)
{
	const char *at = line;

	while (at < end && ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f')))
		at++;
	return at > line && at < end && *at == '-';
}

static bool read_field(const char *line, const char *end, const char *name, uint64_t *bytes)
{
	size_t length = strlen(name);

	if ((size_t)(end - line) < length || memcmp(line, name, length) != 0)
		return false;
	*bytes = strtoull(line + length, NULL, 10) * 1024;
	return true;
}

static void read_flags(const char *line, const char *end, struct mapping_memory *memory)
{
	static const char name[] = "VmFlags:";

	if ((size_t)(end - line) < sizeof(name) - 1 || memcmp(line, name, sizeof(name) - 1) != 0)
		return;
	for (const char *flag = line + sizeof(name); flag + 2 <= end; flag += 3)
		if (memcmp(flag, "io", 2) == 0 || memcmp(flag, "pf", 2) == 0)
			memory->is_device = true;
}

struct smaps_entry {
	uint64_t start;
	struct mapping_memory memory;
};

typedef VEC(struct smaps_entry) smaps_entries;

/* Splits @text into the lines of maps, one after the other in @headers, and what each has. */
static int split(const char *text, size_t size, char *headers, size_t *length, smaps_entries *out)
{
	const char *end = text + size;

	*length = 0;
	for (const char *line = text; line < end;) {
		const char *stop = memchr(line, '\n', end - line);
		struct smaps_entry *last = out->size ? &out->data[out->size - 1] : NULL;

		stop = stop ? stop : end;
		if (is_header(line, stop)) {
			struct smaps_entry entry = {.start = strtoull(line, NULL, 16)};

			if (vec_push(out, entry))
				return -ENOMEM;
			memcpy(headers + *length, line, stop - line);
			*length += stop - line;
			headers[(*length)++] = '\n';
		} else if (last) {
			if (!read_field(line, stop, "Rss:", &last->memory.resident))
				read_field(line, stop, "Swap:", &last->memory.swapped);
			read_flags(line, stop, &last->memory);
		}
		line = stop + 1;
	}
	return 0;
}

/* Lines that maps__parse left out have no mapping: both lists ascend. */
static int join(const smaps_entries *entries, struct smaps *out)
{
	size_t next = 0;

	out->memory = calloc(out->maps.size + 1, sizeof(*out->memory));
	if (!out->memory)
		return -ENOMEM;
	for (size_t i = 0; i < out->maps.size; i++) {
		while (next < entries->size && entries->data[next].start != out->maps.data[i].start)
			next++;
		if (next < entries->size)
			out->memory[i] = entries->data[next++].memory;
	}
	return 0;
}

int smaps__parse(const char *text, size_t size, struct smaps *out)
{
	smaps_entries entries = {0};
	char *headers = malloc(size + 1);
	size_t length;
	int err;

	*out = (struct smaps){0};
	if (!headers)
		return -ENOMEM;
	err = split(text, size, headers, &length, &entries);
	err = err ? err : maps__parse(headers, length, &out->maps);
	err = err ? err : join(&entries, out);
	free(headers);
	vec_free(&entries);
	if (err)
		smaps__free(out);
	return err;
}

int smaps__read(pid_t pid, struct smaps *out, struct error *error)
{
	char path[64], *text;
	size_t size;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	err = file__read(path, SMAPS_TEXT_LIMIT, &text, &size);
	if (err == -ENOENT || err == -ESRCH)
		return error__set(error, -ESRCH, "process %d has exited", (int)pid);
	if (err == -EACCES || err == -EPERM)
		return error__set(error, err,
			"no permission to read the mappings of process %d: run memtrace as root",
			(int)pid);
	if (err)
		return error__set(error, err, "cannot read %s: %s", path, strerror(-err));
	err = smaps__parse(text, size, out);
	free(text);
	if (err)
		return error__set(error, err, "out of memory for the mappings of %d", (int)pid);
	if (!out->maps.size) {
		smaps__free(out);
		return error__set(error, -ESRCH, "process %d has ended", (int)pid);
	}
	return 0;
}

void smaps__free(struct smaps *smaps)
{
	maps__free(&smaps->maps);
	free(smaps->memory);
	smaps->memory = NULL;
}

/* Seven numbers of at most 20 digits. */
#define STATM_LIMIT 256

bool resident_pages__read(pid_t pid, struct resident_pages *out)
{
	char path[40] = "/proc/self/statm", *text;
	size_t size;
	int count;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (file__read(path, STATM_LIMIT, &text, &size))
		return false;
	count = sscanf(text, "%*u %" SCNu64 " %" SCNu64, &out->all, &out->shared);
	free(text);
	return count == 2 && out->all;
}

int pagemap__open(pid_t pid, struct error *error)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return error__set(error, -ESRCH, "process %d has exited", (int)pid);
	if (fd < 0)
		return error__set(error, -errno,
			"cannot open %s: %s; without it pages that are swapped out would be read",
			path, strerror(errno));
	return fd;
}

int pagemap__read(int fd, uint64_t address, size_t count, uint64_t *entries)
{
	size_t wanted = count * sizeof(*entries), got = 0;

	while (got < wanted) {
		ssize_t n = pread(fd, (char *)entries + got, wanted - got,
			address / PAGE * sizeof(*entries) + got);

		if (n < 0 && errno == EINTR)
			continue;
		/* The memory of a process that has exited reads as nothing. */
		if (n <= 0)
			return -ESRCH;
		got += n;
	}
	return 0;
}

/* linux/fs.h of 6.7: what PAGEMAP_SCAN is asked with, and what it answers. */
struct scanned_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct scan_arguments {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t regions;
	uint64_t region_count;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN_PAGES _IOWR('f', 16, struct scan_arguments)
#define SCAN_IS_PRESENT (1 << 3)
#define SCAN_IS_HUGE (1 << 6)

static int scan_is_huge(int fd, uint64_t address)
{
	struct scanned_region region = {0};
	struct scan_arguments arguments = {
		.size = sizeof(arguments),
		.start = address & -(uint64_t)PAGE,
		.end = (address & -(uint64_t)PAGE) + PAGE,
		.regions = (uintptr_t)&region,
		.region_count = 1,
		.category_mask = SCAN_IS_PRESENT,
		.return_mask = SCAN_IS_PRESENT | SCAN_IS_HUGE,
	};
	int count = ioctl(fd, SCAN_PAGES, &arguments);

	if (count < 0)
		return errno == ENOTTY || errno == EINVAL ? -ENOTSUP : -ESRCH;
	return count ? (region.categories & SCAN_IS_HUGE) != 0 : -ENOENT;
}

/* The kernel's admin-guide/mm/pagemap.rst: bits 0-54 are the frame's number, 0 for who may not see
 * it. */
#define PAGEMAP_FRAME ((1ull << 55) - 1)
#define KPF_THP (1ull << 22)

static int flags_are_huge(int fd, uint64_t address)
{
	uint64_t entry, flags = 0;
	int err = pagemap__read(fd, address & -(uint64_t)PAGE, 1, &entry), file;

	if (err)
		return err;
	if (!(entry & PAGEMAP_PRESENT))
		return -ENOENT;
	file = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (!(entry & PAGEMAP_FRAME) || file < 0 ||
		pread(file, &flags, sizeof(flags), (entry & PAGEMAP_FRAME) * sizeof(flags)) !=
			sizeof(flags))
		err = -ENOTSUP;
	if (file >= 0)
		close(file);
	return err ? err : (flags & KPF_THP) != 0;
}

int pagemap__is_huge(int fd, uint64_t address)
{
	int huge = scan_is_huge(fd, address);

	return huge == -ENOTSUP ? flags_are_huge(fd, address) : huge;
}
