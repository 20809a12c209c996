/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The tracer's probes: which file gets which, in which process. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/named_allocators.h"
#include "attach/tracer_private.h"
#include "base/file.h"
#include "base/log.h"
#include "probe/lock_plan.h"
#include "probe/plan.h"
#include "process/threads.h"

static int attach_program(struct tracer *tracer, enum probe_program program, struct links *links,
	const struct module *module, const probe_sites *sites, pid_t pid, struct error *error)
{
	struct program_pair pair = tracer__programs(tracer, program);
	struct link_request request = {
		.file_fd = module->file_fd,
		.file_name = module->name,
		.sites = sites->data,
		.site_count = sites->size,
		.pid = pid,
	};
	int err;

	if (pair.session && tracer->link_kind == LINK_SESSION) {
		request.kind = LINK_SESSION;
		request.program_fd = bpf_program__fd(pair.session);
		return links__attach(links, &request, error);
	}
	request.kind = tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI;
	/* The return first: a call that is entered between the two has no return to wait for. */
	if (pair.back) {
		request.program_fd = bpf_program__fd(pair.back);
		request.at_return = true;
		err = links__attach(links, &request, error);
		if (err)
			return err;
	}
	request.program_fd = bpf_program__fd(pair.entry);
	request.at_return = false;
	return links__attach(links, &request, error);
}

/* Environments are as large as a quarter of the stack, 2 MiB, at the most. */
#define ENVIRONMENT_LIMIT (4 << 20)

/* Whether an allocator of the process may refuse what the kernel would give, because it is set so.
 */
static bool has_own_limit(pid_t pid)
{
	static const char *const names[] = {"TCMALLOC_HEAP_LIMIT_MB=", "MIMALLOC_LIMIT_OS_ALLOC="};
	char path[64], *text;
	bool found = false;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (file__read(path, ENVIRONMENT_LIMIT, &text, &size))
		return false;
	for (size_t at = 0; at < size && !found; at += strlen(text + at) + 1)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			found |= !strncasecmp(text + at, names[i], strlen(names[i]));
	free(text);
	return found;
}

/* Whether the returns of a process's calls may be declined where they might throw. */
static bool may_decline(const struct tracer *tracer, pid_t pid)
{
	return tracer->declines_returns && !has_own_limit(pid);
}

static int make_plan(struct tracer *tracer, const struct module *module, bool is_executable,
	bool declines_returns, struct probe_plan *plan, struct error *error)
{
	char prefix[ALLOCATOR_PREFIX_SIZE] = "";
	int named = named_allocators__find(
		tracer->options.allocators, tracer->options.allocator_count, module, prefix);
	struct plan_options options = {
		.is_executable = is_executable,
		.all_symbols = named >= 0,
		.prefix = *prefix ? prefix : NULL,
		.wide_nops = tracer->wide_nops,
		.declines_returns = declines_returns,
		.usdt = tracer->options.usdt,
		.usdt_count = tracer__wants_samples(tracer) ? tracer->options.usdt_count : 0,
		.only_usdt = tracer->options.only_samples,
	};
	int err = tracer->options.subject == TRACER_ORDER
			  ? lock_plan__make(plan, module->fd, &options, error)
			  : plan__make(plan, module->fd, &options, error);

	if (named < 0)
		return err;
	tracer->met_allocators[named] = true;
	return err ? err : named_allocators__check_plan(plan, module->path, prefix, error);
}

/* Tells the programs which calls of free to pass over. One glibc more than there is room for is
 * traced with its own calls, which then count as frees of untracked blocks. */
static void add_internal_calls(struct tracer *tracer, const struct probe_plan *plan)
{
	vec_for_each (distance, &plan->internal_calls) {
		__s64 *calls = tracer->shared->internal_calls;
		int i = 0;

		while (i < MAX_INTERNAL_CALLS && calls[i] && calls[i] != *distance)
			i++;
		if (i < MAX_INTERNAL_CALLS)
			calls[i] = *distance;
	}
}

