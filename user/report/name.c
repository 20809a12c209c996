/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Names for the frames of a report: the callback is asked once for each distinct address. */
#include <string.h>

#include "base/code_address.h"
#include "base/hash.h"
#include "report/callers.h"
#include "report/model.h"
#include "symbols/trim.h"

/* The frames that stand at one place: a run in `frames.list`. */
struct named {
	size_t first;
	size_t count;
};

DEFINE_HASH(named_map, struct code_address, struct named, code_address__hash, code_address__equal);

struct namer {
	report_name_fn *name;
	void *context;
	struct named_map known;
	struct report_frames frames;
};

static int name_nothing(
	void *context, const struct site_frame *address, struct report_frames *frames)
{
	struct report_frame frame = {.address = address->address, .offset = address->offset};

	return vec_push(&frames->list, frame);
}

/* NULL with *@error set when there is no memory or the callback failed. */
static const struct named *find_names(
	struct namer *namer, const struct site_frame *address, int *err)
{
	struct code_address place = {address->module, address->offset};
	struct named *named = named_map__find(&namer->known, place);

	*err = 0;
	if (named)
		return named;
	named = named_map__insert(&namer->known, place);
	if (!named) {
		*err = -ENOMEM;
		return NULL;
	}
	named->first = namer->frames.list.size;
	*err = namer->name(namer->context, address, &namer->frames);
	named->count = namer->frames.list.size - named->first;
	return *err ? NULL : named;
}

static int name_site(struct report *report, struct report_site *site, struct namer *namer)
{
	const struct named *named;
	size_t count = 0;
	int err;

	for (size_t i = 0; i < site->address_count; i++) {
		named = find_names(namer, &site->addresses[i], &err);
		if (!named)
			return err;
		count += named->count;
	}
	site->frames = arena__alloc(&report->arena, count, sizeof(*site->frames));
	if (!site->frames)
		return -ENOMEM;
	for (size_t i = 0; i < site->address_count; i++) {
		named = find_names(namer, &site->addresses[i], &err);
		for (size_t j = 0; named && j < named->count; j++) {
			struct report_frame *frame = &site->frames[site->frame_count++];

			*frame = namer->frames.list.data[named->first + j];
			frame->address = site->addresses[i].address;
		}
	}
	return 0;
}

/* Wrappers show in many stacks: in those of the report's sites, of which @site is one. */
static void mark_alike(const struct report *report, struct report_site *site)
{
	vec_for_each (named, &report->sites) {
		if (named->id != site->id)
			continue;
		for (size_t i = 0; i < site->frame_count && i < named->frame_count; i++)
			site->frames[i].is_wrapper = named->frames[i].is_wrapper;
		return;
	}
}

int report__name(struct report *report, report_name_fn *name, void *context)
{
	struct namer namer = {.name = name ? name : name_nothing, .context = context};
	int err = 0;

	vec_for_each (site, &report->sites)
		if (!err)
			err = name_site(report, site, &namer);
	vec_for_each (site, &report->mapped_sites)
		if (!err)
			err = name_site(report, site, &namer);
	vec_for_each (site, &report->sampled_sites)
		if (!err)
			err = name_site(report, site, &namer);
	vec_for_each (leak, &report->leaks.sites)
		if (!err)
			err = name_site(report, &leak->site, &namer);
	named_map__free(&namer.known);
	vec_free(&namer.frames.list);
	if (!err)
		err = callers__mark_wrappers(report);
	vec_for_each (leak, &report->leaks.sites)
		mark_alike(report, &leak->site);
	if (report->top && report->top < report->sites.size)
		report->sites.size = report->top;
	return err;
}

static void trim_site(struct report_site *site)
{
	size_t first = 0, kept = 0;

	while (first + 1 < site->frame_count && trim__is_allocator(site->frames[first].function))
		first++;
	for (size_t i = first; i < site->frame_count; i++)
		if (!trim__is_artefact(site->frames[i].module))
			site->frames[kept++] = site->frames[i];
	site->frame_count = kept;
}

void report__trim(struct report *report)
{
	vec_for_each (site, &report->sites)
		if (site->frames)
			trim_site(site);
	vec_for_each (site, &report->mapped_sites)
		if (site->frames)
			trim_site(site);
	vec_for_each (site, &report->sampled_sites)
		if (site->frames)
			trim_site(site);
	vec_for_each (leak, &report->leaks.sites)
		if (leak->site.frames)
			trim_site(&leak->site);
}
