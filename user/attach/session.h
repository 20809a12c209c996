/*
 * Programs on session links tell the entry from the return by a function of the kernel (a kfunc,
 * Linux 6.13), which is called by its number in the kernel's BTF.
 */
#ifndef MEMTRACE_ATTACH_SESSION_H
#define MEMTRACE_ATTACH_SESSION_H

#include "base/error.h"

struct bpf_program;

/*
 * Puts the function's number wherever @program, not yet loaded, calls PROBE_SESSION_CALL. Returns
 * 0, or -ENOENT with @err set if the kernel has no such function or the program no such call.
 */
int session__bind(struct bpf_program *program, struct error *err);

#endif
