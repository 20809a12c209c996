/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as a section of USDT notes, and any text as a probe's arguments: what is found lies in
 * the bytes, and registers are those of struct pt_regs.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "probe/usdt_arguments.h"
#include "probe/usdt_notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* struct pt_regs of arm64, the larger one. */
#define REGISTERS_SIZE 272

static void check_register(uint16_t offset)
{
	if (offset != USDT_NO_REGISTER && offset > REGISTERS_SIZE - 8)
		abort();
}

static void parse(const char *text)
{
	static const unsigned int machines[] = {EM_X86_64, EM_AARCH64, EM_RISCV};

	for (int i = 0; i < 3; i++) {
		struct usdt_argument arguments[USDT_ARGUMENTS];
		int count = usdt_arguments__parse(text, machines[i], arguments, USDT_ARGUMENTS);

		if (count > USDT_ARGUMENTS)
			abort();
		for (int j = 0; j < count; j++) {
			check_register(arguments[j].base);
			check_register(arguments[j].index);
			if (arguments[j].shift > 3 || !arguments[j].size || arguments[j].size > 8)
				abort();
		}
	}
}

struct input {
	const uint8_t *data;
	size_t size;
};

static void check_text(const struct input *input, const char *text)
{
	const uint8_t *start = (const uint8_t *)text;

	if (start < input->data || start + strlen(text) >= input->data + input->size)
		abort();
}

static int take_note(void *context, const struct usdt_note *note)
{
	check_text(context, note->provider);
	check_text(context, note->name);
	check_text(context, note->arguments);
	parse(note->arguments);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	char *text = strndup((const char *)data, size);

	if (!text)
		abort();
	usdt_notes__each_in(data, size, 4096, take_note, &input);
	parse(text);
	free(text);
	return 0;
}
