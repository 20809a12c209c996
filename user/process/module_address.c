/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arithmetic between file offsets, ELF addresses and run-time addresses of a module. */
#include <unistd.h>

#include "process/module.h"

bool module__vaddr_to_offset(const struct module *module, uint64_t vaddr, uint64_t *offset)
{
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct module_segment *s = &module->segments[i];

		if (vaddr < s->vaddr || vaddr - s->vaddr >= s->file_size)
			continue;
		*offset = vaddr - s->vaddr + s->offset;
		return true;
	}
	return false;
}

/* How many bytes of the file the segment and [start, end) have in common. */
static uint64_t overlap(const struct module_segment *s, uint64_t start, uint64_t end)
{
	uint64_t low = s->offset > start ? s->offset : start;
	uint64_t high = s->offset + s->file_size < end ? s->offset + s->file_size : end;

	return high > low ? high - low : 0;
}

bool module__bias(const struct module *module, const struct mapping *mapping, uint64_t *bias)
{
	uint64_t end = mapping->offset + (mapping->end - mapping->start), most = 0;
	const struct module_segment *best = NULL;

	/* The first and the last page of a mapping may hold ends of the neighbouring segments. */
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct module_segment *s = &module->segments[i];
		uint64_t common = overlap(s, mapping->offset, end);
		bool better = best && s->executable != best->executable
				      ? s->executable == mapping__is_executable(mapping)
				      : common > most;

		if (!common || !better)
			continue;
		best = s;
		most = common;
	}
	if (!best)
		return false;
	*bias = mapping->start - (mapping->offset - best->offset + best->vaddr);
	return true;
}
