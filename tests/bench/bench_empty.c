/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * bench_empty LIBRARY PID [entry]: attaches programs that do nothing where memtrace would attach
 * its own to malloc (entry and return) and free (entry) in LIBRARY as PID uses it; with `entry`, to
 * the functions' first instructions, as tools do that choose no site. Says "attached", and detaches
 * at the end of its standard input.
 */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/links.h"
#include "empty.skel.h"
#include "probe/plan.h"

static const struct probe_site *find_site(const struct probe_plan *plan, const char *function)
{
	size_t length = strlen(function);

	for (int program = 0; program < PROBE_PROGRAM_COUNT; program++)
		vec_for_each (site, &plan->sites[program]) {
			if (strncmp(site->name, function, length) == 0 &&
				(site->name[length] == '+' || !site->name[length]))
				return site;
		}
	return NULL;
}

/* The site of the function, or with @at_entry its first instruction. */
static int choose_site(
	const struct probe_plan *plan, const char *function, bool at_entry, struct probe_site *out)
{
	const struct probe_site *site = find_site(plan, function);
	const char *distance;

	if (!site) {
		fprintf(stderr, "bench_empty: no %s in the plan\n", function);
		return -1;
	}
	*out = *site;
	distance = strchr(site->name, '+');
	if (at_entry && distance)
		out->offset -= strtoul(distance + 1, NULL, 0);
	return 0;
}

static int attach(struct links *links, struct link_request *request, struct bpf_program *program,
	const struct probe_site *site)
{
	struct error err = {};

	request->program_fd = bpf_program__fd(program);
	request->sites = site;
	request->site_count = 1;
	if (links__attach(links, request, &err) == 0)
		return 0;
	fprintf(stderr, "bench_empty: %s\n", err.message);
	return -1;
}

/* One link for entry and return where the kernel has sessions, else two. */
static struct empty_bpf *attach_all(
	struct links *links, struct link_request *request, const struct probe_site sites[2])
{
	struct empty_bpf *bpf;

	for (enum link_kind kind = LINK_SESSION; kind < LINK_KIND_COUNT; kind++) {
		bpf = empty_bpf__open();
		if (!bpf)
			return NULL;
		links__prepare_program(bpf->progs.empty_session, kind);
		links__prepare_program(
			bpf->progs.empty_entry, kind == LINK_SESSION ? LINK_MULTI : kind);
		request->kind = kind;
		request->at_return = false;
		if (empty_bpf__load(bpf) == 0 &&
			attach(links, request, bpf->progs.empty_session, &sites[0]) == 0) {
			request->at_return = true;
			if (kind != LINK_SESSION &&
				attach(links, request, bpf->progs.empty_session, &sites[0]))
				return NULL;
			request->kind = kind == LINK_SESSION ? LINK_MULTI : kind;
			request->at_return = false;
			if (attach(links, request, bpf->progs.empty_entry, &sites[1]))
				return NULL;
			return bpf;
		}
		empty_bpf__destroy(bpf);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct plan_options options = {.wide_nops = true};
	struct link_request request = {.file_name = argv[1]};
	bool at_entry = argc > 3 && strcmp(argv[3], "entry") == 0;
	struct probe_site sites[2];
	struct probe_plan plan;
	struct error err = {};
	struct links *links;
	char byte;

	if (argc < 3)
		return 2;
	request.pid = atoi(argv[2]);
	request.file_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (request.file_fd < 0 || plan__make(&plan, request.file_fd, &options, &err)) {
		fprintf(stderr, "bench_empty: %s: %s\n", argv[1], err.message);
		return 1;
	}
	links = links__new();
	if (!links || choose_site(&plan, "malloc", at_entry, &sites[0]) ||
		choose_site(&plan, "free", at_entry, &sites[1]) ||
		!attach_all(links, &request, sites))
		return 1;
	puts("attached");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	links__free(links);
	return 0;
}
