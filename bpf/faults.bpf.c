/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Page faults that made a traced process's resident memory grow: a program on the software event of
 * minor page faults of its threads, which no other process has anything to do with. The kernel
 * calls it once in a period of faults that it chooses by their rate, after the page is in place.
 * A sample stands for the faults since the thread's last one, by the thread's own count: the
 * kernel's period is that of the next sample, and a clock that is coarse drives it to any height.
 */
#include "state.bpf.h"

/* Bytes of a page, a power of two. */
const volatile __u64 page_bytes = 4096;
/* Bytes of a huge page, a power of two; 0: the kernel makes none by itself. */
const volatile __u64 huge_page_bytes;
/* It makes them wherever they fit, and not only where it is asked to. */
const volatile bool huge_pages_always;

/* linux/mm.h */
#define VM_HUGEPAGE 0x20000000
#define VM_NOHUGEPAGE 0x40000000
/* linux/magic.h: shared anonymous memory is on such a file system, too. */
#define TMPFS_MAGIC 0x01021994

/* struct bpf_perf_event_data, linux/bpf_perf_event.h; its first part differs by architecture. */
struct fault_context {
#ifdef __TARGET_ARCH_x86
	struct pt_regs registers;
#else
	struct user_pt_regs registers;
#endif
	__u64 period;
	__u64 address;
};

/* In heap.bpf.c, which has the walker. */
extern __u64 capture_call_stack(struct thread_state *state);

struct fault {
	__u64 address;
	bool is_anonymous; /* memory that no file on a disk stands behind */
	bool may_be_huge;
};

static __always_inline bool has_room_for_huge(struct vm_area_struct *vma, __u64 address)
{
	__u64 start = address & -huge_page_bytes, flags = BPF_CORE_READ(vma, vm_flags);

	if (!huge_page_bytes || flags & VM_NOHUGEPAGE)
		return false;
	if (!huge_pages_always && !(flags & VM_HUGEPAGE))
		return false;
	return start >= BPF_CORE_READ(vma, vm_start) &&
	       start + huge_page_bytes <= BPF_CORE_READ(vma, vm_end);
}

static long look_at_faulted(
	struct task_struct *task, struct vm_area_struct *vma, struct fault *fault)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);

	if (file) {
		fault->is_anonymous = BPF_CORE_READ(file, f_inode, i_sb, s_magic) == TMPFS_MAGIC;
		return 0;
	}
	fault->is_anonymous = true;
	fault->may_be_huge = has_room_for_huge(vma, fault->address);
	return 0;
}

/* Those before the first sample that we see may have been long before memtrace came. */
static __always_inline __u64 count_faults(struct thread_state *state, __u64 period)
{
	__u64 count = bpf_get_current_task_btf()->min_flt, since = count - state->faults_counted;

	if (!state->faults_counted && since > period)
		since = period;
	state->faults_counted = count;
	return since;
}

static __noinline int send_fault(struct thread_state *state, struct fault *fault, __u64 count)
{
	struct event_alloc *event;
	__u64 stack;

	if (!state || !fault)
		return 0;
	stack = capture_call_stack(state);
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_ALLOC, FUNCTION_PAGE_FAULT);
	event->header.flags = fault->may_be_huge ? PAGE_FAULT_MAY_BE_HUGE : 0;
	event->address = fault->address & -page_bytes;
	event->size = page_bytes * count;
	event->stack = stack;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

SEC("perf_event")
int page_fault(struct fault_context *ctx)
{
	struct thread_state *state = thread_state__get();
	struct fault fault = {.address = ctx->address};
	__u64 count;

	if (!state || !shared.enabled)
		return 0;
	count = count_faults(state, ctx->period);
	__sync_fetch_and_add(&shared.faults_seen, count);
	/* Fails while another thread waits to change the address space. Most faults are of
	 * anonymous memory. */
	if (bpf_find_vma(bpf_get_current_task_btf(), fault.address, look_at_faulted, &fault, 0))
		fault.is_anonymous = true;
	if (!fault.is_anonymous)
		return 0;
	return send_fault(state, &fault, count);
}

char LICENSE[] SEC("license") = "GPL";
