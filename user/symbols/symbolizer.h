/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The symbolizer: from an address in a module to the functions that are running there, inlined
 * ones included, with source lines. Only for reports: far too slow for the path of events.
 *
 * Of each module it takes, when first asked and in this order: DWARF (the module's own, or that of
 * a separate debug file), .symtab, .dynsym, MiniDebugInfo, PLT. Answers are kept.
 *
 * One thread at a time. All strings handed out are the symbolizer's, printable, and equal ones are
 * one pointer.
 */
#ifndef MEMTRACE_SYMBOLS_SYMBOLIZER_H
#define MEMTRACE_SYMBOLS_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/module.h"
#include "process/process.h"
#include "process/spaces.h"

struct symbolizer;

struct symbolizer_options {
	const char *const *debug_dirs; /* searched before /usr/lib/debug; copied; may be NULL */
	size_t debug_dir_count;
	bool no_demangle;
	bool no_lines;	    /* names from symbol tables only: no DWARF, no inlined frames */
	bool no_libc_lines; /* the same for the C library: unpacking its DWARF takes 150 ms */
	bool debuginfod;    /* ask the servers of $DEBUGINFOD_URLS for what is not here */
	/* How to ask them: an fd or a negative errno. NULL: debug_file__download. */
	int (*download)(const struct build_id *build_id);
	/* Files of modules are read by a process without privileges (names_worker.h). */
	bool confined;
	struct spaces *spaces; /* know when code made at run time has changed; NULL: nobody does */
};

struct symbol_frame {
	const char *function; /* demangled, "name@plt"; NULL unknown: show module+offset */
	const char *file;     /* source file as the compiler was given it; NULL unknown */
	uint32_t line;	      /* 0 unknown */
	uint32_t column;      /* 0 unknown */
	bool inlined;	      /* into the next frame of the answer */
	bool jit;	      /* a name out of a perf-PID.map file */
	/* From the start of the machine function that holds the address to it, bytes. Of inlined
	   frames too: the function is then that of the last frame of the answer. */
	uint64_t function_offset;
};

/* The last frame is the machine function's own, the others are inlined; innermost first. */
struct symbol_frames {
	const struct symbol_frame *frames; /* valid as long as the symbolizer */
	size_t count;			   /* at least 1 */
};

/* @options may be NULL. NULL where memory is short. */
struct symbolizer *symbolizer__new(const struct symbolizer_options *options);
void symbolizer__free(struct symbolizer *symbolizer);

/*
 * Names the ELF address @vaddr of @module, which must live as long as the symbolizer. A return
 * address names the call in front of it (looked up at @vaddr - 1). One nameless frame where
 * nothing is known. Returns 0 or -ENOMEM (then too @out is valid).
 */
int symbolizer__resolve(struct symbolizer *symbolizer, const struct module *module, uint64_t vaddr,
	bool is_return_address, struct symbol_frames *out);

/*
 * Makes the JIT map of @process known, if there ever is one: to be called while it lives. Its file
 * is looked for in the process's root, also after it has exited. @image is the number of the
 * process's image, which began at @start_ns (CLOCK_MONOTONIC; 0: unknown).
 */
void symbolizer__watch_jit(struct symbolizer *symbolizer, const struct process_info *process,
	uint32_t image, uint64_t start_ns);

/* Reads what the image's JIT map has got. */
void symbolizer__refresh_jit(struct symbolizer *symbolizer, uint32_t image);

/* The image has ended: if it wrote no JIT map, nothing is kept of it. */
void symbolizer__unwatch_jit(struct symbolizer *symbolizer, uint32_t image);

/*
 * Names code without a module at the run-time return address @address, as of the time of @place, in
 * its image, which is watched.
 */
int symbolizer__resolve_jit(struct symbolizer *symbolizer, const struct jit_place *place,
	uint64_t address, struct symbol_frames *out);

/* The same by any image that is watched and has a name for it, as of now. */
int symbolizer__resolve_any_jit(
	struct symbolizer *symbolizer, uint64_t address, struct symbol_frames *out);

#endif
