/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/functions.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const kind_names[WAIT_KIND_COUNT] = {
	[WAIT_UNKNOWN] = "futex",
	[WAIT_MUTEX] = "mutex",
	[WAIT_PI_MUTEX] = "pi-mutex",
	[WAIT_ROBUST_MUTEX] = "robust-mutex",
	[WAIT_READ_LOCK] = "rwlock-read",
	[WAIT_WRITE_LOCK] = "rwlock-write",
	[WAIT_CONDITION] = "condition",
	[WAIT_SEMAPHORE] = "semaphore",
	[WAIT_BARRIER] = "barrier",
	[WAIT_JOIN] = "join",
	[WAIT_ONCE] = "once",
	[WAIT_GUARD] = "static-guard",
	[WAIT_STDIO] = "stdio",
	[WAIT_ARENA] = "malloc-arena",
	[WAIT_LIBC] = "libc-lock",
	[WAIT_RUNTIME] = "runtime",
	[WAIT_FUTURE] = "future",
	[WAIT_ATOMIC] = "atomic",
	[WAIT_PARK] = "park",
	[WAIT_GIL] = "gil",
	[WAIT_PYTHON_LOCK] = "python-lock",
	[WAIT_PYTHON_RLOCK] = "python-rlock",
	[WAIT_VECTOR] = "futex-vector",
	[WAIT_FLOCK] = "flock",
	[WAIT_RECORD_LOCK] = "fcntl-lock",
	[WAIT_SYSV] = "sysv-semaphore",
	[WAIT_PIPE_READ] = "pipe-read",
	[WAIT_PIPE_WRITE] = "pipe-write",
	[WAIT_SOCKET_READ] = "socket-read",
	[WAIT_SOCKET_WRITE] = "socket-write",
	[WAIT_CHILD] = "child",
};

const char *wait_kind__name(enum wait_kind kind)
{
	return kind_names[kind];
}

bool wait_kind__has_holder(enum wait_kind kind)
{
	switch (kind) {
	case WAIT_CONDITION:
	case WAIT_SEMAPHORE:
	case WAIT_BARRIER:
	case WAIT_FUTURE:
	case WAIT_ATOMIC:
	case WAIT_PARK:
	case WAIT_SYSV:
		return false;
	default:
		return true;
	}
}

struct entry {
	const char *name;
	enum wait_kind kind;
};

/* Sorted by nothing: some fifty names, looked up once per distinct blocked stack. */
static const struct entry waits[] = {
	{"pthread_mutex_lock", WAIT_MUTEX},
	{"pthread_mutex_timedlock", WAIT_MUTEX},
	{"pthread_mutex_clocklock", WAIT_MUTEX},
	{"pthread_mutex_clocklock_common", WAIT_MUTEX},
	{"pthread_mutex_lock_full", WAIT_MUTEX},
	{"pthread_mutex_cond_lock", WAIT_MUTEX},
	{"mtx_lock", WAIT_MUTEX},
	{"mtx_timedlock", WAIT_MUTEX},
	{"pthread_rwlock_rdlock", WAIT_READ_LOCK},
	{"pthread_rwlock_timedrdlock", WAIT_READ_LOCK},
	{"pthread_rwlock_clockrdlock", WAIT_READ_LOCK},
	{"pthread_rwlock_wrlock", WAIT_WRITE_LOCK},
	{"pthread_rwlock_timedwrlock", WAIT_WRITE_LOCK},
	{"pthread_rwlock_clockwrlock", WAIT_WRITE_LOCK},
	{"pthread_cond_wait", WAIT_CONDITION},
	{"pthread_cond_timedwait", WAIT_CONDITION},
	{"pthread_cond_clockwait", WAIT_CONDITION},
	{"cnd_wait", WAIT_CONDITION},
	{"cnd_timedwait", WAIT_CONDITION},
	{"sem_wait", WAIT_SEMAPHORE},
	{"sem_timedwait", WAIT_SEMAPHORE},
	{"sem_clockwait", WAIT_SEMAPHORE},
	{"new_sem_wait", WAIT_SEMAPHORE},
	{"new_sem_wait_slow", WAIT_SEMAPHORE},
	{"pthread_barrier_wait", WAIT_BARRIER},
	{"pthread_join", WAIT_JOIN},
	{"pthread_timedjoin_np", WAIT_JOIN},
	{"pthread_clockjoin_np", WAIT_JOIN},
	{"pthread_clockjoin_ex", WAIT_JOIN},
	{"thrd_join", WAIT_JOIN},
	{"pthread_once", WAIT_ONCE},
	{"pthread_once_slow", WAIT_ONCE},
	{"pthread_once_full", WAIT_ONCE},
	{"call_once", WAIT_ONCE},
	{"cxa_guard_acquire", WAIT_GUARD},
	{"flockfile", WAIT_STDIO},
	{"lockfile", WAIT_STDIO},
};

