/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which container a process is in, by the names of its cgroups, /proc/PID/cgroup (cgroups(7)):
 *those of version 1, 2, or both.
 *
 *	docker		/docker/ID				/system.slice/docker-ID.scope
 *	podman		/libpod_parent/libpod-ID
 *	/machine.slice/libpod-ID.scope/container containerd	/kubepods/burstable/podUID/ID
 *.../cri-containerd-ID.scope CRI-O		/kubepods/burstable/podUID/crio-ID
 *.../crio-ID.scope
 *
 * and, with systemd, kubelet's .../kubepods-burstable-podUID.slice/..., whose UID has underscores.
 *An ID has 64 hexadecimal digits. A monitor beside a container (conmon) is not in it.
 */
#ifndef MEMTRACE_PROCESS_CONTAINER_H
#define MEMTRACE_PROCESS_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTAINER_ID_SIZE 65
#define CONTAINER_POD_SIZE 37
/* Prefixes of an ID that are shorter than this would name any of them. */
#define CONTAINER_LEAST_PREFIX 4

struct container {
	char id[CONTAINER_ID_SIZE];   /* "": in none that is known */
	const char *runtime;	      /* "docker", "podman", "containerd", "cri-o"; "" unknown */
	char pod[CONTAINER_POD_SIZE]; /* UID of the Kubernetes pod; "" */
};

/* Takes the text of a /proc/PID/cgroup apart. */
void container__parse(const char *cgroups, struct container *out);

/* That of @pid. 0, also where it is in none, or a negative errno: the process is gone. */
int container__of(pid_t pid, struct container *out);

/* Whether @prefix is how the container's ID begins. */
bool container__matches(const struct container *container, const char *prefix);

/* Whether @text can be such a prefix. */
bool container__is_prefix(const char *text);

#endif