/* Gives the places of the plan's USDT probes their numbers, by which the programs know them. */
static void number_usdt(struct tracer *tracer, struct probe_plan *plan, const char *file_name)
{
	static const enum probe_program programs[] = {
		PROBE_PROGRAM_USDT_ALLOC, PROBE_PROGRAM_USDT_FREE};
	uint32_t first = tracer->usdt_count;
	int map = bpf_map__fd(tracer->skel->maps.usdt_places);

	if (first + plan->usdt_places.size > MAX_USDT_PLACES) {
		log__warn("%s: its USDT probes are not traced: there are more than %d in all "
			  "files",
			file_name, MAX_USDT_PLACES);
		for (int i = 0; i < 2; i++)
			plan->sites[programs[i]].size = 0;
		return;
	}
	vec_for_each (place, &plan->usdt_places) {
		uint32_t number = tracer->usdt_count++;

		if (bpf_map_update_elem(map, &number, place, BPF_ANY))
			log__warn(
				"%s: the arguments of a USDT probe cannot be told: %m", file_name);
	}
	for (int i = 0; i < 2; i++)
		vec_for_each (site, &plan->sites[programs[i]])
			site->cookie = site->entry_cookie = site->cookie + first;
}

const struct probe_plan *tracer__plan_of(
	struct tracer *tracer, const struct attachment *attachment, struct error *error)
{
	const struct module *module = attachment->module;
	uint64_t key = (uint64_t)module->id << 2 | attachment->is_executable << 1 |
		       attachment->declines_returns;
	struct probe_plan **slot = plan_map__insert(&tracer->plans, key), *plan;
	int err;

