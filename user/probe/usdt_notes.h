/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Statically defined probes (USDT) of a file: its notes of type NT_STAPSDT in sections
 * ".note.stapsdt" (SystemTap, "User Space Probe Implementation"). A note has three addresses, which
 * a prelinker that moved the file has not followed: where the probe is, where section
 * ".stapsdt.base" was, and its semaphore; then three strings, provider, name and arguments.
 */
#ifndef MEMTRACE_PROBE_USDT_NOTES_H
#define MEMTRACE_PROBE_USDT_NOTES_H

#include <stdint.h>

#include "process/elf_file.h"

struct usdt_note {
	uint64_t address;   /* ELF address of the instruction */
	uint64_t semaphore; /* of the 16-bit counter of who looks; 0: none */
	const char *provider;
	const char *name;
	const char *arguments; /* usdt_arguments.h */
};

/* Returns a negative errno to end it. Strings are valid as long as the file. */
typedef int usdt_note_fn(void *context, const struct usdt_note *note);

/* Calls @each for every proper note of the file; 0, or what @each returned. */
int usdt_notes__each(struct elf_file *file, usdt_note_fn *each, void *context);

/*
 * The same for @size bytes of notes; @base_now is the address that ".stapsdt.base" has in the file,
 * 0: it has none, and was not moved.
 */
int usdt_notes__each_in(
	const void *notes, size_t size, uint64_t base_now, usdt_note_fn *each, void *context);

#endif
