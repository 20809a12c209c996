/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/idle.h"

#include <string.h>
#include <sys/syscall.h>

/* The runtime of which an idle thread is not part of what hangs: hung.c. */
#define IDLE_JVM "the JVM"
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Parts of demangled names of the loops that such threads run. */
static const struct {
	const char *part;
	const char *runtime;
} loops[] = {
	/* HotSpot 8 to 25: gangs of workers, compilers, the VM's own threads */
	{"WorkerThread::run", IDLE_JVM},
	{"GangWorker::loop", IDLE_JVM},
	{"GCTaskThread::run", IDLE_JVM},
	{"CompileBroker::compiler_thread_loop", IDLE_JVM},
	{"VMThread::loop", IDLE_JVM},
	{"VMThread::inner_execute", IDLE_JVM},
	{"VMThread::wait_for_vm_operation", IDLE_JVM},
	{"VMThread::wait_for_operation", IDLE_JVM},
	{"NMethodSweeper::sweeper_loop", IDLE_JVM},
	{"ConcurrentGCThread::run", IDLE_JVM},
	{"ServiceThread::service_thread_entry", IDLE_JVM},
	{"MonitorDeflationThread::monitor_deflation_thread_entry", IDLE_JVM},
	{"NotificationThread::notification_thread_entry", IDLE_JVM},
	{"WatcherThread::run", IDLE_JVM},
	{"signal_thread_entry", IDLE_JVM},
	{"attach_listener_thread_entry", IDLE_JVM},
	{"JVM_WaitForReferencePendingList", IDLE_JVM},
	/* libuv and Node.js */
	{"uv__threadpool", "libuv"},
	{"node::(anonymous namespace)::PlatformWorkerThread", "Node.js"},
	{"node::WorkerThreadsTaskRunner", "Node.js"},
	{"node::inspector::(anonymous namespace)::StartIoThreadMain", "Node.js"},
	{"v8::platform::DefaultWorkerThreadsTaskRunner", "Node.js"},
	/* brpc and bthread */
	{"bthread::TaskGroup::wait_task", "bthread"},
	{"bthread::ParkingLot::wait", "bthread"},
	{"bthread::TimerThread::run", "bthread"},
	{"bvar::detail::", "bvar"},
	/* others */
	{"g_thread_pool_wait_for_new_task", "GLib"},
	{"background_thread_entry", "jemalloc"},
	{"QThreadPoolThread::run", "Qt"},
	{"tokio::runtime::scheduler::multi_thread::park", "tokio"},
	{"tokio::runtime::blocking::pool", "tokio"},
	{"rayon_core::sleep::", "rayon"},
	{"base::internal::WorkerThread::", "Chromium"},
	{"bioProcessBackgroundJobs", "Redis"},
	{"ngx_thread_pool_cycle", "nginx"},
	{"rocksdb::ThreadPoolImpl::Impl::BGThread", "RocksDB"},
	{"grpc_core::Executor::ThreadMain", "gRPC"},
	{"tbb::detail::r1::rml::private_worker::", "oneTBB"},
};

/* A wait for work is at most so many frames away from its loop; further away a job waits. */
#define MOST_FRAMES_TO_LOOP 12

/* Whether one of the innermost @count functions has @part in its name. */
static bool has_part_near(const struct lock_thread *thread, const char *part, size_t count)
{
	for (size_t i = 0; i < thread->frame_count && i < count; i++)
		if (thread->frames[i].function && strstr(thread->frames[i].function, part))
			return true;
	return false;
}

static bool has_part(const struct lock_thread *thread, const char *part)
{
	return has_part_near(thread, part, SIZE_MAX);
}

/* Parts of names of the functions that run user-level threads. */
static const struct {
	const char *part;
	const char *what;
} schedulers[] = {
	{"bthread::TaskGroup::", "bthreads"},
	{"bthread::TaskControl::", "bthreads"},
	{"runtime.schedule", "goroutines"},
	{"runtime.findRunnable", "goroutines"},
	{"runtime.findrunnable", "goroutines"},
	{"runtime.sysmon", "goroutines"},
	{"runtime.mstart", "goroutines"},
	{"tokio::runtime::scheduler::", "tokio's tasks"},
	{"boost::fibers::", "fibers"},
	{"seastar::reactor::", "Seastar's fibers"},
	{"folly::fibers::", "fibers"},
};

const char *idle__user_threads(const struct lock_thread *thread)
{
	for (size_t i = 0; i < COUNT(schedulers); i++)
		if (has_part(thread, schedulers[i].part))
			return schedulers[i].what;
	return NULL;
}

/* The JVM's own threads, by how their names begin: those that run Java's frames, which have no
 * names; and those that run the VM's alone, nameless in a libjvm.so that is stripped. */
static const char *const java_threads[] = {
	"Reference Handl", "Finalizer", "Common-Cleaner", "Signal Dispatch", "Attach Listener"};
