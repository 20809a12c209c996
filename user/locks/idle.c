/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/idle.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Parts of demangled names of the loops that such threads run. */
static const struct {
	const char *part;
	const char *runtime;
} loops[] = {
	/* HotSpot 8 to 25: gangs of workers, compilers, the VM's own threads */
	{"WorkerThread::run", "the JVM"},
	{"GangWorker::loop", "the JVM"},
	{"GCTaskThread::run", "the JVM"},
	{"CompileBroker::compiler_thread_loop", "the JVM"},
	{"VMThread::loop", "the JVM"},
	{"VMThread::inner_execute", "the JVM"},
	{"VMThread::wait_for_vm_operation", "the JVM"},
	{"VMThread::wait_for_operation", "the JVM"},
	{"NMethodSweeper::sweeper_loop", "the JVM"},
	{"ConcurrentGCThread::run", "the JVM"},
	{"ServiceThread::service_thread_entry", "the JVM"},
	{"MonitorDeflationThread::monitor_deflation_thread_entry", "the JVM"},
	{"NotificationThread::notification_thread_entry", "the JVM"},
	{"WatcherThread::run", "the JVM"},
	{"signal_thread_entry", "the JVM"},
	{"JVM_WaitForReferencePendingList", "the JVM"},
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

/* Java's own threads: their frames have no names, the threads have. */
static const char *const java_threads[] = {
	"Reference Handl", "Finalizer", "Common-Cleaner", "Signal Dispatch"};

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
		if (!strcmp(thread->comm, java_threads[i]))
			return "the JVM";
	return NULL;
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
