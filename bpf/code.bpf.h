/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which memory system calls change where code lies, and their entries in the log of code_log.h.
 * Called at the end of the call, before its thread goes on: no code of a new mapping has run yet.
 */
#ifndef MEMTRACE_CODE_BPF_H
#define MEMTRACE_CODE_BPF_H

#include "state.bpf.h"

#define PROT_EXEC 4
#define VM_EXEC 4

/* What a mapping is, as find_vma found it. */
struct code_mapping {
	__u64 address;
	__u64 end;
	__u64 inode;
	__u64 page;
	__u64 into;
	__u32 device;
	bool is_code;
	bool is_file;
};

static long look_at_vma(
	struct task_struct *task, struct vm_area_struct *vma, struct code_mapping *mapping)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);

	mapping->is_code = BPF_CORE_READ(vma, vm_flags) & VM_EXEC;
	mapping->is_file = file != NULL;
	mapping->end = BPF_CORE_READ(vma, vm_end);
	if (!file)
		return 0;
	mapping->inode = BPF_CORE_READ(file, f_inode, i_ino);
	mapping->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	mapping->page = BPF_CORE_READ(vma, vm_pgoff);
	mapping->into = mapping->address - BPF_CORE_READ(vma, vm_start);
	return 0;
}

/* False where it cannot be looked at just now: another thread changes the address space. */
static __always_inline bool find_mapping(__u64 address, struct code_mapping *mapping)
{
	__builtin_memset(mapping, 0, sizeof(*mapping));
	mapping->address = address;
	return bpf_find_vma(bpf_get_current_task_btf(), address, look_at_vma, mapping, 0) == 0;
}

/* How many bytes of names a process has written: code that is mapped now gets none of these. */
static __always_inline __u64 names_written(const struct target *target)
{
	return target->names_base + target->names_size;
}

static __always_inline void log_change(struct thread_state *state, __u64 start, __u64 length,
	__u32 flags, const struct code_mapping *mapping)
{
	__u32 number = __sync_fetch_and_add(&shared.code_changes, 1) + 1;
	__u32 index = number & (CODE_LOG_SIZE - 1);
	struct code_change *change = bpf_map_lookup_elem(&code_log, &index);

	if (!change)
		return;
	*(volatile __u32 *)&change->number = 0;
	barrier();
	change->process = state->process;
	change->start = start;
	change->end = start + length;
	change->time_ns = bpf_ktime_get_ns();
	change->inode = mapping->is_code ? mapping->inode : 0;
	change->page = mapping->page;
	change->into = mapping->into;
	change->device = mapping->device;
	change->flags = flags;
	/* An atomic operation is a full barrier: whoever sees the number sees the rest. */
	__sync_lock_test_and_set(&change->number, number);
	raise_code_epoch(state->process, number);
}

static __always_inline struct target *target_of(struct thread_state *state)
{
	__u32 tgid = state->tgid;

	return bpf_map_lookup_elem(&targets, &tgid);
}

/*
 * Whether the number of pages with code is another than when last looked at. What another thread
 * does meanwhile may be taken for this one's: a change more in the log harms nobody.
 */
static __always_inline bool has_code_changed(struct target *target)
{
	__u64 pages = BPF_CORE_READ(bpf_get_current_task_btf(), mm, exec_vm);

	if (pages == target->code_pages)
		return false;
	target->code_pages = pages;
	return true;
}

/* The thread's target, where a call on memory that is to be @is_code changed its code, or NULL. */
static __always_inline struct target *changed_target(struct thread_state *state, bool is_code)
{
	struct target *target = target_of(state);

	if (!target)
		return NULL;
	/* Looked at in any case: it remembers the number of pages. */
	return has_code_changed(target) || is_code ? target : NULL;
}

/* mmap, munmap. Mapping anything over code is a change as unmapping it is. */
static __always_inline void note_mapped_code(
	struct thread_state *state, __u64 start, __u64 length, bool is_code, bool is_file)
{
	struct target *target = changed_target(state, is_code);
	struct code_mapping mapping = {};

	if (!target)
		return;
	shared.makes_code |= is_code && !is_file;
	if (is_code && is_file)
		find_mapping(start, &mapping);
	if (!mapping.is_file)
		mapping.page = names_written(target);
	log_change(state, start, length, is_code ? CODE_CAME : 0, &mapping);
	if (is_code && is_file)
		__sync_fetch_and_add(&target->executable_mappings, 1);
}

/* mremap, which says nothing of what it moves; nor does the number of pages. */
static __always_inline void note_moved_code(
	struct thread_state *state, __u64 old_start, __u64 old_length, __u64 start, __u64 length)
{
	struct target *target = target_of(state);
	struct code_mapping mapping, nothing = {};

	if (!target)
		return;
	has_code_changed(target);
	if (find_mapping(start, &mapping) && !mapping.is_code)
		return;
	nothing.page = names_written(target);
	if (!mapping.is_file)
		mapping.page = nothing.page;
	if (old_start != start)
		log_change(state, old_start, old_length, 0, &nothing);
	log_change(state, start, length, CODE_CAME, &mapping);
}

/*
 * mprotect. Compilers at run time switch their memory to and fro, thousands of times a second; it
 * holds nothing that a file could name, and what was there before has gone by another call. Of
 * several mappings that one call makes executable only a look can tell.
 */
static __always_inline void note_protected_code(
	struct thread_state *state, __u64 start, __u64 length, bool is_code)
{
	struct code_mapping mapping, nothing = {};

	if (!changed_target(state, is_code))
		return;
	if (find_mapping(start, &mapping) && !mapping.is_file) {
		shared.makes_code |= is_code;
		return;
	}
	log_change(state, start, length, is_code ? CODE_CAME : 0,
		mapping.end - start >= length ? &mapping : &nothing);
}

/* --- ends of system calls */

/* Loads the result once: clang would else compute an address into ctx, which is refused. */
static __always_inline long result_of(const struct trace_event_raw_sys_exit *ctx)
{
	long result = ctx->ret;

	barrier_var(result);
	return result;
}

#endif
