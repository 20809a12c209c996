/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Our walker against libdw's, over real programs: the kernel samples a command's registers and
 * stack bytes (perf_event_open) and both walk the same sample. What differs is listed by cause.
 *
 *	bench_unwind_real SAMPLES COMMAND [ARGUMENT]...
 *
 * Exits with 1 if a stack differs for a reason that would be ours.
 */
#include <asm/perf_regs.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unwind/store.h"

#define MAX_CPUS 64
#define RING_PAGES 2048 /* 8 MiB for each CPU */
#define STACK_DUMP 60000
#define PERIOD_NS 500000
#define SHOWN_DIFFERENCES 10

/* In the order of asm/perf_regs.h, which is that of the sample. */
static const int sampled[] = {PERF_REG_X86_AX, PERF_REG_X86_BX, PERF_REG_X86_CX, PERF_REG_X86_DX,
	PERF_REG_X86_SI, PERF_REG_X86_DI, PERF_REG_X86_BP, PERF_REG_X86_SP, PERF_REG_X86_IP,
	PERF_REG_X86_R8, PERF_REG_X86_R9, PERF_REG_X86_R10, PERF_REG_X86_R11, PERF_REG_X86_R12,
	PERF_REG_X86_R13, PERF_REG_X86_R14, PERF_REG_X86_R15};
#define SAMPLED_COUNT (sizeof(sampled) / sizeof(sampled[0]))

struct sample {
	pid_t pid, tid;
	uint64_t regs[PERF_REG_X86_64_MAX];
	const uint8_t *stack;
	uint64_t stack_size;
};

struct frames {
	uint64_t pcs[EVENT_MAX_FRAMES];
	size_t count;
};

enum verdict {
	SAME,	       /* all frames, and both reached the base */
	SAME_CUT,      /* all frames; the dump or the frame limit ended both */
	LONGER,	       /* ours goes on where libdw gives up */
	SHORTER_GUESS, /* we stop at code without rules, where libdw guesses */
	SHORTER,       /* we stop, libdw goes on */
	GUESSED,       /* differ behind a frame that one of them guessed */
	LEAF_REGISTER, /* a leaf whose CFA or return address is in a scratch register */
	RACE,	       /* the mappings changed under the sample */
	DIFFERENT,
	VERDICT_COUNT,
};

static const char *const verdict_names[] = {
	[SAME] = "identical, to the base",
	[SAME_CUT] = "identical, cut by dump or limit",
	[LONGER] = "ours longer (libdw gave up)",
	[SHORTER_GUESS] = "we stop at code without rules",
	[SHORTER] = "we stop, libdw goes on",
	[GUESSED] = "differ behind a guessed frame",
	[LEAF_REGISTER] = "leaf with scratch register (vfork)",
	[RACE] = "mapping not known (program start, dlopen)",
	[DIFFERENT] = "DIFFERENT",
};

static const char *const stop_names[] = {
	[STACK_TRUNCATED] = "more than 128 frames",
	[STACK_NO_RULE] = "no rule",
	[STACK_BAD_RULE] = "rule that is not followed",
	[STACK_BAD_MEMORY] = "beyond the stack bytes sampled",
	[STACK_NO_PROGRESS] = "no progress",
	[STACK_NOT_WALKED] = "not walked",
};

struct process {
	pid_t pid;
	struct maps maps;
	unwind_mapping_vec mappings;
	Dwfl *dwfl;
	bool attached;
	bool dirty;
};

struct bench {
	int fds[MAX_CPUS];
	struct perf_event_mmap_page *rings[MAX_CPUS];
	int cpus;
	struct modules *modules;
	struct unwind_store *store;
	struct process process;
	struct sample current; /* what libdw's callbacks read */
	unsigned long wanted, samples, lost, stops[STACK_STOP_COUNT], verdicts[VERDICT_COUNT];
	unsigned long frames, shown;
};

