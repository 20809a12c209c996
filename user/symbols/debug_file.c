/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/debug_file.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "process/root.h"

static bool has_build_id(int fd, const char *hex)
{
	struct elf_file *file;
	const uint8_t *id;
	char digits[3];
	size_t size = 0;
	bool is_right;

	if (elf_file__open(fd, &file, NULL))
		return false;
	id = elf_file__build_id(file, &size, NULL);
	is_right = id && strlen(hex) == 2 * size;
	for (size_t i = 0; is_right && i < size; i++) {
		snprintf(digits, sizeof(digits), "%02x", id[i]);
		is_right = memcmp(digits, hex + 2 * i, 2) == 0;
	}
	elf_file__close(file);
	return is_right;
}

/* Opens a file whose build ID is the hexadecimal @id; -ENOENT otherwise. */
static int open_with_build_id(const char *path, const char *id)
{
	int fd = root__open_own(path);

	if (fd < 0)
		return -ENOENT;
	if (has_build_id(fd, id))
		return fd;
	close(fd);
	return -ENOENT;
}

static int open_by_build_id(const char *id, const debug_dirs *dirs)
{
	char path[PATH_MAX];
	int fd = -ENOENT;

	if (strlen(id) < 4)
		return -ENOENT;
	for (size_t i = 0; fd < 0 && i < dirs->size; i++) {
		snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", dirs->data[i], id,
			id + 2);
		fd = open_with_build_id(path, id);
	}
	return fd;
}

/* The name and the CRC in .gnu_debuglink: the CRC is the last word, behind padding. */
static const char *read_link(struct elf_file *file, uint32_t *crc)
{
	size_t size, name_size;
	const char *link =
		elf_file__section_bytes(file, elf_file__section(file, ".gnu_debuglink"), &size);

	if (!link || !(name_size = strnlen(link, size)) || name_size == size)
		return NULL;
	name_size = (name_size + 4) & ~(size_t)3;
	if (name_size + 4 > size || strchr(link, '/'))
		return NULL;
	memcpy(crc, link + name_size, 4);
	return link;
}

static uint32_t compute_crc(int fd)
{
	static const size_t chunk = 1 << 16;
	unsigned char *buffer = malloc(chunk);
	uint32_t crc = 0;
	off_t at = 0;
	ssize_t n;

	while (buffer && (n = pread(fd, buffer, chunk, at)) > 0) {
		crc = crc32(crc, buffer, n);
		at += n;
	}
	free(buffer);
	return crc;
}

static int open_with_crc(const char *path, uint32_t crc)
{
	int fd = root__open_own(path);

	if (fd < 0)
		return -ENOENT;
	if (compute_crc(fd) == crc)
		return fd;
	close(fd);
	return -ENOENT;
}

/* GDB's rule: beside the file, in .debug beside it, under the global directories. */
static int open_by_link(const struct module *module, struct elf_file *file, const debug_dirs *dirs)
{
	int directory = module->name - module->path, fd = -ENOENT;
	char path[PATH_MAX];
	uint32_t crc;
	const char *link = read_link(file, &crc);

	if (!link || module->path[0] != '/')
		return -ENOENT;
	for (size_t i = 0; fd < 0 && i < dirs->size; i++) {
		snprintf(path, sizeof(path), "%s%.*s%s", dirs->data[i], directory, module->path,
			link);
		fd = open_with_crc(path, crc);
	}
	/* Of a copy: beside the file is a file system that may not answer any more. */
	if (fd >= 0 || module->file_fd != module->fd)
		return fd;
	snprintf(path, sizeof(path), "%.*s%s", directory, module->path, link);
	fd = open_with_crc(path, crc);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%.*s.debug/%s", directory, module->path, link);
	return open_with_crc(path, crc);
}

int debug_file__open(const struct module *module, struct elf_file *file, const debug_dirs *dirs)
{
	int fd = open_by_build_id(module->build_id.hex, dirs);

	return fd >= 0 ? fd : open_by_link(module, file, dirs);
}

/* The path and the hexadecimal build ID in .gnu_debugaltlink: "PATH\0ID". */
static const char *read_alternate_link(struct elf_file *file, char id[2 * BUILD_ID_MAX_SIZE + 1])
{
	size_t size, path_size;
	const char *link =
		elf_file__section_bytes(file, elf_file__section(file, ".gnu_debugaltlink"), &size);

	if (!link)
		return NULL;
	path_size = strnlen(link, size) + 1;
	if (path_size >= size || size - path_size > BUILD_ID_MAX_SIZE)
		return "";
	for (size_t i = 0; i < size - path_size; i++)
		sprintf(id + 2 * i, "%02x", (unsigned char)link[path_size + i]);
	return link;
}

int debug_file__open_alternate(struct elf_file *file, const debug_dirs *dirs)
{
	char id[2 * BUILD_ID_MAX_SIZE + 1] = "", path[PATH_MAX];
	const char *link = read_alternate_link(file, id), *base;
	int fd = -ENOENT;

	if (!link)
		return 0;
	if (!*link)
		return -ENOENT;
	if (*link == '/' && (fd = open_with_build_id(link, id)) >= 0)
		return fd;
	/* Debian and Fedora keep them in DIR/.dwz, some in a directory of the architecture below.
	 */
	base = strstr(link, ".dwz/");
	for (size_t i = 0; base && fd < 0 && i < dirs->size; i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs->data[i], base);
		fd = open_with_build_id(path, id);
	}
	return fd >= 0 ? fd : open_by_build_id(id, dirs);
}

/* Runs `debuginfod-find debuginfo ID` with its output to @to. Returns its PID or -errno. */
static pid_t start_download(const char *id, int to)
{
	char *const arguments[] = {"debuginfod-find", "debuginfo", (char *)id, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	int error;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	interrupt__spawn_attributes(&attributes);
	error = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return error == ENOENT ? -ENOSYS : -error;
	return pid;
}

int debug_file__download(const struct build_id *build_id)
{
	char *path = NULL;
	size_t size = 0;
	int ends[2], fd;
	pid_t pid;

	if (!build_id->size || !getenv("DEBUGINFOD_URLS"))
		return -ENOENT;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = start_download(build_id->hex, ends[1]);
	close(ends[1]);
	if (pid > 0 && file__read_fd(ends[0], PATH_MAX, &path, &size) == 0)
		path[strcspn(path, "\n")] = '\0';
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	/* What was asked for by its ID must have it. */
	fd = pid < 0 ? pid : path && *path ? open_with_build_id(path, build_id->hex) : -ENOENT;
	free(path);
	return fd;
}
