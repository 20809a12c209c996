/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/site.h"

#include <stdarg.h>
#include <stdio.h>

#include "probe.h"

/* Prologues are short; what is further away than this would be reached by few paths only. */
#define MAX_WALK_BYTES 64

/* For each argument the set of registers that hold its value, numbered as in cookies. */
struct holders {
	uint8_t of[SITE_ARGUMENTS];
};

static struct chosen_site at_entry(bool emulated, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static struct chosen_site at_entry(bool emulated, const char *format, ...)
{
	struct chosen_site site = {.emulated = emulated, .argument_in = {0, 1, 2, 3, 4, 5}};
	va_list args;

	va_start(args, format);
	vsnprintf(site.reason, sizeof(site.reason), format, args);
	va_end(args);
	return site;
}

/*
 * Offset of the first place after the entry that some branch in the function leads to; @size if
 * there is none. Code is read linearly: compilers for these machines put no data between
 * instructions, and where bytes do not decode the rest is unknown, so nothing may be passed.
 */
static size_t find_first_join(
	struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address)
{
	size_t first = size, offset = 0;
	struct instruction insn;

	while (offset < size) {
		if (!decoder__read(decoder, code + offset, size - offset, address + offset, &insn))
			return offset < first ? offset : first;
		offset += insn.length;
		if (insn.target > address && insn.target - address < first &&
			insn.flow != FLOW_CALL)
			first = insn.target - address;
	}
	return first;
}

/* Follows the values over one instruction; false if a needed one is then in no register. */
static bool follow_values(struct holders *holders, const struct instruction *insn, uint8_t needed)
{
	for (int n = 0; n < SITE_ARGUMENTS; n++) {
		bool copied = insn->copied_from >= 0 && holders->of[n] >> insn->copied_from & 1;

		holders->of[n] &= ~insn->arguments_written;
		if (copied && insn->copied_to >= 0 && insn->copied_to < PROBE_NO_ARGUMENT)
			holders->of[n] |= 1u << insn->copied_to;
		if (needed >> n & 1 && !holders->of[n])
			return false;
	}
	return true;
}

static bool may_pass(const struct instruction *insn, struct site_needs needs)
{
	return insn->is_plain && (!insn->changes_frame || needs.entry_only);
}

/* The argument's own register where it still has the value, else the lowest that has. */
static void name_registers(struct chosen_site *site, const struct holders *holders)
{
	for (int n = 0; n < SITE_ARGUMENTS; n++) {
		uint8_t set = holders->of[n];

		site->argument_in[n] = set >> n & 1 || !set ? n : __builtin_ctz(set);
	}
}

struct chosen_site site__choose(struct decoder *decoder, const uint8_t *code, size_t available,
	size_t size, uint64_t address, struct site_needs needs)
{
	struct holders holders = {{1, 2, 4, 8, 16, 32}};
	struct instruction insn;
	struct chosen_site site = {0};
	size_t join, limit;

	if (!decoder__read(decoder, code, available, address, &insn))
		return at_entry(false, "entry: not decodable");
	if (insn.emulated)
		return at_entry(true, "entry: %s, emulated", insn.mnemonic);
	if (!size || size > available)
		return at_entry(false, "entry: function size unknown");
	join = find_first_join(decoder, code, size, address);
	limit = size < MAX_WALK_BYTES ? size : MAX_WALK_BYTES;
	while (may_pass(&insn, needs) && follow_values(&holders, &insn, needs.arguments)) {
		site.offset += insn.length;
		if (site.offset >= join)
			return at_entry(false, "entry: a jump leads to +%zu", join);
		if (site.offset >= limit ||
			!decoder__read(decoder, code + site.offset, size - site.offset,
				address + site.offset, &insn))
			return at_entry(false, "entry: nothing emulated in reach");
		if (!insn.emulated)
			continue;
		site.emulated = true;
		name_registers(&site, &holders);
		snprintf(site.reason, sizeof(site.reason), "%s, emulated", insn.mnemonic);
		return site;
	}
	return at_entry(false, "entry: %s at +%u cannot be passed", insn.mnemonic, site.offset);
}