static int open_events(struct bench *b, pid_t pid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_stack_user = STACK_DUMP,
		.disabled = 1,
		.inherit = 1,
		.enable_on_exec = 1,
		.exclude_callchain_user = 1,
		.mmap = 1,
		.watermark = 1,
		.wakeup_watermark = 1 << 20,
	};

	for (size_t i = 0; i < SAMPLED_COUNT; i++)
		attr.sample_regs_user |= 1ull << sampled[i];
	b->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	for (int cpu = 0; cpu < b->cpus && cpu < MAX_CPUS; cpu++) {
		b->fds[cpu] =
			syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (b->fds[cpu] < 0)
			return -errno;
		b->rings[cpu] = mmap(NULL, (RING_PAGES + 1) * 4096ul, PROT_READ | PROT_WRITE,
			MAP_SHARED, b->fds[cpu], 0);
		if (b->rings[cpu] == MAP_FAILED)
			return -errno;
	}
	return 0;
}

/* --- libdw's side */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	struct bench *b = arg;

	if (*thread_arg)
		return 0;
	*thread_arg = b;
	return b->current.tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	*thread_arg = arg;
	return true;
}

static bool read_dump(const struct sample *sample, uint64_t address, void *to, size_t size)
{
	uint64_t offset = address - sample->regs[PERF_REG_X86_SP];

	if (offset > sample->stack_size || size > sample->stack_size - offset)
		return false;
	memcpy(to, sample->stack + offset, size);
	return true;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *arg)
{
	return read_dump(&((struct bench *)arg)->current, address, result, sizeof(*result));
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	/* DWARF numbers 0 to 16. */
	static const int order[] = {PERF_REG_X86_AX, PERF_REG_X86_DX, PERF_REG_X86_CX,
		PERF_REG_X86_BX, PERF_REG_X86_SI, PERF_REG_X86_DI, PERF_REG_X86_BP, PERF_REG_X86_SP,
		PERF_REG_X86_R8, PERF_REG_X86_R9, PERF_REG_X86_R10, PERF_REG_X86_R11,
		PERF_REG_X86_R12, PERF_REG_X86_R13, PERF_REG_X86_R14, PERF_REG_X86_R15,
		PERF_REG_X86_IP};
	struct bench *b = arg;
	Dwarf_Word words[17];

	for (int i = 0; i < 17; i++)
		words[i] = b->current.regs[order[i]];
	return dwfl_thread_state_registers(thread, 0, 17, words);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_word,
	.set_initial_registers = set_registers,
};

static const Dwfl_Callbacks dwfl_callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
};

static int take_frame(Dwfl_Frame *state, void *arg)
{
	struct frames *frames = arg;

	if (frames->count == EVENT_MAX_FRAMES)
		return DWARF_CB_ABORT;
	dwfl_frame_pc(state, &frames->pcs[frames->count++], NULL);
	return DWARF_CB_OK;
}

/* --- the process as it is now, for both */

static void forget_process(struct process *process)
{
	maps__free(&process->maps);
	vec_free(&process->mappings);
	dwfl_end(process->dwfl);
	*process = (struct process){0};
}

static void learn_process(struct bench *b, pid_t pid)
{
	struct process fresh = {.pid = pid};

	if (maps__read(pid, &fresh.maps, NULL) || !fresh.maps.size) {
		maps__free(&fresh.maps);
		return; /* gone: what is known of it still holds */
	}
	unwind_store__describe(b->store, b->modules, pid, &fresh.maps, &fresh.mappings);
	fresh.dwfl = dwfl_begin(&dwfl_callbacks);
	dwfl_linux_proc_report(fresh.dwfl, pid);
	dwfl_report_end(fresh.dwfl, NULL, NULL);
	fresh.attached = dwfl_attach_state(fresh.dwfl, NULL, pid, &thread_callbacks, b);
	forget_process(&b->process);
	b->process = fresh;
}

/* --- ours */

static int read_sample(void *context, void *to, size_t size, uint64_t address)
{
	return read_dump(context, address, to, size) ? 0 : -EFAULT;
}

static int walk_ours(struct bench *b, struct unwind_walk *walk)
{
	struct unwind_target target = {
		.mappings = b->process.mappings.data,
		.mapping_count = b->process.mappings.size,
		.read = read_sample,
		.context = &b->current,
	};

	walk->pc = b->current.regs[PERF_REG_X86_IP];
	walk->sp = b->current.regs[PERF_REG_X86_SP];
	walk->bp = b->current.regs[PERF_REG_X86_BP];
	walk->bx = b->current.regs[PERF_REG_X86_BX];
	return unwind__walk_native(&target, walk, EVENT_MAX_FRAMES, UNWIND_FROM_PC);
}

