/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/code_refs.h"

#include <string.h>

#include "base/search.h"
#include "locks/functions.h"

/* The call that an address is loaded for follows within so many bytes: other arguments are loaded
 * in between, each by some seven. */
#define CALL_DISTANCE 48

#if defined(__x86_64__)

struct code {
	const struct lock_memory *memory;
	pid_t pid;
	uint64_t start;
	uint8_t bytes[CODE_REFS_BYTES];
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

/* What the call next behind @at does with what it is given. */
static bool judge_next_call(const struct code *code, size_t at, enum code_use *use)
{
	const char *called = find_call(code, at);

	*use = CODE_NAMES;
	return !called || judge_call(called, use);
}

/* --- a lock that is used more than once: its address is loaded into a register that calls leave
 * alone, and is handed on from there */

#define REGISTERS 16
#define RDI 7

/* What each register holds: a lock's address, or 0. */
struct held {
	uint64_t addresses[REGISTERS];
};

static bool survives_calls(unsigned int reg)
{
	return reg == 3 || reg == 5 || reg >= 12; /* rbx, rbp, r12 to r15 */
}

/* The register that the instruction with its operand at @at loads: lea (8D) or mov (B8 to BF);
 * REGISTERS: it is neither. */
static unsigned int find_loaded(const struct code *code, size_t at)
{
	uint8_t last = at ? code->bytes[at - 1] : 0, before = at > 1 ? code->bytes[at - 2] : 0;
	uint8_t first = at > 2 ? code->bytes[at - 3] : 0;

	if (before == 0x8d && (last & 0xc7) == 5 && (first & 0xf8) == 0x48)
		return (last >> 3 & 7) | (first & 4 ? 8 : 0);
	if ((last & 0xf8) == 0xb8)
		return (last & 7) | (before == 0x41 ? 8 : 0);
	return REGISTERS;
}

/* The instruction at @at, where it may be one that changes a register that holds a lock's address:
 * lea (8D), and mov (8B) or mov (89) of a register or of memory. */
static void forget(struct held *held, const struct code *code, size_t at)
{
	uint8_t rex = code->bytes[at], opcode = code->bytes[at + 1], operands = code->bytes[at + 2];

	if ((rex & 0xf8) != 0x48)
		return;
	if (opcode == 0x8d || opcode == 0x8b)
		held->addresses[(operands >> 3 & 7) | (rex & 4 ? 8 : 0)] = 0;
	else if (opcode == 0x89 && operands >= 0xc0)
		held->addresses[(operands & 7) | (rex & 1 ? 8 : 0)] = 0;
}

/* The lock that the instruction at @at hands to the next call: mov (89) of such a register to RDI;
 * 0: none. */
static uint64_t find_handed(const struct held *held, const struct code *code, size_t at)
{
	uint8_t operands = code->bytes[at + 1], rex = at ? code->bytes[at - 1] : 0;

	if (code->bytes[at] != 0x89 || (operands & 0xc7) != (0xc0 | RDI))
		return 0;
	return held->addresses[(operands >> 3 & 7) | ((rex & 0xf4) == 0x44 ? 8 : 0)];
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

/* Appends what is at @at, an operand, a call or an instruction: the code is not decoded. */
static int add_references(const struct code *code, size_t at, const struct code_wanted *wanted,
	struct held *held, code_refs *out)
{
	struct code_ref ref = {
		find_lock_of_call(code, at, wanted), CODE_TAKES_CALL, code->start + at};
	uint64_t named = find_address(code, at, wanted), handed;
	unsigned int loaded = named ? find_loaded(code, at) : REGISTERS;
	bool known = false;

	if (ref.address && vec_push(out, ref))
		return -ENOMEM;
	if (named && is_atomic(code, at, &ref.use)) {
		known = true;
	} else if (loaded < REGISTERS && survives_calls(loaded)) {
		held->addresses[loaded] = named;
		ref.use = CODE_NAMES;
		known = true;
	} else if (named) {
		known = judge_next_call(code, at + 4, &ref.use);
	}
	ref.address = named;
	if (known && vec_push(out, ref))
		return -ENOMEM;
	forget(held, code, at);
	handed = find_handed(held, code, at);
	ref.address = handed;
	if (handed && judge_next_call(code, at + 2, &ref.use) && vec_push(out, ref))
		return -ENOMEM;
	return 0;
}

int code_refs__find(const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end,
	const struct code_wanted *wanted, code_refs *out)
{
	struct code code = {.memory = memory, .pid = pid, .start = start};
	struct held held = {0};

	if (!wanted->count || !read_code(&code, end))
		return 0;
	for (size_t at = 0; at + 4 <= code.size; at++)
		if (add_references(&code, at, wanted, &held, out))
			return -ENOMEM;
	return 0;
}

static bool holds(const struct code *code, uint64_t address, uint64_t value)
{
	uint64_t word;

	return address % 8 == 0 &&
	       !code->memory->read(
		       code->memory->context, code->pid, address, &word, sizeof(word)) &&
	       word == value;
}

uint64_t code_refs__find_pointer(
	const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end, uint64_t value)
{
	struct code code = {.memory = memory, .pid = pid, .start = start};

	if (!read_code(&code, end))
		return 0;
	for (size_t at = code.size; at-- > 3;) {
		uint64_t address, variable;
		int32_t displacement;

		/* lea (8D) or mov (8B) of an operand relative to the next instruction */
		if (at + 4 > code.size || (code.bytes[at - 1] & 0xc7) != 5 ||
			(code.bytes[at - 2] != 0x8d && code.bytes[at - 2] != 0x8b))
			continue;
		memcpy(&displacement, code.bytes + at, sizeof(displacement));
		address = code.start + at + 4 + (int64_t)displacement;
		if (holds(&code, address, value))
			return address;
		/* In the table of other modules' variables its address stands. */
		if (!memory->read(memory->context, pid, address, &variable, sizeof(variable)) &&
			holds(&code, variable, value))
			return variable;
	}
	return 0;
}

uint64_t code_refs__resumed_at(
	const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t pc)
{
	uint8_t jump[5];
	uint64_t target = pc;
	int32_t distance;

	if (memory->read(memory->context, pid, pc, jump, sizeof(jump)))
		return pc;
	memcpy(&distance, jump + 1, sizeof(distance));
	if (jump[0] == 0xe9)
		target = pc + 5 + (int64_t)distance;
	else if (jump[0] == 0xeb)
		target = pc + 2 + (int8_t)jump[1];
	return target > start && target < pc ? target : pc;
}
#else
int code_refs__find(const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end,
	const struct code_wanted *wanted, code_refs *out)
{
	(void)memory, (void)pid, (void)start, (void)end, (void)wanted, (void)out;
	return 0;
}

uint64_t code_refs__find_pointer(
	const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end, uint64_t value)
{
	(void)memory, (void)pid, (void)start, (void)end, (void)value;
	return 0;
}

uint64_t code_refs__resumed_at(
	const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t pc)
{
	(void)memory, (void)pid, (void)start;
	return pc;
}
#endif
