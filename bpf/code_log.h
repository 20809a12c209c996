/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The log of changes of code: what tells a stack's time from another. Whenever code comes to or
 * goes from an address of a traced process, BPF gives the change the next number, writes it into a
 * ring of entries that user space has mapped, and makes the number the process's epoch. A stack is
 * sent with the epoch that it was taken in, which is also mixed into its hash: two stacks of the
 * same addresses and of different code are never taken for one another, and user space knows which
 * changes came before and which after. A compiler at run time that gives other code to an address,
 * as it says in its map of names (code_names.bpf.h), makes a change, too.
 *
 * Numbers are given to all processes together, so an epoch may rise without need, which does no
 * harm.
 */
#ifndef MEMTRACE_CODE_LOG_H
#define MEMTRACE_CODE_LOG_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* One library is some four changes; user space reads the log at every new stack. 1 MiB. */
#define CODE_LOG_SIZE 16384

/* Processes whose numbers are equal modulo this share an epoch; a power of two. */
#define CODE_EPOCHS 4096

struct code_change {
	__u32 number;  /* from 1 on; written last: the entry holds this change */
	__u32 process; /* event_header.process */
	__u64 start;   /* what held at [start, end) no longer does */
	__u64 end;
	__u64 time_ns;
	/* The file that is mapped there from now on; inode 0: none, or not known. CODE_NAMED: the
	   file of names. */
	__u64 inode;
	/* In it, of the mapping that holds `start`. Of none, and with CODE_NAMED: how many bytes of
	   names the process had written before; of files that began anew all bytes count. */
	__u64 page;
	/* How many bytes `start` lies into that mapping. CODE_NAMED: how many bytes of names were
	   written before the file's first. */
	__u64 into;
	__u32 device; /* major << 20 | minor */
	__u32 flags;  /* CODE_CAME or CODE_NAMED */
};
_Static_assert(sizeof(struct code_change) == 64, "");

#define CODE_CAME 1    /* there is code at [start, end) now; else there may be */
#define CODE_NAMED 2   /* what is at [start, end) has got a name, and is perhaps new */
#define CODE_RENAMED 4 /* with CODE_NAMED: it had one */

#endif
