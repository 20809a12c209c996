/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/module.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "process/image.h"
#include "process/memory.h"
#include "process/mounts.h"
#include "process/remote_file.h"
#include "process/root.h"
#include "process/threads.h"

/* The vDSO has 2 pages on x86-64, at most a few elsewhere. */
#define MAX_VDSO_BYTES (1u << 20)
/* "/proc/PID/map_files/START-END" */
#define MAP_FILE_SIZE 96
/* What did not answer is asked again so much later: a dead server would take each time the limit.
 */
#define SILENCE_NS 60000000000ull

struct file_key {
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t inode;
};

static uint64_t hash_file_key(struct file_key key)
{
	return hash_combine(hash_mix(key.inode), (uint64_t)key.dev_major << 32 | key.dev_minor);
}

static bool is_same_key(struct file_key a, struct file_key b)
{
	return a.inode == b.inode && a.dev_major == b.dev_major && a.dev_minor == b.dev_minor;
}

DEFINE_HASH(known_modules, struct file_key, struct known_module *, hash_file_key, is_same_key);

/* A module and what tells that its file was rewritten in place since. */
struct known_module {
	struct module module;
	struct timespec modified;
	off_t size;
};

/* A file system that did not answer. */
struct silent_device {
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t until_ns;
};

struct modules {
	pthread_mutex_t lock;
	VEC(struct known_module *) all; /* by id - 1 */
	struct known_modules by_file;	/* the newest of each file */
	VEC(struct silent_device) silent;
	VEC(pid_t) helpers; /* of remote_file.h, that could not end */
};

struct modules *modules__new(void)
{
	struct modules *modules = calloc(1, sizeof(*modules));

	if (modules)
		pthread_mutex_init(&modules->lock, NULL);
	return modules;
}

static void free_entry(struct known_module *entry)
{
	if (!entry)
		return;
	if (entry->module.file_fd >= 0 && entry->module.file_fd != entry->module.fd)
		close(entry->module.file_fd);
	if (entry->module.fd >= 0)
		close(entry->module.fd);
	free(entry->module.path);
	free(entry->module.segments);
	free(entry);
}

static void reap_helpers(struct modules *modules)
{
	size_t kept = 0;

	vec_for_each (helper, &modules->helpers)
		if (waitpid(*helper, NULL, WNOHANG) == 0)
			modules->helpers.data[kept++] = *helper;
	modules->helpers.size = kept;
}

void modules__free(struct modules *modules)
{
	if (!modules)
		return;
	vec_for_each (entry, &modules->all)
		free_entry(*entry);
	vec_free(&modules->all);
	known_modules__free(&modules->by_file);
	reap_helpers(modules);
	vec_free(&modules->helpers);
	vec_free(&modules->silent);
	pthread_mutex_destroy(&modules->lock);
	free(modules);
}

/* Where the very file that is mapped is found, whatever its name names now. */
static void name_mapped_file(pid_t pid, const struct mapping *m, char path[MAP_FILE_SIZE])
{
	snprintf(path, MAP_FILE_SIZE, "/proc/%d/map_files/%llx-%llx", threads__shown(pid),
		(unsigned long long)m->start, (unsigned long long)m->end);
}

/* Needs CAP_CHECKPOINT_RESTORE. */
static int open_mapped_file(pid_t pid, const struct mapping *m)
{
	char path[MAP_FILE_SIZE];

	name_mapped_file(pid, m, path);
	return root__reopen(open(path, O_PATH | O_CLOEXEC));
}

/*
 * The file that has the mapping's path in the target's root; its inode must be the mapped one. The
 * target may have put something else there that keeps waiting whoever looks at it.
 */
