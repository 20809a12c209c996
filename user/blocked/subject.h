/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A process whose blocked threads are looked at: its address space, the unwind tables and names of
 * what is mapped there, its C library. All of it is read when it is first needed and kept, shared
 * by processes that map the same files.
 */
#ifndef MEMTRACE_BLOCKED_SUBJECT_H
#define MEMTRACE_BLOCKED_SUBJECT_H

#include "base/error.h"
#include "blocked/python.h"
#include "locks/snapshot.h"
#include "process/maps.h"
#include "process/module.h"
#include "symbols/symbolizer.h"
#include "unwind/walk.h"

struct subjects;
struct subject;

/* Which names come with source lines and inlined frames, which takes longer. */
enum subject_lines {
	SUBJECT_LINES_NONE,
	SUBJECT_LINES_OF_APPLICATION, /* not the C library's */
	SUBJECT_LINES_ALL,
};

struct subjects *subjects__new(enum subject_lines lines, struct error *error);
void subjects__free(struct subjects *subjects);

/*
 * Whether so much is kept (each file has an open fd) that a watch should begin anew with another
 * set of subjects.
 */
bool subjects__are_many(const struct subjects *subjects);

/*
 * The process @pid as it is now: its mappings are read again. @start_ns (of its first thread)
 * tells a PID that is used again. NULL with @error set: it is gone, or may not be looked at. Valid
 * until it is taken again or subjects__free.
 */
struct subject *subjects__take(
	struct subjects *subjects, pid_t pid, uint64_t start_ns, struct error *error);

/* The one that was taken before, or NULL. */
struct subject *subjects__find(struct subjects *subjects, pid_t pid);

struct kernel_facts *subjects__kernel_facts(struct subjects *subjects);

const struct maps *subject__maps(const struct subject *subject);
enum lock_libc subject__libc(const struct subject *subject, int *minor);

/* Where address @address is: the module and its ELF address; NULL: in none. Data too. */
const struct module *subject__module_at(
	const struct subject *subject, uint64_t address, uint64_t *vaddr);

/*
 * Walks a stack from walk->pc, sp, bp, bx (see unwind.h); @slots (room for EVENT_MAX_FRAMES + 1)
 * gets the stack pointer of each frame that is reached, with SLOT_IS_GUESSED in it where no table
 * led there.
 */
#define SLOT_IS_GUESSED 1ull
void subject__walk(struct subject *subject, struct unwind_walk *walk, uint64_t *slots);

/* A piece of a stack as it was when the registers were, of a thread that has run on since. */
struct stack_copy {
	uint64_t address;
	const void *data;
	size_t size;
};

/* The same from @copy, where it holds what is asked for. */
void subject__walk_copy(struct subject *subject, const struct stack_copy *copy,
	struct unwind_walk *walk, uint64_t *slots);

/* Names of the code at @pc; NULL frames where it is in no module. */
struct symbol_frames subject__names(struct subject *subject, uint64_t pc, bool is_return_address);

/* The name of the function that the call in front of @return_address calls; NULL: unknown. */
const char *subject__called(struct subject *subject, uint64_t return_address);

/*
 * The name of the variable at @address ("lock", "object+8") and its module's; false: no symbol.
 * Both get at most @size bytes.
 */
bool subject__variable(
	struct subject *subject, uint64_t address, char *name, char *module, size_t size);

/* The run-time address of the variable @name of the first module whose name begins with @module; 0:
 * there is none. */
uint64_t subject__find_variable(struct subject *subject, const char *module, const char *name);

/* The run-time address of the variable @name, which the C library exports; 0: there is none. */
uint64_t subject__libc_variable(struct subject *subject, const char *name);

/*
 * The Python interpreter that is mapped, with the threads that it had when the process was taken;
 * NULL: none that is known.
 */
const struct subject_python *subject__python(const struct subject *subject);

/* Whether @pc is in the loop of that interpreter, which runs Python frames. */
bool subject__in_python_loop(const struct subject *subject, uint64_t pc, bool is_return_address);

/* The name of a Python frame of the process; its strings live as long as the subjects. */
struct python_frame subject__python_frame(
	struct subject *subject, const struct python_place *place);

/* Reads memory of the process, all of it or nothing. Returns 0 or a negative errno. */
int subject__read(pid_t pid, uint64_t address, void *data, size_t size);

#endif
