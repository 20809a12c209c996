/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/new_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"

/* Random letters behind a temporary name, and the tries before giving up. */
#define SUFFIX 8
#define TRIES 100

/* A run has at most a recording, a report and its JSON open. */
#define MAX_OPEN 8

/* What is removed when a signal ends the program: files that have not appeared. */
static struct {
	pthread_mutex_t lock;
	struct new_file *files[MAX_OPEN];
} unfinished = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int fail(struct error *error, int err, const char *path)
{
	return error__set(error, err, "cannot write %s: %s", path, strerror(-err));
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* --- what is to be removed */

static void remove_unfinished(void)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec++;
	if (pthread_mutex_timedlock(&unfinished.lock, &limit))
		return;
	for (int i = 0; i < MAX_OPEN; i++)
		if (unfinished.files[i])
			unlinkat(unfinished.files[i]->place.folder, unfinished.files[i]->temporary,
				0);
	/* Nothing is to appear any more. */
}

static void replace_entry(struct new_file *from, struct new_file *to)
{
	for (int i = 0; i < MAX_OPEN; i++)
		if (unfinished.files[i] == from) {
			unfinished.files[i] = to;
			return;
		}
}

static void list_unfinished(struct new_file *file, bool is_listed)
{
	interrupt__at_end(remove_unfinished);
	pthread_mutex_lock(&unfinished.lock);
	replace_entry(is_listed ? NULL : file, is_listed ? file : NULL);
	pthread_mutex_unlock(&unfinished.lock);
}

/* --- places that are descriptors of ours */

/* The N of /dev/fd/N and its kind; -1: @path is none of them. */
static int descriptor_of(const char *path)
{
	char own[32];
	const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", own};

	snprintf(own, sizeof(own), "/proc/%d/fd/", getpid());
	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *number = path + strlen(folders[i]);

		if (!strncmp(path, folders[i], strlen(folders[i])) && isdigit(*number) &&
			strspn(number, "0123456789") == strlen(number))
			return atoi(number);
	}
	return -1;
}

