/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Separate files with the debug information that was stripped from a module: where they may be,
 * and whether they are the right ones.
 */
#ifndef MEMTRACE_SYMBOLS_DEBUG_FILE_H
#define MEMTRACE_SYMBOLS_DEBUG_FILE_H

#include "base/vec.h"
#include "process/elf_file.h"
#include "process/module.h"

/* Directories in the order of search. */
typedef VEC(const char *) debug_dirs;

/*
 * Opens the debug file of @module, whose ELF file is @file: by build ID under DIR/.build-id; by
 * the name in .gnu_debuglink beside the module and under DIR, then its CRC must be the one in the
 * link, or its build ID the module's. Returns an fd, or -ENOENT.
 */
int debug_file__open(const struct module *module, struct elf_file *file, const debug_dirs *dirs);

/*
 * Opens the supplementary file that `dwz` moved what several debug files share to: named in
 * .gnu_debugaltlink by path and build ID.
 * Returns an fd, -ENOENT where it is not found, 0 where @file needs none.
 */
int debug_file__open_alternate(struct elf_file *file, const debug_dirs *dirs);

/*
 * Asks the servers of $DEBUGINFOD_URLS, by running debuginfod-find(1) if that is installed: so that
 * no network code runs in a process with privileges over others. It waits as long as
 * $DEBUGINFOD_TIMEOUT says. Returns an fd or a negative errno: -ENOSYS without the program.
 */
int debug_file__download(const struct build_id *build_id);

#endif
