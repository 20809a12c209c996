/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which of the BPF programs are loaded: those that this kernel and the options of the run want. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/btf.h>
#include <string.h>

#include "attach/kernel_btf.h"
#include "attach/kernel_function.h"
#include "attach/tracer_private.h"
#include "base/log.h"

bool tracer__wants_samples(const struct tracer *tracer)
{
	const struct tracer_options *options = &tracer->options;

	return options->subject == TRACER_HEAP && options->usdt_count && !options->page_faults &&
	       !options->windows;
}

struct program_pair tracer__programs(const struct tracer *tracer, enum probe_program program)
{
	struct tracer_bpf *skel = tracer->skel;

	switch (program) {
	case PROBE_PROGRAM_ALLOC:
		return (struct program_pair){skel->progs.alloc_entry, skel->progs.alloc_return,
			skel->progs.alloc_session};
	case PROBE_PROGRAM_DELETE:
		return (struct program_pair){skel->progs.delete_entry, skel->progs.delete_return,
			skel->progs.delete_session};
	case PROBE_PROGRAM_FREE:
		return (struct program_pair){.entry = skel->progs.free_entry};
	case PROBE_PROGRAM_HINT:
		return (struct program_pair){.entry = skel->progs.hint_entry};
	case PROBE_PROGRAM_RET:
		return (struct program_pair){.entry = skel->progs.alloc_ret};
	case PROBE_PROGRAM_THROW:
		return (struct program_pair){.entry = skel->progs.throw_entry};
	case PROBE_PROGRAM_THROWING:
		return (struct program_pair){.entry = skel->progs.throwing_entry};
	case PROBE_PROGRAM_USDT_ALLOC:
		return (struct program_pair){.entry = skel->progs.usdt_alloc};
	case PROBE_PROGRAM_USDT_FREE:
		return (struct program_pair){.entry = skel->progs.usdt_free};
	case PROBE_PROGRAM_ORDER_LOCK:
		return (struct program_pair){.entry = skel->progs.order_lock};
	case PROBE_PROGRAM_ORDER_TRY:
		return (struct program_pair){skel->progs.order_try_entry,
			skel->progs.order_try_return, skel->progs.order_try_session};
	case PROBE_PROGRAM_ORDER_UNLOCK:
		return (struct program_pair){.entry = skel->progs.order_unlock};
	case PROBE_PROGRAM_ORDER_OTHER:
		return (struct program_pair){.entry = skel->progs.order_other};
	case PROBE_PROGRAM_ORDER_FREE:
		return (struct program_pair){.entry = skel->progs.order_free};
	default:
		return (struct program_pair){.entry = tracer->holds_processes
							      ? skel->progs.loader_entry_held
							      : skel->progs.loader_entry};
	}
}

/* For every kind of link. */
static void leave_out(const struct tracer *tracer, enum probe_program program)
{
	struct program_pair pair = tracer__programs(tracer, program);

	bpf_program__set_autoload(pair.entry, false);
	if (pair.back)
		bpf_program__set_autoload(pair.back, false);
	if (pair.session)
		bpf_program__set_autoload(pair.session, false);
}

static bool is_of_subject(const struct tracer *tracer, enum probe_program program)
{
	if (program == PROBE_PROGRAM_LOADER)
		return true;
	return (program >= PROBE_PROGRAM_ORDER_LOCK) == (tracer->options.subject == TRACER_ORDER);
}

/* What belongs to the other subject alone is neither loaded nor made. */
static void choose_subject(struct tracer *tracer)
{
	struct tracer_bpf *skel = tracer->skel;
	bool order = tracer->options.subject == TRACER_ORDER;

	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		if (!is_of_subject(tracer, i))
			leave_out(tracer, i);
	bpf_program__set_autoload(skel->progs.order_switch, order);
	if (!tracer__wants_samples(tracer)) {
		leave_out(tracer, PROBE_PROGRAM_USDT_ALLOC);
		leave_out(tracer, PROBE_PROGRAM_USDT_FREE);
		bpf_map__set_autocreate(skel->maps.usdt_places, false);
	}
	if (order)
		return;
	bpf_map__set_autocreate(skel->maps.order_threads, false);
	bpf_map__set_autocreate(skel->maps.order_sent, false);
	bpf_map__set_autocreate(skel->maps.order_place_map, false);
	bpf_map__set_autocreate(skel->maps.order_holds, false);
	bpf_map__set_autocreate(skel->maps.order_let_go, false);
}

/* Of a run that probes no function. */
static void leave_out_probes(struct tracer *tracer)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		leave_out(tracer, i);
}

/* Those by which traps are priced, where that is done. */
static int choose_priced_programs(struct tracer *tracer, struct error *error)
{
	struct tracer_bpf *skel = tracer->skel;
	bool priced = tracer->options.windows, session = tracer->link_kind == LINK_SESSION;
	enum link_kind other = tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI;

	bpf_program__set_autoload(skel->progs.priced_entry, priced);
	bpf_program__set_autoload(skel->progs.priced_session, priced && session);
	bpf_program__set_autoload(skel->progs.priced_return, priced && !session);
	links__prepare_program(skel->progs.priced_entry, other);
	links__prepare_program(skel->progs.priced_return, other);
	links__prepare_program(skel->progs.priced_session, LINK_SESSION);
	if (priced && session && kernel_function__bind_session(skel->progs.priced_session, error))
		return error->code;
	return 0;
}

