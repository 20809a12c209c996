/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Incident (a): a profiler inside the process. It hooks malloc, free and munmap, keeps one global
 * lock, and under that lock touches a thread-local variable of a library that came by dlopen. To
 * be preloaded.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);

pthread_mutex_t hook_lock = PTHREAD_MUTEX_INITIALIZER;
pid_t hook_lock_holder;
unsigned long hook_calls;

static long *(*thread_depth)(void);

/* Against recursion; of the initial-exec model, which needs no call into the loader. */
static __thread int inside __attribute__((tls_model("initial-exec")));

/* Called by the program when it is time to profile; tlsuser is then a library like any other. */
void hooks__start(const char *tlsuser_path)
{
	void *library = dlopen(tlsuser_path, RTLD_NOW);

	thread_depth = (long *(*)(void))dlsym(library, "tlsuser__depth");
}

static __attribute__((noinline)) void record_event(void)
{
	if (!thread_depth || inside)
		return;
	inside = 1;
	pthread_mutex_lock(&hook_lock);
	hook_lock_holder = syscall(SYS_gettid);
	++*thread_depth();
	__atomic_add_fetch(&hook_calls, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&hook_lock);
	inside = 0;
}

void *malloc(size_t size)
{
	void *block = __libc_malloc(size);

	record_event();
	return block;
}

void free(void *block)
{
	record_event();
	__libc_free(block);
}

int munmap(void *address, size_t length)
{
	record_event();
	return syscall(SYS_munmap, address, length);
}
