/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What memtrace and the worker that reads names say to each other (sandbox/worker.h). Both are the
 * same program, so numbers are the machine's own. Strings follow their struct, each with its
 * final 0.
 */
#ifndef MEMTRACE_SYMBOLS_NAMES_WIRE_H
#define MEMTRACE_SYMBOLS_NAMES_WIRE_H

#include <stdint.h>

#include "process/module.h"
#include "sandbox/worker.h"

/* The role that it is started for. */
#define NAMES_ROLE "names"

/* What may stand in one answer; more of an inlined chain is cut, as is a longer name. */
#define NAMES_MAX_FRAMES 128
#define NAMES_MAX_TEXT 8192

enum names_kind {
	NAMES_OPTIONS = 1, /* names_options; first, and answered by nothing */
	NAMES_MODULE,	   /* names_module, with the file's descriptor; answered by nothing */
	NAMES_RESOLVE,	   /* names_resolve; answered by NAMES_FRAMES */
	NAMES_FRAMES,	   /* names_frames, then count names_frame, then their strings in order */
	NAMES_DOWNLOAD = WORKER_QUESTION, /* the debug file of the module that is resolved in */
};

struct names_options {
	uint32_t kind;
	uint32_t no_demangle;
	uint32_t no_lines;
	uint32_t no_libc_lines;
	uint32_t debuginfod;
	uint32_t verbose;
	uint32_t directory_count; /* their paths follow */
};

struct names_module {
	uint32_t kind;
	uint32_t id;
	uint64_t text_start;
	uint64_t text_end;
	struct build_id build_id;
	uint32_t is_vdso;
	uint32_t is_copy; /* the descriptor is not the file itself */
			  /* the path follows */
};

struct names_resolve {
	uint32_t kind;
	uint32_t module;
	uint64_t vaddr;
	uint32_t is_return_address;
	uint32_t unused;
};

struct names_frames {
	uint32_t kind;
	int32_t code; /* 0 or a negative errno */
	uint32_t count;
	uint32_t unused;
};

struct names_frame {
	uint64_t function_offset;
	uint32_t line;
	uint32_t column;
	uint32_t inlined;
	uint32_t function_size; /* with the final 0; 0: unknown */
	uint32_t file_size;
	uint32_t unused;
};

#endif