	if (slot && *slot)
		return *slot;
	plan = calloc(1, sizeof(*plan));
	if (!slot || !plan) {
		free(plan);
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	*slot = plan;
	err = make_plan(tracer, module, attachment->is_executable, attachment->declines_returns,
		plan, error);
	if (err == -ENOENT || err == -ENOMEM) {
		plan_map__remove(&tracer->plans, key, NULL);
		plan__free(plan);
		free(plan);
		return NULL;
	}
	if (err) {
		/* A file that cannot be read as ELF has no functions to probe. */
		log__debug("%s: not probed: %s", module->name, error->message);
		plan__free(plan);
		*plan = (struct probe_plan){0};
		return plan;
	}
	plan__log(plan, module->name);
	vec_for_each (text, &plan->untraced)
		log__warn("%s: %s", module->name, *text);
	if (plan->usdt_places.size)
		number_usdt(tracer, plan, module->name);
	tracer->met_stripped_static |= plan->is_static_stripped;
	add_internal_calls(tracer, plan);
	return plan;
}

void tracer__free_plans(struct tracer *tracer)
{
	hash_for_each (slot, &tracer->plans) {
		if (!slot->value)
			continue;
		plan__free(slot->value);
		free(slot->value);
	}
	plan_map__free(&tracer->plans);
}

static int attach_sites(struct tracer *tracer, enum probe_program program, struct traced *traced,
	const struct module *module, const struct probe_plan *plan, pid_t pid, struct error *error)
{
	int err;

	/* With windows no loader waits: its library has its probes from the next window on. */
	if (!plan->sites[program].size ||
		(tracer->options.windows && program == PROBE_PROGRAM_LOADER))
		return 0;
	if (tracer->is_dormant) {
		tracer->site_count += plan->sites[program].size;
		return 0;
	}
	if (!traced->links)
		traced->links = links__new();
	if (!traced->links)
		return error__set(error, -ENOMEM, "out of memory");
	err = attach_program(
		tracer, program, traced->links, module, &plan->sites[program], pid, error);
	if (!err && !tracer->options.windows)
		tracer->site_count += plan->sites[program].size;
	return err;
}

/* The C++ runtime was left alone until now that a function of the process throws. */
static int attach_throwers(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error)
{
	int err = 0;

	traced->watches_throws = true;
	hash_for_each (slot, &traced->attached) {
		const struct probe_plan *plan;

		if (err)
			break;
		plan = tracer__plan_of(tracer, &slot->value, error);
		err = plan ? attach_sites(tracer, PROBE_PROGRAM_THROW, traced, slot->value.module,
				     plan, pid, error)
			   : error->code;
	}
	return err;
}

static int attach_plan(struct tracer *tracer, struct traced *traced, const struct module *module,
	const struct probe_plan *plan, pid_t pid, struct error *error)
{
	int err = 0;

	for (int i = 0; i < PROBE_PROGRAM_COUNT && !err; i++)
		if (i != PROBE_PROGRAM_THROW || traced->watches_throws)
			err = attach_sites(tracer, i, traced, module, plan, pid, error);
	/* Its own among them, if it has any. */
	if (!err && plan->sites[PROBE_PROGRAM_THROWING].size && !traced->watches_throws)
		err = attach_throwers(tracer, pid, traced, error);
	return err;
}

/* Whether the file has functions that the trace is about. */
static bool has_subject(const struct tracer *tracer, const struct probe_plan *plan)
{
	return tracer->options.subject == TRACER_ORDER ? lock_plan__has_locks(plan)
						       : plan__has_allocator(plan);
}

/*
 * Attaches to a module unless that was done. Returns 1 if an allocator was attached now, 0 if
 * there was nothing to do, or a negative errno.
 */
static int attach_module(struct tracer *tracer, struct traced *traced, pid_t pid,
	const struct attachment *attachment, struct error *error)
{
	const struct module *module = attachment->module;
	const struct probe_plan *plan;
	struct attachment *known;
	int err;

	if (module->is_vdso || attachment_map__find(&traced->attached, module->id))
		return 0;
	known = attachment_map__insert(&traced->attached, module->id);
	if (!known)
		return error__set(error, -ENOMEM, "out of memory");
	*known = *attachment;
	plan = tracer__plan_of(tracer, attachment, error);
	err = plan ? attach_plan(tracer, traced, module, plan, pid, error) : error->code;
	if (!err && has_subject(tracer, plan)) {
		traced->has_allocator = tracer->has_allocator = true;
		err = 1;
	}
	return err;
}

int tracer__awake(struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error)
{
	int err = 0;

	hash_for_each (slot, &traced->attached) {
		const struct probe_plan *plan =
			err ? NULL : tracer__plan_of(tracer, &slot->value, error);

		for (int i = 0; plan && i < PROBE_PROGRAM_COUNT && !err; i++)
			if (i != PROBE_PROGRAM_THROW || traced->watches_throws)
				err = attach_sites(
					tracer, i, traced, slot->value.module, plan, pid, error);
	}
	return err || !traced->keeper ? err : tracer__keep_probes(tracer, pid, traced, error);
}

void tracer__hush(struct tracer *tracer, struct traced *traced)
{
	links__close(traced->kept, tracer->closer);
	links__close(traced->links, tracer->closer);
	traced->kept = traced->links = NULL;
}

void tracer__detach(struct tracer *tracer, struct traced *traced)
{
	tracer__hush(tracer, traced);
	traced->keeper = 0;
	attachment_map__free(&traced->attached);
	traced->has_allocator = traced->has_loader = traced->watches_throws = false;
}

int tracer__attach_child(struct tracer *tracer, pid_t pid, struct traced *child,
	const struct traced *parent, struct error *error)
{
	int came = 0;

	hash_for_each (slot, &parent->attached) {
		int err = attach_module(tracer, child, pid, &slot->value, error);

		if (err < 0)
			return err;
		came += err;
	}
	child->has_loader = parent->has_loader;
	return came;
}

/* The program's own file: it may hold an allocator linked into it. */
static bool is_file(const struct module *module, const struct file_identity *program)
{
	struct file_identity file;

	return program->inode == module->inode && !file__identify_fd(module->file_fd, &file) &&
	       file__is_same(program, &file);
}

/* What the code of an image is now: for the unwinder. */
static int note_code(struct tracer *tracer, struct traced *traced, pid_t pid,
	const struct space_view *view, struct error *error)
{
	bool is_new = view->generation != traced->generation || !traced->generation;

	traced->generation = view->generation;
	if (tracer->pythons && is_new)
		pythons__set(tracer->pythons, traced->process, pid, view);
	if (!tracer->unwinding || !is_new)
		return 0;
	return unwinding__set(tracer->unwinding, traced->process, view, error);
}

/* Whether the process's loader tells of the libraries that it maps. */
static bool tells_of_libraries(
	struct tracer *tracer, const struct attachment *attachment, struct error *error)
{
	const struct probe_plan *plan = tracer__plan_of(tracer, attachment, error);