static bool is_mapped(struct bench *b, uint64_t pc)
{
	const struct mapping *mapping = maps__find(&b->process.maps, pc);

	return mapping && mapping__is_executable(mapping);
}

/* Where a signal came ours is one more, see unwind.h. */
static bool is_same(const struct unwind_walk *walk, size_t i, uint64_t pc)
{
	return walk->frames[i] == pc || (i && walk->frames[i] == pc + 1);
}

/* Why the frames of a sample are as they are. */
static enum verdict judge(
	struct bench *b, const struct unwind_walk *walk, int stop, const struct frames *theirs)
{
	size_t ours = walk->record.frame_count, common = 0;
	bool whole = stop == STACK_COMPLETE || stop == STACK_END_OF_THREAD;

	while (common < ours && common < theirs->count &&
		is_same(walk, common, theirs->pcs[common]))
		common++;
	if (!is_mapped(b, walk->frames[ours - 1]))
		return RACE;
	if (common == ours && common == theirs->count)
		return whole ? SAME : SAME_CUT;
	if (walk->record.guessed_frames)
		return GUESSED;
	if (common == theirs->count)
		return LONGER;
	if (common < ours)
		return DIFFERENT;
	if (stop == STACK_BAD_RULE && ours == 1)
		return LEAF_REGISTER;
	return stop == STACK_NO_RULE ? SHORTER_GUESS : SHORTER;
}

static void show_difference(struct bench *b, const struct unwind_walk *walk, int stop,
	const struct frames *theirs, enum verdict verdict)
{
	const struct mapping *mapping;
	size_t count = walk->record.frame_count;

	if (b->shown++ >= SHOWN_DIFFERENCES)
		return;
	printf("  %s: %zu frames, stop %d, %u guessed; where they part or end:\n",
		verdict_names[verdict], count, stop, walk->record.guessed_frames);
	for (size_t i = 0; i < count || i < theirs->count; i++) {
		uint64_t ours = i < count ? walk->frames[i] : 0;
		uint64_t other = i < theirs->count ? theirs->pcs[i] : 0;

		if (ours == other && i + 1 < count)
			continue;
		mapping = maps__find(&b->process.maps, ours ? ours : other);
		printf("    %16lx %16lx %s+%lx\n", ours, other, mapping ? mapping->path : "?",
			mapping ? mapping__file_offset(mapping, ours ? ours : other) : 0);
		if (ours != other)
			break;
	}
}

static void compare_sample(struct bench *b)
{
	static struct unwind_walk walk;
	struct frames theirs = {0};
	enum verdict verdict;
	int stop;

	if (b->process.pid != b->current.pid || b->process.dirty)
		learn_process(b, b->current.pid);
	if (b->process.pid != b->current.pid || !b->process.attached)
		return; /* it was gone before we looked */
	stop = walk_ours(b, &walk);
	dwfl_getthread_frames(b->process.dwfl, b->current.tid, take_frame, &theirs);
	verdict = judge(b, &walk, stop, &theirs);
	b->samples++;
	b->verdicts[verdict]++;
	if (verdict == RACE)
		return;
	b->stops[stop]++;
	b->frames += walk.record.frame_count;
	if (verdict == DIFFERENT || verdict == SHORTER || verdict == SHORTER_GUESS ||
		stop == STACK_NO_RULE || stop == STACK_BAD_RULE)
		show_difference(b, &walk, stop, &theirs, verdict);
}

/* --- the rings */

struct cursor {
	const uint8_t *at;
};

static uint64_t take_u64(struct cursor *c)
{
	uint64_t value;

	memcpy(&value, c->at, sizeof(value));
	c->at += sizeof(value);
	return value;
}

