/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The census of glibc's malloc: regions and mappings in the order of addresses, then the caches. */
#include "census/glibc.h"

#include <errno.h>
#include <string.h>

#include "base/search.h"

/* The main arena's mapping where there is no break area, and blocks with mappings of their own. */
static bool may_hold_mapped(const struct census_range *range)
{
	return range->kind == RANGE_ANONYMOUS && range->is_writable;
}

/* What adjoins is one for the kernel, whatever it is made of: walked as one. */
static uint64_t end_of_mapped(const struct census_image *image, size_t *index)
{
	uint64_t end = image->ranges[*index].end;

	while (*index + 1 < image->range_count && image->ranges[*index + 1].start == end &&
		may_hold_mapped(&image->ranges[*index + 1]))
		end = image->ranges[++*index].end;
	return end;
}

/* Mappings between @from and @to, which no region overlaps. */
static int walk_between(struct glibc *glibc, uint64_t from, uint64_t to)
{
	const struct census_image *image = glibc->image;
	size_t first = search_first(image->range_count, n, image->ranges[n].end <= from);
	int err = 0;

	for (size_t i = first; !err && i < image->range_count; i++) {
		uint64_t start = image->ranges[i].start, end;

		if (!may_hold_mapped(&image->ranges[i]))
			continue;
		if (start >= to)
			break;
		end = end_of_mapped(image, &i);
		start = start < from ? from : start;
		end = end > to ? to : end;
		if (start < end)
			err = glibc__walk_mapped(glibc, start, end);
	}
	return err;
}

static int walk_all(struct glibc *glibc)
{
	uint64_t from = 0;
	int err = 0;

	vec_for_each (region, &glibc->regions) {
		struct census_span span = {region->start, region->end, region->arena, false};

		err = walk_between(glibc, from, region->start);
		err = err ? err : vec_push(&glibc->survey->spans, span);
		err = err ? err : glibc__walk(glibc, region);
		if (err)
			return err;
		from = region->end;
	}
	return walk_between(glibc, from, UINT64_MAX);
}

static bool has_finding(const struct survey *survey, const struct census_finding *wanted)
{
	for (size_t i = 0; i < survey->findings.size; i++)
		if (memcmp(&survey->findings.data[i], wanted, sizeof(*wanted)) == 0)
			return true;
	return false;
}

static bool concerns(const struct survey *survey, const struct glibc_region *region)
{
	for (size_t i = 0; i < survey->findings.size; i++)
		if (survey->findings.data[i].address - region->start < region->end - region->start)
			return true;
	return false;
}

/* Walks again the regions that have findings, into @again. */
static int walk_again(struct glibc *glibc, struct survey *again)
{
	struct survey *first = glibc->survey;
	int err = 0;

	glibc->survey = again;
	vec_for_each (region, &glibc->regions) {
		if (err || !concerns(first, region))
			continue;
		err = glibc__walk(glibc, region);
		blocks__free(&again->blocks);
	}
	glibc->survey = first;
	return err;
}

/* What another walk finds the same after a pause is broken; the rest was in motion. */
static int confirm_findings(struct glibc *glibc)
{
	const struct census_memory *memory = &glibc->image->memory;
	struct survey *survey = glibc->survey, again = {0};
	size_t kept = 0;
	int err;

	if (!survey->findings.size)
		return 0;
	if (memory->pause)
		memory->pause(memory->context);
	err = walk_again(glibc, &again);
	for (size_t i = 0; !err && i < survey->findings.size; i++)
		if (has_finding(&again, &survey->findings.data[i]))
			survey->findings.data[kept++] = survey->findings.data[i];
	survey->in_motion += survey->findings.size - kept;
	survey->finding_count -= survey->findings.size - kept;
	survey->findings.size = kept;
	survey__free(&again);
	return err;
}

static int survey_image(struct glibc *glibc)
{
	int err = glibc__find_arenas(glibc);

	if (err <= 0)
		return err;
	err = glibc__find_regions(glibc);
	err = err ? err : walk_all(glibc);
	err = err ? err : confirm_findings(glibc);
	err = err ? err : glibc__mark_cached(glibc);
	return err ? err : 1;
}

static int survey(const struct census_image *image, struct survey *out, struct error *error)
{
	struct glibc glibc = {.image = image, .survey = out};
	int err = reader__init(&glibc.wide, &image->memory, READER_WIDE);

	err = err ? err : reader__init(&glibc.narrow, &image->memory, READER_NARROW);
	err = err ? err : survey_image(&glibc);
	reader__free(&glibc.wide);
	reader__free(&glibc.narrow);
	vec_free(&glibc.arenas);
	vec_free(&glibc.regions);
	return err < 0 ? survey__failed(error, err) : err;
}

const struct census_allocator glibc_allocator = {
	.name = "glibc malloc",
	.survey = survey,
};
