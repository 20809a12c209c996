/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* proc_pid_mountinfo(5): "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG]... - TYPE SOURCE ...". */
int mounts__find(const char *text, uint32_t dev_major, uint32_t dev_minor)
{
	for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
		unsigned int major, minor;
		const char *type;

		end = strchrnul(line, '\n');
		if (sscanf(line, "%*u %*u %u:%u ", &major, &minor) != 2 || major != dev_major ||
			minor != dev_minor)
			continue;
		type = strstr(line, " - ");
		if (!type || type > end)
			continue;
		return is_local_type(type + 3, strcspn(type + 3, " \n"));
	}
	return -ENOENT;
}

static int find_in(const char *path, const struct mapping *mapping)
{
	int found = -ENOENT;
	size_t size;
	char *text;

	if (file__read(path, MOUNTINFO_LIMIT, &text, &size))
		return found;
	found = mounts__find(text, mapping->dev_major, mapping->dev_minor);
	free(text);
	return found;
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
	char path[40];
	int found;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", threads__shown(pid));
	found = find_in(path, mapping);
	if (found < 0)
		found = find_in("/proc/self/mountinfo", mapping);
	if (found < 0)
		return mapping->dev_major || is_memory(mapping->path);
	return found;
}
