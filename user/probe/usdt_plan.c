/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/usdt_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/usdt_arguments.h"
#include "probe/usdt_notes.h"

struct usdt_planner {
	struct probe_plan *plan;
	const struct elf_view *view;
	const struct usdt_provider *providers;
	size_t count;
};

/* A name of at most one field's length up to @end; false where it is empty or longer. */
static bool copy_name(char out[USDT_NAME_SIZE], const char *from, const char *end)
{
	size_t length = end - from;

	if (!length || length >= USDT_NAME_SIZE)
		return false;
	memcpy(out, from, length);
	out[length] = '\0';
	return true;
}

bool usdt_provider__parse(const char *text, struct usdt_provider *provider)
{
	char *fields[] = {provider->name, provider->alloc, provider->free};

	*provider = (struct usdt_provider){"", "alloc", "free"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *end = text + strcspn(text, ":");

		if (!copy_name(fields[i], text, end))
			return false;
		if (!*end)
			return true;
		text = end + 1;
	}
	return false; /* a fourth name */
}

/* The program for a probe, or PROBE_PROGRAM_COUNT: it is none of those. */
static enum probe_program program_of(
	const struct usdt_planner *planner, const struct usdt_note *note)
{
	for (size_t i = 0; i < planner->count; i++) {
		const struct usdt_provider *provider = &planner->providers[i];

		if (strcmp(note->provider, provider->name) != 0)
			continue;
		if (strcmp(note->name, provider->alloc) == 0)
			return PROBE_PROGRAM_USDT_ALLOC;
		if (strcmp(note->name, provider->free) == 0)
			return PROBE_PROGRAM_USDT_FREE;
	}
	return PROBE_PROGRAM_COUNT;
}

static int refuse(struct usdt_planner *planner, const struct usdt_note *note, const char *why)
{
	char *text;

	if (asprintf(&text, "USDT %.64s:%.64s at 0x%llx is not traced: %s", note->provider,
		    note->name, (unsigned long long)note->address, why) < 0)
		return -ENOMEM;
	if (!vec_push(&planner->plan->untraced, text))
		return 0;
	free(text);
	return -ENOMEM;
}

/* Why the arguments cannot be read, or NULL. */
static const char *read_arguments(struct usdt_planner *planner, enum probe_program program,
	const struct usdt_note *note, struct usdt_place_of_arguments *place)
{
	size_t needed = program == PROBE_PROGRAM_USDT_ALLOC ? USDT_WEIGHT : USDT_SIZE;
	size_t wanted = program == PROBE_PROGRAM_USDT_ALLOC ? USDT_ARGUMENTS : USDT_SIZE;
	int count = usdt_arguments__parse(
		note->arguments, planner->view->header->e_machine, place->arguments, wanted);

	if (count == -ENOTSUP)
		return "an argument is where memtrace cannot read it";
	if (count < 0)
		return "its note's arguments are not written as such are";
	if ((size_t)count < needed)
		return program == PROBE_PROGRAM_USDT_ALLOC
			       ? "it has no pointer and size as arguments"
			       : "it has no pointer as argument";
	place->count = count;
	return NULL;
}

/* Where the counter of who looks is in the file, which the kernel raises; why not, or NULL. */
static const char *find_semaphore(
	struct usdt_planner *planner, const struct usdt_note *note, uint64_t *offset)
{
	*offset = 0;
	if (!note->semaphore)
		return NULL;
	if (note->semaphore % sizeof(uint16_t) ||
		!elf_file__vaddr_to_offset(planner->view->file, note->semaphore, offset))
		return "its semaphore is not in the file";
	return NULL;
}

static bool is_planned(const probe_sites *sites, uint64_t offset)
{
	vec_for_each (site, sites)
		if (site->offset == offset)
			return true;
	return false;
}

static int plan_note(void *context, const struct usdt_note *note)
{
	struct usdt_planner *planner = context;
	struct probe_plan *plan = planner->plan;
	enum probe_program program = program_of(planner, note);
	struct usdt_place_of_arguments place = {0};
	struct probe_site site = {.reason = "USDT", .emulated = true};
	const char *problem;
	int64_t offset;

	if (program == PROBE_PROGRAM_COUNT)
		return 0;
	offset = elf_view__offset(planner->view, note->address);
	if (offset < 0 || !elf_view__is_code(planner->view, note->address))
		return refuse(planner, note, "there is no code");
	if (is_planned(&plan->sites[program], offset))
		return 0;
	problem = read_arguments(planner, program, note, &place);
	if (!problem)
		problem = find_semaphore(planner, note, &site.counter_offset);
	if (problem)
		return refuse(planner, note, problem);
	site.offset = site.entry_offset = offset;
	site.cookie = site.entry_cookie = plan->usdt_places.size;
	snprintf(site.name, sizeof(site.name), "%.32s:%.32s", note->provider, note->name);
	if (vec_push(&plan->usdt_places, place) || vec_push(&plan->sites[program], site))
		return -ENOMEM;
	return 0;
}

int usdt_plan__add(struct probe_plan *plan, const struct elf_view *view,
	const struct usdt_provider *providers, size_t count)
{
	struct usdt_planner planner = {plan, view, providers, count};

	return count ? usdt_notes__each(view->file, plan_note, &planner) : 0;
}
