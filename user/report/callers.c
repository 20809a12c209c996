/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/callers.h"

#include <string.h>

#include "base/text.h"
#include "report/plumbing.h"
#include "report/python_site.h"
#include "report/roots.h"

/* Initializers of a library are called by the loader this many frames up, at the most. */
#define INITIALIZER_REACH 4

/* libfoo.so, libfoo.so.1, ld-linux-x86-64.so.2: not the program itself. */
static bool is_library(const char *path)
{
	const char *suffix = strstr(text__base_name(path), ".so");

	return suffix && (!suffix[3] || suffix[3] == '.');
}

bool callers__is_plumbing(const struct report_frame *frame)
{
	return frame->is_wrapper ||
	       (frame->function && !frame->is_python && plumbing__has(frame->function));
}

static bool is_telling(const struct report_frame *frame)
{
	if (callers__is_plumbing(frame))
		return false;
	return frame->function || !frame->module || !is_library(frame->module);
}

size_t callers__end(const struct report_site *site)
{
	struct root_frame last[ROOTS_MAX];
	size_t count = site->frame_count < ROOTS_MAX ? site->frame_count : ROOTS_MAX;

	for (size_t i = 0; i < count; i++) {
		const struct report_frame *frame = &site->frames[site->frame_count - count + i];

		last[i] = (struct root_frame){
			frame->function, frame->module ? text__base_name(frame->module) : NULL};
	}
	return count ? site->frame_count - roots__count_with_language(last, count) : 0;
}

size_t callers__first_native(const struct report_site *site)
{
	size_t end = callers__end(site);

	for (size_t i = 0; i < end; i++)
		if (is_telling(&site->frames[i]))
			return i;
	return 0;
}

size_t callers__first(const struct report_site *site)
{
	return python_site__has_python(site) ? python_site__first(site)
					     : callers__first_native(site);
}

/*
 * libstdc++ sets memory aside for exceptions that are thrown when there is none (eh_alloc.cc): one
 * block by an initializer of its own, which distributions strip of its name.
 */
static bool is_emergency_pool(const struct report_site *site)
{
	const struct report_frame *frame = site->frames;

	if (!site->frame_count || !frame->module || site->alloc_count != 1 ||
		strncmp(text__base_name(frame->module), "libstdc++.so", 12) != 0)
		return false;
	for (size_t i = 1; i < site->frame_count && i < INITIALIZER_REACH; i++)
		if (site->frames[i].function && !strcmp(site->frames[i].function, "call_init"))
			return true;
	return false;
}

const char *callers__remark(const struct report_site *site)
{
	return is_emergency_pool(site) ? "libstdc++'s emergency pool for exceptions: not a leak"
				       : NULL;
}
