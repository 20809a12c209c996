/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/call_site.h"

#include <elf.h>
#include <string.h>

static bool decode_x86(const uint8_t *code, uint64_t return_address, struct call_site *out)
{
	int32_t displacement;

	memcpy(&displacement, code + CALL_SITE_BYTES - 4, sizeof(displacement));
	if (code[CALL_SITE_BYTES - 6] == 0xff && code[CALL_SITE_BYTES - 5] == 0x15)
		out->slot = return_address + displacement; /* call *displacement(%rip) */
	else if (code[CALL_SITE_BYTES - 5] == 0xe8)
		out->target = return_address + displacement; /* call displacement */
	return out->slot || out->target;
}

static bool decode_arm64(const uint8_t *code, uint64_t return_address, struct call_site *out)
{
	uint32_t word;
	int64_t words;

	memcpy(&word, code + CALL_SITE_BYTES - 4, sizeof(word));
	if (word >> 26 != 0x25) /* bl */
		return false;
	words = (int64_t)((uint64_t)word << 38) >> 38; /* 26 bits, signed */
	out->target = return_address - 4 + 4 * words;
	return true;
}

bool call_site__decode(int machine, const uint8_t code[CALL_SITE_BYTES], uint64_t return_address,
	struct call_site *out)
{
	*out = (struct call_site){0};
	if (machine == EM_X86_64)
		return decode_x86(code, return_address, out);
	return machine == EM_AARCH64 && decode_arm64(code, return_address, out);
}
