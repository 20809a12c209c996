/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as a file of the table cache. Its check sum is put right first, or nothing behind it
 * would ever be reached: whoever can write the file can do that too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "unwind/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_SIZE 192
#define HASHED_FROM 24

static const uint8_t id[4] = {1, 2, 3, 4};

static void write_file(const char *path, uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint64_t hash;

	if (size >= HEADER_SIZE) {
		hash = XXH3_64bits(bytes + HASHED_FROM, HEADER_SIZE - HASHED_FROM);
		hash = XXH3_64bits_withSeed(bytes + HEADER_SIZE, size - HEADER_SIZE, hash);
		memcpy(bytes, "memtrace unwind\n", 16);
		memcpy(bytes + 16, &hash, sizeof(hash));
	}
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char folder[] = "/dev/shm/memtrace-fuzz-XXXXXX";
	static struct unwind_cache *cache;
	static char path[64];
	struct unwind_table *table;
	uint8_t *bytes = malloc(size + 1);

	if (!cache) {
		if (!mkdtemp(folder) || unwind_cache__open(&cache, folder, 1 << 20, NULL))
			abort();
		snprintf(path, sizeof(path), "%s/01020304.unwind", folder);
	}
	memcpy(bytes, data, size);
	write_file(path, bytes, size);
	if (!unwind_cache__load(cache, id, sizeof(id), &table)) {
		unwind_table__find(table, table->text_start);
		unwind_table__find(table, table->text_end - 1);
		for (size_t i = 1; i < table->row_count; i++)
			if (table->rows[i] <= table->rows[i - 1])
				abort();
		unwind_table__free(table);
	}
	free(bytes);
	return 0;
}
