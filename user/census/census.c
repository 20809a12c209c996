/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/census.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/unread.h"

/* Looks beyond those asked for, as long as each still finds that some of what was lost is not. */
#define MORE_LOOKS 5

struct taking {
	const struct census_image *image;
	const struct census_options *options;
	struct census *out;
	struct suspects suspects;
	struct pointer_graph graph; /* of the last look */
	uint8_t *states;
};

static int failed(struct error *err, int rc)
{
	if (rc == -ESRCH)
		return error__set(err, rc, "the process ended while its heap was read");
	if (rc == -E2BIG)
		return error__set(err, rc, "the census: more blocks or pointers than can be held");
	return rc ? error__set(err, rc, "the census: %s", strerror(-rc)) : 0;
}

/* Blocks, arenas and where the memory is. */
static int take_account(struct taking *taking, struct error *err)
{
	struct census *out = taking->out;
	struct error none = {0};
	int rc = survey__take(taking->image, &out->survey, &none);

	out->looks++;
	out->has_heap = !rc;
	if (rc == -ENOENT || rc == -ENOTSUP)
		memcpy(out->no_heap, none.message, sizeof(out->no_heap));
	else if (rc)
		return error__set(err, rc, "%s", none.message);
	rc = account__take(taking->image, out->has_heap ? &out->survey : NULL, &out->account);
	if (!rc)
		blocks__drop_free(&out->survey.blocks);
	return failed(err, rc);
}

static void drop_graph(struct taking *taking)
{
	pointer_graph__free(&taking->graph);
	free(taking->states);
	taking->states = NULL;
}

/* Which blocks are not reached now. */
static int follow_pointers(struct taking *taking, struct error *err)
{
	int rc = pointer_graph__read(taking->image, &taking->out->survey, &taking->graph);

	taking->states = calloc(taking->out->survey.blocks.size + 1, 1);
	if (!rc && !taking->states)
		rc = -ENOMEM;
	rc = rc ? rc : reach__mark(&taking->graph, taking->states);
	rc = rc ? rc : suspects__look(&taking->suspects, &taking->graph, taking->states);
	return failed(err, rc);
}

/* Everything anew, a while later. */
static int look_again(struct taking *taking, struct error *err)
{
	const struct census_memory *memory = &taking->image->memory;
	int rc;

	if (memory->pause)
		memory->pause(memory->context);
	rc = memory->refresh ? memory->refresh(memory->context) : 0;
	if (rc)
		return failed(err, rc);
	drop_graph(taking);
	survey__free(&taking->out->survey);
	taking->out->survey = (struct survey){0};
	rc = take_account(taking, err);
	if (!rc && !taking->out->has_heap)
		return error__set(
			err, -EAGAIN, "the heap is gone: did the process execute another program?");
	return rc ? rc : follow_pointers(taking, err);
}

/* As many looks as are asked for, and on while they differ. */
static int look_on(struct taking *taking, struct error *err)
{
	size_t looks = taking->options->looks, most = looks + MORE_LOOKS;
	int rc = follow_pointers(taking, err);
	uint64_t last = 0;

	while (!rc && taking->suspects.blocks.size && taking->image->memory.pause &&
		taking->out->looks < most && (taking->out->looks < looks || last)) {
		taking->suspects.acquitted = 0;
		rc = look_again(taking, err);
		last = taking->suspects.acquitted;
		taking->out->acquitted += last;
	}
	return rc;
}

static int judge(struct taking *taking)
{
	struct census *out = taking->out;
	int rc;

	taking->suspects.acquitted = 0;
	rc = suspects__hunt(&taking->suspects, taking->image);
	out->acquitted += taking->suspects.acquitted;
	rc = rc ? rc
		: classes__find(
			  taking->image, &taking->graph, taking->options->names, &out->classes);
	rc = rc ? rc
		: leaks__judge(&taking->graph, &out->classes, &taking->suspects, taking->states,
			  &out->leaks);
	rc = rc ? rc
		: owners__find(taking->image, &taking->graph, &out->classes, taking->options->names,
			  &out->owners);
	out->has_graph = !rc;
	out->read_bytes = taking->graph.read_bytes;
	return rc;
}

int census__take(const struct census_image *image, const struct census_options *options,
	struct census *out, struct error *err)
{
	struct taking taking = {.image = image, .options = options, .out = out};
	int rc;

	*out = (struct census){.unread = unread__allocator(image)};
	rc = take_account(&taking, err);
	if (!rc && out->has_heap && options->looks) {
		rc = look_on(&taking, err);
		rc = rc ? rc : failed(err, judge(&taking));
	}
	drop_graph(&taking);
	suspects__free(&taking.suspects);
	return rc;
}

void census__free(struct census *census)
{
	survey__free(&census->survey);
	classes__free(&census->classes);
	owners__free(&census->owners);
	leaks__free(&census->leaks);
}
