/* The arguments of `memtrace -p PID` and `memtrace -- COMMAND`. */
#ifndef MEMTRACE_CMD_TRACE_OPTIONS_H
#define MEMTRACE_CMD_TRACE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"
#include "tracer_shared.h"

enum sort_key {
	SORT_LIVE = 0,
	SORT_ALLOC,
	SORT_COUNT,
	SORT_TEMPORARY,
	SORT_AGE,
};

struct trace_options {
	/* what is traced */
	VEC(pid_t) pids;
	char **command; /* NULL, or what follows "--" */
	bool follow;
	VEC(const char *) allocators; /* LIB-OR-EXE[:PREFIX] */

	/* how */
	enum stack_mode stacks;
	uint32_t max_frames;
	uint64_t ring_size;   /* bytes, a power of two */
	uint64_t duration_ns; /* 0: until something else ends it */
	uint64_t interval_ns; /* 0: no periodic reports */
	uint64_t hold_limit_ns;
	bool verbose;
	bool exit_status; /* exit as the launched command did */

	/* the report */
	enum sort_key sort;
	uint64_t top; /* 0: as many as fit (text), all (JSON) */
	uint64_t min_size;
	uint64_t max_size;
	uint64_t older_than_ns;
	bool json;
	const char *json_path; /* NULL: stdout */
	bool full_stacks;
	bool demangle;
	VEC(const char *) debug_dirs;
	bool debuginfod;
};

/*
 * Parses @argv into @options, freed with trace_options__free. Returns 0, or what to exit with + 1
 * (after --help, a usage error), the message having been printed.
 */
int trace_options__parse(int argc, char **argv, struct trace_options *options);
void trace_options__free(struct trace_options *options);

#endif
