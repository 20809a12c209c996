/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where the arguments of a statically defined probe (USDT) are, as its note says: what the program
 * on it (bpf/usdt.bpf.c) reads them by. Shared with user/probe.
 */
#ifndef MEMTRACE_USDT_PLACES_H
#define MEMTRACE_USDT_PLACES_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum usdt_place {
	USDT_CONSTANT = 0, /* value */
	USDT_REGISTER,	   /* the register */
	USDT_MEMORY,	   /* what is at register + (index << shift) + value */
};

#define USDT_NO_REGISTER 0xffff

struct usdt_argument {
	__u8 place;	/* enum usdt_place */
	__u8 size;	/* bytes: 1, 2, 4 or 8 */
	__u8 is_signed; /* it is extended by its sign */
	__u8 shift;	/* 0 to 3 */
	__u16 base;	/* registers: offsets in struct pt_regs, or USDT_NO_REGISTER */
	__u16 index;
	__s64 value;
};
_Static_assert(sizeof(struct usdt_argument) == 16, "");

/* Of an allocation: pointer, size, weight. Of a free: pointer. */
enum { USDT_POINTER = 0, USDT_SIZE, USDT_WEIGHT, USDT_ARGUMENTS };

struct usdt_place_of_arguments {
	struct usdt_argument arguments[USDT_ARGUMENTS];
	__u32 count; /* without a weight, each block stands for itself */
	__u32 reserved;
};
_Static_assert(sizeof(struct usdt_place_of_arguments) == 56, "");

/* Most places of probes in the files of all traced processes. */
#define MAX_USDT_PLACES 4096

#endif
