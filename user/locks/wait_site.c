/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/wait_site.h"

#include <string.h>

/* So many frames further out an adopter may be: os::PlatformEvent::park, ObjectMonitor::EnterI. */
#define ADOPTER_FRAMES 3

bool lock_frame__same_function(const struct lock_frame *a, const struct lock_frame *b)
{
	return a->function && b->function &&
	       a->pc - a->function_offset == b->pc - b->function_offset;
}

static bool is_of_kind(const char *function, enum wait_kind kind)
{
	enum wait_kind found = WAIT_UNKNOWN;
	enum function_role role = functions__role(function, &found);

	return (role == ROLE_WAIT || role == ROLE_FOREIGN) && found == kind;
}

/* Takes one name into account; true when it decides. */
static bool take_name(struct wait_site *site, const char *function, size_t frame)
{
	enum wait_kind kind = WAIT_UNKNOWN;
	enum function_role role = functions__role(function, &kind);

	site->musl |= functions__is_musl(function);
	if (role == ROLE_BELOW && (strstr(function, "lll_") || !strcmp(function, "__lock")))
		site->low_level = true;
	if (role == ROLE_MALLOC && site->low_level)
		site->in_malloc = true;
	else if (role == ROLE_WAIT || role == ROLE_FOREIGN)
		site->kind = kind;
	else
		return false;
	site->foreign = role == ROLE_FOREIGN;
	site->frame = frame;
	site->function = function;
	return true;
}

/* A frame of the application, named or not, ends the search: what is further out called it for
 * reasons of its own. In a static program no module shows which frames are the C library's. */
static bool is_application(const struct lock_frame *frame)
{
	enum wait_kind kind;

	return functions__role(frame->function, &kind) == ROLE_UNKNOWN && !frame->is_guessed &&
	       !functions__is_libc(frame->module);
}

static void find_innermost(struct wait_site *site, const struct lock_thread *thread)
{
	for (size_t i = 0; i < thread->frame_count; i++) {
		const struct lock_frame *frame = &thread->frames[i];

		if (frame->is_python)
			return; /* whatever it is called */
		/* The call that led into the frame below was made from this one. That names the
		 * frame below, even where that is all that is known of a stripped library. */
		if (i && take_name(site, frame->called, i))
			return;
		if (i && is_application(&thread->frames[i - 1]))
			return;
		if (take_name(site, frame->function, i))
			return;
		if (frame->function && is_application(frame))
			return;
	}
}

/* A function that calls itself has begun a wait of its own: the site ends before it. */
static bool is_entered_again(const struct lock_thread *thread, size_t frame)
{
	for (size_t i = 0; i < frame; i++)
		if (lock_frame__same_function(&thread->frames[i], &thread->frames[frame]))
			return true;
	return false;
}

/* One function may have several frames of its own (pthread_once and its slow path): the site is
 * the outermost of them. */
static void extend_site(struct wait_site *site, const struct lock_thread *thread)
{
	while (site->frame + 1 < thread->frame_count && !is_entered_again(thread, site->frame)) {
		if (!is_of_kind(thread->frames[site->frame + 1].called, site->kind) &&
			!is_of_kind(thread->frames[site->frame].function, site->kind))
			return;
		site->frame++;
	}
}

/* What is waited for may be made of the condition or semaphore that was found. */
static void adopt_site(struct wait_site *site, const struct lock_thread *thread)
{
	for (size_t i = site->frame; i < thread->frame_count && i < site->frame + ADOPTER_FRAMES;
		i++) {
		const char *function = thread->frames[i].function;
		enum wait_kind kind;

		if (!functions__adopts(function, site->kind, &kind))
			continue;
		site->kind = kind;
		site->foreign = site->adopted = true;
		site->function = function;
		site->frame = i + 1 < thread->frame_count ? i + 1 : i;
		return;
	}
}

struct wait_site wait_site__find(const struct lock_thread *thread)
{
	struct wait_site site = {.frame = thread->frame_count};

	find_innermost(&site, thread);
	if (site.kind == WAIT_UNKNOWN)
		return site;
	extend_site(&site, thread);
	adopt_site(&site, thread);
	return site;
}

size_t wait_site__find_caller(const struct lock_thread *thread, size_t from, enum wait_kind kind)
{
	for (size_t i = from ? from : 1; i < thread->frame_count; i++) {
		if (is_of_kind(thread->frames[i].called, kind))
			return i;
		if (is_of_kind(thread->frames[i - 1].function, kind))
			return i;
	}
	return thread->frame_count;
}

size_t wait_site__find_malloc(const struct lock_thread *thread, size_t from, const char *module)
{
	for (size_t i = from; i < thread->frame_count; i++) {
		const struct lock_frame *frame = &thread->frames[i];
		/* What @from itself called is not inside of it. */
		const char *two[] = {i > from ? frame->called : NULL, frame->function};

		if (!frame->module || !module || strcmp(frame->module, module))
			continue;
		for (size_t n = 0; n < 2; n++) {
			enum wait_kind kind;

			if (functions__role(two[n], &kind) == ROLE_MALLOC)
				return i;
		}
	}
	return thread->frame_count;
}
