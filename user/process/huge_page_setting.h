/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the kernel does about transparent huge pages: the kernel's admin-guide/mm/transhuge.rst. */
#ifndef MEMTRACE_PROCESS_HUGE_PAGE_SETTING_H
#define MEMTRACE_PROCESS_HUGE_PAGE_SETTING_H

#include <stdbool.h>
#include <stdint.h>

struct huge_page_setting {
	bool always;	/* for all anonymous memory */
	bool never;	/* or the kernel has none */
	uint64_t bytes; /* of one; 0: unknown */
};

/* Reads it from /sys/kernel/mm/transparent_hugepage. */
struct huge_page_setting huge_pages__setting(void);

#endif
