#include "locks/functions.h"

#include <string.h>

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
	[WAIT_VECTOR] = "futex-vector",
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
	case WAIT_VECTOR:
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
	{"AbslInternalPerThreadSemWait", WAIT_RUNTIME},
	{"runtime.futex", WAIT_RUNTIME},
};

/* Parts of demangled names of runtimes that store no owner. */
static const char *const runtime_parts[] = {
	/* Rust's two manglings. */
	"futex::Mutex::lock_contended",
	"futex::Mutex>::lock_contended",
	"futex_mutex::Mutex::lock_contended",
	"futex::RwLock::",
	"futex::RwLock>::",
	"futex_rwlock::RwLock::",
	"parking_lot",
	"absl::Mutex",
	"runtime.futexsleep",
	"runtime.semasleep",
	"std::__1::__libcpp_atomic_wait",
	"folly::",
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
 * is given in *length: before "@VERSION", a trailing "64" and argument lists. */
static const char *core_name(const char *name, size_t *length)
{
	name += strspn(name, "_");
	if (!strncmp(name, "GI_", 3)) {
		name += 3;
		name += strspn(name, "_");
	}
	*length = strcspn(name, "@(");
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

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool is_below(const char *function, const char *core, size_t length)
{
	return !strncmp(core, "futex_", 6) || is_one_of(core, length, below, COUNT(below)) ||
	       is_one_of(function, strlen(function), below_musl, COUNT(below_musl));
}

enum function_role functions__role(const char *function, enum wait_kind *kind)
{
	const char *core;
	size_t length;

	if (!function)
		return ROLE_UNKNOWN;
	core = core_name(function, &length);
	for (size_t i = 0; i < COUNT(waits); i++) {
		if (strlen(waits[i].name) != length || strncmp(waits[i].name, core, length))
			continue;
		*kind = waits[i].kind;
		return ROLE_WAIT;
	}
	if (is_below(function, core, length))
		return ROLE_BELOW;
	for (size_t i = 0; i < COUNT(runtime_parts); i++) {
		if (!strstr(function, runtime_parts[i]))
			continue;
		*kind = WAIT_RUNTIME;
		return ROLE_WAIT;
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

bool functions__is_musl(const char *function)
{
	return function &&
	       (!strcmp(function, "__timedwait_cp") || !strcmp(function, "__timedwait"));
}

/* A frame of the application, named or not, ends the search: what is further out called it for
 * reasons of its own. In a static program the C library's frames have no module to tell them. */
static bool is_foreign(const struct lock_frame *frame, enum function_role role)
{
	return role == ROLE_UNKNOWN && !frame->is_guessed && !functions__is_libc(frame->module);
}

/* Takes one name into account; true when it decides. */
static bool take_name(struct wait_site *site, const char *function, size_t frame)
{
	enum wait_kind kind = WAIT_UNKNOWN;
	enum function_role role = functions__role(function, &kind);

	site->musl |= functions__is_musl(function);
	if (role == ROLE_BELOW && (strstr(function, "lll_") || !strcmp(function, "__lock")))
		site->low_level = true;
	if (role == ROLE_MALLOC && site->low_level) {
		site->in_malloc = true;
		site->frame = frame;
		site->function = function;
		return true;
	}
	if (role != ROLE_WAIT)
		return false;
	site->kind = kind;
	site->frame = frame;
	site->function = function;
	return true;
}

/* CPython makes its locks of semaphores: somebody has one, but the semaphore does not say who. */
static bool is_python_lock(const struct wait_site *site, const struct lock_thread *thread)
{
	for (size_t i = site->frame; i < thread->frame_count && i < site->frame + 2; i++)
		if (thread->frames[i].function &&
			!strncmp(thread->frames[i].function, "PyThread_acquire_lock", 21))
			return true;
	return false;
}

/* One function may have several frames of its own (pthread_once and its slow path): the site is
 * the outermost of them. */
static void extend_site(struct wait_site *site, const struct lock_thread *thread)
{
	while (site->frame + 1 < thread->frame_count) {
		const struct lock_frame *next = &thread->frames[site->frame + 1];
		enum wait_kind kind = WAIT_UNKNOWN;
		bool same = functions__role(next->called, &kind) == ROLE_WAIT && kind == site->kind;

		if (!same) {
			kind = WAIT_UNKNOWN;
			same = functions__role(thread->frames[site->frame].function, &kind) ==
				       ROLE_WAIT &&
			       kind == site->kind;
		}
		if (!same)
			return;
		site->frame++;
	}
}

struct wait_site functions__wait_site(const struct lock_thread *thread)
{
	struct wait_site site = {.frame = thread->frame_count};

	for (size_t i = 0; i < thread->frame_count; i++) {
		const struct lock_frame *frame = &thread->frames[i];
		enum wait_kind kind;

		/* The call that led into the frame below was made from this one. */
		if (i && take_name(&site, frame->called, i))
			break;
		if (take_name(&site, frame->function, i))
			break;
		if (is_foreign(frame, functions__role(frame->function, &kind)))
			break;
	}
	if (site.kind != WAIT_UNKNOWN)
		extend_site(&site, thread);
	if (site.kind == WAIT_SEMAPHORE && is_python_lock(&site, thread))
		site.kind = WAIT_RUNTIME;
	return site;
}

size_t functions__find_call(const struct lock_thread *thread, size_t from, enum wait_kind kind)
{
	for (size_t i = from; i < thread->frame_count; i++) {
		const struct lock_frame *frame = &thread->frames[i];
		const char *two[] = {i ? frame->called : NULL, frame->function};

		for (size_t n = 0; n < 2; n++) {
			enum wait_kind found = WAIT_UNKNOWN;
			enum function_role role = functions__role(two[n], &found);

			if (role == ROLE_WAIT && found == kind)
				return i;
			if (role == ROLE_MALLOC && kind == WAIT_ARENA &&
				functions__is_libc(frame->module))
				return i;
		}
	}
	return thread->frame_count;
}
