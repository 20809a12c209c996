/* The tracer's probes: which file gets which, in which process. */
#include "attach/named_allocators.h"
#include "attach/tracer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/plan.h"
#include "base/file.h"
#include "base/log.h"

static int attach_program(struct tracer *tracer, enum probe_program program,
	const struct module *module, const probe_sites *sites, pid_t pid, struct error *err)
{
	struct program_pair pair = tracer__programs(tracer, program);
	struct link_request request = {
		.file_fd = module->fd,
		.file_name = module->name,
		.sites = sites->data,
		.site_count = sites->size,
		.pid = pid,
	};
	int code;

	if (pair.session && tracer->link_kind == LINK_SESSION) {
		request.kind = LINK_SESSION;
		request.program_fd = bpf_program__fd(pair.session);
		return links__attach(tracer->links, &request, err);
	}
	request.kind = tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI;
	/* The return first: a call that is entered between the two has no return to wait for. */
	if (pair.back) {
		request.program_fd = bpf_program__fd(pair.back);
		request.at_return = true;
		code = links__attach(tracer->links, &request, err);
		if (code)
			return code;
	}
	request.program_fd = bpf_program__fd(pair.entry);
	request.at_return = false;
	return links__attach(tracer->links, &request, err);
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
	bool declines_returns, struct probe_plan *plan, struct error *err)
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
	};
	int code = plan__make(plan, module->fd, &options, err);

	if (named < 0)
		return code;
	tracer->met_allocators[named] = true;
	return code ? code : named_allocators__check_plan(plan, module->path, prefix, err);
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

static int attach_sites(struct tracer *tracer, enum probe_program program,
	const struct module *module, const struct probe_plan *plan, pid_t pid, struct error *err)
{
	int code = 0;

	if (plan->sites[program].size)
		code = attach_program(tracer, program, module, &plan->sites[program], pid, err);
	if (!code)
		tracer->site_count += plan->sites[program].size;
	return code;
}

/* The C++ runtime was left alone until now that a function throws. */
static int attach_throwers(struct tracer *tracer, struct error *err)
{
	int code = 0;

	tracer->watches_throws = true;
	vec_for_each (thrower, &tracer->throwers) {
		struct probe_plan plan = {0};

		if (!code)
			code = make_plan(tracer, thrower->module, false, false, &plan, err);
		if (!code)
			code = attach_sites(tracer, PROBE_PROGRAM_THROW, thrower->module, &plan,
				thrower->pid, err);
		plan__free(&plan);
	}
	vec_free(&tracer->throwers);
	return code;
}

static int attach_plan(struct tracer *tracer, const struct module *module,
	const struct probe_plan *plan, pid_t pid, struct error *err)
{
	int code = 0;

	add_internal_calls(tracer, plan);
	if (plan->sites[PROBE_PROGRAM_THROWING].size && !tracer->watches_throws)
		code = attach_throwers(tracer, err);
	for (int i = 0; i < PROBE_PROGRAM_COUNT && !code; i++) {
		if (i == PROBE_PROGRAM_THROW && plan->sites[i].size && !tracer->watches_throws)
			code = vec_push(&tracer->throwers, (struct thrower){module, pid})
				       ? error__set(err, -ENOMEM, "out of memory")
				       : 0;
		else
			code = attach_sites(tracer, i, module, plan, pid, err);
	}
	return code;
}

/*
 * Attaches to a module unless that was done. Returns 1 if an allocator was attached now, 0 if
 * there was nothing to do, or a negative errno.
 */
