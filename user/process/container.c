/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/container.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* A line for each of some 15 hierarchies, with a path of at most 4096. */
#define CGROUP_LIMIT (128u << 10)
#define ID_LENGTH (CONTAINER_ID_SIZE - 1)
#define UID_LENGTH (CONTAINER_POD_SIZE - 1)

/* What stands before the ID in a cgroup's name; the empty one is tried last. */
static const struct {
	const char *prefix;
	const char *runtime;
} prefixes[] = {
	{"docker-", "docker"},
	{"libpod-", "podman"},
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"crio-", "cri-o"},
	{"", ""},
};

static bool is_id(const char *text, size_t length)
{
	if (length != ID_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

/* A cgroup's name that is that of a container. */
static bool take_id(const char *name, size_t length, struct container *out)
{
	static const char scope[] = ".scope";

	if (length > strlen(scope) && !memcmp(name + length - strlen(scope), scope, strlen(scope)))
		length -= strlen(scope);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t prefix = strlen(prefixes[i].prefix);

		if (length < prefix || memcmp(name, prefixes[i].prefix, prefix) ||
			!is_id(name + prefix, length - prefix))
			continue;
		memcpy(out->id, name + prefix, ID_LENGTH);
		out->id[ID_LENGTH] = '\0';
		out->runtime = prefixes[i].runtime;
		return true;
	}
	return false;
}

/* "podUID" or "kubepods-besteffort-podUID.slice". */
static void take_pod(const char *name, size_t length, struct container *out)
{
	for (size_t i = 0; i + 3 + UID_LENGTH <= length; i++) {
		bool is_uid = !memcmp(name + i, "pod", 3) && (!i || name[i - 1] == '-');

		for (size_t k = 0; k < UID_LENGTH && is_uid; k++) {
			char c = name[i + 3 + k];

			is_uid = k == 8 || k == 13 || k == 18 || k == 23
					 ? c == '-' || c == '_'
					 : isxdigit((unsigned char)c);
			out->pod[k] = c == '_' ? '-' : c;
		}
		out->pod[is_uid ? UID_LENGTH : 0] = '\0';
		if (is_uid)
			return;
	}
}

/* The innermost container of a path: containers may hold others. */
static bool parse_path(const char *path, size_t length, struct container *out)
{
	bool found = false;

	for (size_t at = 0; at < length;) {
		size_t end = at;

		while (end < length && path[end] != '/')
			end++;
		if (take_id(path + at, end - at, out))
			found = true;
		else
			take_pod(path + at, end - at, out);
		at = end + 1;
	}
	/* What containerd names by the ID alone is below kubelet's or docker's folder. */
	if (found && !*out->runtime)
		out->runtime = memmem(path, length, "/docker/", 8) ? "docker"
			       : *out->pod			   ? "containerd"
								   : "";
	return found;
}

void container__parse(const char *cgroups, struct container *out)
{
	*out = (struct container){.runtime = ""};
	while (*cgroups) {
		size_t length = strcspn(cgroups, "\n");
		const char *path = memchr(cgroups, ':', length);

		/* "5:memory:/path", "0::/path" */
		path = path ? memchr(path + 1, ':', cgroups + length - path - 1) : NULL;
		if (path && parse_path(path + 1, cgroups + length - path - 1, out))
			return;
		cgroups += length + (cgroups[length] == '\n');
	}
	*out = (struct container){.runtime = ""};
}

int container__of(pid_t pid, struct container *out)
{
	char path[40], *text;
	size_t size;
	int err;

	*out = (struct container){.runtime = ""};
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	err = file__read(path, CGROUP_LIMIT, &text, &size);
	if (err)
		return err;
	container__parse(text, out);
	free(text);
	return 0;
}

bool container__matches(const struct container *container, const char *prefix)
{
	size_t length = strlen(prefix);

	return *container->id && length <= ID_LENGTH && !strncasecmp(container->id, prefix, length);
}

bool container__is_prefix(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return length >= CONTAINER_LEAST_PREFIX && length <= ID_LENGTH;
}
