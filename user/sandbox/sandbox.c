/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "sandbox/sandbox.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/memory.h"
#include "process/root.h"

/* Names take 256 MiB at most by their own account (symbols/budget.h); libdw's copies come on top.
 */
#define MEMORY_LIMIT (2ull << 30)
/* Of its whole life; a process that reaches it is started anew. */
#define CPU_LIMIT_S 600

/* What computing, reading and answering take. */
static const int allowed[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettid),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(newfstatat),
	SCMP_SYS(pread64),
	SCMP_SYS(read),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sysinfo),
	SCMP_SYS(tgkill),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

static const int supervised[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2)};

static int add_rules(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(supervised) / sizeof(*supervised) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, supervised[i], 0);
	/* Memory, but no code. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* A mapping of its own whose file may shrink is read so (symbols/split_unit.c). */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(process_vm_readv), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return err;
}

static int load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err, listener;

	if (!filter)
		return -ENOMEM;
	err = add_rules(filter);
	if (!err)
		err = seccomp_load(filter);
	listener = err ? err : seccomp_notify_fd(filter);
	seccomp_release(filter);
	return listener;
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	syscall(SYS_capset, &header, none);
}

static void limit(int resource, rlim_t value)
{
	struct rlimit own = {value, value};

	setrlimit(resource, &own);
}

int sandbox__enter(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	drop_capabilities();
	/* The supervisor reads the paths that are asked for; a program with file capabilities would
	   not be readable by it. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, CPU_LIMIT_S);
#ifndef __SANITIZE_ADDRESS__
	limit(RLIMIT_AS, MEMORY_LIMIT);
#endif
	return load_filter();
}

/* --- the supervisor */

static bool read_path(pid_t pid, const struct seccomp_notif *call, char path[PATH_MAX])
{
	/* open(path, ...), openat(directory, path, ...), openat2(directory, path, ...) */
	uint64_t address = call->data.args[call->data.nr == SCMP_SYS(open) ? 0 : 1];
	ssize_t size;

	size = memory__read(pid, address, path, PATH_MAX);
	return size > 0 && memchr(path, '\0', size) && path[0] == '/';
}

static bool is_elf(int fd)
{
	unsigned char magic[SELFMAG];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* What root__reopen asks for: a descriptor that the process has already. */
static bool is_own_descriptor(const char *path, int *number)
{
	int end = 0;

	return sscanf(path, "/proc/self/fd/%d%n", number, &end) == 1 && !path[end];
}

static int open_for(pid_t pid, const char *path)
{
	char own[64];
	int fd, number;

	if (is_own_descriptor(path, &number)) {
		snprintf(own, sizeof(own), "/proc/%d/fd/%d", pid, number);
		path = own;
	}
	fd = root__open_own(path);
	if (fd >= 0 && !is_elf(fd)) {
		close(fd);
		return -EACCES;
	}
	return fd;
}

static void respond(int listener, const struct seccomp_notif *call, int fd)
{
	struct seccomp_notif_addfd put = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.newfd_flags = O_CLOEXEC,
	};
	struct seccomp_notif_resp refusal = {.id = call->id};

	if (fd >= 0) {
		put.srcfd = fd;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &put) >= 0)
			return;
		fd = -errno;
	}
	refusal.error = fd;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &refusal);
}

void sandbox__answer(int listener, pid_t pid)
{
	/* A later kernel's may be longer. */
	union {
		struct seccomp_notif call;
		char room[1024];
	} notice = {0};
	const struct seccomp_notif *call = &notice.call;
	char path[PATH_MAX];
	int fd = -EACCES;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice))
		return;
	/* The process waits for the answer, unless it has died and its memory was somebody else's.
	 */
	if (read_path(pid, call, path) &&
		ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) == 0)
		fd = open_for(pid, path);
	respond(listener, call, fd);
	if (fd >= 0)
		close(fd);
}
