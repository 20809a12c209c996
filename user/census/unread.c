/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/unread.h"

#include <string.h>

/* The beginnings of the libraries' file names, as their makers and distributions install them. */
static const struct {
	const char *file;
	const char *name;
} libraries[] = {
	{"libjemalloc", "jemalloc"},
	{"libtcmalloc", "tcmalloc"},
	{"libmimalloc", "mimalloc"},
	{"libtbbmalloc", "oneTBB's malloc"},
	{"libasan", "AddressSanitizer's malloc"},
	{"ld-musl-", "musl malloc"},
	{"libc.musl-", "musl malloc"},
};

const char *unread__allocator(const struct census_image *image, const char *read)
{
	for (size_t i = 0; i < image->range_count; i++) {
		const char *path = image->ranges[i].name, *file = path ? strrchr(path, '/') : NULL;

		for (size_t j = 0; file && j < sizeof(libraries) / sizeof(libraries[0]); j++)
			if (!strncmp(file + 1, libraries[j].file, strlen(libraries[j].file)) &&
				strcmp(libraries[j].name, read) != 0)
				return libraries[j].name;
	}
	return NULL;
}