static void handle_sample(struct bench *b, const uint8_t *bytes)
{
	struct cursor c = {bytes};
	uint64_t ids = take_u64(&c), dumped;

	b->current.pid = (uint32_t)ids;
	b->current.tid = ids >> 32;
	if (take_u64(&c) != PERF_SAMPLE_REGS_ABI_64)
		return; /* a kernel thread, or no user registers */
	for (size_t i = 0; i < SAMPLED_COUNT; i++)
		b->current.regs[sampled[i]] = take_u64(&c);
	b->current.stack_size = take_u64(&c);
	b->current.stack = c.at;
	if (!b->current.stack_size)
		return;
	c.at += b->current.stack_size;
	dumped = take_u64(&c);
	if (dumped < b->current.stack_size)
		b->current.stack_size = dumped;
	compare_sample(b);
}

static void handle_record(struct bench *b, const struct perf_event_header *header)
{
	if (header->type == PERF_RECORD_SAMPLE)
		handle_sample(b, (const uint8_t *)(header + 1));
	else if (header->type == PERF_RECORD_MMAP)
		b->process.dirty = true;
	else if (header->type == PERF_RECORD_LOST)
		b->lost += ((const uint64_t *)(header + 1))[1];
}

static void read_ring(struct bench *b, struct perf_event_mmap_page *ring)
{
	static uint8_t copy[1 << 16];
	const uint8_t *data = (const uint8_t *)ring + 4096;
	uint64_t size = RING_PAGES * 4096ul, tail = ring->data_tail;
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);

	while (tail < head && b->samples < b->wanted) {
		struct perf_event_header header;
		uint64_t at = tail % size, first;

		memcpy(&header, data + at, sizeof(header)); /* never split: 8-byte aligned */
		first = header.size < size - at ? header.size : size - at;
		memcpy(copy, data + at, first);
		memcpy(copy + first, data, header.size - first);
		tail += header.size;
		__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
		handle_record(b, (const struct perf_event_header *)copy);
	}
}

static void run_command(char **command, int go)
{
	char byte;
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (read(go, &byte, 1) != 1)
		_exit(126);
	execvp(command[0], command);
	_exit(127);
}

static void sample_command(struct bench *b, pid_t pid)
{
	struct pollfd polls[MAX_CPUS];
	int status;

	for (int i = 0; i < b->cpus; i++)
		polls[i] = (struct pollfd){.fd = b->fds[i], .events = POLLIN};
	while (b->samples < b->wanted) {
		bool ended = waitpid(pid, &status, WNOHANG) == pid;

		if (!ended)
			poll(polls, b->cpus, 20);
		for (int i = 0; i < b->cpus; i++)
			read_ring(b, b->rings[i]);
		if (ended)
			return;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static int print_result(const struct bench *b, const char *name)
{
	unsigned long whole = b->stops[STACK_COMPLETE] + b->stops[STACK_END_OF_THREAD];
	unsigned long n = b->samples - b->verdicts[RACE];

	n = n ? n : 1;

	printf("%s: %lu samples (%lu lost), %.1f frames each; %.2f %% reach the base\n", name,
		b->samples, b->lost, (double)b->frames / n, 100.0 * whole / n);
	for (int i = 0; i < VERDICT_COUNT; i++)
		if (b->verdicts[i])
			printf("  %8lu  %s\n", b->verdicts[i], verdict_names[i]);
	for (int i = STACK_TRUNCATED; i < STACK_STOP_COUNT; i++)
		if (b->stops[i])
			printf("  %8lu  stopped: %s\n", b->stops[i], stop_names[i]);
	return b->verdicts[DIFFERENT] || b->verdicts[SHORTER];
}

int main(int argc, char **argv)
{
	static struct bench b;
	int go[2];
	pid_t pid;

	if (argc < 3 || pipe(go)) {
		fprintf(stderr, "usage: bench_unwind_real SAMPLES COMMAND [ARGUMENT]...\n");
		return 2;
	}
	b.wanted = strtoul(argv[1], NULL, 10);
	b.modules = modules__new();
	b.store = unwind_store__new(NULL);
	pid = fork();
	if (!pid)
		run_command(argv + 2, go[0]);
	if (open_events(&b, pid)) {
		fprintf(stderr, "bench_unwind_real: cannot sample: %s\n", strerror(errno));
		kill(pid, SIGKILL);
		return 1;
	}
	if (write(go[1], "", 1) != 1)
		return 1;
	sample_command(&b, pid);
	return print_result(&b, argv[2]);
}
