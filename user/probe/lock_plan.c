/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/lock_plan.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "order_records.h"
#include "probe/elf_view.h"
#include "probe/site.h"

/* What a function does, and with which of its arguments. */
struct sited_function {
	const char *name; /* behind "pthread_" */
	enum order_function function;
	uint16_t facts;	  /* enum order_facts */
	uint8_t lock;	  /* index of the argument; of a wait on a condition, the condition */
	uint8_t argument; /* the mutex of such a wait; the time of one that gives up after it */
};

#define NONE PROBE_NO_ARGUMENT

static const struct sited_function table[] = {
	{"mutex_lock", ORDER_LOCK, ORDER_MUTEX, 0, NONE},
	{"mutex_trylock", ORDER_TRY, ORDER_MUTEX, 0, NONE},
	{"mutex_timedlock", ORDER_TRY, ORDER_MUTEX | ORDER_TIMED, 0, 1},
	{"mutex_clocklock", ORDER_TRY, ORDER_MUTEX | ORDER_TIMED, 0, 2},
	{"mutex_unlock", ORDER_UNLOCK, ORDER_MUTEX, 0, NONE},
	{"mutex_init", ORDER_INIT, ORDER_MUTEX, 0, NONE},
	{"mutex_destroy", ORDER_DESTROY, ORDER_MUTEX, 0, NONE},
	{"rwlock_rdlock", ORDER_LOCK, ORDER_RWLOCK | ORDER_READ, 0, NONE},
	{"rwlock_tryrdlock", ORDER_TRY, ORDER_RWLOCK | ORDER_READ, 0, NONE},
	{"rwlock_timedrdlock", ORDER_TRY, ORDER_RWLOCK | ORDER_READ | ORDER_TIMED, 0, 1},
	{"rwlock_clockrdlock", ORDER_TRY, ORDER_RWLOCK | ORDER_READ | ORDER_TIMED, 0, 2},
	{"rwlock_wrlock", ORDER_LOCK, ORDER_RWLOCK, 0, NONE},
	{"rwlock_trywrlock", ORDER_TRY, ORDER_RWLOCK, 0, NONE},
	{"rwlock_timedwrlock", ORDER_TRY, ORDER_RWLOCK | ORDER_TIMED, 0, 1},
	{"rwlock_clockwrlock", ORDER_TRY, ORDER_RWLOCK | ORDER_TIMED, 0, 2},
	{"rwlock_unlock", ORDER_UNLOCK, ORDER_RWLOCK, 0, NONE},
	{"rwlock_init", ORDER_INIT, ORDER_RWLOCK, 0, NONE},
	{"rwlock_destroy", ORDER_DESTROY, ORDER_RWLOCK, 0, NONE},
	{"spin_lock", ORDER_LOCK, ORDER_SPIN, 0, NONE},
	{"spin_trylock", ORDER_TRY, ORDER_SPIN, 0, NONE},
	/* Before its init, which on x86-64 is the same code: of one function the first counts. */
	{"spin_unlock", ORDER_UNLOCK, ORDER_SPIN, 0, NONE},
	{"spin_init", ORDER_INIT, ORDER_SPIN, 0, NONE},
	{"spin_destroy", ORDER_DESTROY, ORDER_SPIN, 0, NONE},
	{"cond_wait", ORDER_CONDITION, ORDER_MUTEX, 0, 1},
	{"cond_timedwait", ORDER_CONDITION, ORDER_MUTEX, 0, 1},
	{"cond_clockwait", ORDER_CONDITION, ORDER_MUTEX, 0, 1},
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))
#define PREFIX "pthread_"

struct found_function {
	const struct sited_function *function;
	uint64_t address;
	uint64_t size;
};

struct lock_planner {
	struct probe_plan *plan;
	struct elf_view view;
	struct decoder *decoder;
	VEC(struct found_function) found;
	bool is_musl;
	bool no_memory;
};

