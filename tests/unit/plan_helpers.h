/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the tests of plans share: a plan for a file, and where it puts which function. */
#ifndef TESTS_UNIT_PLAN_HELPERS_H
#define TESTS_UNIT_PLAN_HELPERS_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/plan.h"

static inline void plan_file(
	struct probe_plan *plan, int fd, bool is_executable, const char *prefix)
{
	struct plan_options options = {.is_executable = is_executable, .prefix = prefix};
	struct error err;

	if (plan__make(plan, fd, &options, &err))
		fail_msg("%s", err.message);
}

/* The site of a function, by its symbol, under any program; NULL if it is not probed. */
static inline const struct probe_site *find_site(
	const struct probe_plan *plan, const char *symbol, enum probe_program *program)
{
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		for (size_t k = 0; k < plan->sites[i].size; k++) {
			const struct probe_site *site = &plan->sites[i].data[k];
			size_t length = strlen(symbol);

			if (strncmp(site->name, symbol, length) || site->name[length] != '+')
				continue;
			*program = i;
			return site;
		}
	return NULL;
}

static inline void assert_program(
	const struct probe_plan *plan, const char *symbol, enum probe_program wanted)
{
	enum probe_program program;

	if (!find_site(plan, symbol, &program))
		fail_msg("%s is not probed", symbol);
	assert_int_equal(program, wanted);
}

static inline void assert_not_probed(const struct probe_plan *plan, const char *symbol)
{
	enum probe_program program;

	assert_null(find_site(plan, symbol, &program));
}

/* Opens a library of the system by its name, or skips the test. */
static inline int open_library(const char *name)
{
	static const char *const directories[] = {"/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64",
		"/usr/lib"};

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", directories[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	print_message("%s is not installed\n", name);
	skip();
	return -1;
}

#endif
