/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * bench_empty_locks LIBRARY PID [entry|deadlock]: attaches programs that do nothing where memtrace
 * order would attach its own to pthread_mutex_lock and pthread_mutex_unlock in LIBRARY as PID uses
 * it; with `entry`, to the functions' first instructions; with `deadlock`, there, and programs that
 * do what tools do that keep all in maps (deadlock.bpf.c). Says "attached", and detaches at the end
 * of its standard input.
 */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/features.h"
#include "attach/links.h"
#include "deadlock.skel.h"
#include "empty.skel.h"
#include "probe/lock_plan.h"

static int find_site(const struct probe_plan *plan, enum probe_program program, const char *name,
	bool at_entry, struct probe_site *out)
{
	vec_for_each (site, &plan->sites[program]) {
		if (strncmp(site->name, name, strlen(name)) || site->name[strlen(name)] != '+')
			continue;
		*out = *site;
		if (at_entry) {
			out->offset = site->entry_offset;
			out->cookie = site->entry_cookie;
		}
		return 0;
	}
	fprintf(stderr, "bench_empty_locks: no %s in the plan\n", name);
	return -1;
}

static int attach(struct links *links, struct link_request *request, struct bpf_program *program,
	const struct probe_site *site)
{
	struct error err = {0};

	request->program_fd = bpf_program__fd(program);
	request->sites = site;
	request->site_count = 1;
	if (links__attach(links, request, &err) == 0)
		return 0;
	fprintf(stderr, "bench_empty_locks: %s\n", err.message);
	return -1;
}

static int attach_empty(
	struct links *links, struct link_request *request, const struct probe_site sites[2])
{
	struct empty_bpf *bpf = empty_bpf__open();

	if (!bpf)
		return -1;
	bpf_program__set_autoload(bpf->progs.empty_session, false);
	links__prepare_program(bpf->progs.empty_entry, request->kind);
	if (empty_bpf__load(bpf))
		return -1;
	return attach(links, request, bpf->progs.empty_entry, &sites[0]) ||
	       attach(links, request, bpf->progs.empty_entry, &sites[1]);
}

static int attach_deadlock(
	struct links *links, struct link_request *request, const struct probe_site sites[2])
{
	struct deadlock_bpf *bpf = deadlock_bpf__open();

	if (!bpf)
		return -1;
	links__prepare_program(bpf->progs.deadlock_lock, request->kind);
	links__prepare_program(bpf->progs.deadlock_unlock, request->kind);
	if (deadlock_bpf__load(bpf))
		return -1;
	return attach(links, request, bpf->progs.deadlock_lock, &sites[0]) ||
	       attach(links, request, bpf->progs.deadlock_unlock, &sites[1]);
}

int main(int argc, char **argv)
{
	struct plan_options options = {.wide_nops = features__emulates_wide_nops()};
	struct link_request request = {.file_name = argv[1]};
	bool deadlock = argc > 3 && !strcmp(argv[3], "deadlock");
	bool at_entry = deadlock || (argc > 3 && !strcmp(argv[3], "entry"));
	struct probe_site sites[2];
	struct probe_plan plan;
	struct error err = {0};
	struct links *links;
	char byte;

	if (argc < 3)
		return 2;
	request.pid = atoi(argv[2]);
	request.file_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (request.file_fd < 0 || lock_plan__make(&plan, request.file_fd, &options, &err) ||
		features__find_link_kind(&request.kind, &err)) {
		fprintf(stderr, "bench_empty_locks: %s: %s\n", argv[1], err.message);
		return 1;
	}
	if (request.kind == LINK_SESSION)
		request.kind = LINK_MULTI;
	links = links__new();
	if (!links ||
		find_site(&plan, PROBE_PROGRAM_ORDER_LOCK, "pthread_mutex_lock", at_entry,
			&sites[0]) ||
		find_site(&plan, PROBE_PROGRAM_ORDER_UNLOCK, "pthread_mutex_unlock", at_entry,
			&sites[1]) ||
		(deadlock ? attach_deadlock : attach_empty)(links, &request, sites))
		return 1;
	puts("attached");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	links__free(links);
	plan__free(&plan);
	return 0;
}
