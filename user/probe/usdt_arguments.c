/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/usdt_arguments.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The rest of a text that is read from its front. */
struct operand_text {
	const char *at;
	unsigned int machine;
};

static bool take(struct operand_text *cursor, char wanted)
{
	if (*cursor->at != wanted)
		return false;
	cursor->at++;
	return true;
}

static void skip_spaces(struct operand_text *cursor)
{
	while (*cursor->at == ' ' || *cursor->at == '\t')
		cursor->at++;
}

static bool at_end(const struct operand_text *cursor)
{
	return !*cursor->at || *cursor->at == ' ';
}

static bool begins_number(const struct operand_text *cursor)
{
	const char *at = cursor->at;

	at += *at == '-' || *at == '+';
	return *at >= '0' && *at <= '9';
}

/* Decimal or 0x; beyond 64 bits it is no number. */
static int take_number(struct operand_text *cursor, long long *value)
{
	const char *digits = cursor->at + (*cursor->at == '-' || *cursor->at == '+');
	char *end;

	if (!begins_number(cursor))
		return -EINVAL;
	errno = 0;
	*value = strtoll(cursor->at, &end, digits[0] == '0' && digits[1] == 'x' ? 16 : 10);
	if (errno == ERANGE && *cursor->at != '-') {
		errno = 0;
		*value = (long long)strtoull(cursor->at, &end, 0);
	}
	if (errno || end == cursor->at)
		return -EINVAL;
	cursor->at = end;
	return 0;
}

/* --- registers: offsets in struct pt_regs of arch/x86/include/asm/ptrace.h and arm64's */

struct named_register {
	const char *names[4]; /* of 8, 4, 2 bytes and of 1 */
	uint16_t offset;
};

static const struct named_register x86_registers[] = {
	{{"r15", "r15d", "r15w", "r15b"}, 0},
	{{"r14", "r14d", "r14w", "r14b"}, 8},
	{{"r13", "r13d", "r13w", "r13b"}, 16},
	{{"r12", "r12d", "r12w", "r12b"}, 24},
	{{"rbp", "ebp", "bp", "bpl"}, 32},
	{{"rbx", "ebx", "bx", "bl"}, 40},
	{{"r11", "r11d", "r11w", "r11b"}, 48},
	{{"r10", "r10d", "r10w", "r10b"}, 56},
	{{"r9", "r9d", "r9w", "r9b"}, 64},
	{{"r8", "r8d", "r8w", "r8b"}, 72},
	{{"rax", "eax", "ax", "al"}, 80},
	{{"rcx", "ecx", "cx", "cl"}, 88},
	{{"rdx", "edx", "dx", "dl"}, 96},
	{{"rsi", "esi", "si", "sil"}, 104},
	{{"rdi", "edi", "di", "dil"}, 112},
	{{"rsp", "esp", "sp", "spl"}, 152},
};

#define ARM64_REGISTERS 31

static int x86_register(const char *name, size_t length, uint16_t *offset)
{
	for (size_t i = 0; i < sizeof(x86_registers) / sizeof(x86_registers[0]); i++)
		for (int j = 0; j < 4; j++) {
			const char *known = x86_registers[i].names[j];

			if (strlen(known) != length || memcmp(known, name, length))
				continue;
			*offset = x86_registers[i].offset;
			return 0;
		}
	/* %ah and its like, %xmm0, %rip. */
	return -ENOTSUP;
}

static int arm64_register(const char *name, size_t length, uint16_t *offset)
{
	unsigned int number = 0;

	if (length == 2 && !memcmp(name, "sp", 2)) {
		*offset = ARM64_REGISTERS * 8;
		return 0;
	}
	if (length < 2 || length > 3 || (name[0] != 'x' && name[0] != 'w'))
		return -ENOTSUP;
	for (size_t i = 1; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -ENOTSUP;
		number = number * 10 + name[i] - '0';
	}
	if (number >= ARM64_REGISTERS)
		return -ENOTSUP;
	*offset = number * 8;
	return 0;
}

