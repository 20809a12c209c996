/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/links.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/closer.h"
#include "attach/tracefs.h"
#include "base/log.h"
#include "base/vec.h"

/* Not in user-space errno.h, but what uprobes answer for an instruction they cannot handle. */
#define KERNEL_ENOTSUPP 524

/* union bpf_attr, link_create with its uprobe_multi part, as of Linux 6.6. */
struct link_create_multi {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t padding;
};

#define UPROBE_MULTI_RETURN 1 /* BPF_F_UPROBE_MULTI_RETURN */

struct links {
	VEC(int) fds;
	int tracefs_fd; /* -1 until a tracepoint is looked up */
};

struct links *links__new(void)
{
	struct links *links = calloc(1, sizeof(*links));

	if (links)
		links->tracefs_fd = -1;
	return links;
}

void links__close(struct links *links, struct closer *closer)
{
	if (!links)
		return;
	closer__close(closer, links->fds.data, links->fds.size);
	if (links->tracefs_fd >= 0)
		close(links->tracefs_fd);
	vec_free(&links->fds);
	free(links);
}

void links__free(struct links *links)
{
	struct closer *closer = links ? closer__new() : NULL;

	if (closer)
		links__close(links, closer);
	closer__free(closer);
}

void links__prepare_program(struct bpf_program *program, enum link_kind kind)
{
	static const int types[LINK_KIND_COUNT] = {
		[LINK_SESSION] = ATTACH_TYPE_UPROBE_SESSION,
		[LINK_MULTI] = ATTACH_TYPE_UPROBE_MULTI,
		[LINK_PERF] = 0,
	};

	bpf_program__set_type(program, BPF_PROG_TYPE_KPROBE);
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)types[kind]);
}

static const char *kind_name(enum link_kind kind)
{
	static const char *const names[LINK_KIND_COUNT] = {
		[LINK_SESSION] = "uprobe session",
		[LINK_MULTI] = "uprobe multi",
		[LINK_PERF] = "perf-event uprobe",
	};

	return kind < LINK_KIND_COUNT ? names[kind] : "?";
}

/* Where the sites of one link are. */
struct multi_places {
	const unsigned long long *offsets;
	const unsigned long long *cookies;
	const unsigned long long *counters; /* probe_site.counter_offset; NULL: no site has one */
	size_t count;
};

