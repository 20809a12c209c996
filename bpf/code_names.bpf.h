/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Names of code made at run time change without any system call on memory: the compiler writes
 * other code to the same address, and a line about it to its map (/tmp/perf-PID.map: "START SIZE
 * name", both hexadecimal). So the traced processes' writes to files of such names are looked at
 * when they end, before the thread goes on, and their lines are read. A line about an address that
 * no stack has led to changes nothing for anybody; one about an address that a stack has led to
 * is a change of code (code_log.h): stacks of before and after are never taken for one another.
 */
#ifndef MEMTRACE_CODE_NAMES_BPF_H
#define MEMTRACE_CODE_NAMES_BPF_H

#include "code.bpf.h"

/* A function with more blocks counts as one that stacks have led to, and that had a name. */
#define MAX_NAMED_BLOCKS 4096

/* Of one write; what is beyond is taken for a change of everything. A power of two. */
#define NAMES_CHUNK 4096
#define MAX_NAMES_CHUNKS 64

/* A vector's first parts; C++ streams write two. */
#define MAX_NAMES_PARTS 4

enum names_field { NAMES_START = 0, NAMES_SIZE, NAMES_NAME };

/* What is known of the addresses of a line, block by block. */
struct names_search {
	__u64 block;
	__u32 process;
	bool led_to; /* by a stack */
	bool named;  /* by an earlier line */
};

/* Blocks that were named are in the same set, as those of a process that there is not. */
#define NAMED_PROCESS 0x80000000

static long search_block(__u32 i, struct names_search *search)
{
	__u64 bit, *word = led_to_word(search->process, search->block + i, &bit);

	search->led_to |= word && *word & bit;
	word = led_to_word(search->process | NAMED_PROCESS, search->block + i, &bit);
	search->named |= word && *word & bit;
	if (word && !(*word & bit))
		__sync_fetch_and_or(word, bit);
	return 0;
}

static __always_inline void search_line(struct names_search *search, __u64 start, __u64 size)
{
	__u64 blocks;

	search->block = start >> NAMED_BLOCK_SHIFT;
	blocks = ((start + size - 1) >> NAMED_BLOCK_SHIFT) - search->block + 1;
	if (blocks > MAX_NAMED_BLOCKS)
		search->led_to = search->named = true;
	else
		bpf_loop(blocks, search_block, search, 0);
}

/* A write that is being read. */
struct names_write {
	struct thread_state *state;
	struct target *target;
	__u64 before; /* bytes of the map before it */
	bool all;     /* it could not be read */
};

static __always_inline void log_names(
	struct names_write *write, __u64 start, __u64 length, bool renamed)
{
	struct code_mapping names = {
		.inode = write->target->names_inode,
		.page = write->before,
		.into = write->target->names_base,
		.is_code = true,
	};

	log_change(write->state, start, length, renamed ? CODE_NAMED | CODE_RENAMED : CODE_NAMED,
		&names);
}

static __always_inline void end_names_line(struct names_write *write)
{
	struct names_search search = {.process = write->state->process};
	struct target *target = write->target;

	if (target->names_field == NAMES_NAME && target->names_length) {
		search_line(&search, target->names_start, target->names_length);
		if (search.led_to)
			log_names(write, target->names_start, target->names_length, search.named);
	}
	target->names_field = NAMES_START;
	target->names_start = target->names_length = 0;
}

static __always_inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of the map. What is half written goes on with the next write. */
static long read_names_character(__u32 i, struct names_write *write)
{
	const char *text = (const char *)write->state->walk.frames;
	struct target *target = write->target;
	char c = text[i & (NAMES_CHUNK - 1)];
	int digit = hex_digit(c);

	if (c == '\n')
		end_names_line(write);
	else if (target->names_field == NAMES_NAME)
		return 0;
	else if (c == ' ')
		target->names_field++;
	else if (digit >= 0 && target->names_field == NAMES_START)
		target->names_start = target->names_start << 4 | digit;
	else if (digit >= 0)
		target->names_length = target->names_length << 4 | digit;
	return 0;
}

struct names_text {
	struct names_write *write;
	__u64 address;
	__u64 length;
};

static long read_names_chunk(__u32 i, struct names_text *text)
{
	struct names_write *write = text->write;
	__u64 at = (__u64)i * NAMES_CHUNK;
	__u32 length = NAMES_CHUNK;

	if (at >= text->length)
		return 1;
	if (text->length - at < NAMES_CHUNK)
		length = text->length - at;
	barrier_var(length);
	if (length > NAMES_CHUNK)
		return 1; /* for the verifier */
	if (bpf_probe_read_user(write->state->walk.frames, length, (void *)text->address + at)) {
		write->all = true;
		return 1;
	}
	bpf_loop(length, read_names_character, write, 0);
	return 0;
}

static __always_inline void read_names(struct names_write *write, __u64 address, __u64 length)
{
	struct names_text text = {.write = write, .address = address, .length = length};

	if (length > NAMES_CHUNK * MAX_NAMES_CHUNKS)
		write->all = true;
	else
		bpf_loop(MAX_NAMES_CHUNKS, read_names_chunk, &text, 0);
}

struct names_part {
	__u64 address;
	__u64 length;
};

static __always_inline void read_names_parts(
	struct names_write *write, __u64 parts, __u64 count, __u64 written)
{
	struct names_part part;

	for (__u32 i = 0; i < MAX_NAMES_PARTS && i < count && written; i++) {
		if (bpf_probe_read_user(&part, sizeof(part), (void *)(parts + i * sizeof(part))))
			break;
		if (part.length > written)
			part.length = written;
		read_names(write, part.address, part.length);
		written -= part.length;
	}
	write->all |= written != 0;
}

/* The file behind a descriptor of the current process. */
static __always_inline struct file *file_of(__u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

#define NAMES_FILE_PREFIX 5 /* "perf-" */
#define MAX_PID_DIGITS 8

/* Whether it is called perf-PID.map, or that and more if it gets its final name later. */
static __always_inline bool is_names_file(struct file *file)
{
	char name[NAMES_FILE_PREFIX + MAX_PID_DIGITS + 4] = "";
	int i = NAMES_FILE_PREFIX;

	bpf_probe_read_kernel_str(
		name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] != 'p' || name[1] != 'e' || name[2] != 'r' || name[3] != 'f' || name[4] != '-')
		return false;
	for (; i < NAMES_FILE_PREFIX + MAX_PID_DIGITS; i++)
		if (name[i] < '0' || name[i] > '9')
			break;
	return name[i] == '.' && name[i + 1] == 'm' && name[i + 2] == 'a';
}

/* User space reads what the file says while it says it; not for each of a thousand lines. */
static __always_inline void tell_of_names(struct thread_state *state, struct target *target)
{
	struct event_process event = {};
	__u64 now = bpf_ktime_get_ns();

	if (now - target->names_told_ns < NAMES_TOLD_INTERVAL_NS)
		return;
	target->names_told_ns = now;
	fill_header(&event.header, state, EVENT_CODE_NAMES, 0);
	event.pid = state->tgid;
	bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_FORCE_WAKEUP);
}

