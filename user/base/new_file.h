/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Every file that memtrace writes: a new one beside its place, which only its owner may read
 * (reports and recordings tell much about the target), and which takes the place when it is whole.
 * Nothing that others may have planted there is opened or written through. A place that has no
 * name to take (a pipe, a terminal, a descriptor such as /dev/stdout) is written to as it is.
 */
#ifndef MEMTRACE_BASE_NEW_FILE_H
#define MEMTRACE_BASE_NEW_FILE_H

#include <sys/stat.h>

#include "base/error.h"
#include "base/place.h"

struct new_file {
	int fd;			      /* -1: none */
	struct place_to_write place;  /* without a folder: written as it is */
	char temporary[NAME_MAX + 1]; /* "": none, or it has taken its place */
	mode_t mode;		      /* with which it appears */
};

/*
 * Opens a file that is to be at @path. May wait for the reader of a named pipe. 0, or a negative
 * errno with @error set. It ends with new_file__close in every case.
 */
int new_file__open(struct new_file *file, const char *path, struct error *error);

/*
 * Makes the file appear at its place, in one step; it can still be written to. An existing file of
 * our own gives its permission bits, if its folder is nobody else's; any other file is replaced by
 * one of mode 0600. 0 or a negative errno: then nothing has changed there.
 */
int new_file__appear(struct new_file *file);

/* Closes it, and removes it if it has not appeared. 0 or a negative errno of close(2). */
int new_file__close(struct new_file *file);

/* Says early whether new_file__open would do, leaving nothing behind and waiting for nobody. */
int new_file__check(const char *path, struct error *error);

#endif