/*
 * Locks and waits of other libraries and languages: nothing is known of what lies around their
 * futex words. Names of C libraries, in the form of core_name.
 */
static const struct entry foreign_waits[] = {
	{"g_mutex_lock", WAIT_RUNTIME},
	{"g_cond_wait", WAIT_CONDITION},
	{"g_cond_wait_until", WAIT_CONDITION},
	{"omp_set_lock", WAIT_RUNTIME},
	{"omp_set_nest_lock", WAIT_RUNTIME},
	{"GOMP_critical_start", WAIT_RUNTIME},
	{"GOMP_critical_name_start", WAIT_RUNTIME},
	{"GOMP_barrier", WAIT_BARRIER},
};

/* The same as parts of demangled names, of which runtimes change the rest: the first counts. */
static const struct entry foreign_parts[] = {
	/* Rust's two manglings; the folder of std changed with versions. */
	{"futex::Mutex", WAIT_RUNTIME},
	{"futex_mutex::Mutex", WAIT_RUNTIME},
	{"futex::RwLock>::write_contended", WAIT_WRITE_LOCK},
	{"futex::RwLock::write_contended", WAIT_WRITE_LOCK},
	{"futex_rwlock::RwLock>::write_contended", WAIT_WRITE_LOCK},
	{"futex_rwlock::RwLock::write_contended", WAIT_WRITE_LOCK},
	{"futex::RwLock", WAIT_READ_LOCK},
	{"futex_rwlock::RwLock", WAIT_READ_LOCK},
	{"once::futex::Once", WAIT_ONCE},
	{"futex::Condvar", WAIT_CONDITION},
	{"futex_condvar::Condvar", WAIT_CONDITION},
	{"std::sync::barrier::Barrier", WAIT_BARRIER},
	{"std::thread::functions::park", WAIT_PARK},
	{"std::thread::thread::Thread>::park", WAIT_PARK},
	{"std::thread::Thread::park", WAIT_PARK},
	{"std::thread::park", WAIT_PARK},
	{"Parker::park", WAIT_PARK},
	{"parking_lot", WAIT_RUNTIME},
	/* Qt 5 and 6 */
	{"QBasicMutex::lockInternal", WAIT_MUTEX},
	{"QMutex::lock", WAIT_MUTEX},
	{"QMutex::tryLock", WAIT_MUTEX},
	{"QRecursiveMutex::lock", WAIT_MUTEX},
	{"QRecursiveMutex::tryLock", WAIT_MUTEX},
	{"QSemaphore::acquire", WAIT_SEMAPHORE},
	{"QSemaphore::tryAcquire", WAIT_SEMAPHORE},
	/* brpc */
	{"bthread::TaskGroup::wait_task", WAIT_PARK},
	{"bthread::ParkingLot::wait", WAIT_PARK},
	{"bthread::TimerThread::run", WAIT_PARK},
	{"bthread::wait_pthread", WAIT_RUNTIME},
	/* Go: notes are how its threads sleep while there is no work. */
	{"runtime.notesleep", WAIT_PARK},
	{"runtime.notetsleep", WAIT_PARK},
	{"runtime.lock", WAIT_RUNTIME},
	{"runtime.semasleep", WAIT_RUNTIME},
	/* libstdc++ and libc++ */
	{"std::__atomic_futex_unsigned_base::", WAIT_FUTURE},
	{"std::__detail::__platform_wait", WAIT_ATOMIC},
	{"std::__1::__libcpp_atomic_wait", WAIT_ATOMIC},
	{"folly::", WAIT_RUNTIME},
};

