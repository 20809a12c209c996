/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Processes whose code is run by a translator: valgrind, DynamoRIO, Pin, qemu's user-mode emulation
 * of the machine's own architecture. It reads the program's instructions and runs others of its own
 * making; it takes a breakpoint among them, which is what a uprobe is, for the program's own, and
 * the program dies of SIGTRAP. So no probe may be put into such a process.
 */
#ifndef MEMTRACE_PROCESS_TRANSLATED_H
#define MEMTRACE_PROCESS_TRANSLATED_H

#include <sys/types.h>

/*
 * The translator's name, or NULL: none, or the process is gone. Known by the program that the
 * process runs, which is in its place from exec on
 *	valgrind	.../TOOL-ARCH-OS, with VALGRIND_LAUNCHER in its environment
 *	Pin		.../pinbin
 *	qemu-user	.../qemu-x86_64, qemu-x86_64-static (on arm64 qemu-aarch64)
 * and by a library that it maps: libdynamorio.so of DynamoRIO.
 */
const char *translated__by(pid_t pid);

#endif