static int take_register(struct operand_text *cursor, uint16_t *offset)
{
	const char *name = cursor->at;
	size_t length;

	if (cursor->machine == EM_X86_64 && !take(cursor, '%'))
		return -EINVAL;
	name = cursor->at;
	while (isalnum((unsigned char)*cursor->at))
		cursor->at++;
	length = cursor->at - name;
	if (!length)
		return -EINVAL;
	return cursor->machine == EM_X86_64 ? x86_register(name, length, offset)
					    : arm64_register(name, length, offset);
}

/* --- operands */

/* What is between the parentheses: (%base), (%base,%index,scale), (,%index,scale). */
static int take_x86_address(struct operand_text *cursor, struct usdt_argument *argument)
{
	long long scale = 1;
	int err = 0;

	argument->place = USDT_MEMORY;
	if (*cursor->at != ',')
		err = take_register(cursor, &argument->base);
	if (!err && take(cursor, ',')) {
		err = take_register(cursor, &argument->index);
		if (!err && take(cursor, ','))
			err = take_number(cursor, &scale);
	}
	if (err)
		return err;
	if (!take(cursor, ')') || (scale != 1 && scale != 2 && scale != 4 && scale != 8))
		return -EINVAL;
	argument->shift = __builtin_ctzll(scale);
	return 0;
}

static int take_x86_operand(struct operand_text *cursor, struct usdt_argument *argument)
{
	int err = 0;

	if (take(cursor, '$')) {
		argument->place = USDT_CONSTANT;
		return take_number(cursor, &argument->value);
	}
	if (*cursor->at == '%') {
		argument->place = USDT_REGISTER;
		return take_register(cursor, &argument->base);
	}
	if (begins_number(cursor))
		err = take_number(cursor, &argument->value);
	if (err)
		return err;
	/* A symbol, as for a global variable: where it is the note does not say. */
	return take(cursor, '(') ? take_x86_address(cursor, argument) : -ENOTSUP;
}

static int take_arm64_operand(struct operand_text *cursor, struct usdt_argument *argument)
{
	int err;

	if (begins_number(cursor)) {
		argument->place = USDT_CONSTANT;
		return take_number(cursor, &argument->value);
	}
	if (!take(cursor, '[')) {
		argument->place = USDT_REGISTER;
		return take_register(cursor, &argument->base);
	}
	argument->place = USDT_MEMORY;
	err = take_register(cursor, &argument->base);
	if (!err && take(cursor, ',')) {
		skip_spaces(cursor);
		/* Of an index register there is none: the compiler gives a number. */
		err = begins_number(cursor) ? take_number(cursor, &argument->value) : -ENOTSUP;
	}
	if (err)
		return err;
	return take(cursor, ']') ? 0 : -EINVAL;
}

static int take_argument(struct operand_text *cursor, struct usdt_argument *argument)
{
	long long size;
	int err = take_number(cursor, &size);

	if (err)
		return err;
	/* "8f@%xmm0" is a floating-point number. */
	if (*cursor->at == 'f')
		return -ENOTSUP;
	if (!take(cursor, '@'))
		return -EINVAL;
	if (size < -8 || size > 8 || !size || __builtin_popcountll(llabs(size)) != 1)
		return -EINVAL;
	*argument = (struct usdt_argument){
		.size = llabs(size),
		.is_signed = size < 0,
		.base = USDT_NO_REGISTER,
		.index = USDT_NO_REGISTER,
	};
	err = cursor->machine == EM_X86_64 ? take_x86_operand(cursor, argument)
					   : take_arm64_operand(cursor, argument);
	if (err)
		return err;
	return at_end(cursor) ? 0 : -EINVAL;
}

int usdt_arguments__parse(
	const char *text, unsigned int machine, struct usdt_argument *arguments, size_t wanted)
{
	struct operand_text cursor = {text, machine};
	size_t count = 0;
	int err;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -ENOTSUP;
	for (skip_spaces(&cursor); *cursor.at && count < wanted; skip_spaces(&cursor)) {
		err = take_argument(&cursor, &arguments[count]);
		if (err)
			return err;
		count++;
	}
	return count;
}