/* Every program is loaded for one kind of link; those of the other kinds are left out. */
static int choose_link_kind(struct tracer *tracer, struct error *error)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++) {
		struct program_pair pair = tracer__programs(tracer, i);
		bool session = tracer->link_kind == LINK_SESSION && pair.session;

		if (!is_of_subject(tracer, i))
			continue;
		if (pair.session) {
			bpf_program__set_autoload(pair.session, session);
			bpf_program__set_autoload(pair.entry, !session);
			bpf_program__set_autoload(pair.back, !session);
			links__prepare_program(pair.session, LINK_SESSION);
			if (session && kernel_function__bind_session(pair.session, error))
				return error->code;
		}
		links__prepare_program(
			pair.entry, tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI);
		if (pair.back)
			links__prepare_program(
				pair.back, tracer->link_kind == LINK_PERF ? LINK_PERF : LINK_MULTI);
	}
	return 0;
}

/* Which programs see the memory system calls (bpf/mapping.bpf.c), the dearest for others last. */
enum mapping_source { MAPPINGS_OFF, MAPPINGS_BY_LOCK, MAPPINGS_BY_NAME, MAPPINGS_BY_ANY_CALL };

static enum mapping_source find_mapping_source(const struct tracer *tracer)
{
	/* System calls' tracepoints tax the whole machine, and no window would end that. */
	if (tracer->options.without_mappings || tracer->options.windows ||
		tracer->options.only_samples)
		return MAPPINGS_OFF;
	/* The names of code made at run time (bpf/code_names.bpf.c) want the system calls anyway.
	 */
	if (tracer->options.page_faults && kernel_function__watches_memory() &&
		tracer->has_task_work)
		return MAPPINGS_BY_LOCK;
	return links__has_tracepoints(tracer->links) ? MAPPINGS_BY_NAME : MAPPINGS_BY_ANY_CALL;
}

static void choose_mapping_programs(struct tracer *tracer)
{
	static const char *const names[] = {"none", "the address space's lock",
		"tracepoints of system calls", "the end of every system call"};
	enum mapping_source source = find_mapping_source(tracer);
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracer->skel->obj)
	{
		if (!strncmp(bpf_program__section_name(program), "tp/syscalls/", 12))
			bpf_program__set_autoload(program, source == MAPPINGS_BY_NAME);
	}
	bpf_program__set_autoload(
		tracer->skel->progs.exit_any_call, source == MAPPINGS_BY_ANY_CALL);
	bpf_program__set_autoload(
		tracer->skel->progs.exit_any_write, source == MAPPINGS_BY_ANY_CALL);
	bpf_program__set_autoload(tracer->skel->progs.memory_changed, source == MAPPINGS_BY_LOCK);
	tracer->skel->rodata->follows_mappings = source != MAPPINGS_OFF;
	log__debug("mappings are followed by: %s", names[source]);
}

/* Fork, exec and the loader's hook each have a program that holds by task work and another one. */
static void choose_holding_programs(struct tracer *tracer)
{
	struct tracer_bpf *skel = tracer->skel;
	bool held = tracer->holds_processes;

	bpf_program__set_autoload(skel->progs.process_fork_held, held);
	bpf_program__set_autoload(skel->progs.process_exec_held, held);
	bpf_program__set_autoload(skel->progs.loader_entry_held, held);
	bpf_program__set_autoload(skel->progs.process_fork, !held);
	bpf_program__set_autoload(skel->progs.process_exec, !held);
	bpf_program__set_autoload(skel->progs.loader_entry, !held);
}

/* Whom the kernel chooses when memory runs out, where that is asked for. */
static int choose_victim_program(struct tracer *tracer, struct error *error)
{
	struct kernel_type tracepoint = {.name = "btf_trace_mark_victim", .kind = BTF_KIND_TYPEDEF};

	bpf_program__set_autoload(tracer->skel->progs.oom_victim, tracer->callbacks.victim);
	if (!tracer->callbacks.victim)
		return 0;
	if (!kernel_btf__find(&tracepoint, 1) && tracepoint.number > 0)
		return 0;
	return error__set(error, -EOPNOTSUPP,
		"--oom: this kernel does not tell which process it kills when memory runs out "
		"(tracepoint oom:mark_victim)");
}

int tracer__choose_programs(struct tracer *tracer, struct error *error)
{
	if (choose_link_kind(tracer, error) || choose_priced_programs(tracer, error))
		return error->code;
	if (choose_victim_program(tracer, error))
		return error->code;
	choose_subject(tracer);
	choose_holding_programs(tracer);
	choose_mapping_programs(tracer);
	bpf_program__set_autoload(tracer->skel->progs.page_fault, tracer->options.page_faults);
	if (tracer->options.page_faults)
		leave_out_probes(tracer);
	return 0;
}
