/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The call in front of a return address, decoded: what was called, whatever runs there now. */
#ifndef MEMTRACE_PROBE_CALL_SITE_H
#define MEMTRACE_PROBE_CALL_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in front of the return address that call_site__decode wants. */
#define CALL_SITE_BYTES 8

struct call_site {
	uint64_t target; /* direct call: address called, as the return address is given; else 0 */
	uint64_t slot;	 /* call through a pointer at a fixed address (-fno-plt): that address */
};

/*
 * @code: the CALL_SITE_BYTES before @return_address; machine: EM_X86_64 or EM_AARCH64. False where
 * they end in no call whose target the instruction tells. Encodings: Intel SDM volume 2, CALL; Arm
 * ARM C6.2, BL.
 */
bool call_site__decode(int machine, const uint8_t code[CALL_SITE_BYTES], uint64_t return_address,
	struct call_site *out);

#endif
