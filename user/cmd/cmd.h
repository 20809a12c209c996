/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The commands. Each has its file here, the only place that reads its arguments. */
#ifndef MEMTRACE_CMD_CMD_H
#define MEMTRACE_CMD_CMD_H

#include <stdbool.h>

#include "base/error.h"

/* Exit codes of every command. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_COULD_NOT = 1,
	EXIT_USAGE = 2,
	EXIT_DEADLOCK = 3, /* a deadlock was found */
};

/* Runs the command that argv[1] names, or tracing without one. Returns the exit code. */
int cmd__run(int argc, char **argv);

/*
 * Whether a command failed with @code (0: no), having printed why. A pipe whose reader is gone is
 * no failure: nobody wants more (`memtrace ... | head`).
 */
bool cmd__failed(const struct error *error, int code);

struct argp;
struct argp_state;

/* Writes names of formats in a row, as formats__list does. */
typedef void command_formats_fn(const char *separator, const char *last, char *out);

/* One table has them: help, completion and the choice of the command come from it. */
struct command {
	const char *title; /* "memtrace NAME", its argv[0] and the beginning of its messages */
	const char *help;  /* one line */
	int (*run)(int argc, char **argv);
	const struct argp *(*argp)(void); /* its options; good until the next one's */
	command_formats_fn *formats;	  /* of its -F; NULL: it has none */
};

/* The list, which ends with a NULL title. */
const struct command *cmd__list(void);

/* The word by which a command is called. */
const char *cmd__name(const struct command *command);

/* NULL: there is none of this name. */
const struct command *cmd__find(const char *name);

int cmd_trace(int argc, char **argv); /* record and top too */
int cmd_report(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_heap(int argc, char **argv);
int cmd_locks(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_contention(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_order(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_completion(int argc, char **argv);

/* The argp parser of commands with one word as argument; its input is a const char **. */
int cmd__take_topic(int key, char *arg, struct argp_state *state);

const struct argp *report_argp(void);
const struct argp *diff_argp(void);
const struct argp *doctor_argp(void);
const struct argp *heap_argp(void);
const struct argp *locks_argp(void);
const struct argp *watch_argp(void);
const struct argp *contention_argp(void);
const struct argp *order_argp(void);
command_formats_fn contention__list_formats;
const struct argp *serve_argp(void);
const struct argp *help_argp(void);
const struct argp *completion_argp(void);

#endif
