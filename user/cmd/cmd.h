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
bool cmd__failed(const struct error *err, int code);

/* In all of them argv[0] is the command's name. */
int cmd_trace(int argc, char **argv); /* record and top too */
int cmd_report(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_locks(int argc, char **argv);
int cmd_watch(int argc, char **argv);

#endif
