/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/call_filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>

#define CALL(name) SCMP_SYS(name)

/* By what they are for. Those that an architecture lacks are left out by libseccomp. */
// clang-format off
static const int calls[] = {
	/* tracing: programs, maps, links, probes; reading processes */
	CALL(bpf), CALL(perf_event_open), CALL(process_vm_readv), CALL(pidfd_open), CALL(ioctl),
	/* files: those of targets are read, the cache of unwind tables is written */
	CALL(open), CALL(openat), CALL(openat2), CALL(close), CALL(close_range), CALL(read),
	CALL(readv), CALL(pread64), CALL(preadv), CALL(write), CALL(writev), CALL(pwrite64),
	CALL(pwritev), CALL(lseek), CALL(sendfile), CALL(copy_file_range), CALL(fsync),
	CALL(fdatasync), CALL(ftruncate), CALL(fallocate), CALL(flock), CALL(fcntl), CALL(dup),
	CALL(dup2), CALL(dup3), CALL(pipe), CALL(pipe2), CALL(stat), CALL(lstat), CALL(fstat),
	CALL(newfstatat), CALL(statx), CALL(statfs), CALL(fstatfs), CALL(access),
	CALL(faccessat), CALL(faccessat2), CALL(getdents64), CALL(getcwd), CALL(readlink),
	CALL(readlinkat), CALL(unlink), CALL(unlinkat), CALL(rename), CALL(renameat),
	CALL(renameat2), CALL(mkdir), CALL(mkdirat), CALL(linkat), CALL(umask), CALL(fchmod),
	CALL(fchmodat), CALL(utimensat), CALL(name_to_handle_at), CALL(memfd_create),
	CALL(getxattr), CALL(fgetxattr),
	/* memory */
	CALL(brk), CALL(mmap), CALL(munmap), CALL(mremap), CALL(mprotect), CALL(madvise),
	CALL(mincore), CALL(membarrier), CALL(msync),
	/* threads, and helpers that read files of slow file systems */
	CALL(clone), CALL(clone3), CALL(fork), CALL(vfork), CALL(exit), CALL(exit_group),
	CALL(wait4), CALL(waitid), CALL(futex), CALL(futex_waitv), CALL(set_robust_list),
	CALL(get_robust_list), CALL(set_tid_address), CALL(rseq), CALL(gettid), CALL(getpid),
	CALL(getppid), CALL(sched_yield), CALL(sched_getaffinity), CALL(sched_setaffinity),
	CALL(getcpu), CALL(arch_prctl), CALL(setpriority), CALL(getpriority),
	/* signals: 0 asks whether a process is there; a helper that hangs is ended */
	CALL(kill), CALL(tgkill), CALL(tkill), CALL(pidfd_send_signal), CALL(rt_sigaction),
	CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(rt_sigtimedwait), CALL(rt_sigpending),
	CALL(sigaltstack), CALL(signalfd4), CALL(alarm), CALL(restart_syscall),
	/* time and waiting */
	CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep),
	CALL(gettimeofday), CALL(time), CALL(timerfd_create), CALL(timerfd_settime),
	CALL(timerfd_gettime), CALL(eventfd2), CALL(poll), CALL(ppoll), CALL(select),
	CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
	CALL(epoll_pwait), CALL(epoll_pwait2),
	/* clients, and the service manager */
	CALL(socket), CALL(bind), CALL(listen), CALL(accept), CALL(accept4), CALL(connect),
	CALL(shutdown), CALL(sendto), CALL(sendmsg), CALL(recvfrom), CALL(recvmsg),
	CALL(getsockname), CALL(getpeername), CALL(getsockopt), CALL(setsockopt),
	CALL(socketpair),
	/* about ourselves and the machine */
	CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(getrusage), CALL(times),
	CALL(prlimit64), CALL(getrlimit), CALL(setrlimit), CALL(capget), CALL(capset),
	CALL(prctl), CALL(seccomp), CALL(uname), CALL(sysinfo), CALL(getrandom),
};
// clang-format on

int call_filter__install(struct error *error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !err; i++) {
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
		/* This architecture has no such call. */
		if (err == -EDOM)
			err = 0;
	}
	/* Also for the threads that there are already; no_new_privs is set along with it. */
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err ? error__set(error, err, "cannot filter memtrace's own system calls: %s",
			     strerror(-err))
		   : 0;
}
