/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* An address of code that stays the same from run to run: a file, and an address in it. */
#ifndef MEMTRACE_BASE_CODE_ADDRESS_H
#define MEMTRACE_BASE_CODE_ADDRESS_H

#include <stdint.h>

#include "base/hash.h"

struct code_address {
	uint32_t module; /* id of the run or of the recording */
	uint64_t offset; /* ELF virtual address */
};

/* For DEFINE_HASH. */
static inline uint64_t code_address__hash(struct code_address address)
{
	return hash_combine(address.module, address.offset);
}

static inline bool code_address__equal(struct code_address a, struct code_address b)
{
	return a.module == b.module && a.offset == b.offset;
}

#endif
