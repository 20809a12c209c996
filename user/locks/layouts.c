/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/layouts.h"

#include <linux/futex.h>
#include <string.h>

#if defined(__aarch64__)
/* nptl/descr.h: 24 pointers of padding, then list_t, then tid (TLS_DTV_AT_TP). */
#define GLIBC_TID_OFFSET 0xd0
#define MUSL_TID_OFFSET 32
#define MUSL_DETACH_OFFSET 40
#else
/* nptl/descr.h: tcbhead_t padded to 704 bytes, then list_t, then tid. */
#define GLIBC_TID_OFFSET 0x2d0
/* `self` of tcbhead_t; arm64 has no such field. */
#define GLIBC_SELF_OFFSET 0x10
#define MUSL_TID_OFFSET 48
#define MUSL_DETACH_OFFSET 56
#endif

/* struct __pthread_rwlock_arch_t, in 32-bit words. */
enum { RW_READERS = 0, RW_WRITERS = 1, RW_WRPHASE_FUTEX = 2, RW_WRITERS_FUTEX = 3, RW_OWNER = 6 };
#define RW_WORDS 14
/* pthread_rwlock_common.c */
#define RW_READER_SHIFT 3
#define RW_FUTEX_USED 2
#define RW_WRPHASE 1
#define RW_WRLOCKED 2
/* More readers than threads that a kernel has are garbage. */
#define RW_MAX_READERS LAYOUT_MAX_TID

static void set_owner(struct lock_state *out, uint32_t tid)
{
	if (!tid)
		out->field = OWNER_NONE;
	else if (tid > LAYOUT_MAX_TID)
		out->field = OWNER_GARBAGE;
	else
		out->field = OWNER_TID;
	out->owner = out->field == OWNER_TID ? tid : 0;
}

/* A word with the TID of its owner and the flags that the kernel puts there: futex(2). */
static void set_owner_of_word(struct lock_state *out, uint32_t word)
{
	if (word & FUTEX_OWNER_DIED)
		out->field = OWNER_DIED;
	else if (!(word & FUTEX_TID_MASK))
		out->field = OWNER_FREE;
	else
		set_owner(out, word & FUTEX_TID_MASK);
}

bool layout__glibc_mutex(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint32_t words[MUTEX_SIZE / 4];
	uint32_t kind;

	*out = (struct lock_state){.address = uaddr};
	if (uaddr % 4 || memory->read(memory->context, pid, uaddr, words, sizeof(words)))
		return false;
	kind = words[4];
	if (kind & ~MUTEX_KIND_ALL)
		return false;
	out->recursive = (kind & MUTEX_KIND_TYPE) == MUTEX_KIND_RECURSIVE;
	out->errorcheck = (kind & MUTEX_KIND_TYPE) == MUTEX_KIND_ERRORCHECK;
	out->robust = kind & MUTEX_KIND_ROBUST;
	out->pi = kind & MUTEX_KIND_PI;
	if (out->robust || out->pi)
		set_owner_of_word(out, words[0]);
	else if (!words[0])
		out->field = OWNER_FREE;
	else
		set_owner(out, words[2]);
	return true;
}

bool layout__pi_word(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint32_t word;

	*out = (struct lock_state){.address = uaddr, .pi = true};
	if (memory->read(memory->context, pid, uaddr, &word, sizeof(word)))
		return false;
	set_owner_of_word(out, word);
	return true;
}

/* Which word of the lock is waited on. Writers wait for the write phase with USED and for the
 * writer before them with 1|USED; readers for the read phase with 1|USED, and for a writer to
 * begin on __readers itself. */
static uint64_t rwlock_base(uint64_t uaddr, uint32_t expected, bool writes)
{
	if (writes)
		return expected == RW_FUTEX_USED ? uaddr - 4 * RW_WRPHASE_FUTEX
						 : uaddr - 4 * RW_WRITERS_FUTEX;
	return expected == (1 | RW_FUTEX_USED) ? uaddr - 4 * RW_WRPHASE_FUTEX : uaddr;
}

bool layout__glibc_rwlock(const struct lock_memory *memory, pid_t pid, uint64_t uaddr,
	uint32_t expected, bool writes, struct lock_state *out)
{
	uint32_t words[RW_WORDS];
	uint32_t readers;

	*out = (struct lock_state){.address = rwlock_base(uaddr, expected, writes)};
	if (memory->read(memory->context, pid, out->address, words, sizeof(words)))
		return false;
	readers = words[RW_READERS] >> RW_READER_SHIFT;
	if (readers > RW_MAX_READERS)
		return false;
	if (words[RW_OWNER]) {
		set_owner(out, words[RW_OWNER]);
	} else if (writes && uaddr == out->address + 4 * RW_WRITERS_FUTEX) {
		out->field = OWNER_WRITER_WAITS;
	} else if (readers && !(words[RW_READERS] & RW_WRPHASE)) {
		out->field = OWNER_READERS;
		out->readers = readers;
	} else {
		out->field = words[RW_READERS] & RW_WRLOCKED ? OWNER_NONE : OWNER_FREE;
	}
	return true;
}

