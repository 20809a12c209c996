/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/image.h"

#include <sys/mman.h>

#include "base/search.h"

const struct census_range *census_image__find(const struct census_image *image, uint64_t address)
{
	size_t i = search_first(image->range_count, n, image->ranges[n].end <= address);

	return i < image->range_count && image->ranges[i].start <= address ? &image->ranges[i]
									   : NULL;
}

bool census_image__is_bss(const struct census_image *image, const struct census_range *range)
{
	return range > image->ranges && range[-1].end == range->start &&
	       range->kind == RANGE_ANONYMOUS && range[-1].kind == RANGE_FILE &&
	       range[-1].is_writable;
}

uint64_t census_image__end_of(const struct census_image *image, uint64_t address)
{
	const struct census_range *range = census_image__find(image, address);
	const struct census_range *behind = image->ranges + image->range_count;

	if (!range)
		return address;
	for (; range < behind && (range->start <= address) && (range->prot & PROT_READ); range++)
		address = range->end;
	return address;
}
