/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where the versions of CPython keep what is read of them from outside: one row per version, taken
 * from its headers (Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h,
 * pycore_gil.h, cpython/pystate.h, cpython/code.h) as a 64-bit compiler lays them out. They do not
 * change within a version (3.9.18, 3.10.13, 3.11.2 to .7, 3.12.1 to .3, 3.13.0 to .5 and
 * 3.14.10 were compared).
 */
#ifndef MEMTRACE_PYTHON_LAYOUT_H
#define MEMTRACE_PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python.h"

#define PYTHON_OLDEST_MINOR 9
#define PYTHON_NEWEST_MINOR 14

/* Offsets in bytes; 0: the version has no such field. */
struct python_layout {
	int minor; /* 3.N */
	/* _PyRuntimeState */
	uint16_t interpreters;	 /* the first interpreter */
	uint16_t tstate_current; /* until 3.11 */
	uint16_t tss_key;
	uint16_t runtime_gil; /* until 3.11: struct _gil_runtime_state in it */
	/* PyInterpreterState */
	uint16_t interpreter_next;
	uint16_t threads;	  /* the first thread state */
	uint16_t interpreter_gil; /* from 3.12 on: pointer to the GIL */
	/* PyThreadState */
	uint16_t thread_next;
	uint16_t thread_id;
	uint16_t thread_native_id; /* from 3.11 on */
	/* str: header of an ASCII one, and of another compact one */
	uint16_t ascii_size;
	uint16_t compact_size;
	/* PyCodeObject */
	uint16_t code_filename;
	uint16_t code_name;
	uint16_t code_qualname; /* from 3.11 on */
	uint16_t code_lines;	/* bytes: co_lnotab of 3.9, else co_linetable */
	/* The walk's; its addresses are not set. */
	struct python_space walk;
};

/* struct _gil_runtime_state: the same in all versions from 3.9 to 3.14. */
#define PYTHON_GIL_LAST_HOLDER 8
#define PYTHON_GIL_LOCKED 16
#define PYTHON_GIL_CONDITION 32
#define PYTHON_GIL_MUTEX 80
#define PYTHON_GIL_SIZE 208

/* The row of 3.@minor, or NULL. */
const struct python_layout *python_layout__find(int minor);

/* The bytes of _PyRuntime's beginning from 3.13 on that python_layout__check looks at. */
#define PYTHON_DEBUG_OFFSETS_SIZE 584

/*
 * From 3.13 on, _PyRuntime begins with the offsets of what debuggers read (_Py_DebugOffsets):
 * whether they agree with @layout. NULL: yes; else what is wrong, for a person.
 */
const char *python_layout__check(
	const struct python_layout *layout, const uint8_t *offsets, size_t size);

#endif
