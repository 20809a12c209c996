/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where the C libraries keep a lock's state: which structure a futex word belongs to, and who the
 * structure says holds it. The one table of such offsets; every reading is checked against what
 * the structure can hold, as the word may be anything.
 *
 * Sources: glibc struct_mutex.h, struct_rwlock.h, thread-shared-types.h (condition variables),
 * stdio-lock.h, nptl/descr.h; musl 1.2 pthread_impl.h and stdio_impl.h; libstdc++ guard.cc. glibc's
 * layouts are those of 64-bit machines, unchanged from 2.25 to 2.42 except where a version is
 * named.
 */
#ifndef MEMTRACE_LOCKS_LAYOUTS_H
#define MEMTRACE_LOCKS_LAYOUTS_H

#include "locks/snapshot.h"

/* Highest TID that a kernel gives: PID_MAX_LIMIT. */
#define LAYOUT_MAX_TID (4 << 20)

/* What a structure says of its owner. */
enum owner_field {
	OWNER_NONE,	    /* the structure has no such field, or not in this state */
	OWNER_TID,	    /* a TID in the numbering of the holder's pid namespace */
	OWNER_FREE,	    /* the lock is free at this instant: a waiter is about to get it */
	OWNER_DIED,	    /* the kernel marked that its owner died (robust mutexes) */
	OWNER_GARBAGE,	    /* the field holds what can be no TID */
	OWNER_READERS,	    /* readers hold it: only their number is known */
	OWNER_WRITER_WAITS, /* nobody: the writer next in line waits for the readers */
};

struct lock_state {
	uint64_t address; /* of the structure */
	enum owner_field field;
	uint32_t owner;	  /* OWNER_TID */
	uint32_t readers; /* OWNER_READERS */
	bool recursive;
	bool errorcheck;
	bool robust;
	bool pi;
};

/* Bits of a glibc mutex's __kind, at 16. */
#define MUTEX_KIND_TYPE 3
#define MUTEX_KIND_RECURSIVE 1
#define MUTEX_KIND_ERRORCHECK 2
#define MUTEX_KIND_ROBUST 16
#define MUTEX_KIND_PI 32
#define MUTEX_KIND_PSHARED 128
/* With priority protection 64, elision 256, and the NO_ELISION 512 that settype leaves. */
#define MUTEX_KIND_ALL 0x3f3
/* sizeof(pthread_mutex_t), on 64-bit machines */
#define MUTEX_SIZE 40

/*
 * Each of the functions below takes the futex word that thread waits on and reads the structure
 * around it. They return true and fill @out where what is there can be such a structure.
 */
bool layout__glibc_mutex(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);

/* @expected is the value that the futex call waits with: it tells which of the words this is. */
bool layout__glibc_rwlock(const struct lock_memory *memory, pid_t pid, uint64_t uaddr,
	uint32_t expected, bool writes, struct lock_state *out);

/* @minor: glibc 2.N, 0 where it is not known: then both layouts are tried. */
bool layout__glibc_condition(const struct lock_memory *memory, pid_t pid, int minor, uint64_t uaddr,
	struct lock_state *out);

/* The word is the `tid` of the thread that is joined; the descriptor points to itself. */
bool layout__glibc_join(const struct lock_memory *memory, pid_t pid, uint64_t uaddr,
	uint32_t expected, struct lock_state *out);

/* A FILE's lock; its owner field points to the holder's thread descriptor. */
bool layout__glibc_stdio(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);

/* TID in the word itself, as FUTEX_LOCK_PI wants it: futex(2). */
bool layout__pi_word(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);

bool layout__musl_mutex(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);
bool layout__musl_join(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);
/* The number of readers, or nothing of a writer. */
bool layout__musl_rwlock(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);
bool layout__musl_stdio(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);

/*
 * Rust's std::sync::Mutex (sys/sync/mutex/futex.rs): a word of 0, 1 or 2 that names nobody; and its
 * RwLock (sys/sync/rwlock/futex.rs): a state with the number of readers, on which they wait, and
 * behind it a count on which writers do.
 */
bool layout__rust_mutex(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);
bool layout__rust_rwlock(const struct lock_memory *memory, pid_t pid, uint64_t uaddr, bool writes,
	struct lock_state *out);

/*
 * The mutex inside a recursive one of Qt, whose owner's pthread_t stands beside it: qmutex_p.h of
 * Qt 5 (QRecursiveMutexPrivate: owner 16 bytes before, count 8), qmutex.h of Qt 6 (QRecursiveMutex:
 * 8 and 16 behind).
 */
bool layout__qt_recursive(
	const struct lock_memory *memory, pid_t pid, uint64_t uaddr, struct lock_state *out);

/*
 * The name of the lock of glibc's loader that is @offset bytes into _rtld_global at @rtld_global,
 * or NULL. Its recursive mutexes stand side by side in an order that no version changed, so the
 * place in that row tells: offsets differ by version (load lock +2312 in 2.31, +2568 in 2.36).
 */
const char *layout__loader_lock(
	const struct lock_memory *memory, pid_t pid, uint64_t rtld_global, uint64_t offset);

/* Offset of `_lock` in glibc's FILE (libio.h), and of `_fileno` and `_chain`. */
#define FILE_LOCK_OFFSET 0x88
#define FILE_FILENO_OFFSET 0x70
#define FILE_CHAIN_OFFSET 0x68
/* MAYBE_WAITERS in a musl FILE's lock. */
#define MUSL_STDIO_WAITERS 0x40000000u
/* Offsets of `lock` and `fd` in musl's FILE (stdio_impl.h), on 64-bit machines. */
#define MUSL_FILE_LOCK_OFFSET 140
#define MUSL_FILE_FD_OFFSET 120

#endif
