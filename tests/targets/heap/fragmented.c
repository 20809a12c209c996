/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * fragmented: frees all but one in 64 of many blocks, so that the allocator has nearly all of the
 * memory, and can give none of it back. Writes to $TRUTH what stays live and what is in memory,
 * both in bytes.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "truth.h"

#define BLOCKS 24000
#define SIZE 2000
#define KEPT_ONE_IN 64

static void *blocks[BLOCKS];

static unsigned long resident_bytes(void)
{
	unsigned long pages = 0;
	char text[128] = "";
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || !fgets(text, sizeof(text), file) || sscanf(text, "%*u %lu", &pages) != 1)
		_exit(5);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

int main(void)
{
	const char *path = getenv("TRUTH");
	unsigned long live = 0;
	FILE *file;

	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(SIZE);
		memset(blocks[i], 1, SIZE);
	}
	for (int i = 0; i < BLOCKS; i++) {
		if (i % KEPT_ONE_IN)
			free(blocks[i]);
		else
			live += SIZE;
	}
	file = path ? fopen(path, "w") : stdout;
	if (!file)
		return 4;
	fprintf(file, "{\"live_bytes\":%lu,\"rss_bytes\":%lu}\n", live, resident_bytes());
	fclose(file);
	return 0;
}
