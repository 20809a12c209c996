/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/vec.h"

#define MAGIC "memtrace unwind\n"
#define SUFFIX ".unwind"
#define TEMPORARY ".new-"
#define SECRET ".secret"
/* To be raised with every change of the rows' format or of what they are built from. */
#define CACHE_VERSION 6
#define KEY_MAX 32
#define NAME_SIZE (2 * KEY_MAX + sizeof(SUFFIX))
#define FILE_MAX (512ull << 20)

struct header {
	char magic[16];
	uint64_t hash; /* of all bytes after this field */
	uint32_t version;
	uint32_t machine;
	uint64_t text_start;
	uint64_t text_end;
	uint64_t row_count;
	uint64_t rare_count;
	uint64_t fdes;
	uint64_t malformed;
	uint64_t defects[RULE_DEFECT_COUNT];
	uint64_t symbols_read; /* struct known_symbols */
	uint64_t symbols[3];
	uint64_t key_size;
	uint8_t key[KEY_MAX];
};
_Static_assert(sizeof(struct header) == 192, "rows after it are aligned");
#define HASHED_FROM offsetof(struct header, version)

struct unwind_cache {
	int directory;
	uint8_t secret[UNWIND_SECRET_SIZE];
	uint64_t limit;
	uint64_t size; /* bytes of all files, once known */
	bool size_known;
	unsigned int temporary_count;
};

/* $XDG_CACHE_HOME or ~/.cache, then "memtrace". */
static int default_path(char *path, size_t size)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (base && base[0] == '/')
		n = snprintf(path, size, "%s/memtrace", base);
	else if (home && home[0] == '/')
		n = snprintf(path, size, "%s/.cache/memtrace", home);
	else
		return -ENOENT;
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

/* Makes a folder and those above it; only the last may fail for good. */
static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	mkdir(path, 0700);
}

static bool is_private(int fd, mode_t type)
{
	struct stat status;

	return !fstat(fd, &status) && (status.st_mode & S_IFMT) == type &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)) &&
	       (type == S_IFDIR || status.st_nlink == 1);
}

static int read_all(int fd, void *to, size_t size)
{
	char *at = to;

	while (size) {
		ssize_t n = read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		at += n;
		size -= n;
	}
	return 0;
}

static int write_all(int fd, const void *from, size_t size)
{
	const char *at = from;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= n;
	}
	return 0;
}

