/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/census.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/unread.h"

struct taking {
	const struct census_image *image;
	const struct census_options *options;
	struct census *out;
	struct suspects suspects;
	struct pointer_graph graph; /* of the last look */
	uint8_t *states;
};

static int failed(struct error *error, int err)
{
	if (err == -ESRCH)
		return error__set(error, err, "the process ended while its heap was read");
	if (err == -E2BIG)
		return error__set(
			error, err, "the census: more blocks or pointers than can be held");
	return err ? error__set(error, err, "the census: %s", strerror(-err)) : 0;
}

/* Blocks, arenas and where the memory is. */
static int take_account(struct taking *taking, struct error *error)
{
	struct census *out = taking->out;
	struct error none = {0};
	int err = survey__take(taking->image, &out->survey, &none);

	out->looks++;
	out->has_heap = !err;
	if (err == -ENOENT || err == -ENOTSUP)
		memcpy(out->no_heap, none.message, sizeof(out->no_heap));
	else if (err)
		return error__set(error, err, "%s", none.message);
	err = account__take(taking->image, out->has_heap ? &out->survey : NULL, &out->account);
	if (!err)
		blocks__drop_free(&out->survey.blocks);
	return failed(error, err);
}

static void drop_graph(struct taking *taking)
{
	pointer_graph__free(&taking->graph);
	free(taking->states);
	taking->states = NULL;
}

/* Which blocks are not reached now. */
static int follow_pointers(struct taking *taking, struct error *error)
{
	int err = pointer_graph__read(taking->image, &taking->out->survey, &taking->graph);

	taking->states = calloc(taking->out->survey.blocks.size + 1, 1);
	if (!err && !taking->states)
		err = -ENOMEM;
	err = err ? err : reach__mark(&taking->graph, taking->states);
	err = err ? err : suspects__look(&taking->suspects, &taking->graph, taking->states);
	return failed(error, err);
}

/* Everything anew, a while later. */
static int look_again(struct taking *taking, struct error *error)
{
	const struct census_memory *memory = &taking->image->memory;
	int err;

	if (memory->pause)
		memory->pause(memory->context);
	err = memory->refresh ? memory->refresh(memory->context) : 0;
	if (err)
		return failed(error, err);
	drop_graph(taking);
	survey__free(&taking->out->survey);
	taking->out->survey = (struct survey){0};
	err = take_account(taking, error);
	if (!err && !taking->out->has_heap)
		return error__set(error, -EAGAIN,
			"the heap is gone: did the process execute another program?");
	return err ? err : follow_pointers(taking, error);
}

/* As many looks as are asked for, and on while they differ. */
static int look_on(struct taking *taking, struct error *error)
{
	size_t looks = taking->options->looks;
	int err = follow_pointers(taking, error);
	uint64_t last = 0;

	while (!err && taking->image->memory.pause &&
		suspects__want_look(&taking->suspects, taking->out->looks, looks, last)) {
		taking->suspects.acquitted = 0;
		err = look_again(taking, error);
		last = taking->suspects.acquitted;
		taking->out->acquitted += last;
	}
	return err;
}

static int judge(struct taking *taking)
{
	struct census *out = taking->out;
	int err;

	taking->suspects.acquitted = 0;
	err = suspects__hunt(&taking->suspects, taking->image);
	out->acquitted += taking->suspects.acquitted;
	err = err ? err
		  : classes__find(
			    taking->image, &taking->graph, taking->options->names, &out->classes);
	err = err ? err
		  : leaks__judge(&taking->graph, &out->classes, &taking->suspects, taking->states,
			    &out->leaks);
	err = err ? err
		  : owners__find(taking->image, &taking->graph, &out->classes,
			    taking->options->names, &out->owners);
	out->has_graph = !err;
	out->read_bytes = taking->graph.read_bytes;
	return err;
}

static bool is_agreed(const struct taking *taking)
{
	const struct census_options *options = taking->options;
	uint64_t count = taking->out->survey.blocks.size;

	return !options->agree ||
	       options->agree(options->context, count, count * CENSUS_BLOCK_COST);
}

int census__take(const struct census_image *image, const struct census_options *options,
	struct census *out, struct error *error)
{
	struct taking taking = {.image = image, .options = options, .out = out};
	int err;

	*out = (struct census){0};
	err = take_account(&taking, error);
	out->unread = unread__allocator(image, out->has_heap ? out->survey.allocator : "");
	if (!err && out->has_heap && options->looks && is_agreed(&taking)) {
		err = look_on(&taking, error);
		err = err ? err : failed(error, judge(&taking));
	}
	drop_graph(&taking);
	suspects__free(&taking.suspects);
	return err;
}

void census__free(struct census *census)
{
	survey__free(&census->survey);
	classes__free(&census->classes);
	owners__free(&census->owners);
	leaks__free(&census->leaks);
}
