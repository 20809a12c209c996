/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a census is taken of: an address space, as far as it can be read. A live process, a core
 * file and the images of tests all come in this form, so nothing here knows where it came from.
 */
#ifndef MEMTRACE_CENSUS_IMAGE_H
#define MEMTRACE_CENSUS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CENSUS_PAGE 4096u

/* Round an address to whole pages. */
static inline uint64_t page_floor(uint64_t address)
{
	return address & ~(uint64_t)(CENSUS_PAGE - 1);
}

static inline uint64_t page_ceil(uint64_t address)
{
	return page_floor(address + CENSUS_PAGE - 1);
}

/* Where a page is. Only those present may be read: another would be brought in by the reading. */
enum page_state {
	PAGE_ABSENT = 0, /* never touched, or given back: zeros */
	PAGE_PRESENT = 1,
	PAGE_SWAPPED = 2,
};

struct census_memory {
	void *context;
	/*
	 * Copies up to @size bytes at @address. Returns how many there were up to the first page
	 * that cannot be read, or a negative errno: -ESRCH where the process is gone.
	 */
	long (*read)(void *context, uint64_t address, void *to, size_t size);
	/* Fills in the state of @count pages from @address on, a page's start. 0 or -ESRCH. */
	int (*pages)(void *context, uint64_t address, size_t count, uint8_t *states);
	/* Lets the process run on for some milliseconds; NULL: it does not run. */
	void (*pause)(void *context);
	/*
	 * Mappings and threads as they are now, in the same struct census_image; NULL: they do not
	 * change. 0 or a negative errno, then the image is as it was.
	 */
	int (*refresh)(void *context);
};

enum range_kind {
	RANGE_ANONYMOUS, /* private, no file */
	RANGE_BRK,	 /* "[heap]" */
	RANGE_STACK,	 /* "[stack]": the main thread's */
	RANGE_FILE,	 /* private mapping of a file */
	RANGE_SHARED,	 /* shared memory, of files or without */
	RANGE_SPECIAL,	 /* [vdso], [vvar], [vsyscall], devices: not read */
};

/* One mapping. */
struct census_range {
	uint64_t start, end;
	uint64_t file_offset;
	uint64_t resident; /* bytes of it that count in RSS */
	uint64_t swapped;  /* bytes */
	enum range_kind kind;
	uint32_t prot;	  /* PROT_* */
	bool is_writable; /* PROT_WRITE, and readable */
	const char *name; /* path or "[heap]", "[anon:...]", "": the image's; not printable */
};

struct census_thread {
	int tid;		 /* as the reader of the report knows it */
	uint64_t thread_pointer; /* of TLS (fs base on x86-64); 0 unknown */
	uint64_t stack_pointer;	 /* 0 unknown: it runs */
	uint64_t registers[32];	 /* whatever is known of them */
	size_t register_count;
};

struct census_image {
	struct census_memory memory;
	const struct census_range *ranges; /* ascending, not overlapping */
	size_t range_count;
	const struct census_thread *threads;
	size_t thread_count;
};

/* The range that holds @address, or NULL. */
const struct census_range *census_image__find(const struct census_image *image, uint64_t address);

/* Whether @range is a module's .bss: it adjoins what is mapped of the file for writing. */
bool census_image__is_bss(const struct census_image *image, const struct census_range *range);

/* The first byte behind @address that no readable range adjoins; @address if it is in none. */
uint64_t census_image__end_of(const struct census_image *image, uint64_t address);

#endif