/* Until 2.40: __wrefs +36, __g_signals +40; from 2.41: +28 and +32. The low bits of __wrefs are
 * flags, the rest is the number of waiters. */
static bool condition_at(
	const struct lock_memory *memory, pid_t pid, uint64_t base, unsigned wrefs_offset)
{
	uint32_t wrefs;

	if (base % 8 ||
		memory->read(memory->context, pid, base + wrefs_offset, &wrefs, sizeof(wrefs)))
		return false;
	return wrefs >> 3 && wrefs >> 3 <= LAYOUT_MAX_TID;
}

bool layout__glibc_condition(const struct lock_memory *memory, pid_t pid, int minor, uint64_t uaddr,
	struct lock_state *out)
{
	uint64_t signals = uaddr & ~7ull;

	*out = (struct lock_state){.address = signals - 40};
	if (minor <= 40 && condition_at(memory, pid, signals - 40, 36))
		return true;
	out->address = signals - 32;
	return (!minor || minor > 40) && condition_at(memory, pid, signals - 32, 28);
}

/* Whether @descriptor can be a struct pthread of glibc. */
static bool is_descriptor(const struct lock_memory *memory, pid_t pid, uint64_t descriptor)
{
	if (!descriptor || descriptor % 16)
		return false;
#ifdef GLIBC_SELF_OFFSET
	uint64_t self;

	if (memory->read(memory->context, pid, descriptor + GLIBC_SELF_OFFSET, &self, sizeof(self)))
		return false;
	return self == descriptor;
#else
	return true;
#endif
}

bool layout__glibc_join(const struct lock_memory *memory, pid_t pid, uint64_t uaddr,
	uint32_t expected, struct lock_state *out)
{
	*out = (struct lock_state){.address = uaddr - GLIBC_TID_OFFSET};
	if (!expected || expected > LAYOUT_MAX_TID || !is_descriptor(memory, pid, out->address))
		return false;
	set_owner(out, expected);
	return true;
}

/* _IO_lock_t: int lock; int cnt; void *owner. */
bool layout__glibc_stdio(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	struct {
		uint32_t lock;
		uint32_t count;
		uint64_t owner;
	} io;
	uint32_t tid;

	*out = (struct lock_state){.address = uaddr, .recursive = true};
	if (memory->read(memory->context, pid, uaddr, &io, sizeof(io)) || io.lock > 2)
		return false;
	if (!io.lock)
		out->field = OWNER_FREE;
	if (!io.lock || !is_descriptor(memory, pid, io.owner))
		return false;
	if (memory->read(memory->context, pid, io.owner + GLIBC_TID_OFFSET, &tid, sizeof(tid)))
		return false;
	set_owner(out, tid);
	return out->field == OWNER_TID;
}

/* Whether @at holds the pthread_t of a thread and how often it has what lies there. */
static bool is_qt_owner(
	const struct lock_memory *memory, pid_t pid, uint64_t at, struct lock_state *out)
{
	struct {
		uint64_t owner;
		uint32_t count;
	} held;
	uint32_t tid;

	if (memory->read(memory->context, pid, at, &held, 12) || held.count > LAYOUT_MAX_TID ||
		!is_descriptor(memory, pid, held.owner) ||
		memory->read(
			memory->context, pid, held.owner + GLIBC_TID_OFFSET, &tid, sizeof(tid)))
		return false;
	set_owner(out, tid);
	return out->field == OWNER_TID;
}

bool layout__qt_recursive(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	*out = (struct lock_state){.address = uaddr, .recursive = true};
	return is_qt_owner(memory, pid, uaddr - 16, out) ||
	       is_qt_owner(memory, pid, uaddr + 8, out);
}

/* musl: int _m_type; volatile int _m_lock, _m_waiters; the word is a TID, except in NORMAL ones,
 * which have EBUSY. A PI mutex whose owner died is given back to nobody, with -1 waiters. */
#define MUSL_WAITERS 0x80000000u
#define MUSL_EBUSY 16
#define MUSL_LOST UINT32_MAX

