/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/code_refs.h"

#include <string.h>

#include "base/search.h"
#include "locks/functions.h"

#define MAX_CODE (16u << 10)
/* The call that an address is loaded for follows within so many bytes: other arguments are loaded
 * in between, each by some seven. */
#define CALL_DISTANCE 48

#if defined(__x86_64__)

struct code {
	const struct lock_memory *memory;
	pid_t pid;
	uint64_t start;
	uint8_t bytes[MAX_CODE];
	size_t size;
};

static bool is_wanted(const struct code_wanted *wanted, uint64_t address)
{
	size_t i;

	if (address < wanted->addresses[0] || address > wanted->addresses[wanted->count - 1])
		return false;
	i = search_first(wanted->count, n, wanted->addresses[n] < address);
	return i < wanted->count && wanted->addresses[i] == address;
}

/* The operand at @at, a 32-bit displacement: the address that it means, by how many bytes of an
 * immediate stand behind it; 0: none that is wanted. */
static uint64_t find_address(const struct code *code, size_t at, const struct code_wanted *wanted)
{
	static const uint8_t immediates[] = {0, 1, 4, 2};
	int32_t displacement;
	uint32_t absolute;

	memcpy(&displacement, code->bytes + at, sizeof(displacement));
	memcpy(&absolute, code->bytes + at, sizeof(absolute));
	if (is_wanted(wanted, absolute))
		return absolute;
	/* ModRM with mod 0, r/m 5: relative to the next instruction. */
	if (!at || (code->bytes[at - 1] & 0xc7) != 5)
		return 0;
	for (size_t i = 0; i < sizeof(immediates); i++) {
		uint64_t address = code->start + at + 4 + immediates[i] + (int64_t)displacement;

		if (is_wanted(wanted, address))
			return address;
	}
	return 0;
}

/* cmpxchg, xadd and xchg on the word itself: 0F B1, 0F C1, 87. */
static bool is_atomic(const struct code *code, size_t at, enum code_use *use)
{
	uint8_t opcode = at > 1 ? code->bytes[at - 2] : 0;
	bool is_long = at > 2 && code->bytes[at - 3] == 0x0f;

	*use = is_long && opcode == 0xb1 ? CODE_TAKES_WORD : CODE_WRITES;
	return opcode == 0x87 || (is_long && (opcode == 0xb1 || opcode == 0xc1));
}

/* The lock that the function takes which is called by the displacement at @at: E8. */
static uint64_t find_lock_of_call(
	const struct code *code, size_t at, const struct code_wanted *wanted)
{
	int32_t displacement;

	if (!at || code->bytes[at - 1] != 0xe8)
		return 0;
	memcpy(&displacement, code->bytes + at, sizeof(displacement));
	for (size_t i = 0; i < wanted->function_count; i++)
		if (wanted->functions[i].start == code->start + at + 4 + (int64_t)displacement)
			return wanted->functions[i].lock;
	return 0;
}

/* The name of the function that is called next behind @at: E8 or FF 15; NULL: none is. */
static const char *find_call(const struct code *code, size_t at)
{
	size_t end = at + CALL_DISTANCE < code->size ? at + CALL_DISTANCE : code->size;

	if (!code->memory->called)
		return NULL;
	for (size_t i = at; i + 1 < end; i++) {
		size_t length = code->bytes[i] == 0xe8				       ? 5
				: code->bytes[i] == 0xff && code->bytes[i + 1] == 0x15 ? 6
										       : 0;
		const char *name = !length ? NULL
					   : code->memory->called(code->memory->context, code->pid,
						     code->start + i + length);

		if (name)
			return name;
	}
	return NULL;
}

/* What a function of that name does with a lock; false: nothing that tells. */
static bool judge_call(const char *name, enum code_use *use)
{
	static const char *const harmless[] = {"init", "destroy", "cond", "Cond", "signal"};
	enum wait_kind kind = WAIT_UNKNOWN;
	enum function_role role = functions__role(name, &kind);

	if (strstr(name, "unlock") || strstr(name, "Unlock") || strstr(name, "~")) {
		*use = CODE_LETS_GO;
		return true;
	}
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strstr(name, harmless[i]))
			return false;
	*use = CODE_NAMES;
	if (((role == ROLE_WAIT || role == ROLE_FOREIGN) && wait_kind__has_holder(kind)) ||
		strstr(name, "lock") || strstr(name, "Lock"))
		*use = CODE_TAKES_CALL;
	return true;
}

static bool judge_use(const struct code *code, size_t at, enum code_use *use)
{
	const char *called;

	if (is_atomic(code, at, use))
		return true;
	*use = CODE_NAMES;
	called = find_call(code, at + 4);
	return !called || judge_call(called, use);
}

static bool read_code(struct code *code, uint64_t end)
{
	if (end <= code->start)
		return false;
	if (end - code->start > sizeof(code->bytes))
		code->start = end - sizeof(code->bytes);
	code->size = end - code->start;
	return !code->memory->read(
		code->memory->context, code->pid, code->start, code->bytes, code->size);
}

int code_refs__find(const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end,
	const struct code_wanted *wanted, code_refs *out)
{
	struct code code = {.memory = memory, .pid = pid, .start = start};

	if (!wanted->count || !read_code(&code, end))
		return 0;
	for (size_t at = 0; at + 4 <= code.size; at++) {
		struct code_ref ref = {find_lock_of_call(&code, at, wanted), CODE_TAKES_CALL};

		if (ref.address && vec_push(out, ref))
			return -ENOMEM;
		ref.address = find_address(&code, at, wanted);
		if (ref.address && judge_use(&code, at, &ref.use) && vec_push(out, ref))
			return -ENOMEM;
	}
	return 0;
}
#else
int code_refs__find(const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end,
	const struct code_wanted *wanted, code_refs *out)
{
	(void)memory, (void)pid, (void)start, (void)end, (void)wanted, (void)out;
	return 0;
}
#endif
