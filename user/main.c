/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace: picks the command; what each does is in cmd/. Or it was started as a worker. */
#include <malloc.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "sandbox/worker.h"
#include "symbols/names_wire.h"
#include "symbols/names_worker.h"

/*
 * Each load of BPF programs reads the kernel's BTF, about 6 MB, into memory that is freed again:
 * kept, it need not be mapped and zeroed anew, which is half of the time.
 */
#define KEPT_MEMORY (32 << 20)

static const struct worker_role worker_roles[] = {{NAMES_ROLE, names_worker__serve}, {0}};

int main(int argc, char **argv)
{
	int code;

	worker_side__run(argc, argv, worker_roles);

#ifdef M_TRIM_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, KEPT_MEMORY);
	mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY);
#endif
	code = cmd__run(argc, argv);
	log__flush();
	return code;
}