/*
 * What is made of a condition variable or a semaphore of the C library: who waits inside @part
 * waits for something of @kind, which the C library's object does not show.
 */
static const struct {
	enum wait_kind made_of;
	const char *part;
	enum wait_kind kind;
} adopters[] = {
	/* CPython's locks and its GIL */
	{WAIT_SEMAPHORE, "PyThread_acquire_lock", WAIT_RUNTIME},
	{WAIT_CONDITION, "take_gil", WAIT_RUNTIME},
	/* libc++ and libc++abi. Not in line: so that both wait() and lock() are looked through. */
	{WAIT_CONDITION, "__cxa_guard_acquire", WAIT_GUARD},
	{WAIT_CONDITION, "std::__1::__call_once(", WAIT_ONCE},
	{WAIT_CONDITION, "std::__1::__shared_mutex_base::lock_shared", WAIT_READ_LOCK},
	{WAIT_CONDITION, "std::__1::__shared_mutex_base::lock", WAIT_WRITE_LOCK},
	{WAIT_CONDITION, "std::__1::timed_mutex::", WAIT_RUNTIME},
	{WAIT_CONDITION, "std::__1::recursive_timed_mutex::", WAIT_RUNTIME},
	{WAIT_CONDITION, "std::__1::__assoc_sub_state::", WAIT_FUTURE},
	/* Qt. Of Qt 6's QWaitCondition the wait is pthread_cond_wait's, too. */
	{WAIT_CONDITION, "QReadWriteLock::tryLockForRead", WAIT_READ_LOCK},
	{WAIT_CONDITION, "QReadWriteLock::lockForRead", WAIT_READ_LOCK},
	{WAIT_CONDITION, "QReadWriteLock::tryLockForWrite", WAIT_WRITE_LOCK},
	{WAIT_CONDITION, "QReadWriteLock::lockForWrite", WAIT_WRITE_LOCK},
	{WAIT_CONDITION, "QReadWriteLockPrivate::lockForRead", WAIT_READ_LOCK},
	{WAIT_CONDITION, "QReadWriteLockPrivate::lockForWrite", WAIT_WRITE_LOCK},
	{WAIT_CONDITION, "QThread::wait(", WAIT_JOIN},
	/* GLib */
	{WAIT_CONDITION, "g_once_impl", WAIT_ONCE},
	{WAIT_CONDITION, "g_once_init_enter", WAIT_ONCE},
	/* HotSpot's monitors; a wait in Java's Object.wait() has ObjectMonitor::wait instead. */
	{WAIT_CONDITION, "ObjectMonitor::enter", WAIT_RUNTIME},
	{WAIT_CONDITION, "ObjectMonitor::EnterI", WAIT_RUNTIME},
	{WAIT_CONDITION, "ObjectMonitor::ReenterI", WAIT_RUNTIME},
	{WAIT_CONDITION, "Unsafe_Park", WAIT_PARK},
};

static const char *const below[] = {
	"lll_lock_wait",
	"lll_lock_wait_private",
	"lll_timedlock_wait",
	"lll_timedwait_tid",
	"lll_clocklock_wait",
	"syscall",
	"sccp",
	"syscall_cp",
	"syscall_cp_asm",
	"syscall_cp_c",
	"syscall_cancel",
	"syscall_cancel_arch",
	"internal_syscall_cancel",
	"do_futex_wait",
	"pthread_cond_wait_common",
	"pthread_rwlock_wrlock_full",
	"pthread_rwlock_rdlock_full",
	"runtime.futex",
	"runtime.futexsleep",
};

