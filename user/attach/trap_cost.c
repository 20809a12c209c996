/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/trap_cost.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/probe_child.h"

/* Enough calls that reading the clock does not count, few enough to take a millisecond. */
#define CALLS 1000
#define STEPPED_CALLS 100
/* The median counts: of some the child loses the processor in between. */
#define ROUNDS 5
/* A child that is asked answers within milliseconds; this is for a machine that is overloaded. */
#define ANSWER_SECONDS 10

/*
 * Functions whose first instruction the kernel emulates, as at nearly all places that the plans
 * choose, and one whose first has to be single-stepped. In assembly, so that it is known.
 */
void memtrace_priced_bare(void);
void memtrace_priced_entry(void);
void memtrace_priced_both(void);
void memtrace_priced_stepped(void);
#if defined(__x86_64__)
#define EMULATED "	push %rbp\n	pop %rbp\n	ret\n"
#define STEPPED "	mov %rsp, %rax\n	ret\n"
#define FUNCTION_TYPE "@function"
#else
#define EMULATED "	b 1f\n1:	ret\n"
#define STEPPED "	mov x9, sp\n	ret\n"
#define FUNCTION_TYPE "%function"
#endif
#define FUNCTION(name, body)                                                     \
	".type " name ", " FUNCTION_TYPE "\n.globl " name "\n.hidden " name "\n" \
	".balign 16\n" name ":\n" body ".size " name ", . - " name "\n"
__asm__(".pushsection .text\n" FUNCTION("memtrace_priced_bare", EMULATED) FUNCTION(
	"memtrace_priced_entry", EMULATED) FUNCTION("memtrace_priced_both", EMULATED)
		FUNCTION("memtrace_priced_stepped", STEPPED) ".popsection\n");

enum priced { PRICED_BARE = 0, PRICED_ENTRY, PRICED_BOTH, PRICED_STEPPED, PRICED_COUNT };

static void (*const functions[PRICED_COUNT])(void) = {
	memtrace_priced_bare,
	memtrace_priced_entry,
	memtrace_priced_both,
	memtrace_priced_stepped,
};

static int calls_of(enum priced priced)
{
	return priced == PRICED_STEPPED ? STEPPED_CALLS : CALLS;
}

/* --- the child: asked with a byte which function to call, it answers with the ns that took */

static uint64_t own_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void run_child(int fd)
{
	uint8_t priced;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fd, &priced, 1) == 1 && priced < PRICED_COUNT) {
		uint64_t begin = own_cpu_ns(), ns;

		for (int i = 0; i < calls_of(priced); i++)
			functions[priced]();
		ns = own_cpu_ns() - begin;
		if (write(fd, &ns, sizeof(ns)) != sizeof(ns))
			break;
	}
	_exit(0);
}

struct child {
	pid_t pid;
	int fd;
};

