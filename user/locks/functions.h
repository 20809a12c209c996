/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the name of a function on a blocked stack says about the wait: the table from names to kinds
 * of waits. Names are as symbols have them, demangled; versions, leading underscores and suffixes
 * such as "64" are looked through.
 */
#ifndef MEMTRACE_LOCKS_FUNCTIONS_H
#define MEMTRACE_LOCKS_FUNCTIONS_H

#include "locks/snapshot.h"

enum wait_kind {
	WAIT_UNKNOWN = 0, /* a futex of a lock that is not known */
	WAIT_MUTEX,
	WAIT_PI_MUTEX,
	WAIT_ROBUST_MUTEX,
	WAIT_READ_LOCK,
	WAIT_WRITE_LOCK,
	WAIT_CONDITION,
	WAIT_SEMAPHORE,
	WAIT_BARRIER,
	WAIT_JOIN,
	WAIT_ONCE,
	WAIT_GUARD, /* of a static initializer in C++ */
	WAIT_STDIO,
	WAIT_ARENA,   /* malloc's own lock */
	WAIT_LIBC,    /* another low-level lock inside the C library */
	WAIT_RUNTIME, /* Rust, Go, CPython, GLib, Java and their like: a lock without an owner */
	WAIT_FUTURE,  /* std::future */
	WAIT_ATOMIC,  /* std::atomic::wait, and the latches and semaphores made of it */
	WAIT_PARK,    /* an idle thread of Go, Rust's park and channels, Java's LockSupport */
	WAIT_GIL,     /* CPython's */
	WAIT_PYTHON_LOCK,  /* threading.Lock */
	WAIT_PYTHON_RLOCK, /* threading.RLock */
	WAIT_VECTOR,	   /* futex_waitv */
	/* Not of futexes: kernel_wait.h. First locks... */
	WAIT_FLOCK,	  /* flock(2) */
	WAIT_RECORD_LOCK, /* fcntl(2) */
	WAIT_SYSV,	  /* semop(2) */
	/* ...then what a process has to do. */
	WAIT_PIPE_READ,
	WAIT_PIPE_WRITE,
	WAIT_SOCKET_READ,
	WAIT_SOCKET_WRITE,
	WAIT_CHILD, /* wait4(2), waitid(2) */
	WAIT_KIND_COUNT,
};

/* "mutex", "pi-mutex"...: the `kind` of the JSON output. */
const char *wait_kind__name(enum wait_kind kind);

/* Whether somebody holds such a thing, so that a wait for it has one whom it waits for. */
bool wait_kind__has_holder(enum wait_kind kind);

enum function_role {
	ROLE_UNKNOWN, /* says nothing */
	ROLE_BELOW,   /* a helper under the functions that matter: look further out */
	ROLE_WAIT,    /* of the C library: decides the kind of the wait */
	ROLE_FOREIGN, /* of another library or language: the same, but of no known layout */
	ROLE_MALLOC,  /* malloc and its family: decides only where a low-level lock is waited for */
};

/* The role of @function (may be NULL), and the kind for ROLE_WAIT and ROLE_FOREIGN. */
enum function_role functions__role(const char *function, enum wait_kind *kind);

/* Whether @module is the C library, its threads library or the loader: its nameless frames are
 * looked through. NULL is not. */
bool functions__is_libc(const char *module);

/* Whether @function of Go's runtime runs on another stack than its caller: unwind tables lead from
 * it to frames that are not those of the caller. */
bool functions__leaves_stack(const char *function);

/* Whether @function is of absl's locks, in whatever inline namespace: absl::lts_20240722::Mutex. */
bool functions__is_absl(const char *function);

/* Whether @function is one of musl's own, which tells a static program's C library. */
bool functions__is_musl(const char *function);

/*
 * Whether a wait for a condition or semaphore (@made_of) inside @function is, in truth, one for a
 * lock that is made of it; then sets *kind.
 */
bool functions__adopts(const char *function, enum wait_kind made_of, enum wait_kind *kind);

#endif
