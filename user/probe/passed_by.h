/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Whether control can have come to the end of a piece of a function without having been at a place
 * in it: a jump from before the place leads behind it.
 */
#ifndef MEMTRACE_PROBE_PASSED_BY_H
#define MEMTRACE_PROBE_PASSED_BY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * @code are the @size bytes of a function of ELF machine @machine from its start, which runs at
 * @address; @place is an address in it. A jump through a register may lead anywhere. True also
 * where the code cannot be read.
 */
bool code__passed_by(
	int machine, const uint8_t *code, size_t size, uint64_t address, uint64_t place);

#endif
