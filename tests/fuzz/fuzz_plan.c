/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as a file that may have an allocator: headers, tables of names, code. Every site of the
 * plan must be a byte of the file.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_options options = {.is_executable = true, .all_symbols = true, .prefix = "a_"};
	struct probe_plan plan;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	plan__make(&plan, fd, &options, NULL);
	for (int i = 0; i < PROBE_PROGRAM_COUNT; i++)
		vec_for_each (site, &plan.sites[i])
			if (site->offset >= size)
				abort();
	plan__free(&plan);
	close(fd);
	return 0;
}
