/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/running.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAMPLE_PERIOD_NS 1000000
/* A power of two, and room for three samples: the one that is read is whole. */
#define DATA_PAGES 32

/* Bits of sample_regs_user, in the order in which they are written: asm/perf_regs.h. */
#if defined(__aarch64__)
enum { REG_BP = 29, REG_BX = 30, REG_SP = 31, REG_PC = 32 };
enum { PLACE_BP, PLACE_BX, PLACE_SP, PLACE_PC, PLACES };
#else
enum { REG_BX = 1, REG_BP = 6, REG_SP = 7, REG_PC = 8 };
enum { PLACE_BX, PLACE_BP, PLACE_SP, PLACE_PC, PLACES };
#endif

/* What the kernel writes for these sample types: perf_event_open(2), PERF_RECORD_SAMPLE. */
struct record_head {
	struct perf_event_header header;
	uint64_t abi; /* PERF_SAMPLE_REGS_ABI_*: 0 where it was not in user space */
	uint64_t registers[PLACES];
	uint64_t stack_size; /* of what follows; behind it, how much of that is valid */
};

static int open_event(pid_t tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = SAMPLE_PERIOD_NS,
		.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user =
			1ull << REG_BX | 1ull << REG_BP | 1ull << REG_SP | 1ull << REG_PC,
		.sample_stack_user = RUNNING_STACK_BYTES,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.wakeup_events = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The first record lies at the start of the ring, whole: nothing was read out before. */
static int take_record(const struct perf_event_mmap_page *page, struct running_sample *out)
{
	const uint8_t *data = (const uint8_t *)page + page->data_offset;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	struct record_head record;

	memcpy(&record, data, sizeof(record));
	if (head < sizeof(record) || record.header.type != PERF_RECORD_SAMPLE ||
		record.abi == PERF_SAMPLE_REGS_ABI_NONE || record.stack_size > RUNNING_STACK_BYTES)
		return -ENODATA;
	out->pc = record.registers[PLACE_PC];
	out->sp = record.registers[PLACE_SP];
	out->bp = record.registers[PLACE_BP];
	out->bx = record.registers[PLACE_BX];
	out->stack_bytes = 0;
	if (!record.stack_size)
		return 0;
	memcpy(out->stack, data + sizeof(record), record.stack_size);
	memcpy(&out->stack_bytes, data + sizeof(record) + record.stack_size,
		sizeof(out->stack_bytes));
	if (out->stack_bytes > record.stack_size)
		out->stack_bytes = record.stack_size;
	return 0;
}

int running__sample(pid_t tid, int timeout_ms, struct running_sample *out)
{
	size_t size = (1 + DATA_PAGES) * sysconf(_SC_PAGESIZE);
	struct pollfd event = {.fd = open_event(tid), .events = POLLIN};
	void *ring;
	int err;

	if (event.fd < 0)
		return event.fd;
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, event.fd, 0);
	if (ring == MAP_FAILED) {
		err = -errno;
		close(event.fd);
		return err;
	}
	do
		err = poll(&event, 1, timeout_ms);
	while (err < 0 && errno == EINTR);
	if (err == 0)
		err = -ETIMEDOUT;
	else if (err > 0)
		err = event.revents & POLLIN ? take_record(ring, out) : -ESRCH;
	munmap(ring, size);
	close(event.fd);
	return err;
}
