/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arithmetic between file offsets, ELF addresses and run-time addresses of a module. */
#include <unistd.h>

#include "process/module.h"

static bool holds_offset(const struct module_segment *s, uint64_t offset)
{
	return offset >= s->offset && offset - s->offset < s->file_size;
}

static const struct module_segment *find_segment(
	const struct module *module, uint64_t offset, bool executable)
{
	for (size_t i = 0; i < module->segment_count; i++)
		if (module->segments[i].executable == executable &&
			holds_offset(&module->segments[i], offset))
			return &module->segments[i];
	return NULL;
}

bool module__offset_to_vaddr(const struct module *module, uint64_t offset, uint64_t *vaddr)
{
	/* Segments may share a page of the file, so an offset may be in two: code is meant. */
	const struct module_segment *s = find_segment(module, offset, true);

	if (!s)
		s = find_segment(module, offset, false);
	if (!s)
		return false;
	*vaddr = offset - s->offset + s->vaddr;
	return true;
}

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