static int start_child(struct child *child)
{
	const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	child->pid = fork();
	if (child->pid < 0) {
		int err = -errno;

		close(fds[0]);
		close(fds[1]);
		return err;
	}
	if (!child->pid) {
		close(fds[1]);
		run_child(fds[0]);
	}
	close(fds[0]);
	child->fd = fds[1];
	setsockopt(child->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return 0;
}

static void end_child(struct child *child)
{
	close(child->fd);
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
}

/* --- */

static int attach_one(struct links *links, const struct child *child, int program_fd,
	enum link_kind kind, enum priced priced, bool at_return, struct error *error)
{
	unsigned long long offset;
	struct probe_site site = {.name = "memtrace_priced"};
	struct link_request request = {
		.kind = kind,
		.program_fd = program_fd,
		.file_name = "memtrace",
		.sites = &site,
		.site_count = 1,
		.pid = child->pid,
		.at_return = at_return,
	};
	int err = probe_child__offset_of(functions[priced], &offset);

	if (err)
		return error__set(error, err, "memtrace does not find itself in its own file");
	site.offset = site.entry_offset = offset;
	request.file_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (request.file_fd < 0)
		return error__set(error, -errno, "cannot open memtrace's own file: %m");
	err = links__attach(links, &request, error);
	close(request.file_fd);
	return err;
}

static int attach_child(struct links *links, const struct child *child,
	const struct trap_programs *programs, struct error *error)
{
	enum link_kind other = programs->kind == LINK_SESSION ? LINK_MULTI : programs->kind;
	int err = attach_one(links, child, programs->entry_fd, other, PRICED_ENTRY, false, error);

	err = err ? err
		  : attach_one(
			    links, child, programs->entry_fd, other, PRICED_STEPPED, false, error);
	if (!err && programs->kind == LINK_SESSION)
		return attach_one(
			links, child, programs->both_fd, LINK_SESSION, PRICED_BOTH, false, error);
	err = err ? err
		  : attach_one(links, child, programs->both_fd, other, PRICED_BOTH, true, error);
	return err ? err
		   : attach_one(links, child, programs->entry_fd, other, PRICED_BOTH, false, error);
}

static int ask(const struct child *child, enum priced priced, uint64_t *ns)
{
	uint8_t byte = priced;

	if (send(child->fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
		recv(child->fd, ns, sizeof(*ns), MSG_WAITALL) != sizeof(*ns))
		return -EIO;
	return 0;
}

/* Ns of a call beside the programs' own time. */
static int price(const struct child *child, const struct trap_programs *programs,
	enum priced priced, double *price)
{
	uint64_t before = *programs->program_ns, ns;
	int err = ask(child, priced, &ns);

	if (err)
		return err;
	*price = ((double)ns - (double)(*programs->program_ns - before)) / calls_of(priced);
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median; *@spread: how far the middle ones are apart, as a part of it. */
static double median(double values[ROUNDS], double *spread)
{
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	*spread = (values[ROUNDS / 2 + 1] - values[ROUNDS / 2 - 1]) / 2 / values[ROUNDS / 2];
	return values[ROUNDS / 2];
}

static int measure_child(
	const struct child *child, const struct trap_programs *programs, struct trap_cost *cost)
{
	double ns[PRICED_COUNT][ROUNDS], medians[PRICED_COUNT], spread, widest = 0;

	/* In turns: the machine's mood is the same for all. */
	for (int round = -1; round < ROUNDS; round++)
		for (int i = 0; i < PRICED_COUNT; i++) {
			int err = price(child, programs, i, &ns[i][round < 0 ? 0 : round]);

			if (err)
				return err;
		}
	for (int i = 0; i < PRICED_COUNT; i++) {
		medians[i] = median(ns[i], &spread);
		if (i && spread > widest)
			widest = spread;
	}
	cost->ns[TRAP_ENTRY] = medians[PRICED_ENTRY] - medians[PRICED_BARE];
	cost->ns[TRAP_RETURN] = medians[PRICED_BOTH] - medians[PRICED_ENTRY];
	cost->ns[TRAP_STEPPED] = medians[PRICED_STEPPED] - medians[PRICED_BARE];
	for (int i = 0; i < TRAP_KIND_COUNT; i++)
		if (cost->ns[i] < 1)
			cost->ns[i] = 1;
	cost->uncertainty =
		widest > TRAP_COST_LEAST_UNCERTAINTY ? widest : TRAP_COST_LEAST_UNCERTAINTY;
	return 0;
}

int trap_cost__measure(
	const struct trap_programs *programs, struct trap_cost *cost, struct error *error)
{
	struct links *links = links__new();
	struct child child = {.fd = -1};
	int err = links ? start_child(&child) : -ENOMEM;

	if (err) {
		links__free(links);
		return error__set(
			error, err, "cannot measure what a probe costs: %s", strerror(-err));
	}
	err = attach_child(links, &child, programs, error);
	if (!err && measure_child(&child, programs, cost))
		err = error__set(error, -EIO,
			"cannot measure what a probe costs: the child does not answer");
	end_child(&child);
	links__free(links);
	return err;
}
