/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/named_allocators.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Splits FILE[:PREFIX]: @path gets the file, the result is the prefix, "" if there is none. */
static const char *split(const char *spec, char path[PATH_MAX])
{
	const char *colon = strrchr(spec, ':');

	snprintf(path, PATH_MAX, "%.*s", (int)(colon ? colon - spec : (long)strlen(spec)), spec);
	return colon ? colon + 1 : "";
}

int named_allocators__check_plan(
	const struct probe_plan *plan, const char *path, const char *prefix, struct error *error)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT && plan__has_allocator(plan); i++)
		vec_for_each (site, &plan->sites[i])
			if (i != PROBE_PROGRAM_LOADER &&
				strncmp(site->name, prefix, strlen(prefix)) == 0)
				return 0;
	return error__set(error, -ENOENT,
		*prefix ? "--allocator: %s defines no allocation functions that begin with '%s'"
			: "--allocator: %s defines no allocation functions under their usual names "
			  "(give their prefix: FILE:PREFIX)",
		path, prefix);
}

static int check_file(const char *path, int fd, const char *prefix, struct error *error)
{
	struct plan_options options = {.all_symbols = true, .prefix = *prefix ? prefix : NULL};
	struct probe_plan plan;
	int err = plan__make(&plan, fd, &options, error);

	if (err)
		error__prefix(error, "--allocator %s", path);
	else
		err = named_allocators__check_plan(&plan, path, prefix, error);
	plan__free(&plan);
	return err;
}

int named_allocators__check(const char *spec, struct error *error)
{
	char path[PATH_MAX];
	const char *prefix = split(spec, path);
	int fd, err;

	if (!*path)
		return error__set(
			error, -EINVAL, "--allocator FILE[:PREFIX]: '%s' names no file", spec);
	if (!strchr(path, '/'))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return error__set(error, -errno, "--allocator %s: %m", path);
	err = check_file(path, fd, prefix, error);
	close(fd);
	return err;
}

/* Whether the path ends so, after a slash or as a whole. */
static bool ends_in(const char *path, const char *end)
{
	size_t length = strlen(end), path_length = strlen(path);

	if (!length || length > path_length || strcmp(path + path_length - length, end) != 0)
		return false;
	return length == path_length || *end == '/' || path[path_length - length - 1] == '/';
}

static bool leads_to(const char *path, const struct module *module)
{
	struct file_identity wanted, found;

	return strchr(path, '/') && !file__identify(path, &wanted) &&
	       !file__identify_fd(module->file_fd, &found) && file__is_same(&wanted, &found);
}

int named_allocators__find(const char *const *specs, size_t count, const struct module *module,
	char prefix[ALLOCATOR_PREFIX_SIZE])
{
	char path[PATH_MAX];

	for (size_t i = 0; i < count; i++) {
		const char *behind = split(specs[i], path);

		if (!ends_in(module->path, path) && !leads_to(path, module))
			continue;
		snprintf(prefix, ALLOCATOR_PREFIX_SIZE, "%s", behind);
		return i;
	}
	return -1;
}