/* musl's; with their underscores, as an application's `lock` says nothing. */
static const char *const below_musl[] = {"__timedwait", "__timedwait_cp", "__wait", "__lock"};

static const char *const allocators[] = {"malloc", "free", "calloc", "realloc", "reallocarray",
	"memalign", "aligned_alloc", "posix_memalign", "valloc", "pvalloc", "libc_malloc",
	"libc_free", "libc_calloc", "libc_realloc", "libc_memalign", "int_malloc", "int_free",
	"int_realloc", "int_memalign", "sysmalloc", "malloc_consolidate", "tcache_init",
	"arena_get2", "arena_get_retry", "malloc_trim", "malloc_info", "mallinfo", "mallinfo2",
	"libc_mallopt", "mallopt"};

/* Without leading underscores and "GI_" (glibc's internal aliases); where the name ends for us
 * is given in *length: before "@VERSION", a trailing "64", argument lists and what compilers add to
 * the name of a part or a clone (".constprop.0", demangled " [clone .part.0]"). */
static const char *core_name(const char *name, size_t *length)
{
	static const char *const suffixes[] = {".constprop.", ".part.", ".isra.", ".cold", ".lto_"};

	name += strspn(name, "_");
	if (!strncmp(name, "GI_", 3)) {
		name += 3;
		name += strspn(name, "_");
	}
	*length = strcspn(name, "@( ");
	for (size_t i = 0; i < COUNT(suffixes); i++) {
		const char *suffix = strstr(name, suffixes[i]);

		if (suffix && (size_t)(suffix - name) < *length)
			*length = suffix - name;
	}
	if (*length > 2 && !strncmp(name + *length - 2, "64", 2))
		*length -= 2;
	return name;
}

static bool is_one_of(const char *name, size_t length, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == length && !strncmp(list[i], name, length))
			return true;
	return false;
}

/*
 * absl's locks by the names in their namespaces: "absl::", an inline one that each release and
 * distribution calls otherwise, and the class. Mutex::Block and what leads to it wait for the
 * mutex, unless the function that was called waits for a condition.
 */
static const struct entry absl_functions[] = {
	{"Mutex::Await", WAIT_CONDITION},
	{"Mutex::LockWhen", WAIT_CONDITION},
	{"Mutex::ReaderLockWhen", WAIT_CONDITION},
	{"Mutex::", WAIT_MUTEX},
	{"CondVar::", WAIT_CONDITION},
	{"Notification::", WAIT_CONDITION},
	{"BlockingCounter::", WAIT_CONDITION},
	{"Barrier::", WAIT_BARRIER},
};

/* What stands behind "absl::" and the inline namespace; NULL: it is not absl's. */
static const char *skip_absl(const char *function)
{
	const char *next;

	if (strncmp(function, "absl::", 6) != 0)
		return NULL;
	function += 6;
	next = function + strspn(function, "abcdefghijklmnopqrstuvwxyz_0123456789");
	/* Classes begin with capitals, namespaces do not. */
	return next != function && !strncmp(next, "::", 2) ? next + 2 : function;
}

static bool find_absl(const char *function, enum wait_kind *kind)
{
	const char *name = skip_absl(function);

	for (size_t i = 0; name && i < COUNT(absl_functions); i++) {
		if (strncmp(name, absl_functions[i].name, strlen(absl_functions[i].name)) != 0)
			continue;
		*kind = absl_functions[i].kind;
		return true;
	}
	return false;
}

bool functions__is_absl(const char *function)
{
	enum wait_kind kind;

	return find_absl(function, &kind);
}

