/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/roots.h"

#include <string.h>

#include "locks/functions.h"
#include "report/plumbing.h"

/* No stack begins with more frames of the C library than main's does. */
#define MAX_NAMELESS_ROOTS 3

/* How far out a frame of those that every stack begins with lies: 1 is the outermost; 0: none. */
static int root_rank(const struct root_frame *frame)
{
	static const struct {
		const char *function;
		int rank;
	} roots[] = {{"clone3", 1}, {"__clone3", 1}, {"clone", 1}, {"__clone", 1},
		{"start_thread", 2}, {"_start", 1}, {"__libc_start_main", 2},
		{"__libc_start_main_impl", 2}, {"__libc_start_call_main", 3}};

	for (size_t i = 0; frame->function && i < sizeof(roots) / sizeof(*roots); i++)
		if (!strcmp(frame->function, roots[i].function))
			return roots[i].rank;
	return 0;
}

/* A stripped program's _start, which called __libc_start_main. */
static bool is_nameless_start(const struct root_frame *frames, size_t i)
{
	return i && !frames[i].function && root_rank(&frames[i - 1]) == 2;
}

/* The frames before those of the C library. */
static size_t skip_libc(const struct root_frame *frames, size_t count)
{
	size_t end = count, nameless = 0;
	int rank = 0;

	while (end > 1) {
		const struct root_frame *frame = &frames[end - 1];
		int own = root_rank(frame);

		if (!frame->function && functions__is_libc(frame->module) &&
			nameless++ < MAX_NAMELESS_ROOTS) {
			end--;
			continue;
		}
		if (!rank && is_nameless_start(frames, end - 1)) {
			end--;
			rank = 1;
			continue;
		}
		if (own <= rank || (!rank && own > 1 && !functions__is_libc(frame->module)))
			break;
		rank = own;
		end--;
	}
	return end;
}

/* Through which Rust's and C++'s libraries enter a program or its thread. */
static bool is_language_entry(const struct root_frame *frame)
{
	static const char *const parts[] = {
		"std::rt::lang_start", "new::thread_start", "execute_native_thread_routine"};

	for (size_t i = 0; frame->function && i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(frame->function, parts[i]))
			return true;
	return false;
}

/* The frames before those through which a language enters its program, if it does. */
static size_t skip_language(const struct root_frame *frames, size_t end)
{
	size_t entry = end;

	/* Rust's C main, which no one wrote. */
	if (entry > 1 && frames[entry - 1].function && !strcmp(frames[entry - 1].function, "main"))
		entry--;
	if (!is_language_entry(&frames[entry - 1]))
		return end;
	for (entry--; entry > 1; entry--)
		if (!frames[entry - 1].function || !plumbing__has(frames[entry - 1].function))
			break;
	return entry;
}

size_t roots__count(const struct root_frame *frames, size_t count)
{
	return count - skip_libc(frames, count);
}

size_t roots__count_with_language(const struct root_frame *frames, size_t count)
{
	return count - skip_language(frames, skip_libc(frames, count));
}
