/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What one look at blocked threads saw, as plain data: the input of everything in locks/. It is
 * filled from the kernel (blocked/look.h) or by hand in tests; nothing here touches a process.
 */
#ifndef MEMTRACE_LOCKS_SNAPSHOT_H
#define MEMTRACE_LOCKS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOCK_COMM_SIZE 16
/* Callee-saved registers kept for a thread: rbx, rbp, r12-r15; x19-x29 on arm64. */
#define LOCK_SAVED_REGISTERS 12

/* An age that is not known. */
#define LOCK_AGE_UNKNOWN UINT64_MAX

/* A call that the compiler inlined. */
struct lock_inlined {
	const char *function; /* NULL: unknown */
	const char *file;     /* NULL: unknown */
	uint32_t line;
};

/* A frame of a thread's stack, innermost first. Strings are owned by whoever made the snapshot. */
struct lock_frame {
	uint64_t pc;		  /* frame 0: the next instruction; others: the return address */
	uint64_t slot;		  /* where pc was read on the stack; frame 0: the stack pointer */
	const char *function;	  /* NULL: no symbol */
	uint64_t function_offset; /* of pc in it */
	const char *called;	  /* frames above 0: the function that the call before pc names. It
				     differs from the frame below where that one was jumped to, as
				     pthread_mutex_lock jumps to a nameless helper. NULL: unknown */
	const char *module;	  /* file name without folders; NULL: none */
	const char *build_id;	  /* of that file, in hex; NULL: it has none */
	uint64_t module_offset;
	bool is_guessed;  /* found by searching the stack, not by an unwind table */
	const char *file; /* source of that function, not of one inlined there; NULL: unknown */
	uint32_t line;
	const struct lock_inlined *inlined; /* calls inlined at pc, innermost first */
	size_t inlined_count;
	bool is_python; /* a Python frame: pc is its code object's address */
};

/* The heap block that a lock lies in, known where allocations are traced in the same run. */
struct lock_block {
	uint64_t address;
	uint64_t size;		   /* bytes requested */
	struct lock_frame *frames; /* of the call that allocated it: function, module, file, line */
	size_t frame_count;
};

/* What the system call of a thread is about that waits for no futex. */
struct lock_activity {
	int fd;		    /* the descriptor that it waits on; -1: none */
	const char *link;   /* what that is: "/path", "pipe:[17]"; NULL: unknown */
	const char *detail; /* more of it, to stand behind the call's name and descriptor; NULL */
};

/* A thread that ran was sampled so often: two that agree show a loop, two that differ, work. */
#define LOCK_SAMPLES 2

struct lock_thread {
	pid_t pid; /* thread group, as we see it */
	pid_t tid;
	pid_t ns_pid; /* the same two as the thread's own pid namespace numbers them */
	pid_t ns_tid;
	uint32_t pid_namespace; /* inode number of that namespace */
	char comm[LOCK_COMM_SIZE];
	char state;	    /* R, S, D, T, t, Z, X, I */
	uint64_t start_ns;  /* since boot: tells a TID that is used again */
	uint64_t switches;  /* context switches so far; the same twice: it did not run between */
	uint64_t asleep_ns; /* how long it has not run, or LOCK_AGE_UNKNOWN */
	bool is_32bit;
	long syscall; /* number it is blocked in, -1: none or unknown */
	uint64_t args[6];
	bool restarted; /* a timed wait that a signal interrupted and the kernel took up again */
	uint64_t saved[LOCK_SAVED_REGISTERS];
	size_t saved_count;
	struct lock_frame *frames;
	size_t frame_count;
	bool is_cut; /* the stack goes on elsewhere: functions__leaves_stack */
	const struct lock_activity *activity; /* NULL: the system call alone is known */
	/* Of one that runs and that others wait for: its stack, sampled so often; frames is empty.
	 */
	struct lock_frame *samples[LOCK_SAMPLES];
	size_t sample_counts[LOCK_SAMPLES];
	bool is_python; /* it has run Python code, and may want the GIL */
};

enum lock_libc { LIBC_UNKNOWN = 0, LIBC_GLIBC, LIBC_MUSL };

