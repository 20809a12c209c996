/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/survey.h"

#include <errno.h>
#include <string.h>

static const struct census_allocator *const allocators[] = {
	&glibc_allocator,
	&musl_allocator,
};

static void add_block(struct survey *survey, const struct census_block *block)
{
	struct census_arena *arena = &survey->arenas.data[block->arena];

	switch (block->state) {
	case BLOCK_LIVE:
		arena->live_count++;
		arena->live_bytes += block->size;
		arena->mapped_count += block->is_mapped;
		arena->mapped_bytes += block->is_mapped ? block->size : 0;
		break;
	case BLOCK_OWN:
		survey->own_count++;
		survey->own_bytes += block->size;
		break;
	case BLOCK_FREE:
		arena->free_count++;
		arena->free_bytes += block->size;
		break;
	case BLOCK_CACHED:
		arena->cached_count++;
		arena->cached_bytes += block->size;
		break;
	case BLOCK_TOP:
		arena->top_bytes += block->size;
		break;
	}
}

void survey__sum(struct survey *survey)
{
	for (size_t i = 0; i < survey->blocks.size; i++)
		add_block(survey, &survey->blocks.data[i]);
	vec_for_each (arena, &survey->arenas) {
		survey->live_count += arena->live_count;
		survey->live_bytes += arena->live_bytes;
		survey->free_bytes += arena->free_bytes + arena->cached_bytes + arena->top_bytes;
	}
}

void survey__note(struct survey *survey, struct census_finding finding)
{
	survey->finding_count++;
	if (survey->findings.size < SURVEY_MAX_FINDINGS)
		(void)vec_push(&survey->findings, finding);
}

int survey__failed(struct error *error, int err)
{
	if (err == -ESRCH)
		return error__set(error, err, "the process ended while its heap was read");
	return error__set(error, err, "the census: %s", strerror(-err));
}

void survey__free(struct survey *survey)
{
	blocks__free(&survey->blocks);
	vec_free(&survey->arenas);
	vec_free(&survey->spans);
	vec_free(&survey->skipped);
	vec_free(&survey->findings);
}

int survey__take(const struct census_image *image, struct survey *out, struct error *error)
{
	*out = (struct survey){0};
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++) {
		int err = allocators[i]->survey(image, out, error);

		if (!err)
			continue;
		if (err > 0) {
			out->allocator = allocators[i]->name;
			survey__sum(out);
		}
		return err < 0 ? err : 0;
	}
	return error__set(error, -ENOENT,
		"no heap of a known allocator: no arena of the C library in its writable data");
}
