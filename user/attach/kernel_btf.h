/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The numbers that types and functions have in the kernel's BTF. libbpf, too, finds them, after it
 * has copied all of it and made an index of its 130,000 types, which takes longer than the rest of
 * what a start does; here it is read in place, once.
 */
#ifndef MEMTRACE_ATTACH_KERNEL_BTF_H
#define MEMTRACE_ATTACH_KERNEL_BTF_H

#include <stddef.h>
#include <stdint.h>

struct kernel_type {
	const char *name;
	uint32_t kind; /* BTF_KIND_... of linux/btf.h */
	int number;    /* what is found: above 0, or -ENOENT */
};

/*
 * Finds @types in this kernel's BTF. Returns 0, whatever is found, or a negative errno if there is
 * no BTF, or what is there cannot be understood.
 */
int kernel_btf__find(struct kernel_type *types, size_t count);

/*
 * The same in @size bytes of @data, as they are in /sys/kernel/btf/vmlinux (the layout is that of
 * the kernel's Documentation/bpf/btf.rst). Returns 0 or -EINVAL.
 */
int kernel_btf__find_in(const void *data, size_t size, struct kernel_type *types, size_t count);

#endif