	return plan && plan->sites[PROBE_PROGRAM_LOADER].size;
}

static void keep_new_probes(struct tracer *tracer, pid_t pid, struct traced *traced, int came)
{
	struct error error = {0};

	if (!tracer__keep_probes(tracer, pid, traced, &error))
		return;
	log__warn("process %d: its first thread has ended, through which the kernel places probes: "
		  "allocators loaded from now on are not traced: %s",
		pid, error.message);
	tracer->late_attachments += came;
}

static int attach_ranges(struct tracer *tracer, pid_t pid, struct traced *traced,
	const struct space_view *view, struct error *error)
{
	/* Of the process, not of each of its files: there may be hundreds. */
	struct attachment attachment = {.declines_returns = may_decline(tracer, pid)};
	struct file_identity program = {0};
	int err = 0, came = 0;
	char exe[64];

	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	if (file__identify(exe, &program))
		program.inode = 0; /* gone: then nothing needs its probes */
	for (size_t i = 0; i < view->count && err >= 0; i++) {
		attachment.module = view->ranges[i].module;
		if (!attachment.module ||
			attachment_map__find(&traced->attached, attachment.module->id))
			continue;
		attachment.is_executable = is_file(attachment.module, &program);
		err = attach_module(tracer, traced, pid, &attachment, error);
		came += err > 0;
	}
	if (came && err >= 0 && (traced->keeper || threads__shown(pid) != pid))
		keep_new_probes(tracer, pid, traced, came);
	for (size_t i = 0; i < view->count && err >= 0 && !traced->has_loader; i++) {
		struct attachment *known = view->ranges[i].module
						   ? attachment_map__find(&traced->attached,
							     view->ranges[i].module->id)
						   : NULL;

		traced->has_loader = known && tells_of_libraries(tracer, known, error);
	}
	return err < 0 ? err : came;
}

int tracer__attach_mapped(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error)
{
	struct space_view view;
	int err, came;

	err = spaces__refresh(tracer->spaces, traced->process, error);
	if (!err)
		err = spaces__view(tracer->spaces, traced->process, &view);
	if (err)
		return err;
	came = traced->is_translated || tracer->options.page_faults
		       ? 0
		       : attach_ranges(tracer, pid, traced, &view, error);
	if (came >= 0 && note_code(tracer, traced, pid, &view, error))
		came = error->code;
	space_view__free(&view);
	return came;
}

/* The path of a file as /proc/PID/maps will show it: not "./program", which debug links need. */
static const char *mapped_path(int fd, const char *path, char resolved[PATH_MAX])
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, resolved, PATH_MAX - 1);
	if (length <= 0 || resolved[0] != '/')
		return path;
	resolved[length] = '\0';
	return resolved;
}

int tracer__attach_file(
	struct tracer *tracer, pid_t pid, const char *path, bool is_program, struct error *error)
{
	struct traced *traced = traced_map__find(&tracer->traced, pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC), code;
	struct attachment attachment;
	char resolved[PATH_MAX];
	struct module *module;
	struct error why;

	if (fd < 0 && file__is_limit(-errno))
		return error__set(error, -errno, "cannot open %s: %m", path);
	if (fd < 0)
		return 0; /* the loader will not find it either */
	module = modules__add_file(tracer->modules, fd, mapped_path(fd, path, resolved), &why);
	close(fd);
	if (!module && file__is_limit(why.code))
		return error__set(error, why.code, "%s", why.message);
	if (!module || !traced)
		return 0;
	if (tracer->unwinding)
		unwinding__prepare(tracer->unwinding, module);
	if (tracer->options.page_faults)
		return 0;
	attachment = (struct attachment){module, is_program, may_decline(tracer, pid)};
	code = attach_module(tracer, traced, pid, &attachment, error);
	return code < 0 ? code : 0;
}

const char *tracer__next_missing_allocator(const struct tracer *tracer, size_t *from)
{
	while (*from < tracer->options.allocator_count)
		if (!tracer->met_allocators[(*from)++])
			return tracer->options.allocators[*from - 1];
	return NULL;
}

int tracer__check(struct tracer *tracer, struct error *error)
{
	if (tracer->has_allocator || tracer->options.page_faults)
		return 0;
	if (tracer->options.subject == TRACER_ORDER)
		return error__set(error, -ENOENT,
			"no lock function found in the program and its libraries: it uses locks "
			"other than pthread's, or is statically linked and stripped");
	if (tracer->options.only_samples)
		return error__set(error, -ENOENT,
			"no USDT probe %s:%s found in the program and its libraries: its allocator "
			"takes no samples of its own (leave out --mode samples to trace every "
			"call)",
			tracer->options.usdt->name, tracer->options.usdt->alloc);
	if (tracer->met_stripped_static)
		return error__set(error, -ENOENT,
			"no allocation function found: the program is statically linked and "
			"stripped (keep its .symtab, or name a library with --allocator)");
	return error__set(error, -ENOENT,
		"no allocation function found in the program and its libraries (name the one that "
		"has it with --allocator FILE[:PREFIX])");
}
