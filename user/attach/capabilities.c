/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/capabilities.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/confined.h"

static const struct capability list[] = {
	{CAP_BPF, "CAP_BPF", "load BPF programs", true},
	{CAP_PERFMON, "CAP_PERFMON", "attach them to probes and tracepoints", true},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "read other users' processes", true},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "mount tracefs, open /proc/PID/map_files", false},
	{CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", "lock memory before Linux 5.11", false},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read files of other users", false},
	{0, NULL, NULL, false},
};

const struct capability *capabilities__list(void)
{
	return list;
}

/* The effective capabilities of this process, one bit each; 0 where they cannot be read. */
static uint64_t read_effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

bool capabilities__has(const struct capability *capability)
{
	uint64_t set = read_effective();

	if (set >> capability->number & 1)
		return true;
	/* capabilities(7): CAP_SYS_ADMIN includes what was split off from it in Linux 5.8. */
	return (capability->number == CAP_BPF || capability->number == CAP_PERFMON) &&
	       set >> CAP_SYS_ADMIN & 1;
}

/* Whether this is the first user namespace: it maps all user IDs to themselves. */
static bool is_first_user_namespace(void)
{
	unsigned long first = 0, outside = 0, count = 0;
	FILE *file = fopen("/proc/self/uid_map", "re");
	int matched;

	if (!file)
		return true;
	matched = fscanf(file, "%lu %lu %lu", &first, &outside, &count);
	fclose(file);
	return matched != 3 || (first == 0 && outside == 0 && count == UINT32_MAX);
}

/* The capabilities are there, and yet bpf(2) says no: who forbids it? */
static int explain_refusal(int err, struct error *error)
{
	if (!is_first_user_namespace())
		return error__set(error, -EPERM,
			"bpf(2) is refused: capabilities in a user namespace do not count; run "
			"memtrace outside the namespace (a container: as the host's root, not "
			"rootless)");
	if (confined__has_filter(getpid()))
		return error__set(error, -EPERM,
			"bpf(2) is refused by the seccomp filter that memtrace runs under; run its "
			"container with --security-opt seccomp=unconfined");
	return error__set(error, -EPERM,
		"bpf(2) is refused (%s) although the capabilities are present: a security module "
		"forbids it, or this kernel has no BPF",
		strerror(-err));
}

int capabilities__check(struct error *error)
{
	char missing[128] = "";
	size_t used = 0;
	int fd;

	for (const struct capability *each = list; each->name; each++)
		if (each->is_required && !capabilities__has(each))
			used += snprintf(missing + used, sizeof(missing) - used, " %s", each->name);
	if (used)
		return error__set(error, -EPERM,
			"missing%s: run memtrace as root (sudo), or in a container with these "
			"capabilities",
			missing);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);
	if (fd < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS))
		return explain_refusal(-errno, error);
	if (fd >= 0)
		close(fd);
	return 0;
}

/* SYS_RESOURCE is for kernels that memtrace no longer supports; SYS_NICE for the thread that
 * attaches. */
static uint64_t used_capabilities(void)
{
	uint64_t used = 1ull << CAP_SYS_NICE;

	for (const struct capability *each = list; each->name; each++)
		if (each->number != CAP_SYS_RESOURCE)
			used |= 1ull << each->number;
	return used;
}

int capabilities__drop_others(struct error *error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	uint64_t used = used_capabilities();

	/* Without CAP_SETPCAP the bounding set stays, which nothing can then make use of. */
	for (int number = 0; number <= CAP_LAST_CAP; number++)
		if (!(used >> number & 1))
			prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data))
		return error__set(error, -errno, "cannot read memtrace's capabilities: %m");
	for (int i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(used >> 32 * i);
		data[i].permitted &= (uint32_t)(used >> 32 * i);
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error__set(error, -errno, "cannot give up capabilities: %m");
	return 0;
}

void capabilities__read_lockdown(char *out, size_t size)
{
	char line[128] = "", *begin, *end;
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	snprintf(out, size, "unknown");
	if (!file)
		return;
	/* "none [integrity] confidentiality": the one in brackets holds. */
	begin = fgets(line, sizeof(line), file) ? strchr(line, '[') : NULL;
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		snprintf(out, size, "%.*s", (int)(end - begin - 1), begin + 1);
	fclose(file);
}