static bool can_write_to(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static int open_descriptor(struct new_file *file, int fd, const char *path, struct error *error)
{
	if (!can_write_to(fd))
		return fail(error, -EBADF, path);
	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return file->fd < 0 ? fail(error, -errno, path) : 0;
}

/* --- places that are written to as they are */

static bool is_written_in_place(const struct place_to_write *place)
{
	mode_t mode = place->st.st_mode;

	if (!place->exists)
		return false;
	return S_ISCHR(mode) || place->is_magic ||
	       (S_ISFIFO(mode) && place__is_own(place->st.st_uid));
}

/* What can never be written to. */
static int check_kind(const struct place_to_write *place, const char *path, struct error *error)
{
	mode_t mode = place->exists ? place->st.st_mode : 0;

	if (S_ISDIR(mode))
		return fail(error, -EISDIR, path);
	if (S_ISSOCK(mode) || S_ISBLK(mode))
		return error__set(error, -EINVAL, "cannot write %s: it is a %s", path,
			S_ISSOCK(mode) ? "socket" : "block device");
	return 0;
}

/* Opens the very file that was looked at, whatever has its name meanwhile. */
static int open_in_place(struct new_file *file, const char *path, struct error *error)
{
	struct place_to_write *place = &file->place;
	int append = S_ISREG(place->st.st_mode) ? O_APPEND : 0, code = 0;
	char link[32];
	struct stat st;
	int pinned = openat(place->folder, place->name,
		O_PATH | O_CLOEXEC | (place->is_magic ? 0 : O_NOFOLLOW));

	if (pinned < 0)
		return fail(error, -errno, path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", pinned);
	if (fstat(pinned, &st) || !is_same_file(&st, &place->st))
		code = -ESTALE;
	else
		file->fd = open(link, O_WRONLY | O_NOCTTY | O_CLOEXEC | append);
	if (!code && file->fd < 0)
		code = -errno;
	close(pinned);
	place__free(place);
	return code ? fail(error, code, path) : 0;
}

/* --- new files */

/* Beside the name that it will have; not to be guessed, so that nobody can take it before. */
static int make_name(const char *name, char *out, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	unsigned char random[SUFFIX];
	char suffix[SUFFIX + 1];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return errno ? -errno : -EIO;
	for (int i = 0; i < SUFFIX; i++)
		suffix[i] = letters[random[i] % (sizeof(letters) - 1)];
	suffix[SUFFIX] = '\0';
	snprintf(out, size, "%.*s.%s", NAME_MAX - SUFFIX - 1, name, suffix);
	return 0;
}

static int open_new(struct new_file *file, const char *path, struct error *error)
{
	const struct place_to_write *place = &file->place;
	char name[sizeof(file->temporary)];

	for (int i = 0; i < TRIES && file->fd < 0; i++) {
		int err = make_name(place->name, name, sizeof(name));

		if (err)
			return fail(error, err, path);
		file->fd = openat(place->folder, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (file->fd < 0 && errno != EEXIST)
			break;
	}
	if (file->fd < 0)
		return fail(error, -errno, path);
	strcpy(file->temporary, name);
	list_unfinished(file, true);
	file->mode = 0600;
	if (place->exists && S_ISREG(place->st.st_mode) && place->st.st_uid == geteuid() &&
		place->st.st_nlink == 1 && place__is_private(place))
		file->mode = place->st.st_mode & 0666;
	return 0;
}

int new_file__open(struct new_file *file, const char *path, struct error *error)
{
	int fd = descriptor_of(path), err;

	*file = (struct new_file){.fd = -1, .place.folder = -1};
	if (fd >= 0)
		return open_descriptor(file, fd, path, error);
	err = place__find(path, &file->place, error);
	if (!err)
		err = check_kind(&file->place, path, error);
	if (err)
		return err;
	return is_written_in_place(&file->place) ? open_in_place(file, path, error)
						 : open_new(file, path, error);
}

/* Whoever may write to the folder can have put another file in its place. */
static bool is_still_there(const struct new_file *file)
{
	struct stat here, there;

	return !fstat(file->fd, &here) &&
	       !fstatat(file->place.folder, file->temporary, &there, AT_SYMLINK_NOFOLLOW) &&
	       is_same_file(&here, &there);
}

int new_file__appear(struct new_file *file)
{
	int err = 0;

	if (!*file->temporary)
		return 0;
	if (!is_still_there(file))
		return -ESTALE;
	if (fchmod(file->fd, file->mode) && errno != EPERM && errno != ENOTSUP)
		return -errno; /* the two: a file system without modes */
	pthread_mutex_lock(&unfinished.lock);
	if (renameat(file->place.folder, file->temporary, file->place.folder, file->place.name))
		err = -errno;
	else
		replace_entry(file, NULL);
	pthread_mutex_unlock(&unfinished.lock);
	if (!err)
		*file->temporary = '\0';
	return err;
}

int new_file__close(struct new_file *file)
{
	int err = 0;

	if (*file->temporary) {
		unlinkat(file->place.folder, file->temporary, 0);
		list_unfinished(file, false);
		*file->temporary = '\0';
	}
	if (file->fd >= 0 && close(file->fd))
		err = -errno;
	file->fd = -1;
	place__free(&file->place);
	return err;
}

/* --- asked early */

static int refuse_planted(const struct place_to_write *place, const char *path, struct error *error)
{
	struct stat folder;
	uid_t owner = place->st.st_uid;

	if (!place->exists || place->is_magic)
		return 0;
	if (S_ISLNK(place->st.st_mode))
		return error__set(error, -EPERM,
			"cannot write %s: it is a link that belongs to another user (uid %u) and "
			"is not followed; remove it, or give the real path",
			path, owner);
	if (S_ISFIFO(place->st.st_mode) && !place__is_own(owner))
		return error__set(error, -EPERM,
			"cannot write %s: it is another user's pipe (uid %u); redirect standard "
			"output to it instead",
			path, owner);
	if (geteuid() && owner != geteuid() && !fstat(place->folder, &folder) &&
		(folder.st_mode & S_ISVTX) && folder.st_uid != geteuid())
		return error__set(error, -EPERM,
			"cannot write %s: it belongs to another user (uid %u)", path, owner);
	return 0;
}

int new_file__check(const char *path, struct error *error)
{
	struct new_file file = {.fd = -1, .place.folder = -1};
	int fd = descriptor_of(path), err;

	if (fd >= 0)
		return can_write_to(fd) ? 0 : fail(error, -EBADF, path);
	err = place__find(path, &file.place, error);
	if (!err)
		err = check_kind(&file.place, path, error);
	if (!err)
		err = refuse_planted(&file.place, path, error);
	if (!err && is_written_in_place(&file.place)) {
		if (faccessat(file.place.folder, file.place.name, W_OK, AT_EACCESS))
			err = fail(error, -errno, path);
	} else if (!err) {
		err = open_new(&file, path, error);
	}
	new_file__close(&file);
	return err;
}
