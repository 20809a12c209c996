/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a probe site does, packed into the 64 bits that travel with it as its BPF attach cookie:
 * one BPF program serves every function of its kind and reads from the cookie which argument is
 * the size, which the pointer, and which name the record gets. Shared with user/.
 *
 *	bits  0-3   enum probe_operation
 *	bits  8-15  enum event_function
 *	bits 16-18  index of the size argument, 20-22 of the count, 24-26 of the pointer
 *	            (0-5: rdi rsi rdx rcx r8 r9, or x0-x5; PROBE_RAX: the function has moved it
 *	            there before the site; PROBE_NO_ARGUMENT: there is none)
 *	bits 32-47  PROBE_* flags
 *
 * At every site, moved or not, the arguments are where the cookie says. The stack pointer is what
 * it was at the function's entry (for FREE and HINT, which read no return address, it may be lower
 * by the function's own frame): on x86-64 the return address is at *rsp and the caller's
 * CFA is rsp + 8; on arm64 the return address is in x30 and the CFA is sp.
 */
#ifndef MEMTRACE_PROBE_H
#define MEMTRACE_PROBE_H

enum probe_operation {
	PROBE_NONE = 0,
	PROBE_ALLOC = 1,	  /* returns the block, or NULL; bytes = size (x count) */
	PROBE_POSIX_MEMALIGN = 2, /* returns 0, the block is then at *pointer argument */
	PROBE_REALLOC = 3,	  /* old block: pointer argument; returns the new one, or NULL */
	PROBE_FREE = 4,		  /* the pointer argument is given back; NULL is not an event */
	PROBE_HINT = 5,		  /* operator new that calls a traced function for the block: its
				   * size and name are those of the nested allocation */
	PROBE_LOADER = 6,	  /* the dynamic loader's list of libraries is changing */
	PROBE_ORDER = 7, /* of locks: the function is an enum order_function (order_records.h), the
			  * size the second argument, the flags are enum order_facts */
};

/*
 * The programs that sites are attached to: one link per program and file. ALLOC and DELETE are
 * probed at entry and return, the others where the site is.
 */
enum probe_program {
	PROBE_PROGRAM_ALLOC = 0,  /* PROBE_ALLOC, PROBE_POSIX_MEMALIGN, PROBE_REALLOC */
	PROBE_PROGRAM_FREE,	  /* PROBE_FREE by a function that calls no other traced one */
	PROBE_PROGRAM_DELETE,	  /* PROBE_FREE by one that may: nested frees are not to count */
	PROBE_PROGRAM_HINT,	  /* PROBE_HINT */
	PROBE_PROGRAM_LOADER,	  /* PROBE_LOADER */
	PROBE_PROGRAM_RET,	  /* `ret` instructions of what THROWING has the entries of */
	PROBE_PROGRAM_THROW,	  /* the C++ runtime: an exception begins */
	PROBE_PROGRAM_THROWING,	  /* as ALLOC or DELETE, but its ends are RET's, or an exception */
	PROBE_PROGRAM_USDT_ALLOC, /* usdt.bpf.c: the cookie is the number of the place */
	PROBE_PROGRAM_USDT_FREE,
	PROBE_PROGRAM_ORDER_LOCK, /* this one and the next: order.bpf.c */
	PROBE_PROGRAM_ORDER_TRY,  /* at entry and return */
	PROBE_PROGRAM_ORDER_UNLOCK,
	PROBE_PROGRAM_ORDER_OTHER,
	PROBE_PROGRAM_ORDER_FREE,
	PROBE_PROGRAM_COUNT,
};

#define PROBE_RAX 6 /* x86-64 only */
#define PROBE_NO_ARGUMENT 7

/*
 * The function may leave by a C++ exception. A return probe replaces the return address on the
 * stack, the unwinder finds no frame there and calls std::terminate. So either the function is
 * probed at its `ret` instructions (PROBE_AT_RETURNS), or at a call that may not succeed the entry
 * program declines the return (session: return 1).
 */
#define PROBE_MAY_THROW (1 << 0)
/* realloc that frees the old block also when it fails (reallocf). */
#define PROBE_FREES_ON_FAILURE (1 << 1)
/* realloc for which size 0 is a request like any other: NULL then means failure (rallocx,
 * operator-new-like reallocs), not that the block was freed. */
#define PROBE_ZERO_SIZE_KEEPS (1 << 2)

/* free of glibc, which also calls it on its own behalf: tracer_shared.internal_calls tells where.
 */
#define PROBE_INTERNAL_CALLS (1 << 3)

/* No return probe: the call ends at one of the sites of PROBE_PROGRAM_RET. */
#define PROBE_AT_RETURNS (1 << 4)

/* realloc in place or not at all, that returns how large the block then is (xallocx). */
#define PROBE_RETURNS_SIZE (1 << 5)

/* Of a site of PROBE_PROGRAM_RET: what is returned is in the first argument's register. */
#define PROBE_RETURNS_ARGUMENT (1 << 6)

#define PROBE_COOKIE(operation, function, size, count, pointer, flags)                 \
	((unsigned long long)(operation) | (unsigned long long)(function) << 8 |       \
		(unsigned long long)(size) << 16 | (unsigned long long)(count) << 20 | \
		(unsigned long long)(pointer) << 24 | (unsigned long long)(flags) << 32)

/* The same under another enum event_function. */
#define PROBE_COOKIE_AS(cookie, function) \
	(((cookie) & ~0xff00ull) | (unsigned long long)(function) << 8)

#define PROBE_COOKIE_OPERATION(cookie) ((unsigned int)((cookie)&0xf))
#define PROBE_COOKIE_FUNCTION(cookie) ((unsigned int)((cookie) >> 8 & 0xff))
#define PROBE_COOKIE_SIZE(cookie) ((unsigned int)((cookie) >> 16 & 0x7))
#define PROBE_COOKIE_COUNT(cookie) ((unsigned int)((cookie) >> 20 & 0x7))
#define PROBE_COOKIE_POINTER(cookie) ((unsigned int)((cookie) >> 24 & 0x7))
#define PROBE_COOKIE_FLAGS(cookie) ((unsigned int)((cookie) >> 32 & 0xffff))

/* Stands in session programs for the kernel's bpf_session_is_return; no helper has this number. */
#define PROBE_SESSION_CALL 0x6d740001
/* The same for bpf_task_work_schedule_resume_impl. */
#define PROBE_TASK_WORK_CALL 0x6d740002

#endif
