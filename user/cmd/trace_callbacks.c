/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the tracer tells a run while it follows processes: whom of the run it concerns. */
#include "attach/tracer.h"
#include "base/log.h"
#include "cmd/trace_run.h"

static void on_exited(void *context, pid_t pid, uint32_t process, uint32_t status, size_t left)
{
	struct trace *trace = context;

	trace_leaks__end(trace->leaks, pid);
	if (trace->report)
		trace_report__unwatch(trace->report, process);
	/* An unknown status will come from waitid. */
	if (trace->launched && pid == trace->launch.pid && status != TRACER_STATUS_UNKNOWN) {
		trace->command_ended = true;
		trace->command_status = status;
	}
	if (left == 0)
		event_loop__end(&trace->loop);
}

static void on_started(void *context, const struct tracer_start *start)
{
	struct trace *trace = context;

	if (trace->report)
		trace_report__watch(trace->report, start);
}

static void on_named(void *context, uint32_t process)
{
	struct trace *trace = context;

	if (trace->report)
		trace_report__read_names(trace->report, process);
}

/* Children that are followed are not searched for leaks. */
static bool is_given(const struct trace *trace, pid_t pid)
{
	if (trace->launched && trace->launch.pid == pid)
		return true;
	vec_for_each (process, &trace->processes)
		if (process->pid == pid)
			return true;
	return false;
}

/* What a command that is launched becomes, and what the traced processes execute. */
static void on_executed(void *context, pid_t pid, uint32_t process)
{
	struct trace *trace = context;

	if (is_given(trace, pid))
		trace_leaks__watch(trace->leaks, pid, process);
}

static void on_registers(void *context, const struct event_exit_registers *registers)
{
	struct trace *trace = context;

	trace_leaks__take_registers(trace->leaks, registers);
}

static void on_spent(void *context)
{
	struct trace *trace = context;

	if (trace->windows)
		trace_windows__spent(trace->windows);
}

/* It has some ms left: what it did until now is read first. */
static void on_victim(void *context, pid_t pid)
{
	struct trace *trace = context;

	log__warn("out of memory: the kernel kills process %d", pid);
	if (trace->report)
		trace_report__print_victim(trace->report, pid);
}

struct tracer_callbacks trace_callbacks__of(struct trace *trace)
{
	struct tracer_callbacks callbacks = {
		.context = trace,
		.started = on_started,
		.named = on_named,
		.exited = on_exited,
		.spent = on_spent,
	};

	if (trace->options.oom)
		callbacks.victim = on_victim;
	if (trace->options.leaks) {
		callbacks.executed = on_executed;
		callbacks.registers = on_registers;
	}
	return callbacks;
}
