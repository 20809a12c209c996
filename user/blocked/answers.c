/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/answers.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "blocked/kernel_facts.h"
#include "locks/layouts.h"
#include "probe/passed_by.h"

static int read_memory(void *context, pid_t pid, uint64_t address, void *data, size_t size)
{
	return subject__read(pid, address, data, size);
}

/* A lock in memory of a file or shared memory, which has no symbols: "name+offset". */
static bool name_shared_memory(
	const struct subject *subject, uint64_t address, char *name, size_t size)
{
	const struct mapping *mapping = maps__find(subject__maps(subject), address);
	const char *path = "shared memory";
	uint64_t offset;

	if (!mapping || !mapping->shared)
		return false;
	if (mapping->path[0] && strcmp(mapping->path, "/dev/zero"))
		path = text__base_name(mapping->path);
	offset = mapping__file_offset(mapping, address);
	if (!offset)
		snprintf(name, size, "%s", path);
	else
		snprintf(name, size, "%.*s+%llu", (int)size - 24, path, (unsigned long long)offset);
	text__make_printable(name);
	return true;
}

static bool name_variable(
	void *context, pid_t pid, uint64_t address, char *name, char *module, size_t size)
{
	struct subject *subject = subjects__find(context, pid);

	return subject && (subject__variable(subject, address, name, module, size) ||
				  name_shared_memory(subject, address, name, size));
}

static uint64_t find_variable(void *context, pid_t pid, const char *module, const char *name)
{
	struct subject *subject = subjects__find(context, pid);

	return subject ? subject__find_variable(subject, module, name) : 0;
}

static const char *name_called(void *context, pid_t pid, uint64_t return_address)
{
	struct subject *subject = subjects__find(context, pid);

	return subject ? subject__called(subject, return_address) : NULL;
}

static bool find_shared_key(void *context, pid_t pid, uint64_t address, struct lock_key *key)
{
	struct subject *subject = subjects__find(context, pid);
	const struct mapping *mapping =
		subject ? maps__find(subject__maps(subject), address) : NULL;

	if (!mapping || !mapping->shared)
		return false;
	*key = (struct lock_key){
		.space = (uint64_t)mapping->dev_major << 32 | mapping->dev_minor,
		.inode = mapping->inode,
		.offset = mapping__file_offset(mapping, address),
	};
	return true;
}

/* Whether the glibc FILE at @file has its lock at @lock. */
static bool has_lock(pid_t pid, uint64_t file, uint64_t lock)
{
	uint64_t pointer;

	return file && !subject__read(pid, file + FILE_LOCK_OFFSET, &pointer, sizeof(pointer)) &&
	       pointer == lock;
}

/* Whether @stream ("stdout") of the C library at hand is the FILE whose lock is at @lock. */
static bool is_standard(
	struct subject *subject, pid_t pid, const char *stream, bool musl, uint64_t lock)
{
	char variable[32];
	uint64_t address, file;

	snprintf(variable, sizeof(variable), musl ? "%s" : "_IO_2_1_%s_", stream);
	address = subject__libc_variable(subject, variable);
	if (!musl)
		return has_lock(pid, address, lock);
	return address && !subject__read(pid, address, &file, sizeof(file)) &&
	       file == lock - MUSL_FILE_LOCK_OFFSET;
}

/* fopen puts the lock right behind the FILE and its table of functions (iofopen.c, locked_FILE). */
#define LOCK_BEHIND_FILE 0xe0

/* Where the descriptor of the FILE with that lock is; 0: not known. */
static uint64_t find_descriptor(pid_t pid, bool musl, uint64_t lock)
{
	if (musl)
		return lock - MUSL_FILE_LOCK_OFFSET + MUSL_FILE_FD_OFFSET;
	if (!has_lock(pid, lock - LOCK_BEHIND_FILE, lock))
		return 0;
	return lock - LOCK_BEHIND_FILE + FILE_FILENO_OFFSET;
}

static bool name_stream(void *context, pid_t pid, uint64_t lock, char *name, size_t size)
{
	static const char *const standard[] = {"stdin", "stdout", "stderr"};
	struct subject *subject = subjects__find(context, pid);
	char path[64], target[128];
	uint64_t descriptor;
	ssize_t length;
	int32_t fd;
	bool musl;
	int minor;

	if (!subject)
		return false;
	musl = subject__libc(subject, &minor) == LIBC_MUSL;
	for (size_t i = 0; i < 3; i++) {
		if (!is_standard(subject, pid, standard[i], musl, lock))
			continue;
		snprintf(name, size, "%s", standard[i]);
		return true;
	}
	descriptor = find_descriptor(pid, musl, lock);
	if (!descriptor || subject__read(pid, descriptor, &fd, sizeof(fd)))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	text__make_printable(target);
	snprintf(name, size, "stream of fd %d%s%s", (int)fd, length > 0 ? " " : "", target);
	return true;
}

static bool find_python_lock(
	void *context, const struct lock_thread *thread, uint64_t uaddr, struct lock_python *out)
{
	struct subject *subject = subjects__find(context, thread->pid);
	const struct subject_python *python = subject ? subject__python(subject) : NULL;

	return python && subject_python__lock(python, thread, uaddr, out);
}

static bool find_kernel_wait(
	void *context, const struct lock_thread *thread, struct kernel_wait *out)
{
	return kernel_facts__find(subjects__kernel_facts(context), thread, out);
}

static bool is_passed_by(
	void *context, const uint8_t *code, size_t size, uint64_t address, uint64_t place)
{
	(void)context;
	return code__passed_by(EM_X86_64, code, size, address, place);
}

struct lock_memory answers__of(struct subjects *subjects)
{
	return (struct lock_memory){subjects, read_memory, name_variable, name_stream,
		find_shared_key, find_variable, name_called, is_passed_by, find_python_lock,
		find_kernel_wait};
}
