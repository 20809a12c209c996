/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "process/threads.h"

/* A host of containers has some thousand mounts of about 200 bytes. */
#define MOUNTINFO_LIMIT (16u << 20)

static const char *const local_types[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "overlay",
	"tmpfs", "ramfs", "rootfs", "devtmpfs", "hugetlbfs", "squashfs", "erofs", "f2fs", "zfs",
	"bcachefs", "jfs", "reiserfs", "nilfs2", "iso9660", "udf", "vfat", "msdos", "exfat",
	"ntfs3", "cramfs", "romfs", "proc", "sysfs"};

static bool is_local_type(const char *type, size_t length)
{
	for (size_t i = 0; i < sizeof(local_types) / sizeof(*local_types); i++)
		if (strlen(local_types[i]) == length && !memcmp(local_types[i], type, length))
			return true;
	return false;
}

struct wanted_mount {
	bool by_id;
	uint64_t id;
	uint32_t dev_major;
	uint32_t dev_minor;
};

static bool is_wanted(const struct wanted_mount *wanted, const char *line)
{
	unsigned int major, minor;
	unsigned long id;

	if (sscanf(line, "%lu %*u %u:%u ", &id, &major, &minor) != 3)
		return false;
	return wanted->by_id ? id == wanted->id
			     : major == wanted->dev_major && minor == wanted->dev_minor;
}

/* proc_pid_mountinfo(5): "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG]... - TYPE SOURCE ...". */
static int find_mount(const char *text, const struct wanted_mount *wanted)
{
	for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
		const char *type;

		end = strchrnul(line, '\n');
		if (!is_wanted(wanted, line))
			continue;
		type = strstr(line, " - ");
		if (!type || type > end)
			continue;
		return is_local_type(type + 3, strcspn(type + 3, " \n"));
	}
	return -ENOENT;
}

int mounts__find(const char *text, uint32_t dev_major, uint32_t dev_minor)
{
	struct wanted_mount wanted = {.dev_major = dev_major, .dev_minor = dev_minor};

	return find_mount(text, &wanted);
}

int mounts__find_mount(const char *text, uint64_t id)
{
	struct wanted_mount wanted = {.by_id = true, .id = id};

	return find_mount(text, &wanted);
}

static int find_in(const char *path, const struct wanted_mount *wanted)
{
	int found = -ENOENT;
	size_t size;
	char *text;

	if (file__read(path, MOUNTINFO_LIMIT, &text, &size))
		return found;
	found = find_mount(text, wanted);
	free(text);
	return found;
}

/* In the process's table, then in ours: its own has only what is below its root. */
static int find_for(pid_t pid, const struct wanted_mount *wanted)
{
	char path[40];
	int found;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", threads__shown(pid));
	found = find_in(path, wanted);
	return found < 0 ? find_in("/proc/self/mountinfo", wanted) : found;
}

/* Files without a name in any directory that the kernel keeps in memory. */
static bool is_memory(const char *path)
{
	static const char *const names[] = {"/memfd:", "/SYSV", "/dev/zero", "/anon_hugepage"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(path, names[i], strlen(names[i])))
			return true;
	return false;
}

bool mounts__is_local(pid_t pid, const struct mapping *mapping)
{
	struct wanted_mount wanted = {
		.dev_major = mapping->dev_major, .dev_minor = mapping->dev_minor};
	int found = find_for(pid, &wanted);

	if (found < 0)
		return mapping->dev_major || is_memory(mapping->path);
	return found;
}

bool mounts__is_local_fd(pid_t pid, int fd)
{
	struct wanted_mount wanted = {.by_id = true};
	struct statx status;
	int found;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status) ||
		!(status.stx_mask & STATX_MNT_ID))
		return false;
	wanted.id = status.stx_mnt_id;
	found = find_for(pid, &wanted);
	return found < 0 ? status.stx_dev_major != 0 : found != 0;
}
