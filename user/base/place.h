/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where a file is to be written: the folder as a descriptor and the name in it, found without
 * following what another user may have planted on the way. Links are followed where root or we own
 * them, as nobody else can have made them.
 */
#ifndef MEMTRACE_BASE_PLACE_H
#define MEMTRACE_BASE_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct place_to_write {
	int folder; /* O_PATH; -1 once it is freed */
	char name[NAME_MAX + 1];
	bool exists;
	bool is_magic;	/* a link of /proc that only the kernel can follow */
	struct stat st; /* of what has the name now, where it exists; of a link, the link itself */
};

/*
 * The last link of the path is followed where it is ours or root's, else it is what has the name.
 * 0, or a negative errno with @error set; place__free is right in both cases.
 */
int place__find(const char *path, struct place_to_write *place, struct error *error);

void place__free(struct place_to_write *place);

/* Whether nobody but us and root can have put a file into the folder. */
bool place__is_private(const struct place_to_write *place);

/* Whether the owner is trusted: us or root. */
bool place__is_own(uid_t owner);

#endif