static int create_multi(int program_fd, unsigned int attach_type, const char *path,
	const struct multi_places *places, pid_t pid, bool is_return)
{
	struct link_create_multi attr = {
		.prog_fd = program_fd,
		.attach_type = attach_type,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)places->offsets,
		.ref_ctr_offsets = (uintptr_t)places->counters,
		.cookies = (uintptr_t)places->cookies,
		.count = places->count,
		.multi_flags = is_return ? UPROBE_MULTI_RETURN : 0,
		.pid = pid,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

int links__create_multi(int program_fd, unsigned int attach_type, const char *path,
	const unsigned long long *offsets, const unsigned long long *cookies, size_t count,
	pid_t pid, bool is_return)
{
	struct multi_places places = {offsets, cookies, NULL, count};

	return create_multi(program_fd, attach_type, path, &places, pid, is_return);
}

/* A number in a file of sysfs, after a prefix such as "config:"; -errno if it is not there. */
static int read_sysfs_number(const char *path, const char *prefix)
{
	FILE *file = fopen(path, "re");
	char format[32];
	int value, matched;

	if (!file)
		return -errno;
	snprintf(format, sizeof(format), "%s%%d", prefix);
	matched = fscanf(file, format, &value);
	fclose(file);
	return matched == 1 ? value : -EINVAL;
}

/* The counter's offset is in the upper half of the configuration (kernel/events/core.c). */
#define PERF_UPROBE_COUNTER_SHIFT 32

static int open_perf_uprobe(const char *path, unsigned long long offset,
	unsigned long long counter_offset, pid_t pid, bool is_return)
{
	int type = read_sysfs_number("/sys/bus/event_source/devices/uprobe/type", "");
	int bit = read_sysfs_number(
		"/sys/bus/event_source/devices/uprobe/format/retprobe", "config:");
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = (is_return ? 1ull << (bit & 63) : 0) |
			  counter_offset << PERF_UPROBE_COUNTER_SHIFT,
		.config1 = (uintptr_t)path,
		.config2 = offset,
	};
	int fd;

	if (type < 0)
		return type;
	if (bit < 0)
		return bit;
	/* A uprobe fires on every CPU whichever is named; all processes need one named. */
	fd = syscall(
		SYS_perf_event_open, &attr, pid ? pid : -1, pid ? -1 : 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Links the program to the perf event, whose fd is taken over. The link's fd or -errno. */
static int link_event(int program_fd, int event_fd, unsigned long long cookie)
{
	union bpf_attr attr = {0};
	int fd;

	attr.link_create.prog_fd = program_fd;
	attr.link_create.target_fd = event_fd;
	attr.link_create.attach_type = ATTACH_TYPE_PERF_EVENT;
	attr.link_create.perf_event.bpf_cookie = cookie;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		fd = -errno;
	close(event_fd); /* the link holds the event */
	return fd;
}

int links__create_perf(int program_fd, const char *path, unsigned long long offset,
	unsigned long long cookie, pid_t pid, bool is_return)
{
	int event_fd = open_perf_uprobe(path, offset, 0, pid, is_return);

	return event_fd < 0 ? event_fd : link_event(program_fd, event_fd, cookie);
}

static int describe_error(
	const struct link_request *request, const char *where, int err, struct error *error)
{
	const char *file = request->file_name;

	switch (-err) {
	case EPERM:
	case EACCES:
		return error__set(error, err,
			"%s: the kernel does not let memtrace attach probes: run it as root%s",
			file,
			request->kind == LINK_PERF
				? ", or with CAP_SYS_ADMIN, which kernels before 6.6 require"
				: ", or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
	case ESRCH:
		return error__set(error, err, "process %d has exited", request->pid);
	case EINVAL:
		return error__set(error, err,
			"%s %s: the kernel refused the probe; if another tracer probes this place "
			"with its own reference counter (SDT semaphore), stop it first",
			file, where);
	case KERNEL_ENOTSUPP:
	case EOPNOTSUPP:
		return error__set(error, -EOPNOTSUPP,
			"%s %s: the kernel cannot probe the instruction there", file, where);
	case EIO:
		return error__set(error, err,
			"%s %s: its file system does not allow probes, or the file cannot be read",
			file, where);
	case EMFILE:
	case ENFILE:
		return error__set(error, err, "%s: too many open files", file);
	default:
		return error__set(error, err, "%s %s: cannot attach a %s: %s", file, where,
			kind_name(request->kind), strerror(-err));
	}
}

/* Errors that concern one place in the file, not the attempt as a whole. */
static bool is_about_site(int err)
{
	return err == -EINVAL || err == -KERNEL_ENOTSUPP || err == -EOPNOTSUPP || err == -EIO ||
	       err == -ENOEXEC;
}

static unsigned int attach_type(const struct link_request *request)
{
	return request->kind == LINK_SESSION ? ATTACH_TYPE_UPROBE_SESSION
					     : ATTACH_TYPE_UPROBE_MULTI;
}

static int create_one(
	const struct link_request *request, const char *path, const struct probe_site *site)
{
	unsigned long long offset = site->offset, cookie = site->cookie;
	unsigned long long counter = site->counter_offset;
	struct multi_places places = {&offset, &cookie, counter ? &counter : NULL, 1};
	int event_fd;

	if (request->kind != LINK_PERF)
		return create_multi(request->program_fd, attach_type(request), path, &places,
			request->pid, request->at_return);
	event_fd = open_perf_uprobe(path, offset, counter, request->pid, request->at_return);
	return event_fd < 0 ? event_fd : link_event(request->program_fd, event_fd, cookie);
}

static int create_all(const struct link_request *request, const char *path)
{
	size_t count = request->site_count;
	unsigned long long *offsets = calloc(3 * count, sizeof(*offsets));
	struct multi_places places = {offsets, offsets + count, NULL, count};
	int fd;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		offsets[i] = request->sites[i].offset;
		offsets[count + i] = request->sites[i].cookie;
		offsets[2 * count + i] = request->sites[i].counter_offset;
		if (request->sites[i].counter_offset)
			places.counters = offsets + 2 * count;
	}
	fd = create_multi(request->program_fd, attach_type(request), path, &places, request->pid,
		request->at_return);
	free(offsets);
	return fd;
}

/* Takes the link over; 0, or with @error set the error that @fd is or -ENOMEM. */
static int keep(struct links *links, int fd, struct error *error)
{
	if (!vec_push(&links->fds, fd))
		return 0;
	close(fd);
	return error__set(error, -ENOMEM, "no memory for the list of probes");
}

/* A link for a site, or where the kernel refuses that place, for the function's entry. */
static int create_somewhere(
	const struct link_request *request, const char *path, const struct probe_site *site)
{
	struct probe_site entry = *site;
	int fd = create_one(request, path, site), other;

	if (fd >= 0 || !is_about_site(fd) || site->entry_offset == site->offset)
		return fd;
	entry.offset = site->entry_offset;
	entry.cookie = site->entry_cookie;
	other = create_one(request, path, &entry);
	if (other < 0)
		return fd;
	log__debug("%s %s: refused by the kernel; probed at the function's entry instead",
		request->file_name, site->name);
	return other;
}

/*
 * One link per site: the only way for perf events, and the way round a site that is refused. What
 * this kernel can never probe is left out; what another tracer is in the way of is an error, as the
 * report would be wrong without it.
 */
static int attach_each(struct links *links, const struct link_request *request, const char *path,
	struct error *error)
{
	struct error refused = {0}, occupied = {0};
	size_t attached = 0;

	for (size_t i = 0; i < request->site_count; i++) {
		const struct probe_site *site = &request->sites[i];
		int fd = create_somewhere(request, path, site);

		if (fd >= 0) {
			if (keep(links, fd, error))
				return -ENOMEM;
			attached++;
			continue;
		}
		describe_error(request, site->name, fd, &refused);
		if (!is_about_site(fd))
			return error__set(error, refused.code, "%s", refused.message);
		if (fd == -EINVAL)
			occupied = refused;
		else
			log__warn("%s; its calls are not traced", refused.message);
	}
	if (occupied.code)
		refused = occupied;
	return attached && !occupied.code ? 0
					  : error__set(error, refused.code, "%s", refused.message);
}

int links__attach(struct links *links, const struct link_request *request, struct error *error)
{
	char path[64];
	int fd;

	if (!request->site_count)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", request->file_fd);
	if (request->kind == LINK_PERF)
		return attach_each(links, request, path, error);
	fd = create_all(request, path);
	if (fd >= 0)
		return keep(links, fd, error);
	if (!is_about_site(fd))
		return describe_error(request, request->sites[0].name, fd, error);
	return attach_each(links, request, path, error);
}

int links__keep_in_place(
	struct links *links, const struct link_request *request, struct error *error)
{
	char path[64];
	int err = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", request->file_fd);
	for (size_t i = 0; i < request->site_count && !err; i++) {
		const struct probe_site *site = &request->sites[i];
		int fd = open_perf_uprobe(
			path, site->offset, site->counter_offset, request->pid, false);

		if (is_about_site(fd))
			fd = open_perf_uprobe(path, site->entry_offset, site->counter_offset,
				request->pid, false);
		if (fd >= 0)
			err = keep(links, fd, error);
		else if (!is_about_site(fd))
			err = describe_error(request, site->name, fd, error);
	}
	return err;
}

int links__attach_btf_tracepoint(
	struct links *links, const struct bpf_program *program, struct error *error)
{
	union bpf_attr attr = {0};
	int fd;

	/* The tracepoint is the one that the program was loaded for: no name is passed. */
	attr.raw_tracepoint.prog_fd = bpf_program__fd(program);
	fd = syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
	if (fd < 0)
		return error__set(error, -errno, "cannot attach to tracepoint %s: %s",
			bpf_program__section_name(program), strerror(errno));
	return keep(links, fd, error);
}

/* The event of a tracepoint, in all processes on all CPUs (a BPF program sees every hit). */
static int open_tracepoint(int id)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_TRACEPOINT,
		.config = id,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int find_tracepoint(
	struct links *links, const char *category, const char *name, struct error *error)
{
	if (links->tracefs_fd < 0)
		links->tracefs_fd = tracefs__open(error);
	if (links->tracefs_fd < 0)
		return links->tracefs_fd;
	return tracefs__event_id(links->tracefs_fd, category, name, error);
}

bool links__has_tracepoints(struct links *links)
{
	int id = find_tracepoint(links, "syscalls", "sys_exit_brk", NULL);
	int fd = id < 0 ? id : open_tracepoint(id);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int links__attach_tracepoint(struct links *links, const struct bpf_program *program,
	const char *category, const char *name, struct error *error)
{
	int id = find_tracepoint(links, category, name, error), event_fd, fd;

	if (id < 0)
		return id;
	event_fd = open_tracepoint(id);
	fd = event_fd < 0 ? event_fd : link_event(bpf_program__fd(program), event_fd, 0);
	if (fd < 0)
		return error__set(error, fd, "cannot attach to tracepoint %s:%s: %s", category,
			name, strerror(-fd));
	return keep(links, fd, error);
}
