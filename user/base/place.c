/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* As many links as the kernel follows in a path (MAXSYMLINKS). */
#define MAX_LINKS 40

struct place_walk {
	const char *path; /* as given, for messages */
	struct place_to_write *place;
	char rest[2 * PATH_MAX]; /* what is still to be walked */
	int links;
	struct error *error;
};

static int fail(const struct place_walk *walk, int err)
{
	return error__set(walk->error, err, "cannot write %s: %s", walk->path, strerror(-err));
}

bool place__is_own(uid_t owner)
{
	return owner == geteuid() || owner == 0;
}

bool place__is_private(const struct place_to_write *place)
{
	struct stat st;

	return !fstat(place->folder, &st) && place__is_own(st.st_uid) &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static int go_to(struct place_walk *walk, const char *name, int flags)
{
	int fd = openat(walk->place->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC | flags);

	if (fd < 0)
		return fail(walk, -errno);
	close(walk->place->folder);
	walk->place->folder = fd;
	return 0;
}

static bool is_in_proc(const struct place_walk *walk)
{
	struct statfs fs;

	return !fstatfs(walk->place->folder, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

/* Puts the link's target in front of the rest of the path. */
static int follow(struct place_walk *walk, const char *name)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t size = readlinkat(walk->place->folder, name, target, sizeof(target) - 1);

	if (size < 0)
		return fail(walk, -errno);
	target[size] = '\0';
	if (++walk->links > MAX_LINKS)
		return fail(walk, -ELOOP);
	if (strlen(walk->rest) >= sizeof(rest))
		return fail(walk, -ENAMETOOLONG);
	strcpy(rest, walk->rest);
	snprintf(walk->rest, sizeof(walk->rest), "%s%s%s", target, *rest ? "/" : "", rest);
	return *target == '/' ? go_to(walk, "/", 0) : 0;
}

static int refuse_link(const struct place_walk *walk, const char *name, uid_t owner)
{
	return error__set(walk->error, -EPERM,
		"cannot write %s: %s is a link that belongs to another user (uid %u) and is not "
		"followed; give the real path",
		walk->path, name, owner);
}

static int enter_folder(struct place_walk *walk, const char *name)
{
	struct stat st;

	if (fstatat(walk->place->folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return fail(walk, -errno);
	if (!S_ISLNK(st.st_mode))
		return go_to(walk, name, O_NOFOLLOW);
	if (!place__is_own(st.st_uid))
		return refuse_link(walk, name, st.st_uid);
	/* /proc/PID/root and its kind lead where no path does. */
	return is_in_proc(walk) && strcmp(name, "self") && strcmp(name, "thread-self")
		       ? go_to(walk, name, 0)
		       : follow(walk, name);
}

/* *@again: it was a link, and the walk goes on. */
static int look_at_last(struct place_walk *walk, const char *name, bool *again)
{
	struct place_to_write *place = walk->place;

	*again = false;
	snprintf(place->name, sizeof(place->name), "%s", name);
	place->exists = !fstatat(place->folder, name, &place->st, AT_SYMLINK_NOFOLLOW);
	if (!place->exists)
		return errno == ENOENT ? 0 : fail(walk, -errno);
	if (!S_ISLNK(place->st.st_mode) || !place__is_own(place->st.st_uid))
		return 0;
	if (is_in_proc(walk)) {
		place->is_magic = true;
		return fstatat(place->folder, name, &place->st, 0) ? fail(walk, -errno) : 0;
	}
	*again = true;
	return follow(walk, name);
}

/* Takes the first name off the rest. *@is_last: nothing follows it. */
static int next_name(struct place_walk *walk, char *name, bool *is_last)
{
	char *start = walk->rest + strspn(walk->rest, "/");
	size_t size = strcspn(start, "/");

	if (!size)
		return fail(walk, -EISDIR); /* it ended with a slash */
	if (size > NAME_MAX)
		return fail(walk, -ENAMETOOLONG);
	memcpy(name, start, size);
	name[size] = '\0';
	*is_last = !start[size];
	memmove(walk->rest, start + size, strlen(start + size) + 1);
	return 0;
}

static int step(struct place_walk *walk, bool *done)
{
	char name[NAME_MAX + 1];
	bool is_last = false, again = false;
	int err = next_name(walk, name, &is_last);

	if (err)
		return err;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return is_last ? fail(walk, -EISDIR) : go_to(walk, name, 0);
	if (!is_last)
		return enter_folder(walk, name);
	err = look_at_last(walk, name, &again);
	*done = !again;
	return err;
}

int place__find(const char *path, struct place_to_write *place, struct error *error)
{
	struct place_walk walk = {.path = path, .place = place, .error = error};
	bool done = false;
	int err = 0;

	*place = (struct place_to_write){.folder = -1};
	if (!*path || strlen(path) >= PATH_MAX)
		return fail(&walk, *path ? -ENAMETOOLONG : -ENOENT);
	strcpy(walk.rest, path);
	place->folder = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->folder < 0)
		return fail(&walk, -errno);
	while (!err && !done)
		err = step(&walk, &done);
	return err;
}

void place__free(struct place_to_write *place)
{
	if (place->folder >= 0)
		close(place->folder);
	place->folder = -1;
}
