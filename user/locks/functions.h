/*
 * What the functions on a blocked stack say about a wait: the table from function names to kinds
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
	WAIT_RUNTIME, /* Rust, Go, CPython, absl, parking_lot and their like: no owner stored */
	WAIT_VECTOR,  /* futex_waitv */
	WAIT_KIND_COUNT,
};

/* "mutex", "pi-mutex"...: the `kind` of the JSON output. */
const char *wait_kind__name(enum wait_kind kind);

/* Whether somebody holds such a thing, so that a wait for it has one whom it waits for. */
bool wait_kind__has_holder(enum wait_kind kind);

enum function_role {
	ROLE_UNKNOWN, /* says nothing */
	ROLE_BELOW,   /* a helper under the functions that matter: look further out */
	ROLE_WAIT,    /* decides the kind of the wait */
	ROLE_MALLOC,  /* malloc and its family: decides only where a low-level lock is waited for */
};

/* The role of @function (may be NULL), and the kind for ROLE_WAIT. */
enum function_role functions__role(const char *function, enum wait_kind *kind);

/* Whether @module is the C library, its threads library or the loader: its nameless frames are
 * looked through. NULL is not. */
bool functions__is_libc(const char *module);

/* Whether @function is one of musl's own, which tells a static program's C library. */
bool functions__is_musl(const char *function);

/* What the stack of a blocked thread shows. */
struct wait_site {
	enum wait_kind kind;
	size_t frame;	      /* the outermost frame that belongs to the wait: the one that called
				 pthread_mutex_lock, say; frame_count where nothing was recognized */
	const char *function; /* the name that decided, as symbols have it; NULL */
	bool low_level;	      /* lll_lock_wait was seen, and no function that decides */
	bool in_malloc;	      /* and malloc's family was */
	bool musl;
};

struct wait_site functions__wait_site(const struct lock_thread *thread);

/*
 * The first frame from @from outwards whose call is of a function of @kind, frame_count where
 * there is none: who runs inside once or a guard. For WAIT_ARENA: inside malloc's family.
 */
size_t functions__find_call(const struct lock_thread *thread, size_t from, enum wait_kind kind);

#endif
