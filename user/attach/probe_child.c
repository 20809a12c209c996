/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/probe_child.h"

#include <errno.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A child that did nothing else needs microseconds; this is for a machine that is overloaded. */
#define CHILD_LIMIT_MS 2000

/*
 * The function that is probed. Assembly, so that its first instruction is known: the nop of four
 * bytes that compilers use as padding.
 */
void memtrace_probe_target(void);
#if defined(__x86_64__)
__asm__(".pushsection .text\n"
	".type memtrace_probe_target, @function\n"
	".globl memtrace_probe_target\n"
	".hidden memtrace_probe_target\n"
	".balign 16\n"
	"memtrace_probe_target:\n"
	"	.byte 0x0f, 0x1f, 0x40, 0x00\n"
	"	ret\n"
	".size memtrace_probe_target, . - memtrace_probe_target\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n"
	".type memtrace_probe_target, %function\n"
	".globl memtrace_probe_target\n"
	".hidden memtrace_probe_target\n"
	".balign 16\n"
	"memtrace_probe_target:\n"
	"	nop\n"
	"	ret\n"
	".size memtrace_probe_target, . - memtrace_probe_target\n"
	".popsection\n");
#else
void memtrace_probe_target(void)
{
}
#endif

struct offset_search {
	uintptr_t address;
	unsigned long long offset;
	bool found;
};

static int search_segments(struct dl_phdr_info *info, size_t size, void *data)
{
	struct offset_search *search = data;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || search->address < start ||
			search->address - start >= segment->p_filesz)
			continue;
		search->offset = segment->p_offset + (search->address - start);
		search->found = true;
		return 1;
	}
	return 0;
}

int probe_child__offset(unsigned long long *offset)
{
	return probe_child__offset_of(memtrace_probe_target, offset);
}

int probe_child__offset_of(void (*function)(void), unsigned long long *offset)
{
	struct offset_search search = {.address = (uintptr_t)function};

	dl_iterate_phdr(search_segments, &search);
	*offset = search.offset;
	return search.found ? 0 : -ENOENT;
}

/*
 * The filter of a confined service: the few system calls it needs, death for any other. A return
 * probe of Linux 6.11 and later makes one of its own, which no filter has heard of.
 */
static bool confine(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* The kernel maps a page called [uprobes] when it first has to single-step out of line. */
static bool was_single_stepped(void)
{
	char line[512];
	bool found = false;
	FILE *file = fopen("/proc/self/maps", "re");

	if (!file)
		return true;
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "[uprobes]"))
			found = true;
	fclose(file);
	return found;
}

static void run_child(int go_fd, enum child_task task)
{
	char byte;
	int status = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go_fd, &byte, 1) != 1)
		status = 2;
	else if (task == CHILD_CALLS_CONFINED && !confine())
		status = 3;
	if (!status)
		memtrace_probe_target();
	if (!status && task == CHILD_CALLS_AND_LOOKS)
		status = was_single_stepped();
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

int probe_child__start(struct probe_child *child, enum child_task task)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	child->pid = fork();
	if (child->pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -errno;
	}
	if (!child->pid) {
		close(fds[1]);
		run_child(fds[0], task);
	}
	close(fds[0]);
	child->go_fd = fds[1];
	return 0;
}

int probe_child__finish(struct probe_child *child)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int status, waited = 0;

	if (send(child->go_fd, "", 1, MSG_NOSIGNAL) != 1)
		kill(child->pid, SIGKILL);
	close(child->go_fd);
	while (waitpid(child->pid, &status, WNOHANG) == 0) {
		if (waited++ == CHILD_LIMIT_MS) {
			kill(child->pid, SIGKILL);
			waitpid(child->pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	return status;
}
