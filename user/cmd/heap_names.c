/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/heap_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "process/memory.h"
#include "symbols/demangle.h"

/* Of a module's file, by the address that it would be mapped at. */
static bool read_file(const struct heap_names *names, uint64_t address, void *to, size_t size)
{
	const struct module *module;
	uint64_t vaddr, offset;

	if (!names->subject)
		return false;
	module = subject__module_at(names->subject, address, &vaddr);
	return module && module__vaddr_to_offset(module, vaddr, &offset) &&
	       pread(module->fd, to, size, offset) == (ssize_t)size;
}

/* The part in one page. */
static bool read_part(const struct heap_names *names, uint64_t address, void *to, size_t size)
{
	const struct census_image *image = &names->target->image;
	const struct census_range *range = census_image__find(image, address);
	uint8_t state;

	if (!range || range->kind != RANGE_FILE || range->is_writable || !range->prot)
		return false;
	if (image->memory.pages(image->memory.context, page_floor(address), 1, &state))
		return false;
	if (state == PAGE_PRESENT)
		return !memory__read_all(names->target->process.pid, address, to, size);
	return state == PAGE_ABSENT && read_file(names, address, to, size);
}

static bool read_constant(void *context, uint64_t address, void *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t part = CENSUS_PAGE - (address + done) % CENSUS_PAGE;

		part = part < size - done ? part : size - done;
		if (!read_part(context, address + done, (uint8_t *)to + done, part))
			return false;
		done += part;
	}
	return true;
}

static bool find_variable(
	void *context, uint64_t address, char *name, char *module, size_t size, uint64_t *offset)
{
	const struct heap_names *names = context;

	*module = '\0';
	if (!names->subject)
		return false;
	if (subject__variable(names->subject, address, name, module, size))
		return true;
	if (*module)
		subject__module_at(names->subject, address, offset);
	return false;
}

static bool demangle(void *context, const char *mangled, char *out, size_t size)
{
	char *name = demangle__symbol(mangled);

	if (!name)
		return false;
	snprintf(out, size, "%s", name);
	text__make_printable(out);
	free(name);
	return true;
}

int heap_names__open(struct heap_target *target, struct heap_names *out, struct error *error)
{
	struct error none = {0};

	*out = (struct heap_names){.target = target};
	out->names = (struct census_names){out, read_constant, find_variable, demangle};
	out->subjects = subjects__new(SUBJECT_LINES_NONE, error);
	if (!out->subjects)
		return -ENOMEM;
	out->subject = subjects__take(out->subjects, target->process.pid, 0, &none);
	return 0;
}

void heap_names__close(struct heap_names *names)
{
	subjects__free(names->subjects);
}
