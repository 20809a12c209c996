/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The order of locks (order.bpf.c): what a lock's memory says about it. */
#ifndef MEMTRACE_ORDER_LOCK_BPF_H
#define MEMTRACE_ORDER_LOCK_BPF_H

#include "order_thread.bpf.h"

/* glibc's pthread_mutex_t: __kind at 16; pthread_rwlock_t: __shared at 28, __flags at 48. */
#define GLIBC_MUTEX_KIND 16
#define GLIBC_RWLOCK_SHARED 28
#define GLIBC_RWLOCK_FLAGS 48
#define GLIBC_PREFER_WRITERS 2
/* musl's: type and attributes in the first word; pshared of a pthread_rwlock_t in the third. */

static __always_inline __u32 read_word(__u64 address)
{
	__u32 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* glibc: 0 normal, 1 recursive, 2 error-checking, 3 adaptive; 16 robust, 32 PI, 128 shared. */
static __always_inline __u32 mutex_facts(__u64 lock, __u32 facts)
{
	bool musl = facts & ORDER_MUSL;
	__u32 kind = read_word(lock + (musl ? 0 : GLIBC_MUTEX_KIND));

	if ((kind & 3) == 1)
		facts |= ORDER_RECURSIVE;
	if ((kind & 3) == 2)
		facts |= ORDER_ERROR_CHECK;
	if (kind & (musl ? 4 : 16))
		facts |= ORDER_ROBUST;
	if (kind & (musl ? 8 : 32))
		facts |= ORDER_INHERITS;
	if (kind & 128)
		facts |= ORDER_SHARED;
	return facts;
}

static __always_inline __u32 read_facts(__u64 lock, __u32 facts)
{
	if ((facts & ORDER_KIND_MASK) == ORDER_MUTEX)
		return mutex_facts(lock, facts);
	if ((facts & ORDER_KIND_MASK) != ORDER_RWLOCK)
		return facts;
	if (facts & ORDER_MUSL)
		return read_word(lock + 8) ? facts | ORDER_SHARED : facts;
	if (read_word(lock + GLIBC_RWLOCK_SHARED))
		facts |= ORDER_SHARED;
	if (read_word(lock + GLIBC_RWLOCK_FLAGS) == GLIBC_PREFER_WRITERS)
		facts |= ORDER_FOR_WRITERS;
	return facts;
}

/*
 * Whether the lock's memory has the current thread for its owner. A function that stands in for
 * the C library's and calls it enters twice, and has it at neither time.
 */
static __always_inline bool is_owner(__u64 lock, __u32 facts)
{
	__u32 kind = facts & ORDER_KIND_MASK, number = own_number();

	if (kind == ORDER_SPIN)
		return false;
	if (facts & ORDER_MUSL)
		return kind == ORDER_MUTEX && (read_word(lock + 4) & 0x3fffffff) == number;
	return read_word(lock + (kind == ORDER_MUTEX ? 8 : 24)) == number;
}

#endif