/* How an absl thread sleeps, for whatever it waits. */
static bool is_below_absl(const char *function)
{
	const char *name;

	if (!strncmp(function, "AbslInternalPerThreadSemWait", 28))
		return true;
	/* Without an inline namespace that name is taken for one. */
	if (!strncmp(function, "absl::synchronization_internal::", 32))
		return true;
	name = skip_absl(function);
	return name && (!strncmp(name, "synchronization_internal::", 26) ||
			       !strncmp(name, "Mutex::DecrementSynchSem", 24));
}

static bool is_below(const char *function, const char *core, size_t length)
{
	return !strncmp(core, "futex_", 6) || is_below_absl(function) ||
	       is_one_of(core, length, below, COUNT(below)) ||
	       is_one_of(function, strlen(function), below_musl, COUNT(below_musl));
}

static bool find_entry(const char *core, size_t length, const struct entry *list, size_t count,
	enum wait_kind *kind)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(list[i].name) != length || strncmp(list[i].name, core, length))
			continue;
		*kind = list[i].kind;
		return true;
	}
	return false;
}

static bool find_foreign(
	const char *function, const char *core, size_t length, enum wait_kind *kind)
{
	if (find_entry(core, length, foreign_waits, COUNT(foreign_waits), kind) ||
		find_absl(function, kind))
		return true;
	for (size_t i = 0; i < COUNT(foreign_parts); i++) {
		if (!strstr(function, foreign_parts[i].name))
			continue;
		*kind = foreign_parts[i].kind;
		return true;
	}
	return false;
}

/* Who is inside one of these runs an initializer, whatever it is made of. */
static bool is_once_adopter(const char *function)
{
	for (size_t i = 0; i < COUNT(adopters); i++)
		if (adopters[i].kind == WAIT_ONCE && strstr(function, adopters[i].part))
			return true;
	return false;
}

enum function_role functions__role(const char *function, enum wait_kind *kind)
{
	const char *core;
	size_t length;

	if (!function)
		return ROLE_UNKNOWN;
	core = core_name(function, &length);
	if (find_entry(core, length, waits, COUNT(waits), kind))
		return ROLE_WAIT;
	if (is_below(function, core, length))
		return ROLE_BELOW;
	if (find_foreign(function, core, length, kind))
		return ROLE_FOREIGN;
	if (is_once_adopter(function)) {
		*kind = WAIT_ONCE;
		return ROLE_FOREIGN;
	}
	return is_one_of(core, length, allocators, COUNT(allocators)) ? ROLE_MALLOC : ROLE_UNKNOWN;
}

bool functions__is_libc(const char *module)
{
	static const char *const prefixes[] = {
		"libc.so", "libc-", "libpthread", "ld-linux", "ld-2.", "ld-musl", "libc.musl"};

	for (size_t i = 0; module && i < COUNT(prefixes); i++)
		if (!strncmp(module, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

bool functions__leaves_stack(const char *function)
{
	static const char *const switches[] = {"runtime.asmcgocall", "runtime.asmcgocall.abi0",
		"runtime.mcall", "runtime.systemstack", "runtime.systemstack.abi0",
		"runtime.morestack", "runtime.morestack.abi0"};

	return function && is_one_of(function, strlen(function), switches, COUNT(switches));
}

bool functions__is_musl(const char *function)
{
	return function &&
	       (!strcmp(function, "__timedwait_cp") || !strcmp(function, "__timedwait"));
}

bool functions__adopts(const char *function, enum wait_kind made_of, enum wait_kind *kind)
{
	/* absl's conditions are waited for in its mutexes. */
	if (function && made_of == WAIT_MUTEX && find_absl(function, kind))
		return *kind != WAIT_MUTEX;
	for (size_t i = 0; function && i < COUNT(adopters); i++) {
		if (adopters[i].made_of != made_of || !strstr(function, adopters[i].part))
			continue;
		*kind = adopters[i].kind;
		return true;
	}
	return false;
}