static const struct sited_function *find_function(const char *symbol)
{
	if (strncmp(symbol, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	for (size_t i = 0; i < TABLE_SIZE; i++)
		if (!strcmp(symbol + strlen(PREFIX), table[i].name))
			return &table[i];
	return NULL;
}

/*
 * Every version of a name is a function of its own, and a local one may be a static program's. Of
 * several names for one address the table's first counts.
 */
static bool add_function(void *context, const struct elf_symbol *symbol)
{
	struct lock_planner *planner = context;
	struct found_function found = {find_function(symbol->name), symbol->value, symbol->size};

	if (!found.function || !symbol->defined || !symbol->value ||
		(symbol->type != STT_FUNC && symbol->type != STT_NOTYPE) ||
		!elf_view__is_code(&planner->view, symbol->value))
		return true;
	vec_for_each (known, &planner->found) {
		if (known->address != found.address)
			continue;
		if (found.function < known->function)
			known->function = found.function;
		return true;
	}
	planner->no_memory = vec_push(&planner->found, found);
	return !planner->no_memory;
}

static enum probe_program program_of(const struct sited_function *function)
{
	switch (function->function) {
	case ORDER_LOCK:
		return PROBE_PROGRAM_ORDER_LOCK;
	case ORDER_TRY:
		return PROBE_PROGRAM_ORDER_TRY;
	case ORDER_UNLOCK:
		return PROBE_PROGRAM_ORDER_UNLOCK;
	default:
		return PROBE_PROGRAM_ORDER_OTHER;
	}
}

static uint64_t cookie_at(const struct lock_planner *planner, const struct sited_function *function,
	const struct chosen_site *site)
{
	uint8_t lock = site->argument_in[function->lock], argument = function->argument;

	return PROBE_COOKIE(PROBE_ORDER, function->function,
		argument < SITE_ARGUMENTS ? site->argument_in[argument] : argument,
		PROBE_NO_ARGUMENT, lock, function->facts | (planner->is_musl ? ORDER_MUSL : 0));
}

static int add_site(struct lock_planner *planner, const struct found_function *found)
{
	static const struct chosen_site entry = {.argument_in = {0, 1, 2, 3, 4, 5}};
	const struct sited_function *function = found->function;
	struct site_needs needs = {.arguments = 1u << function->lock};
	struct probe_site out = {0};
	struct chosen_site site;
	size_t available;
	const uint8_t *code = elf_view__at(&planner->view, found->address, &available);

	if (!code)
		return 0;
	if (function->argument < SITE_ARGUMENTS)
		needs.arguments |= 1u << function->argument;
	site = site__choose(planner->decoder, code, available, found->size, found->address, needs);
	out.entry_offset = elf_view__offset(&planner->view, found->address);
	out.entry_cookie = cookie_at(planner, function, &entry);
	out.offset = out.entry_offset + site.offset;
	out.cookie = cookie_at(planner, function, &site);
	out.emulated = site.emulated;
	snprintf(out.name, sizeof(out.name), PREFIX "%.50s+%u", function->name, site.offset);
	memcpy(out.reason, site.reason, sizeof(out.reason));
	return vec_push(&planner->plan->sites[program_of(function)], out);
}

/* musl has no gnu_get_libc_version, and its programs none of glibc's set-up of thread data. */
static bool find_musl(const struct lock_planner *planner, bool is_executable)
{
	struct elf_wanted wanted[] = {{.name = "__libc_setup_tls"}, {.name = "__init_libc"}};

	if (!is_executable) {
		const char *soname = planner->view.soname;

		/* Where the loader is a link to it, musl is libc.so; glibc has a number behind. */
		return elf_view__find_dynamic(&planner->view, "__libc_start_main") &&
		       !elf_view__find_dynamic(&planner->view, "gnu_get_libc_version") &&
		       (!soname || !strstr(soname, ".so."));
	}
	return elf_file__find_symbols(planner->view.file, ELF_SYMTAB, wanted, 2) > 0 &&
	       !wanted[0].found;
}

static int plan_locks(
	struct lock_planner *planner, const struct plan_options *options, struct error *error)
{
	/* Few files define any: most are done with one look into their hash tables. */
	if (!options->is_executable &&
		!elf_view__find_dynamic(&planner->view, "pthread_mutex_lock") &&
		!elf_view__find_dynamic(&planner->view, "pthread_rwlock_rdlock"))
		return 0;
	elf_file__each_symbol(planner->view.file, ELF_ANY_TABLE, add_function, planner);
	if (planner->no_memory)
		return error__set(error, -ENOMEM, "no memory for the list of lock functions");
	if (!planner->found.size)
		return 0;
	planner->is_musl = find_musl(planner, options->is_executable);
	planner->decoder = decoder__new(planner->view.header->e_machine, options->wide_nops, error);
	if (!planner->decoder)
		return error ? error->code : -ENOTSUP;
	vec_for_each (found, &planner->found)
		if (add_site(planner, found))
			return error__set(error, -ENOMEM, "no memory for the probe sites");
	return 0;
}

/* The sites of one program of the heap's plan at which a block is freed. */
static int take_frees(struct probe_plan *plan, probe_sites *sites, unsigned int facts)
{
	vec_for_each (site, sites) {
		struct probe_site out = *site;
		unsigned int operation = PROBE_COOKIE_OPERATION(site->cookie);

		/* A block that realloc may move is no place for a lock that is used. */
		if (operation != PROBE_FREE && operation != PROBE_REALLOC)
			continue;
		out.cookie = PROBE_COOKIE(PROBE_ORDER, ORDER_FREE, NONE, NONE,
			PROBE_COOKIE_POINTER(site->cookie), facts);
		out.entry_cookie = PROBE_COOKIE(PROBE_ORDER, ORDER_FREE, NONE, NONE,
			PROBE_COOKIE_POINTER(site->entry_cookie), facts);
		if (vec_push(&plan->sites[PROBE_PROGRAM_ORDER_FREE], out))
			return -ENOMEM;
	}
	sites->size = 0;
	return 0;
}

/* Keeps of a plan for the heap where blocks are freed, and the loader. */
static int convert(struct lock_planner *planner)
{
	bool is_glibc = elf_view__find_dynamic(&planner->view, "gnu_get_libc_version");
	struct elf_wanted wanted[] = {{.name = "__libc_setup_tls"}};

	if (!is_glibc)
		is_glibc = elf_file__find_symbols(planner->view.file, ELF_SYMTAB, wanted, 1) > 0;
	for (int i = 0; i < PROBE_PROGRAM_ORDER_LOCK; i++) {
		int err = i == PROBE_PROGRAM_LOADER
				  ? 0
				  : take_frees(planner->plan, &planner->plan->sites[i],
					    is_glibc ? ORDER_OF_GLIBC : 0);

		if (err)
			return err;
	}
	/* What cannot be traced of an allocator is of no interest here. */
	vec_for_each (text, &planner->plan->untraced)
		free(*text);
	planner->plan->untraced.size = planner->plan->internal_calls.size = 0;
	return 0;
}

int lock_plan__make(
	struct probe_plan *plan, int fd, const struct plan_options *options, struct error *error)
{
	struct lock_planner planner = {.plan = plan};
	int err = plan__make(plan, fd, options, error);

	if (err)
		return err;
	err = elf_view__open(&planner.view, fd, error);
	if (err)
		return err;
	if (convert(&planner))
		err = error__set(error, -ENOMEM, "no memory for the probe sites");
	if (!err)
		err = plan_locks(&planner, options, error);
	decoder__free(planner.decoder);
	vec_free(&planner.found);
	elf_view__close(&planner.view);
	return err;
}

bool lock_plan__has_locks(const struct probe_plan *plan)
{
	return plan->sites[PROBE_PROGRAM_ORDER_LOCK].size;
}