static int open_by_path(pid_t pid, const struct mapping *m)
{
	struct stat status;
	int fd;

	if (m->path[0] != '/')
		return -ENOEXEC;
	fd = root__find_cached(pid, m->path);
	if (fd < 0)
		return fd;
	if (!mounts__is_local_fd(pid, fd)) {
		close(fd);
		return -ESTALE;
	}
	fd = root__reopen(fd);
	if (fd >= 0 && (fstat(fd, &status) || status.st_ino != m->inode)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int open_file(pid_t pid, const struct mapping *m, struct error *error)
{
	int fd = open_mapped_file(pid, m), err;

	if (fd >= 0)
		return fd;
	if (fd == -ENOEXEC)
		return error__set(error, fd, "%s is not a regular file", m->path);
	err = fd;
	fd = open_by_path(pid, m);
	if (fd >= 0)
		return fd;
	if (fd == -ESTALE)
		return error__set(error, fd,
			"%s was replaced since process %d mapped it, and the old file cannot be "
			"opened: run memtrace as root",
			m->path, pid);
	return error__set(
		error, err, "cannot open %s of process %d: %s", m->path, pid, strerror(-err));
}

/* Copies the vDSO of @pid into a memfd, so that it is a file like any other. */
static int copy_vdso(pid_t pid, const struct mapping *m, struct error *error)
{
	size_t size = m->end - m->start;
	char *image = NULL;
	ssize_t got;
	int fd = -ENOEXEC;

	if (size > MAX_VDSO_BYTES)
		return error__set(error, fd, "the vDSO of process %d is too large", pid);
	image = malloc(size);
	if (!image)
		return error__set(error, -ENOMEM, "out of memory");
	got = memory__read(pid, m->start, image, size);
	fd = got < 0 ? (int)got : memfd_create("memtrace-vdso", MFD_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	if (fd >= 0 && write(fd, image, got) != got) {
		close(fd);
		fd = -EIO;
	}
	free(image);
	return fd < 0 ? error__set(error, fd, "cannot copy the vDSO of process %d: %s", pid,
				strerror(-fd))
		      : fd;
}

static void set_text_range(struct module *module)
{
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct module_segment *s = &module->segments[i];

		if (!s->executable || !s->memory_size)
			continue;
		if (!module->text_end || s->vaddr < module->text_start)
			module->text_start = s->vaddr;
		if (s->vaddr + s->memory_size > module->text_end)
			module->text_end = s->vaddr + s->memory_size;
	}
}

/* Fills an entry for the open file @fd, which it takes over, also on failure. */
static struct known_module *new_entry(
	int fd, const char *path, struct image *image, struct error *error)
{
	struct known_module *entry = calloc(1, sizeof(*entry));
	struct stat status;
	int err;

	if (!entry) {
		close(fd);
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	entry->module.fd = entry->module.file_fd = fd;
	err = fstat(fd, &status) ? -errno : image__read(fd, image);
	entry->module.segments = image->segments;
	entry->module.path = strdup(path);
	if (err || !entry->module.path) {
		error__set(error, err ? err : -ENOMEM, "cannot use %s: %s", path,
			err == -ENOEXEC ? "no 64-bit ELF file" : strerror(-err));
		free_entry(entry);
		return NULL;
	}
	entry->module.name = text__base_name(entry->module.path);
	entry->module.elf_type = image->elf_type;
	entry->module.elf_machine = image->elf_machine;
	entry->module.segment_count = image->segment_count;
	entry->module.build_id = image->build_id;
	entry->modified = status.st_mtim;
	entry->size = status.st_size;
	set_text_range(&entry->module);
	return entry;
}

/* Whether what @pid has mapped carries another build ID than the file that was opened. */
static bool is_other_file(
	pid_t pid, const struct mapping *m, const struct module *module, const struct image *image)
{
	uint8_t note[16 + BUILD_ID_MAX_SIZE];
	uint64_t bias;
	ssize_t got;

	if (!module->build_id.size || !module__bias(module, m, &bias))
		return false;
	got = memory__read(pid, image->build_id_vaddr + bias, note, 16 + module->build_id.size);
	return got > 0 && image__note_differs(&module->build_id, note, got);
}

/* Gives the entry its id and its owner; NULL (and the entry freed) where memory is short. */
static struct module *adopt(
	struct modules *modules, struct known_module *entry, struct error *error)
{
	struct module *m = &entry->module;
	struct file_key key = {m->dev_major, m->dev_minor, m->inode};
	struct known_module **slot = known_modules__insert(&modules->by_file, key);

	if (!slot || vec_push(&modules->all, entry)) {
		if (slot)
			known_modules__remove(&modules->by_file, key, NULL);
		free_entry(entry);
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	m->id = modules->all.size;
	*slot = entry;
	return m;
}

static bool is_silent(struct modules *modules, const struct mapping *m)
{
	uint64_t now = clock__now_ns();

	vec_for_each (device, &modules->silent)
		if (device->dev_major == m->dev_major && device->dev_minor == m->dev_minor)
			return now < device->until_ns;
	return false;
}

static void note_silence(struct modules *modules, pid_t pid, const struct mapping *m)
{
	struct silent_device silent = {m->dev_major, m->dev_minor, clock__now_ns() + SILENCE_NS};

	log__warn("the file system that holds %s of process %d does not answer: its files' "
		  "functions stay unnamed",
		m->path, pid);
	vec_for_each (device, &modules->silent) {
		if (device->dev_major == m->dev_major && device->dev_minor == m->dev_minor) {
			*device = silent;
			return;
		}
	}
	vec_push(&modules->silent, silent);
}

static struct known_module *fetch_entry(struct modules *modules, pid_t pid, const struct mapping *m,
	struct image *image, struct error *error)
{
	struct remote_file remote = {0};
	char path[MAP_FILE_SIZE];
	struct known_module *entry;
	int err = -ETIMEDOUT;

	reap_helpers(modules);
	name_mapped_file(pid, m, path);
	if (!is_silent(modules, m)) {
		err = remote_file__fetch(path, &remote);
		if (remote.helper)
			vec_push(&modules->helpers, remote.helper);
		if (err == -ETIMEDOUT)
			note_silence(modules, pid, m);
	}
	if (err) {
		error__set(error, err, "cannot fetch %s of process %d: %s", m->path, pid,
			strerror(-err));
		return NULL;
	}
	entry = new_entry(remote.copy, m->path, image, error);
	if (entry)
		entry->module.file_fd = remote.file;
	else
		close(remote.file);
	return entry;
}

static struct known_module *open_entry(struct modules *modules, pid_t pid,
	const struct mapping *mapping, struct image *image, struct error *error)
{
	int fd;

	if (!mounts__is_local(pid, mapping))
		return fetch_entry(modules, pid, mapping, image, error);
	fd = open_file(pid, mapping, error);
	return fd < 0 ? NULL : new_entry(fd, mapping->path, image, error);
}

static struct module *open_module(
	struct modules *modules, pid_t pid, const struct mapping *mapping, struct error *error)
{
	struct image image = {0};
	struct known_module *entry = open_entry(modules, pid, mapping, &image, error);

	if (!entry)
		return NULL;
	/* A copy is of the very file, and to look at its pages may be a question to its server. */
	if (entry->module.file_fd == entry->module.fd &&
		is_other_file(pid, mapping, &entry->module, &image)) {
		error__set(error, -ESTALE, "%s is not the file that process %d has mapped",
			mapping->path, pid);
		free_entry(entry);
		return NULL;
	}
	entry->module.inode = mapping->inode;
	entry->module.dev_major = mapping->dev_major;
	entry->module.dev_minor = mapping->dev_minor;
	return adopt(modules, entry, error);
}

static bool is_same_content(int a, int b, size_t size)
{
	char *bytes = malloc(2 * size);
	bool same = bytes && pread(a, bytes, size, 0) == (ssize_t)size &&
		    pread(b, bytes + size, size, 0) == (ssize_t)size &&
		    memcmp(bytes, bytes + size, size) == 0;

	free(bytes);
	return same;
}

/* Two vDSOs are one where their bytes are: a process can write to its own. */
static struct module *find_vdso(struct modules *modules, const struct known_module *like)
{
	vec_for_each (entry, &modules->all) {
		struct module *m = &(*entry)->module;

		if (m->is_vdso && (*entry)->size == like->size &&
			is_same_content(m->fd, like->module.fd, like->size))
			return m;
	}
	return NULL;
}

static struct module *open_vdso(
	struct modules *modules, pid_t pid, const struct mapping *mapping, struct error *error)
{
	struct image image = {0};
	struct known_module *entry;
	struct module *known;
	int fd = copy_vdso(pid, mapping, error);

	if (fd < 0)
		return NULL;
	entry = new_entry(fd, mapping->path, &image, error);
	if (!entry)
		return NULL;
	known = find_vdso(modules, entry);
	if (known) {
		free_entry(entry);
		return known;
	}
	entry->module.is_vdso = true;
	/* No file has inode 0 on device 0:0, so the number of vDSOs makes a key of its own. */
	entry->module.dev_minor = modules->all.size;
	return adopt(modules, entry, error);
}

/* A known module of the same file, unless that was written to since. */
static struct module *find_known(struct modules *modules, struct file_key key)
{
	struct known_module **entry = known_modules__find(&modules->by_file, key);
	struct stat status;

	if (!entry || fstat((*entry)->module.fd, &status))
		return NULL;
	if (status.st_size != (*entry)->size ||
		memcmp(&status.st_mtim, &(*entry)->modified, sizeof(status.st_mtim)) != 0)
		return NULL;
	return &(*entry)->module;
}

struct module *modules__get(
	struct modules *modules, pid_t pid, const struct mapping *mapping, struct error *error)
{
	struct file_key key = {mapping->dev_major, mapping->dev_minor, mapping->inode};
	struct module *module = NULL;

	if (!mapping->inode && !mapping__is_vdso(mapping)) {
		error__set(error, -ENOEXEC, "no file is mapped at %#llx",
			(unsigned long long)mapping->start);
		return NULL;
	}
	pthread_mutex_lock(&modules->lock);
	if (mapping__is_vdso(mapping))
		module = open_vdso(modules, pid, mapping, error);
	else
		module = find_known(modules, key);
	if (!module && mapping->inode)
		module = open_module(modules, pid, mapping, error);
	pthread_mutex_unlock(&modules->lock);
	return module;
}

struct module *modules__add_file(
	struct modules *modules, int fd, const char *path, struct error *error)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct module *module = NULL;
	struct image image = {0};
	struct known_module *entry;
	struct stat status;

	if (own < 0 || fstat(own, &status)) {
		error__set(error, -errno, "cannot use %s: %s", path, strerror(errno));
		return NULL;
	}
	pthread_mutex_lock(&modules->lock);
	module = find_known(modules,
		(struct file_key){major(status.st_dev), minor(status.st_dev), status.st_ino});
	if (module) {
		close(own);
	} else if ((entry = new_entry(own, path, &image, error))) {
		entry->module.inode = status.st_ino;
		entry->module.dev_major = major(status.st_dev);
		entry->module.dev_minor = minor(status.st_dev);
		module = adopt(modules, entry, error);
	}
	pthread_mutex_unlock(&modules->lock);
	return module;
}

struct module *modules__find_file(
	struct modules *modules, uint32_t dev_major, uint32_t dev_minor, uint64_t inode)
{
	struct module *module;

	pthread_mutex_lock(&modules->lock);
	module = find_known(modules, (struct file_key){dev_major, dev_minor, inode});
	pthread_mutex_unlock(&modules->lock);
	return module;
}

struct module *modules__find(struct modules *modules, uint32_t id)
{
	struct module *module = NULL;

	pthread_mutex_lock(&modules->lock);
	if (id && id <= modules->all.size)
		module = &modules->all.data[id - 1]->module;
	pthread_mutex_unlock(&modules->lock);
	return module;
}

size_t modules__count(struct modules *modules)
{
	size_t count;

	pthread_mutex_lock(&modules->lock);
	count = modules->all.size;
	pthread_mutex_unlock(&modules->lock);
	return count;
}
