/*
 * The address spaces of the traced process images: where code lies, so that a frame's address
 * becomes a module and an address in its ELF file. Kept by number of the image (event.h), not by
 * PID, and kept after the process has exited, until its last record has been read.
 *
 * Two threads use it, the one that follows the processes and the one that reads the ring; every
 * function locks.
 */
#ifndef MEMTRACE_ATTACH_SPACES_H
#define MEMTRACE_ATTACH_SPACES_H

#include "base/error.h"
#include "target/module.h"

struct spaces;

/* A mapping of code. */
struct code_range {
	uint64_t start;
	uint64_t end;
	uint64_t bias;		     /* run-time address - ELF address; 0 without a module */
	const struct module *module; /* NULL: JIT or other memory without a file */
	bool is_uprobes;	     /* the kernel's page of probed instructions */
};

struct resolved_address {
	const struct module *module; /* NULL: in no known file */
	uint64_t offset; /* ELF address in the module; without one, the address itself */
};

/* A copy of what is known of a space; freed with space_view__free. */
struct space_view {
	struct code_range *ranges; /* sorted by address */
	size_t count;
	uint32_t generation; /* raised when ranges change */
	uint32_t removals;   /* raised when code was unmapped or replaced */
};

struct spaces *spaces__new(struct modules *modules);
void spaces__free(struct spaces *spaces);

/* Makes image @process of @pid known; nothing if it is already. Returns 0 or -ENOMEM. */
int spaces__add(struct spaces *spaces, uint32_t process, pid_t pid);

/* The same for a forked child, which starts with its parent's ranges. */
int spaces__fork(struct spaces *spaces, uint32_t parent, uint32_t process, pid_t pid);

/* The image is gone (exit, or exec to another): it keeps what is known and is not read again. */
void spaces__retire(struct spaces *spaces, uint32_t process);

/* The last record of the image has been read. Once it is retired, too, it is forgotten. */
void spaces__finish(struct spaces *spaces, uint32_t process);

/* How many images are known. */
size_t spaces__count(struct spaces *spaces);

/* PID of an image, or 0 if it is not known. */
pid_t spaces__pid(struct spaces *spaces, uint32_t process);

/*
 * Reads /proc/PID/maps again. Returns 0 or a negative errno, -ESRCH when the process is gone or
 * the image is retired.
 */
int spaces__refresh(struct spaces *spaces, uint32_t process, struct error *err);

/*
 * Resolves an address of an image. An unknown one makes it read the maps again, at most every
 * 20 ms per image. Always gives an answer; see resolved_address.
 */
struct resolved_address spaces__resolve(struct spaces *spaces, uint32_t process, uint64_t address);

/* Copies what is known of an image. Returns 0, -ESRCH (no such image) or -ENOMEM. */
int spaces__view(struct spaces *spaces, uint32_t process, struct space_view *view);
void space_view__free(struct space_view *view);

#endif
