/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/search.h"

#define FDINFO_LIMIT 4096

typedef VEC(struct open_end) end_list;

uint64_t descriptor__inode(const char *link)
{
	unsigned long long inode;

	if (sscanf(link, "pipe:[%llu]", &inode) == 1 || sscanf(link, "socket:[%llu]", &inode) == 1)
		return inode;
	return 0;
}

/* proc_pid_fdinfo(5): "flags:\t0100001", in octal. */
static int read_flags(pid_t pid, int fd)
{
	char path[64], *text, *flags;
	size_t size;
	int value = O_RDWR;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	if (file__read(path, FDINFO_LIMIT, &text, &size))
		return value;
	flags = strstr(text, "flags:");
	if (flags)
		value = strtol(flags + 6, NULL, 8);
	free(text);
	return value;
}

/* Of all pipes and sockets, or (@path) of what has that link. */
static int add_end(pid_t pid, int folder, const char *name, const char *path, end_list *out)
{
	char link[512];
	ssize_t length = readlinkat(folder, name, link, sizeof(link) - 1);
	struct open_end end = {.pid = pid, .fd = atoi(name), .reads = true, .writes = true};

	if (length <= 0)
		return 0;
	link[length] = '\0';
	if (path)
		end.inode = strcmp(link, path) ? 0 : OPEN_END_OF_PATH;
	else
		end.inode = descriptor__inode(link);
	if (!end.inode)
		return 0;
	if (link[0] != 's') {
		int access = read_flags(pid, end.fd) & O_ACCMODE;

		end.reads = access != O_WRONLY;
		end.writes = access != O_RDONLY;
	}
	return vec_push(out, end);
}

static int add_process(pid_t pid, const char *wanted, struct open_ends *ends, end_list *out)
{
	struct dirent *entry;
	char path[64];
	int err = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder) {
		ends->unreadable += errno == EACCES || errno == EPERM;
		return 0;
	}
	while (!err && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			err = add_end(pid, dirfd(folder), entry->d_name, wanted, out);
	closedir(folder);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct open_end *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int list_ends(const char *path, struct open_ends *out)
{
	end_list list = {0};
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	int err = 0;

	*out = (struct open_ends){0};
	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			err = add_process(atoi(entry->d_name), path, out, &list);
	closedir(proc);
	if (err) {
		vec_free(&list);
		return err;
	}
	if (list.size)
		qsort(list.data, list.size, sizeof(*list.data), compare);
	out->data = list.data;
	out->size = list.size;
	return 0;
}

int open_ends__list(struct open_ends *out)
{
	return list_ends(NULL, out);
}

int open_ends__list_path(const char *path, struct open_ends *out)
{
	return list_ends(path, out);
}

void open_ends__free(struct open_ends *ends)
{
	free(ends->data);
	*ends = (struct open_ends){0};
}

const struct open_end *open_ends__find(const struct open_ends *ends, uint64_t inode, size_t *count)
{
	size_t first = search_first(ends->size, i, ends->data[i].inode < inode);
	size_t end = first;

	while (end < ends->size && ends->data[end].inode == inode)
		end++;
	*count = end - first;
	return *count ? &ends->data[first] : NULL;
}
