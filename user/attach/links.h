/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Links between probe sites and BPF programs, made by raw bpf(2): the newer kinds are unknown to
 * the libbpf of today's long-term distributions, while kernels have them. A link is an fd; when the
 * last fd is closed, even because memtrace was killed, the kernel takes the probes out.
 */
#ifndef MEMTRACE_ATTACH_LINKS_H
#define MEMTRACE_ATTACH_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "probe/probe_site.h"

/* Values of enum bpf_attach_type (linux/bpf.h); programs must be loaded with the one they need. */
#define ATTACH_TYPE_PERF_EVENT 41
#define ATTACH_TYPE_UPROBE_MULTI 48
#define ATTACH_TYPE_UPROBE_SESSION 57

enum link_kind {
	LINK_SESSION = 0, /* one link per file, entry and return in one program (Linux 6.13) */
	LINK_MULTI,	  /* one link per file and direction (Linux 6.6) */
	LINK_PERF,	  /* one link per site and direction (Linux 5.15) */
	LINK_KIND_COUNT,
};

struct links;
struct closer;
struct bpf_program;

/* A set of links, empty; NULL: no memory. */
struct links *links__new(void);
/* Takes all probes out, and waits until the kernel has done so; or leaves that to @closer. */
void links__free(struct links *links);
void links__close(struct links *links, struct closer *closer);

/* Before loading: sets the attach type that a uprobe program needs for the kind of link. */
void links__prepare_program(struct bpf_program *program, enum link_kind kind);

struct link_request {
	enum link_kind kind;
	int program_fd;
	int file_fd;	       /* the ELF file that holds the sites; may be closed afterwards */
	const char *file_name; /* for messages */
	const struct probe_site *sites;
	size_t site_count;
	pid_t pid;	/* tgid: no other process is touched; 0: every one that maps the file */
	bool at_return; /* MULTI and PERF: at the function's return, not its entry */
};

/*
 * Attaches the program to the sites. Where the kernel refuses one, the function's entry is tried. A
 * function that it cannot probe there either is left out with a warning; one where another tracer
 * is in the way is an error.
 * Returns 0, or with @error set a negative errno if none could be attached: -EPERM, -ESRCH (no such
 * process any more), -EINVAL, -EOPNOTSUPP...
 */
int links__attach(struct links *links, const struct link_request *request, struct error *error);

/*
 * Opens events without a program at the request's sites, for thread request->pid: as long as that
 * thread lives, the kernel leaves the probes there in place, whichever links it takes for gone.
 * Returns 0, or with @error set a negative errno (-ESRCH: the thread has ended).
 */
int links__keep_in_place(
	struct links *links, const struct link_request *request, struct error *error);

/* Attaches a loaded program of section "tp_btf/..." to the tracepoint it names. 0 or -errno. */
int links__attach_btf_tracepoint(
	struct links *links, const struct bpf_program *program, struct error *error);

/* Whether tracepoints can be found (tracefs) and opened as perf events here: tried on one. */
bool links__has_tracepoints(struct links *links);

/* Attaches a loaded program of section "tp/..." to tracepoint @category:@name. 0 or -errno. */
int links__attach_tracepoint(struct links *links, const struct bpf_program *program,
	const char *category, const char *name, struct error *error);

/*
 * One uprobe_multi or uprobe_session link by the system call itself; returns its fd or a negative
 * errno. @path is opened by the kernel. For feature probes and for links__attach.
 */
int links__create_multi(int program_fd, unsigned int attach_type, const char *path,
	const unsigned long long *offsets, const unsigned long long *cookies, size_t count,
	pid_t pid, bool is_return);

/* One perf-event uprobe link; its fd or a negative errno. */
int links__create_perf(int program_fd, const char *path, unsigned long long offset,
	unsigned long long cookie, pid_t pid, bool is_return);

#endif
