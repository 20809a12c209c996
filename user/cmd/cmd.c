/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/cmd.h"

#include <argp.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "cmd/trace_options.h"
#include "report/formats.h"
#include "version.h"

static const struct argp *trace_argp(void)
{
	return trace_options__argp("memtrace trace");
}

static const struct argp *record_argp(void)
{
	return trace_options__argp("memtrace record");
}

static const struct argp *top_argp(void)
{
	return trace_options__argp("memtrace top");
}

static const struct command commands[] = {
	{"memtrace trace", "heap of a process or a command; the default", cmd_trace, trace_argp,
		formats__list},
	{"memtrace record", "record a run to a file, for report and diff", cmd_trace, record_argp,
		NULL},
	{"memtrace report", "report a recorded run", cmd_report, report_argp, formats__list},
	{"memtrace diff", "compare two recorded runs, or two points in time of one", cmd_diff,
		diff_argp, NULL},
	{"memtrace top", "a live view of a process", cmd_trace, top_argp, NULL},
	{"memtrace heap", "what is in a heap that grew before anyone looked", cmd_heap, heap_argp,
		NULL},
	{"memtrace locks", "who waits for whom, now", cmd_locks, locks_argp, NULL},
	{"memtrace watch", "find deadlocks on the whole machine when they form", cmd_watch,
		watch_argp, NULL},
	{"memtrace contention", "which locks are waited for, where, and who holds them",
		cmd_contention, contention_argp, contention__list_formats},
	{"memtrace serve", "trace until told to stop, and answer HTTP meanwhile", cmd_serve,
		serve_argp, NULL},
	{"memtrace order", "deadlocks that the order of locks makes possible", cmd_order,
		order_argp, NULL},
	{"memtrace doctor", "what this kernel and these privileges allow", cmd_doctor, doctor_argp,
		NULL},
	{"memtrace help", "help for a command, or a list of them", cmd_help, help_argp, NULL},
	{"memtrace completion", "a script that completes commands and options in a shell",
		cmd_completion, completion_argp, NULL},
	{0},
};

const struct command *cmd__list(void)
{
	return commands;
}

const char *cmd__name(const struct command *command)
{
	return strchr(command->title, ' ') + 1;
}

const struct command *cmd__find(const char *name)
{
	for (const struct command *command = commands; command->title; command++)
		if (strcmp(name, cmd__name(command)) == 0)
			return command;
	return NULL;
}

/* libbpf explains a refused program at length: with -v only. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!log__is_verbose() || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

/*
 * Where memtrace was started without standard input, output or error, the next file that it opens
 * would get the number, and reports or messages be written into it. What cannot be written to
 * takes the place: a report then fails with EBADF. A launched command finds it closed, as it was.
 */
static void occupy_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

bool cmd__failed(const struct error *error, int err)
{
	if (!err || err == -EPIPE)
		return false;
	log__error("%s%s", *error->message ? error->message : strerror(abs(err)),
		file__limit_hint(err));
	return true;
}

int cmd__run(int argc, char **argv)
{
	const struct command *command;
	struct error error;

	occupy_standard_streams();
	if (interrupt__start(&error))
		log__warn("%s", error.message);
	libbpf_set_print(print_libbpf);
	argp_err_exit_status = EXIT_USAGE;
	argp_program_version = "memtrace " MEMTRACE_VERSION;
	command = argc > 1 ? cmd__find(argv[1]) : NULL;
	if (!command)
		return cmd_trace(argc, argv);
	argv[1] = (char *)command->title;
	return command->run(argc - 1, argv + 1);
}
