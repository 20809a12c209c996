/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Modules: the ELF files (and the vDSO) whose code a target has mapped, each pinned by an open fd
 * when it is first seen. From then on it can be read whatever happens to its name: deleted,
 * replaced by an upgrade, private to a container, its process gone. Files of file systems that may
 * stop answering (remote_file.h) are copied into memory for that.
 *
 * The registry owns the modules until modules__free; a `struct module *` is valid that long, and
 * what it points to never changes. All functions that take the registry may be called by any
 * thread.
 *
 * Three kinds of address: the run-time address in a process; the file offset, which is what
 * uprobes take; the ELF virtual address, which is what symbols, DWARF and .eh_frame use.
 * Run-time address = ELF address + bias, with one bias for each mapping.
 */
#ifndef MEMTRACE_PROCESS_MODULE_H
#define MEMTRACE_PROCESS_MODULE_H

#include "base/error.h"
#include "process/maps.h"

/* SHA-1 ones have 20 bytes; --build-id=0x... may give any length. */
#define BUILD_ID_MAX_SIZE 64

struct build_id {
	uint8_t bytes[BUILD_ID_MAX_SIZE];
	size_t size; /* 0: the file has none */
	char hex[2 * BUILD_ID_MAX_SIZE + 1];
};

/* A PT_LOAD program header. */
struct module_segment {
	uint64_t vaddr;
	uint64_t offset;
	uint64_t file_size;
	uint64_t memory_size;
	bool executable;
};

struct module {
	uint32_t id; /* 1, 2, 3... in the order of discovery */
	int fd;	     /* readable; of the vDSO: a memfd with its image. Use pread, not its offset */
	int file_fd; /* the file itself, to attach to; maybe O_PATH, and `fd` a copy in memory */
	uint64_t inode;
	uint32_t dev_major; /* as /proc/PID/maps gives it; not always st_dev (btrfs, overlayfs) */
	uint32_t dev_minor;
	struct build_id build_id;
	char *path;	  /* as the first target saw it; "[vdso]" */
	const char *name; /* its last component */
	bool is_vdso;
	uint16_t elf_type;    /* ET_EXEC, ET_DYN */
	uint16_t elf_machine; /* EM_X86_64, EM_AARCH64 */
	struct module_segment *segments;
	size_t segment_count;
	uint64_t text_start; /* ELF addresses that the executable segments span */
	uint64_t text_end;
};

struct modules;

struct modules *modules__new(void);
void modules__free(struct modules *modules);

/*
 * The module whose code @mapping of process @pid maps: a known one, or the file is opened now.
 * NULL with @error set, and its code
 *	-ENOEXEC	there is no ELF file behind it (JIT or other anonymous memory, a data file)
 *	-ESTALE		the file found is not what is mapped (another build ID): it is not used
 *	-ETIMEDOUT	its file system does not answer, which was reported on stderr
 *	others		it cannot be opened or read
 */
struct module *modules__get(
	struct modules *modules, pid_t pid, const struct mapping *mapping, struct error *error);

/* Opens a file that no process needs to have mapped, for tools and tests. The fd is duplicated. */
struct module *modules__add_file(
	struct modules *modules, int fd, const char *path, struct error *error);

/* A known module by its file, as /proc/PID/maps numbers it; NULL: none, or it was written to. */
struct module *modules__find_file(
	struct modules *modules, uint32_t dev_major, uint32_t dev_minor, uint64_t inode);

/* The module with that id, or NULL. */
struct module *modules__find(struct modules *modules, uint32_t id);
size_t modules__count(struct modules *modules);

/*
 * Where in the file the byte at the ELF address @vaddr is. False where it is in no segment, or
 * behind its segment's bytes in the file (.bss).
 */
bool module__vaddr_to_offset(const struct module *module, uint64_t vaddr, uint64_t *offset);

/*
 * The bias of @mapping, a mapping of the module's code: run-time address - ELF address (modulo
 * 2^64). False where the mapping lies outside of every PT_LOAD.
 */
bool module__bias(const struct module *module, const struct mapping *mapping, uint64_t *bias);

#endif