/* The secret of the folder; false where there is none (that can be used). */
static bool load_secret(struct unwind_cache *cache)
{
	int fd = openat(cache->directory, SECRET, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool loaded = fd >= 0 && is_private(fd, S_IFREG) &&
		      !read_all(fd, cache->secret, sizeof(cache->secret));

	if (fd >= 0)
		close(fd);
	return loaded;
}

/* Makes it, unless another memtrace is first: a whole one or none, as with all files here. */
static int make_secret(struct unwind_cache *cache)
{
	char temporary[64];
	int fd, err;

	if (getrandom(cache->secret, sizeof(cache->secret), 0) != sizeof(cache->secret))
		return -EIO;
	snprintf(temporary, sizeof(temporary), TEMPORARY "%d-secret", getpid());
	fd = openat(cache->directory, temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, cache->secret, sizeof(cache->secret));
	close(fd);
	if (!err &&
		renameat2(cache->directory, temporary, cache->directory, SECRET, RENAME_NOREPLACE))
		err = -errno;
	if (err)
		unlinkat(cache->directory, temporary, 0);
	return err;
}

static int find_secret(struct unwind_cache *cache)
{
	int err;

	if (load_secret(cache))
		return 0;
	err = make_secret(cache);
	if (err == -EEXIST && load_secret(cache))
		return 0;
	/* One that is there and no good: what it keyed is of no use either. */
	if (err == -EEXIST && !unlinkat(cache->directory, SECRET, 0))
		err = make_secret(cache);
	return err;
}

int unwind_cache__open(
	struct unwind_cache **out, const char *path, uint64_t limit, struct error *error)
{
	char folder[4096];
	int err, fd;

	err = path ? (snprintf(folder, sizeof(folder), "%s", path) < (int)sizeof(folder)
				     ? 0
				     : -ENAMETOOLONG)
		   : default_path(folder, sizeof(folder));
	if (err)
		return error__set(error, err,
			"nowhere to keep the cache: neither XDG_CACHE_HOME nor HOME is set");
	make_folders(folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error__set(error, -errno, "cannot open %s: %s", folder, strerror(errno));
	if (!is_private(fd, S_IFDIR)) {
		close(fd);
		return error__set(error, -EPERM, "%s is not used: others can write to it", folder);
	}
	*out = calloc(1, sizeof(**out));
	if (!*out) {
		close(fd);
		return error__set(error, -ENOMEM, "out of memory");
	}
	**out = (struct unwind_cache){.directory = fd, .limit = limit};
	err = find_secret(*out);
	if (!err)
		return 0;
	unwind_cache__close(*out);
	*out = NULL;
	return error__set(error, err, "cannot keep a file in %s: %s", folder, strerror(-err));
}

const uint8_t *unwind_cache__secret(const struct unwind_cache *cache)
{
	return cache->secret;
}

void unwind_cache__close(struct unwind_cache *cache)
{
	if (!cache)
		return;
	close(cache->directory);
	free(cache);
}

static int make_name(char *name, const uint8_t *key, size_t size)
{
	if (!size || size > KEY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		sprintf(name + 2 * i, "%02x", key[i]);
	strcpy(name + 2 * size, SUFFIX);
	return 0;
}

static uint64_t hash_file(const struct header *header, const void *body, size_t body_size)
{
	XXH64_hash_t head =
		XXH3_64bits((const char *)header + HASHED_FROM, sizeof(*header) - HASHED_FROM);

	return XXH3_64bits_withSeed(body, body_size, head);
}

/* Whether a header may be believed so far that its body can be read. */
static bool check_header(
	const struct header *header, uint64_t file_size, const uint8_t *key, size_t size)
{
	uint64_t body = file_size - sizeof(*header);

	return !memcmp(header->magic, MAGIC, sizeof(header->magic)) &&
	       header->version == CACHE_VERSION && header->key_size == size &&
	       !memcmp(header->key, key, size) && header->row_count <= body / 8 &&
	       header->rare_count <= UNWIND_MAX_RARE &&
	       header->row_count * sizeof(uint64_t) +
			       header->rare_count * sizeof(struct unwind_rare) ==
		       body &&
	       header->text_start <= header->text_end;
}

static bool check_rows(const uint64_t *rows, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (rows[i] <= rows[i - 1])
			return false;
	return true;
}

static int make_table(const struct header *header, void *body, struct unwind_table **out)
{
	struct unwind_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	*table = (struct unwind_table){
		.machine = header->machine,
		.text_start = header->text_start,
		.text_end = header->text_end,
		.rows = body,
		.row_count = header->row_count,
		.rare = (void *)((uint64_t *)body + header->row_count),
		.rare_count = header->rare_count,
		.statistics = {.fdes = header->fdes, .malformed = header->malformed},
		.symbols = {.are_read = header->symbols_read,
			.exit = header->symbols[0],
			.libc_start_main = header->symbols[1],
			.pthread_exit = header->symbols[2]},
		.storage = body,
	};
	memcpy(table->statistics.defects, header->defects, sizeof(header->defects));
	*out = table;
	return 0;
}

static int load_file(int fd, const uint8_t *key, size_t size, struct unwind_table **out)
{
	struct header header;
	struct stat status;
	size_t body_size;
	void *body;
	int err;

	if (!is_private(fd, S_IFREG) || fstat(fd, &status) ||
		status.st_size < (off_t)sizeof(header) || status.st_size > (off_t)FILE_MAX ||
		read_all(fd, &header, sizeof(header)) ||
		!check_header(&header, status.st_size, key, size))
		return -ENOENT;
	body_size = status.st_size - sizeof(header);
	body = malloc(body_size + 1);
	if (!body)
		return -ENOMEM;
	if (read_all(fd, body, body_size) || hash_file(&header, body, body_size) != header.hash ||
		!check_rows(body, header.row_count))
		err = -ENOENT;
	else
		err = make_table(&header, body, out);
	if (err)
		free(body);
	return err;
}

int unwind_cache__load(
	struct unwind_cache *cache, const uint8_t *key, size_t size, struct unwind_table **out)
{
	char name[NAME_SIZE];
	int fd, err;

	if (make_name(name, key, size))
		return -ENOENT;
	fd = openat(cache->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	err = load_file(fd, key, size, out);
	close(fd);
	if (!err) /* its time tells when it was last used */
		utimensat(cache->directory, name, NULL, AT_SYMLINK_NOFOLLOW);
	else if (err == -ENOENT)
		unlinkat(cache->directory, name, 0);
	return err;
}

struct cached_file {
	char name[NAME_SIZE];
	uint64_t size;
	struct timespec used;
};

typedef VEC(struct cached_file) cached_file_vec;

static bool has_suffix(const char *name)
{
	size_t length = strlen(name);

	return length < NAME_SIZE && length > strlen(SUFFIX) &&
	       !strcmp(name + length - strlen(SUFFIX), SUFFIX);
}

/* All files of ours in the folder, and what they take together. */
static uint64_t list_files(const struct unwind_cache *cache, cached_file_vec *files)
{
	int fd = openat(cache->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t total = 0;

	while (folder && (entry = readdir(folder))) {
		struct cached_file file;
		struct stat status;

		if (!has_suffix(entry->d_name) ||
			fstatat(cache->directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		strcpy(file.name, entry->d_name);
		file.size = status.st_size;
		file.used = status.st_mtim;
		if (vec_push(files, file))
			break;
		total += file.size;
	}
	if (folder)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
	return total;
}

static int compare_use(const void *left, const void *right)
{
	const struct cached_file *a = left, *b = right;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	return a->used.tv_nsec < b->used.tv_nsec ? -1 : a->used.tv_nsec > b->used.tv_nsec;
}

/* Deletes the least recently used files until @wanted more bytes fit. */
static void make_room(struct unwind_cache *cache, uint64_t wanted)
{
	cached_file_vec files = {0};

	if (cache->size_known && cache->size + wanted <= cache->limit)
		return;
	cache->size = list_files(cache, &files);
	cache->size_known = true;
	if (cache->size + wanted > cache->limit && files.size)
		qsort(files.data, files.size, sizeof(*files.data), compare_use);
	for (size_t i = 0; i < files.size && cache->size + wanted > cache->limit; i++) {
		unlinkat(cache->directory, files.data[i].name, 0);
		cache->size -= files.data[i].size;
	}
	vec_free(&files);
}

static int write_file(struct unwind_cache *cache, const char *name, const struct header *header,
	const struct unwind_table *table)
{
	char temporary[64];
	int fd, err;

	snprintf(temporary, sizeof(temporary), TEMPORARY "%d-%u", getpid(),
		cache->temporary_count++);
	fd = openat(cache->directory, temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, header, sizeof(*header));
	if (!err)
		err = write_all(fd, table->rows, table->row_count * sizeof(*table->rows));
	if (!err)
		err = write_all(fd, table->rare, table->rare_count * sizeof(*table->rare));
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(cache->directory, temporary, cache->directory, name))
		err = -errno;
	if (err)
		unlinkat(cache->directory, temporary, 0);
	return err;
}

int unwind_cache__store(struct unwind_cache *cache, const uint8_t *key, size_t size,
	const struct unwind_table *table)
{
	uint64_t file_size = sizeof(struct header) + unwind_table__size(table);
	struct header header = {
		.magic = MAGIC,
		.version = CACHE_VERSION,
		.machine = table->machine,
		.text_start = table->text_start,
		.text_end = table->text_end,
		.row_count = table->row_count,
		.rare_count = table->rare_count,
		.fdes = table->statistics.fdes,
		.malformed = table->statistics.malformed,
		.symbols_read = table->symbols.are_read,
		.symbols = {table->symbols.exit, table->symbols.libc_start_main,
			table->symbols.pthread_exit},
		.key_size = size,
	};
	char name[NAME_SIZE];
	int err;

	err = make_name(name, key, size);
	if (err)
		return err;
	if (file_size > cache->limit)
		return -EFBIG;
	memcpy(header.key, key, size);
	memcpy(header.defects, table->statistics.defects, sizeof(header.defects));
	/* Rows and rare rules lie side by side, as in the file. */
	header.hash = hash_file(&header, table->rows, file_size - sizeof(header));
	make_room(cache, file_size);
	err = write_file(cache, name, &header, table);
	if (!err)
		cache->size += file_size;
	return err;
}
