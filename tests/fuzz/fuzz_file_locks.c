/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any text as /proc/locks or as fdinfo's lock lines, and as links of descriptors. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "process/descriptors.h"
#include "process/file_locks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	file_locks locks = {0};

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!file_locks__parse(text, &locks)) {
		vec_for_each (lock, &locks) {
			const struct file_lock *blocker = file_locks__blocker(&locks, lock);

			if (blocker && (blocker->waits || blocker->inode != lock->inode))
				abort();
		}
	}
	descriptor__inode(text);
	vec_free(&locks);
	free(text);
	return 0;
}