bool layout__musl_mutex(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint32_t words[3];
	uint32_t type;

	*out = (struct lock_state){.address = uaddr - 4};
	if (memory->read(memory->context, pid, uaddr - 4, words, sizeof(words)) ||
		words[0] & ~0x8fu)
		return false;
	type = words[0] & 3;
	out->recursive = type == MUTEX_KIND_RECURSIVE;
	out->errorcheck = type == MUTEX_KIND_ERRORCHECK;
	out->robust = words[0] & 4;
	out->pi = words[0] & 8;
	words[1] &= ~MUSL_WAITERS;
	if (!(words[0] & 0xf) && words[1] == MUSL_EBUSY)
		out->field = OWNER_NONE;
	else if (out->pi && words[2] == MUSL_LOST)
		out->field = OWNER_DIED;
	else
		set_owner_of_word(out, words[1]);
	return true;
}

/* struct pthread of musl: `self` at 0, `tid`, `errno_val`, and `detach_state`, which is waited on.
 */
bool layout__musl_join(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint64_t self;
	uint32_t tid;

	*out = (struct lock_state){.address = uaddr - MUSL_DETACH_OFFSET};
	if (memory->read(memory->context, pid, out->address, &self, sizeof(self)) ||
		self != out->address ||
		memory->read(memory->context, pid, self + MUSL_TID_OFFSET, &tid, sizeof(tid)))
		return false;
	set_owner(out, tid);
	return true;
}

/* musl: int _rw_lock: readers, or 0x7fffffff with a writer; the highest bit: somebody waits. */
#define MUSL_RW_WRITER 0x7fffffffu

bool layout__musl_rwlock(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint32_t word;

	*out = (struct lock_state){.address = uaddr};
	if (memory->read(memory->context, pid, uaddr, &word, sizeof(word)))
		return false;
	out->readers = word & MUSL_RW_WRITER;
	if (!out->readers)
		out->field = OWNER_FREE;
	else if (out->readers <= RW_MAX_READERS)
		out->field = OWNER_READERS;
	else
		out->readers = 0;
	return true;
}

/* FILE.lock of musl: the TID, with MAYBE_WAITERS; -1 where locking is off. */
bool layout__musl_stdio(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint32_t word;

	*out = (struct lock_state){.address = uaddr, .recursive = true};
	if (memory->read(memory->context, pid, uaddr, &word, sizeof(word)))
		return false;
	set_owner(out, word & ~MUSL_STDIO_WAITERS);
	if (!out->owner)
		out->field = OWNER_FREE;
	return true;
}

bool layout__rust_mutex(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out)
{
	uint32_t word;

	*out = (struct lock_state){.address = uaddr};
	if (memory->read(memory->context, pid, uaddr, &word, sizeof(word)) || word > 2)
		return false;
	out->field = word ? OWNER_NONE : OWNER_FREE;
	return true;
}

/* MASK and WRITE_LOCKED of the state; the two bits above say who waits. */
#define RUST_RW_MASK 0x3fffffffu

bool layout__rust_rwlock(const struct lock_memory *memory, pid_t pid, uint64_t uaddr, bool writes,
	struct lock_state *out)
{
	uint32_t state, count;

	*out = (struct lock_state){.address = writes ? uaddr - 4 : uaddr};
	if (memory->read(memory->context, pid, out->address, &state, sizeof(state)))
		return false;
	count = state & RUST_RW_MASK;
	if (!count)
		out->field = OWNER_FREE;
	else if (count == RUST_RW_MASK)
		out->field = OWNER_NONE;
	else if (count > RW_MAX_READERS)
		return false;
	else
		out->field = OWNER_READERS;
	out->readers = out->field == OWNER_READERS ? count : 0;
	return true;
}

static bool is_recursive_mutex(const struct lock_memory *memory, pid_t pid, uint64_t address)
{
	uint32_t words[MUTEX_SIZE / 4];

	return !memory->read(memory->context, pid, address, words, sizeof(words)) &&
	       words[4] == MUTEX_KIND_RECURSIVE;
}

const char *layout__loader_lock(
	const struct lock_memory *memory, pid_t pid, uint64_t rtld_global, uint64_t offset)
{
	/* ldsodefs.h: in this order since 2.35; before, without the last. */
	static const char *const names[] = {
		"_dl_load_lock",
		"_dl_load_write_lock",
		"_dl_load_tls_lock",
	};
	size_t before = 0;

	if (!is_recursive_mutex(memory, pid, rtld_global + offset))
		return NULL;
	while (offset >= MUTEX_SIZE * (before + 1) &&
		is_recursive_mutex(memory, pid, rtld_global + offset - MUTEX_SIZE * (before + 1)))
		if (++before == sizeof(names) / sizeof(*names))
			return NULL;
	return names[before];
}