static int attach_module(struct tracer *tracer, const struct module *module, pid_t pid,
	bool is_executable, bool declines_returns, struct error *err)
{
	pid_t filter = tracer->options.follow ? 0 : pid;
	uint64_t key = (uint64_t)module->id << 32 | (uint32_t)filter;
	struct probe_plan plan = {0};
	int code;

	if (module->is_vdso || attachment_set__find(&tracer->attached, key))
		return 0;
	if (!attachment_set__insert(&tracer->attached, key))
		return error__set(err, -ENOMEM, "out of memory");
	code = make_plan(tracer, module, is_executable, declines_returns, &plan, err);
	if (!code) {
		plan__log(&plan, module->name);
		vec_for_each (text, &plan.untraced)
			log__warn("%s: %s", module->name, *text);
		tracer->met_stripped_static |= plan.is_static_stripped;
		code = attach_plan(tracer, module, &plan, filter, err);
		if (!code && plan.sites[PROBE_PROGRAM_LOADER].size)
			attachment_set__insert(&tracer->loaders, module->id);
		if (!code && plan__has_allocator(&plan)) {
			tracer->has_allocator = true;
			code = 1;
		}
	} else if (code != -ENOENT) {
		log__debug("%s: not probed: %s", module->name, err->message);
		code = 0; /* a file that cannot be read as ELF has no functions to probe */
	}
	plan__free(&plan);
	return code;
}

/* The program's own file: it may hold an allocator linked into it. */
static bool is_file(const struct module *module, const struct stat *program)
{
	struct stat file;

	return program->st_ino == module->inode && !fstat(module->fd, &file) &&
	       program->st_ino == file.st_ino && program->st_dev == file.st_dev;
}

/* What the code of an image is now: for its stacks' identity and for the unwinder. */
static int note_code(struct tracer *tracer, struct traced *traced, const struct space_view *view,
	struct error *err)
{
	bool is_new = view->generation != traced->generation || !traced->generation;

	if (view->removals != traced->removals)
		tracer->shared->stack_epoch++;
	traced->removals = view->removals;
	traced->generation = view->generation;
	if (!tracer->unwinding || !is_new)
		return 0;
	return unwinding__set(tracer->unwinding, traced->process, view, err);
}

int tracer__attach_mapped(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *err)
{
	struct stat program = {0};
	struct space_view view;
	bool declines_returns;
	int code, came = 0;
	char exe[64];

	code = spaces__refresh(tracer->spaces, traced->process, err);
	if (!code)
		code = spaces__view(tracer->spaces, traced->process, &view);
	if (code)
		return code;
	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	if (stat(exe, &program))
		program.st_ino = 0; /* gone: then nothing needs its probes */
	/* Of the process, not of each of its files: there may be hundreds. */
	declines_returns = may_decline(tracer, pid);
	for (size_t i = 0; i < view.count && code >= 0; i++) {
		const struct module *module = view.ranges[i].module;

		if (!module)
			continue;
		code = attach_module(
			tracer, module, pid, is_file(module, &program), declines_returns, err);
		came += code > 0;
		if (attachment_set__find(&tracer->loaders, module->id))
			traced->has_loader = true;
	}
	if (code >= 0 && note_code(tracer, traced, &view, err))
		code = err->code;
	space_view__free(&view);
	return code < 0 ? code : came;
}

int tracer__attach_file(
	struct tracer *tracer, pid_t pid, const char *path, bool is_program, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code;
	struct module *module;
	struct error why;

	if (fd < 0 && file__is_limit(-errno))
		return error__set(err, -errno, "cannot open %s: %m", path);
	if (fd < 0)
		return 0; /* the loader will not find it either */
	module = modules__add_file(tracer->modules, fd, path, &why);
	close(fd);
	if (!module && file__is_limit(why.code))
		return error__set(err, why.code, "%s", why.message);
	if (!module)
		return 0;
	if (tracer->unwinding)
		unwinding__prepare(tracer->unwinding, module);
	code = attach_module(tracer, module, pid, is_program, may_decline(tracer, pid), err);
	return code < 0 ? code : 0;
}

const char *tracer__next_missing_allocator(const struct tracer *tracer, size_t *from)
{
	while (*from < tracer->options.allocator_count)
		if (!tracer->met_allocators[(*from)++])
			return tracer->options.allocators[*from - 1];
	return NULL;
}

int tracer__check(struct tracer *tracer, struct error *err)
{
	if (tracer->has_allocator)
		return 0;
	if (tracer->met_stripped_static)
		return error__set(err, -ENOENT,
			"no allocation function found: the program is statically linked and "
			"stripped (keep its .symtab, or name a library with --allocator)");
	return error__set(err, -ENOENT,
		"no allocation function found in the program and its libraries (name the one that "
		"has it with --allocator FILE[:PREFIX])");
}
