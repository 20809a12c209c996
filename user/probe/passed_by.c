/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/passed_by.h"

#include "probe/insn.h"

static bool leads_behind(const struct instruction *insn, uint64_t place, uint64_t end)
{
	if (insn->flow == FLOW_JUMP && !insn->target)
		return true;
	return (insn->flow == FLOW_JUMP || insn->flow == FLOW_BRANCH) && insn->target > place &&
	       insn->target <= end;
}

bool code__passed_by(
	int machine, const uint8_t *code, size_t size, uint64_t address, uint64_t place)
{
	struct error error;
	struct decoder *decoder = decoder__new(machine, false, &error);
	uint64_t end = address + size;
	bool passed = !decoder;

	for (uint64_t at = address; at < place && !passed;) {
		struct instruction insn;

		passed = !decoder__read(decoder, code + (at - address), end - at, at, &insn) ||
			 leads_behind(&insn, place, end);
		at += insn.length;
	}
	decoder__free(decoder);
	return passed;
}
