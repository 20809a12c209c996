/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "probe/candidates.h"
#include "probe/delegate.h"
#include "probe/elf_view.h"
#include "probe/internal_calls.h"
#include "probe/known_allocators.h"
#include "probe/returns.h"
#include "probe/site.h"
#include "probe/usdt_plan.h"

struct planner {
	struct probe_plan *plan;
	const struct plan_options *options;
	int fd;
	struct elf_view view;
	struct decoder *decoder;
	struct returns_finder *returns; /* NULL until needed */
	struct candidates candidates;
	bool is_allocator_library;
	bool may_forward;
};

static char *make_text(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

static int add_note(struct probe_plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int add_untraced(struct probe_plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int add_note(struct probe_plan *plan, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = make_text(format, args);
	va_end(args);
	if (text && !vec_push(&plan->notes, text))
		return 0;
	free(text);
	return -ENOMEM;
}

static int add_untraced(struct probe_plan *plan, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = make_text(format, args);
	va_end(args);
	if (text && !vec_push(&plan->untraced, text))
		return 0;
	free(text);
	return -ENOMEM;
}

static uint64_t cookie_at(const struct allocator_function *function, enum probe_operation operation,
	const struct chosen_site *site)
{
	uint8_t size = function->size, count = function->count, pointer = function->pointer;

	return PROBE_COOKIE(operation, function->function,
		size < SITE_ARGUMENTS ? site->argument_in[size] : size,
		count < SITE_ARGUMENTS ? site->argument_in[count] : count,
		pointer < SITE_ARGUMENTS ? site->argument_in[pointer] : pointer, function->flags);
}

/*
 * Which calls of this free its own library makes; see internal_calls.h. As seen from its site, and
 * from its entry, should that become the site.
 */
static int find_internal_calls(
	struct planner *planner, const struct candidate *candidate, uint32_t site_offset)
{
	return_addresses found = {0};
	int err = internal_calls__find(&planner->view, candidate->address, &found);

	vec_for_each (address, &found) {
		int64_t distance = *address - candidate->address;

		if (!err)
			err = vec_push(&planner->plan->internal_calls, distance - site_offset);
		if (!err && site_offset)
			err = vec_push(&planner->plan->internal_calls, distance);
	}
	vec_free(&found);
	return err;
}

static int add_site(struct planner *planner, const struct candidate *candidate,
	enum probe_program program, enum probe_operation operation)
{
	const struct allocator_function *function = candidate->function;
	struct site_needs needs = {
		.arguments = allocators__arguments(function),
		.entry_only = program == PROBE_PROGRAM_FREE || program == PROBE_PROGRAM_HINT,
	};
	static const struct chosen_site entry = {
		.argument_in = {0, 1, 2, 3, 4, 5}, .reason = "entry: moved pointer"};
	struct probe_site out = {0};
	struct chosen_site site;
	const uint8_t *code;
	size_t available;
	uint64_t flags = 0;

	code = elf_view__at(&planner->view, candidate->address, &available);
	if (!code)
		return add_note(planner->plan, "%s: its code is not in the file", candidate->name);
	site = site__choose(
		planner->decoder, code, available, candidate->size, candidate->address, needs);
	/* Programs for free read the first argument: they have no time for the cookie. */
	if (allocators__is_free(function) && site.argument_in[0] != 0)
		site = entry;
	if (program == PROBE_PROGRAM_THROWING)
		flags |= PROBE_COOKIE(0, 0, 0, 0, 0, PROBE_AT_RETURNS);
	if (strcmp(candidate->name, "free") == 0) {
		if (find_internal_calls(planner, candidate, site.offset))
			return -ENOMEM;
		if (planner->plan->internal_calls.size)
			flags |= PROBE_COOKIE(0, 0, 0, 0, 0, PROBE_INTERNAL_CALLS);
	}
	out.entry_offset = elf_view__offset(&planner->view, candidate->address);
	out.entry_cookie = cookie_at(function, operation, &entry) | flags;
	out.offset = out.entry_offset + site.offset;
	out.cookie = cookie_at(function, operation, &site) | flags;
	out.emulated = site.emulated;
	snprintf(out.name, sizeof(out.name), "%.60s+%u", candidate->name, site.offset);
	memcpy(out.reason, site.reason, sizeof(out.reason));
	return vec_push(&planner->plan->sites[program], out);
}

static bool is_other_name(
	const struct allocator_function *function, const struct delegate *delegate)
{
	const struct allocator_function *callee = delegate->callee;

	return delegate->verdict == DELEGATES_BY_JUMP && callee->function == function->function &&
	       callee->operation == function->operation && callee->size == function->size &&
	       callee->count == function->count && callee->pointer == function->pointer &&
	       callee->flags == function->flags;
}

static bool is_delegating(const struct delegate *delegate)
{
	return delegate->verdict == DELEGATES_ALWAYS || delegate->verdict == DELEGATES_BY_JUMP;
}

static struct delegate_reader make_reader(struct planner *planner)
{
	return (struct delegate_reader){
		&planner->view, planner->decoder, candidates__function_at, &planner->candidates};
}

/*
 * Whether other traced functions may be called on the way. An operator delete may do anything, a
 * program's own above all. In a library that is itself an allocator, and has a free of its own, it
 * is a way to that allocator, which does not go through its own front door.
 */
static bool may_nest(
	struct planner *planner, const struct candidate *candidate, const struct delegate *delegate)
{
	struct delegate_reader reader = make_reader(planner);

	if (delegate->verdict != DELEGATES_NEVER || planner->may_forward)
		return true;
	if (!allocators__is_operator(candidate->function))
		return false;
	return !planner->is_allocator_library ||
	       delegate__may_call_indirectly(
		       &reader, candidate->function, candidate->address, candidate->size);
}

/*
 * An allocator imports madvise, by which memory goes back to the system, and has names of its own:
 * mallocx, mi_malloc, or any with a prefix. What only passes calls on may have the names, too.
 */
static bool is_allocator_by_name(const struct planner *planner)
{
	vec_for_each (candidate, &planner->candidates.list) {
		const struct allocator_function *function = candidate->function;

		if (strcmp(candidate->name, function->name) != 0 ||
			(function->distinctive && function->name[0] != '_'))
			return elf_view__binds(&planner->view, "madvise");
	}
	return false;
}

/*
 * Whether the file's own functions for the same blocks are probed themselves, and their callers'
 * pointers thus are what was recorded. The pointers that the functions inside have may be others:
 * libraries that count bytes keep headers in front of their blocks.
 */
static bool gives_out_blocks(struct planner *planner, bool operators)
{
	struct delegate_reader reader = make_reader(planner);

	vec_for_each (candidate, &planner->candidates.list) {
		const struct allocator_function *function = candidate->function;
		struct delegate delegate;

		if (allocators__is_free(function) || allocators__is_operator(function) != operators)
			continue;
		delegate = delegate__read(&reader, function, candidate->address, candidate->size);
		if (operators ? !is_delegating(&delegate) : !is_other_name(function, &delegate))
			return true;
	}
	return false;
}

/*
 * Whether it is enough to probe what this function calls: its blocks have the same pointers there,
 * or were recorded with those.
 */
static bool is_way_in(
	struct planner *planner, const struct candidate *candidate, const struct delegate *delegate)
{
	if (delegate->verdict == DELEGATES_BY_JUMP)
		return true;
	if (delegate->verdict != DELEGATES_ALWAYS)
		return false;
	if (!allocators__is_operator(candidate->function))
		return delegate->is_inside || !gives_out_blocks(planner, false);
	return planner->is_allocator_library || is_allocator_by_name(planner) ||
	       !gives_out_blocks(planner, true);
}

/* A return of a function that has no return probe; functions share some. */
static int add_return(struct planner *planner, const struct candidate *candidate,
	const struct return_place *place)
{
	probe_sites *sites = &planner->plan->sites[PROBE_PROGRAM_RET];
	struct probe_site site = {
		.offset = elf_view__offset(&planner->view, place->address),
		.emulated = place->returns_argument,
		.reason = "ret: the program's own, or exceptions leave it",
	};

	site.entry_offset = site.offset;
	if (place->returns_argument) {
		site.cookie = PROBE_COOKIE(0, 0, 0, 0, 0, PROBE_RETURNS_ARGUMENT);
		snprintf(site.reason, sizeof(site.reason), "jump to what returns the block");
	}
	site.entry_cookie = site.cookie;
	vec_for_each (known, sites)
		if (known->offset == site.offset)
			return 0;
	snprintf(site.name, sizeof(site.name), "%.50s, its end at 0x%llx", candidate->name,
		(unsigned long long)place->address);
	return vec_push(sites, site);
}

/*
 * Probes a function at its entry and its `ret`s. Where it also ends by jumps that cannot be
 * followed, the call goes on in what is entered next at the same place of the stack; if nothing
 * traced is, it is counted as lost (heap.bpf.c).
 */
static int add_at_returns(
	struct planner *planner, const struct candidate *candidate, enum probe_operation operation)
{
	const struct allocator_function *function = candidate->function;
	return_places returns = {0};
	struct returns_problem problem = {""};
	int err;

	if (!planner->returns)
		planner->returns = returns__open(planner->fd, &planner->view, planner->decoder);
	if (!planner->returns)
		return -ENOMEM;
	err = returns__find(
		planner->returns, candidate->address, candidate->size, &returns, &problem);
	vec_for_each (place, &returns)
		if (!err)
			err = add_return(planner, candidate, place);
	vec_free(&returns);
	if (err == -ENOTSUP)
		return add_untraced(planner->plan,
			"%s (%s) is not traced: it cannot have a return probe, and its returns "
			"cannot be found: %s",
			allocators__function_name(function->function), candidate->name,
			problem.text);
	if (!err && *problem.text)
		err = add_note(planner->plan,
			"%s: calls that do not end in a traced function are lost: %s",
			candidate->name, problem.text);
	return err ? err : add_site(planner, candidate, PROBE_PROGRAM_THROWING, operation);
}

/* Whether the function may have a return probe, as far as stack switches go. */
static bool is_known(const struct planner *planner, const struct candidate *candidate)
{
	struct known_file file = {&planner->view, planner->options->is_executable};

	return known_allocators__own(&file, candidate);
}

static int plan_free(
	struct planner *planner, const struct candidate *candidate, const struct delegate *delegate)
{
	if (is_way_in(planner, candidate, delegate))
		return add_note(planner->plan, "%s: no probe, it only calls %s", candidate->name,
			delegate->callee->name);
	if (!may_nest(planner, candidate, delegate))
		return add_site(planner, candidate, PROBE_PROGRAM_FREE, PROBE_FREE);
	if (!is_known(planner, candidate))
		return add_at_returns(planner, candidate, PROBE_FREE);
	return add_site(planner, candidate, PROBE_PROGRAM_DELETE, PROBE_FREE);
}

/* Functions that do their work themselves. */
static int plan_worker(struct planner *planner, const struct candidate *candidate)
{
	const struct allocator_function *function = candidate->function;

	if (!is_known(planner, candidate))
		return add_at_returns(planner, candidate, function->operation);
	/* realloc has reported the old block before it could decline. */
	if (function->flags & PROBE_MAY_THROW &&
		!(planner->options->declines_returns && planner->is_allocator_library &&
			function->operation != PROBE_REALLOC))
		return add_at_returns(planner, candidate, function->operation);
	return add_site(planner, candidate, PROBE_PROGRAM_ALLOC, function->operation);
}

static int plan_function(struct planner *planner, const struct candidate *candidate)
{
	const struct allocator_function *function = candidate->function;
	struct delegate_reader reader = {
		&planner->view, planner->decoder, candidates__function_at, &planner->candidates};
	struct delegate delegate =
		delegate__read(&reader, function, candidate->address, candidate->size);

	if (allocators__is_free(function))
		return plan_free(planner, candidate, &delegate);
	if (is_other_name(function, &delegate))
		return add_note(planner->plan, "%s: no probe, it is another name for %s",
			candidate->name, delegate.callee->name);
	if (function->operation != PROBE_REALLOC && allocators__is_operator(function) &&
		is_delegating(&delegate))
		return add_site(planner, candidate, PROBE_PROGRAM_HINT, PROBE_HINT);
	return plan_worker(planner, candidate);
}

/* A library with malloc and free that do their work themselves. */
static bool has_own_allocator(struct planner *planner)
{
	struct delegate_reader reader = make_reader(planner);
	int found = 0;

	if (planner->options->is_executable)
		return false;
	vec_for_each (candidate, &planner->candidates.list) {
		const char *name = candidate->function->name;

		if (strcmp(name, "malloc") && strcmp(name, "free"))
			continue;
		found += delegate__read(
				 &reader, candidate->function, candidate->address, candidate->size)
				 .verdict == DELEGATES_NEVER;
	}
	return found == 2;
}

/*
 * Whether the file may hand its calls on through pointers that it got from dlsym, as preloads do
 * that count or check: no code tells where such a pointer leads. Some allocators import dlsym as
 * well, for other reasons.
 */
static bool may_forward_by_pointer(const struct planner *planner)
{
	if (!elf_view__binds(&planner->view, "dlsym") && !elf_view__binds(&planner->view, "dlvsym"))
		return false;
	return !is_allocator_by_name(planner);
}

static bool has_interpreter(const struct elf_view *view)
{
	for (size_t i = 0; i < view->segment_count; i++)
		if (view->segments[i].p_type == PT_INTERP)
			return true;
	return false;
}

/*
 * Where a process stops for us: the function that the loader calls once new libraries are mapped,
 * before they are started; in a program that has no loader, its entry point. Of programs without
 * one only a loader that was itself executed (`ld.so PROGRAM`) exports that function.
 */
static int plan_loader(struct planner *planner)
{
	struct probe_site site = {.reason = "entry"};
	bool has_none = planner->options->is_executable && !has_interpreter(&planner->view);
	uint64_t address = candidates__find_function(
		&planner->view, "_dl_debug_state", planner->options->is_executable && !has_none);
	bool is_static = has_none && !address;
	int64_t offset;

	if (is_static)
		address = planner->view.header->e_entry;
	offset = address ? elf_view__offset(&planner->view, address) : -1;
	if (offset < 0)
		return 0;
	site.offset = site.entry_offset = offset;
	site.cookie = PROBE_COOKIE(PROBE_LOADER, FUNCTION_NONE, PROBE_NO_ARGUMENT,
		PROBE_NO_ARGUMENT, PROBE_NO_ARGUMENT, 0);
	snprintf(site.name, sizeof(site.name), is_static ? "entry point" : "_dl_debug_state+0");
	return vec_push(&planner->plan->sites[PROBE_PROGRAM_LOADER], site);
}

/*
 * Where an exception begins: the C++ runtime makes it, or (of another language, or thrown again)
 * the unwinder gets it. Worth a look at all symbols only where something throws past them.
 */
static int plan_throw(struct planner *planner)
{
	static const char *const names[] = {"__cxa_allocate_exception", "_Unwind_RaiseException"};
	bool throws = planner->plan->sites[PROBE_PROGRAM_THROWING].size;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct probe_site site = {.reason = "entry"};
		uint64_t address = candidates__find_function(
			&planner->view, names[i], throws && planner->options->is_executable);
		int64_t offset = address ? elf_view__offset(&planner->view, address) : -1;

		if (offset < 0)
			continue;
		site.offset = site.entry_offset = offset;
		snprintf(site.name, sizeof(site.name), "%s+0", names[i]);
		if (vec_push(&planner->plan->sites[PROBE_PROGRAM_THROW], site))
			return -ENOMEM;
	}
	return 0;
}

/*
 * glibc's loader has a malloc for its own start, which before 2.31 it even exported; its blocks
 * live before the C library does and are not the program's.
 */
static bool is_glibc_loader(const struct planner *planner)
{
	return elf_view__find_dynamic(&planner->view, "_rtld_global") != NULL;
}

static int plan_functions(struct planner *planner, struct error *error)
{
	int err = candidates__collect(&planner->candidates, &planner->view,
		planner->options->is_executable || planner->options->all_symbols ||
			planner->options->prefix,
		planner->options->all_symbols, planner->options->prefix);

	if (err)
		return error__set(error, err, "no memory for the list of allocation functions");
	vec_for_each (name, &planner->candidates.indirect)
		if (add_note(planner->plan, "%s: no probe, it is chosen at run time (IFUNC)",
			    (*name)->name))
			return error__set(error, -ENOMEM, "no memory for a note");
	if (!planner->candidates.list.size)
		return 0;
	planner->decoder =
		decoder__new(planner->view.header->e_machine, planner->options->wide_nops, error);
	if (!planner->decoder)
		return error ? error->code : -ENOTSUP;
	planner->may_forward = may_forward_by_pointer(planner);
	planner->is_allocator_library = has_own_allocator(planner);
	vec_for_each (candidate, &planner->candidates.list)
		if (plan_function(planner, candidate))
			return error__set(error, -ENOMEM, "no memory for the probe sites");
	return 0;
}

int plan__make(
	struct probe_plan *plan, int fd, const struct plan_options *options, struct error *error)
{
	struct planner planner = {.plan = plan, .options = options, .fd = fd};
	int err;

	*plan = (struct probe_plan){0};
	err = elf_view__open(&planner.view, fd, error);
	if (err)
		return err;
	if (!is_glibc_loader(&planner) && !options->only_usdt)
		err = plan_functions(&planner, error);
	if (!err && usdt_plan__add(plan, &planner.view, options->usdt, options->usdt_count))
		err = error__set(error, -ENOMEM, "no memory for the probe sites");
	if (!err && (plan_loader(&planner) || plan_throw(&planner)))
		err = error__set(error, -ENOMEM, "no memory for the probe sites");
	plan->is_static_stripped = candidates__is_static_stripped(&planner.view);
	returns__close(planner.returns);
	decoder__free(planner.decoder);
	candidates__free(&planner.candidates);
	elf_view__close(&planner.view);
	return err;
}

void plan__free(struct probe_plan *plan)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		vec_free(&plan->sites[i]);
	vec_free(&plan->internal_calls);
	vec_free(&plan->usdt_places);
	vec_for_each (note, &plan->notes)
		free(*note);
	vec_for_each (text, &plan->untraced)
		free(*text);
	vec_free(&plan->notes);
	vec_free(&plan->untraced);
}

bool plan__has_allocator(const struct probe_plan *plan)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		if (i != PROBE_PROGRAM_LOADER && i != PROBE_PROGRAM_THROW && plan->sites[i].size)
			return true;
	return false;
}

void plan__log(const struct probe_plan *plan, const char *file_name)
{
	if (!log__is_verbose())
		return;
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		vec_for_each (site, &plan->sites[i])
			log__debug("%s %s (%s)", file_name, site->name, site->reason);
	vec_for_each (note, &plan->notes)
		log__debug("%s %s", file_name, *note);
}