/*
 * A file that is shorter than it was has begun anew, and so has another: its bytes count on, from
 * names_base. Its first line is logged in any case, and so is that of an image: user space is to
 * know where they are.
 */
static __always_inline void note_names(struct thread_state *state, struct target *target,
	struct file *file, __u64 address, __u64 count, __u64 written, bool is_vector)
{
	__u64 after = BPF_CORE_READ(file, f_inode, i_size);
	__u64 inode = BPF_CORE_READ(file, f_inode, i_ino);
	__u64 before = after > written ? after - written : 0;
	struct names_write write = {.state = state, .target = target};

	if (before < target->names_size || inode != target->names_inode) {
		target->names_base += target->names_size;
		target->names_field = NAMES_START;
		target->names_start = target->names_length = 0;
		target->names_image = 0;
	}
	target->names_inode = inode;
	target->names_size = after;
	write.before = target->names_base + before;
	if (target->names_image != state->process)
		log_names(&write, 0, 0, false);
	target->names_image = state->process;
	if (is_vector)
		read_names_parts(&write, address, count, written);
	else
		read_names(&write, address, written);
	if (write.all)
		log_names(&write, 0, ~0ull, true);
	tell_of_names(state, target);
}

static __always_inline int on_write(
	__u64 fd, __u64 address, __u64 count, long written, bool is_vector)
{
	struct thread_state *state;
	struct target *target;
	struct file *file;

	if (!shared.makes_code || written <= 0)
		return 0;
	state = thread_state__get();
	target = state ? target_of(state) : NULL;
	file = target ? file_of(fd) : NULL;
	if (file && is_names_file(file))
		note_names(state, target, file, address, count, written, is_vector);
	return 0;
}

#endif
