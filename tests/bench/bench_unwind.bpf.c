/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Programs at the return of one function, alike but for how they take its stack. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "unwind.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct unwind_walk);
} walks SEC(".maps");

/* What the last walk gave, for the checks. */
__u64 last_frames[EVENT_MAX_FRAMES];
__u32 last_count;
__u32 last_stop;
__u32 last_guessed;
__u64 calls;

static __always_inline struct unwind_walk *get_walk(void)
{
	calls++;
	return bpf_task_storage_get(
		&walks, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

SEC("uretprobe")
int stack_none(struct pt_regs *ctx)
{
	struct unwind_walk *w = get_walk();

	if (w)
		w->frames[0] = PT_REGS_IP(ctx);
	return 0;
}

SEC("uretprobe")
int stack_fp(struct pt_regs *ctx)
{
	struct unwind_walk *w = get_walk();
	long bytes;
	__u64 hash = 0;

	if (!w)
		return 0;
	bytes = bpf_get_stack(ctx, w->frames, sizeof(w->frames), BPF_F_USER_STACK);
	if (bytes < 0)
		return 0;
	for (__u32 i = 0; i < EVENT_MAX_FRAMES; i++) {
		if (i >= bytes / 8)
			break;
		hash = (hash ^ w->frames[i]) * UNWIND_MIX;
		hash ^= hash >> 29;
	}
	w->hash = hash;
	last_count = bytes / 8;
	return 0;
}

static __always_inline struct unwind_walk *walk_cfi(struct pt_regs *ctx)
{
	struct unwind_walk *w = get_walk();

	if (!w)
		return NULL;
	w->pc = PT_REGS_IP(ctx);
	w->sp = PT_REGS_SP(ctx);
	w->bp = PT_REGS_FP(ctx);
#ifdef __TARGET_ARCH_x86
	w->bx = ctx->bx;
#else
	w->bx = 0;
#endif
	w->hash = 0;
	unwind__walk(w, 1, EVENT_MAX_FRAMES, UNWIND_FROM_RETURN);
	last_count = w->record.frame_count;
	return w;
}

SEC("uretprobe")
int stack_cfi(struct pt_regs *ctx)
{
	walk_cfi(ctx);
	return 0;
}

/* The same, keeping the frames. */
SEC("uretprobe")
int stack_cfi_kept(struct pt_regs *ctx)
{
	struct unwind_walk *w = walk_cfi(ctx);

	if (!w)
		return 0;
	last_stop = w->record.header.flags;
	last_guessed = w->record.guessed_frames;
	for (__u32 i = 0; i < EVENT_MAX_FRAMES; i++)
		last_frames[i] = w->frames[i];
	return 0;
}