struct lock_process {
	pid_t pid;
	enum lock_libc libc;
	int libc_minor; /* glibc 2.N; 0: unknown */
	/* It runs what its parent ran when it was forked: no exec since (PF_FORKNOEXEC). */
	bool forked;
	pid_t parent;	       /* whose copy it is; 0: gone, or not known */
	size_t parent_threads; /* how many threads that one has */
	bool was_threaded;     /* it, or what it was forked from, has had more threads than one, by
				  the C library's own account (glibc's __libc_single_threaded) */
	uint64_t handled;      /* signals that its handlers take and a thread lets in: bit n - 1 */
	bool has_timer;	       /* something that is to come has been asked of the kernel: a timer of
				  POSIX, or a child whose end a handler takes */
};

struct snapshot {
	struct lock_thread *threads; /* ascending by (pid, tid) */
	size_t thread_count;
	struct lock_process *processes; /* those to be judged, ascending by pid */
	size_t process_count;
	uint64_t taken_ns;	/* CLOCK_MONOTONIC */
	uint64_t taken_unix_ns; /* CLOCK_REALTIME */
	bool complete;		/* every thread of the machine is in it, of all pid namespaces */
};

/* What two waiters have in common who wait for the same lock. */
struct lock_key {
	uint64_t space;	 /* private: the pid; shared: the device of the memory's file */
	uint64_t inode;	 /* 0: private */
	uint64_t offset; /* address, or offset in the file */
};

enum lock_python_kind { LOCK_PYTHON_GIL, LOCK_PYTHON_LOCK, LOCK_PYTHON_RLOCK };

/* A lock of a Python interpreter's, or of a Python program's. */
struct lock_python {
	enum lock_python_kind kind;
	uint64_t address; /* of struct _gil_runtime_state, or of the lock object */
	bool is_free;	  /* of a GIL */
	uint32_t owner;	  /* TID in its namespace's numbers; 0: unknown */
};

struct kernel_wait;

/* How the pure part asks about the processes of a snapshot. */
struct lock_memory {
	void *context;
	/* Copies @size bytes at @address of @pid. Returns 0 or a negative errno: all or nothing. */
	int (*read)(void *context, pid_t pid, uint64_t address, void *data, size_t size);
	/*
	 * Writes the name of the variable at @address ("cache_lock", "object+8") into @name, and
	 * its module's into @module; both at most @size bytes with the 0. False: no symbol there.
	 */
	bool (*symbol)(
		void *context, pid_t pid, uint64_t address, char *name, char *module, size_t size);
	/* The name of the stdio stream whose lock is at @lock ("stdout"); false: not known. */
	bool (*stream)(void *context, pid_t pid, uint64_t lock, char *name, size_t size);
	/* Whether @address is in memory that other processes can map; then fills @key. */
	bool (*shared_key)(void *context, pid_t pid, uint64_t address, struct lock_key *key);
	/* The address of variable @name of the first module whose name begins with @module; 0:
	 * none.
	 */
	uint64_t (*variable)(void *context, pid_t pid, const char *module, const char *name);
	/* The name of the function that the call in front of @return_address calls; NULL: none. */
	const char *(*called)(void *context, pid_t pid, uint64_t return_address);
	/* Whether control can have come to the end of @code, the @size bytes of a function from its
	 * start at @address, without having been at @place in it. NULL: no. */
	bool (*passed_by)(
		void *context, const uint8_t *code, size_t size, uint64_t address, uint64_t place);
	/* Whether @thread waits on @uaddr for a Python lock; then fills @out. NULL: no. */
	bool (*python_lock)(void *context, const struct lock_thread *thread, uint64_t uaddr,
		struct lock_python *out);
	/* What the kernel tells of a wait that is not for a futex (kernel_wait.h); false: it is
	 * none of those that are known. NULL: nothing is known. */
	bool (*kernel_wait)(
		void *context, const struct lock_thread *thread, struct kernel_wait *out);
};

/* The thread with that TID as we see it, or NULL. */
const struct lock_thread *snapshot__find(const struct snapshot *snapshot, pid_t pid, pid_t tid);

/* The first thread of process @pid, *count how many it has; NULL and 0 where there is none. */
const struct lock_thread *snapshot__threads_of(
	const struct snapshot *snapshot, pid_t pid, size_t *count);

const struct lock_process *snapshot__process(const struct snapshot *snapshot, pid_t pid);

/* Puts threads and processes in the order that the functions above need. */
void snapshot__sort(struct snapshot *snapshot);

#endif