static const char *const vm_threads[] = {"GC task thread#", "GC Thread#", "G1 ", "ParGC Thread#",
	"Concurrent Mark", "VM Thread", "VM Periodic Tas", "C1 CompilerThre", "C2 CompilerThre",
	"Sweeper thread", "Service Thread", "Monitor Deflati", "Notification Th", "StringDedup"};

static bool is_in_module(const struct lock_thread *thread, const char *prefix)
{
	for (size_t i = 0; i < thread->frame_count; i++)
		if (thread->frames[i].module &&
			!strncmp(thread->frames[i].module, prefix, strlen(prefix)))
			return true;
	return false;
}

/* Go's threads without work, those whose innermost functions are all the scheduler's. */
static bool is_idle_go(const struct lock_thread *thread)
{
	return (has_part(thread, "runtime.notesleep") || has_part(thread, "runtime.notetsleep")) &&
	       (has_part(thread, "runtime.stopm") || has_part(thread, "runtime.mPark") ||
		       has_part(thread, "runtime.templateThread") ||
		       has_part(thread, "runtime.sysmon"));
}

/* The pool's function is called "worker" alone: the condition that it waits on tells the rest. */
static bool is_idle_libuv(const struct lock_thread *thread)
{
	bool waits = false;

	for (size_t i = 0; i < thread->frame_count; i++) {
		const char *function = thread->frames[i].function;

		if (function && waits && !strcmp(function, "worker"))
			return true;
		waits |= function && !strcmp(function, "uv_cond_wait");
	}
	return false;
}

/* Distributions strip jemalloc's functions of their names; it names its threads. */
static bool is_idle_jemalloc(const struct lock_thread *thread)
{
	return !strcmp(thread->comm, "jemalloc_bg_thd") && is_in_module(thread, "libjemalloc");
}

bool idle__is_vm_thread(const struct lock_thread *thread)
{
	for (size_t i = 0; i < COUNT(vm_threads); i++)
		if (!strncmp(thread->comm, vm_threads[i], strlen(vm_threads[i])))
			return true;
	return false;
}

const char *idle__runtime(const struct lock_thread *thread)
{
	for (size_t i = 0; i < COUNT(loops); i++)
		if (has_part_near(thread, loops[i].part, MOST_FRAMES_TO_LOOP))
			return loops[i].runtime;
	if (is_idle_go(thread))
		return "Go";
	if (is_idle_libuv(thread))
		return "libuv";
	if (is_idle_jemalloc(thread))
		return "jemalloc";
	if (!is_in_module(thread, "libjvm.so"))
		return NULL;
	for (size_t i = 0; i < COUNT(java_threads); i++)
		if (!strncmp(thread->comm, java_threads[i], strlen(java_threads[i])))
			return IDLE_JVM;
	return idle__is_vm_thread(thread) ? IDLE_JVM : NULL;
}

/* Whether the JVM's thread is one that runs code of the application: finalizers, cleaners. */
static bool runs_code(const struct lock_thread *thread)
{
	return !strcmp(thread->comm, "Finalizer") || !strcmp(thread->comm, "Common-Cleaner");
}

bool idle__is_apart(const struct lock_thread *thread, bool waits, bool timed_alone)
{
	const char *runtime = idle__runtime(thread);

	if (!runtime || strcmp(runtime, IDLE_JVM))
		return false;
	if (!waits)
		return !strcmp(thread->comm, "Attach Listener") &&
		       (thread->syscall == SYS_accept || thread->syscall == SYS_accept4);
	return !timed_alone || !runs_code(thread);
}

static const struct {
	const char *module; /* a prefix of a file's name, or NULL */
	const char *part;   /* of a function's name, or NULL */
	const char *tool;
} tools[] = {
	{"libjvm.so", NULL, "Java's own stacks: jcmd %d Thread.print"},
	{"libpython", NULL, "Python's own stacks: py-spy dump --pid %d"},
	{NULL, "_PyEval_EvalFrame", "Python's own stacks: py-spy dump --pid %d"},
	{NULL, "runtime.mstart", "goroutines' stacks: kill -QUIT %d prints them, and ends it"},
	{NULL, "runtime.goexit", "goroutines' stacks: kill -QUIT %d prints them, and ends it"},
	{"libruby", NULL, "Ruby's own stacks: rbspy dump --pid %d"},
	{NULL, "node::Start", "JavaScript's own stacks: kill -USR1 %d opens its inspector"},
};

const char *idle__language_tool(const struct lock_thread *thread)
{
	/* Python's frames that are there already need no other tool. */
	for (size_t i = 0; i < thread->frame_count; i++)
		if (thread->frames[i].is_python)
			return NULL;
	for (size_t i = 0; i < COUNT(tools); i++)
		if ((tools[i].module && is_in_module(thread, tools[i].module)) ||
			(tools[i].part && has_part(thread, tools[i].part)))
			return tools[i].tool;
	return NULL;
}
