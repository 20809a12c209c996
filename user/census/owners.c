/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/owners.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define MAX_NAME 512
#define NONE UINT32_MAX
#define SHARED 0

/* How far from its thread pointer a thread's TLS reaches, below it (what modules have) and above
   (the C library's descriptor of the thread, where the values of its keys are). */
#define TLS_BELOW 1024
#define TLS_ABOVE 4096

/* Keys: a parent and a class, an owner's name's hash; values: an index + 1. */
DEFINE_HASH_NUMBER(chain_map, uint64_t, uint32_t);

static inline uint64_t name_hash(const char *name)
{
	uint64_t hash = 1;

	for (; *name; name++)
		hash = hash_combine(hash, (unsigned char)*name);
	return hash;
}

static inline bool name_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
DEFINE_HASH(owner_map, const char *, uint32_t, name_hash, name_equal);

struct owner_finder {
	const struct census_image *image;
	const struct pointer_graph *graph;
	const struct classes *classes;
	const struct census_names *names;
	struct owners *out;
	struct owner_map by_name;
	struct chain_map children;
	uint32_t *links;       /* of each class: which stands for it in chains */
	uint32_t *root_owners; /* of each pointer in a root */
	uint32_t *owners;      /* of each block; NONE: not reached yet */
	uint32_t *chains;      /* of each block, by a shortest way */
	uint32_t *queue;
	size_t queued;
};

/* --- names of owners */

static const struct census_thread *thread_with_tls(
	const struct owner_finder *finder, uint64_t address)
{
	for (size_t i = 0; i < finder->image->thread_count; i++) {
		const struct census_thread *thread = &finder->image->threads[i];
		uint64_t pointer = thread->thread_pointer;

		if (pointer && address + TLS_BELOW >= pointer && address < pointer + TLS_ABOVE)
			return thread;
	}
	return NULL;
}

static void name_stack(const struct owner_finder *finder, uint64_t address, char *to)
{
	const struct census_range *range = census_image__find(finder->image, address);

	for (size_t i = 0; range && i < finder->image->thread_count; i++) {
		const struct census_thread *thread = &finder->image->threads[i];
		uint64_t inside = i ? thread->thread_pointer : thread->stack_pointer;

		if (inside - range->start < range->end - range->start) {
			snprintf(to, MAX_NAME, "stack of thread %d", thread->tid);
			return;
		}
	}
	if (range && range->kind == RANGE_STACK && finder->image->thread_count)
		snprintf(to, MAX_NAME, "stack of thread %d", finder->image->threads[0].tid);
	else
		snprintf(to, MAX_NAME, "a stack");
}

static void name_variable(const struct owner_finder *finder, uint64_t address, char *to)
{
	char name[MAX_NAME / 2], module[MAX_NAME / 4];
	uint64_t offset;

	if (finder->names && finder->names->variable(finder->names->context, address, name, module,
				     sizeof(module), &offset)) {
		char *plus = strrchr(name, '+');

		if (plus && plus > name && plus[1] >= '0' && plus[1] <= '9')
			*plus = '\0';
		snprintf(to, MAX_NAME, "%s (%s)", name, module);
	} else if (finder->names && *module) {
		snprintf(to, MAX_NAME, "%s+0x%" PRIx64, module, offset);
	} else {
		snprintf(to, MAX_NAME, "variable at 0x%" PRIx64, address);
	}
}

static void name_memory(const struct owner_finder *finder, uint64_t address, char *to)
{
	const struct census_range *range = census_image__find(finder->image, address);
	const char *name = range && *range->name ? range->name : "mapping";

	snprintf(to, MAX_NAME, "%s at 0x%" PRIx64, name, range ? range->start : address);
}

/* Whether the owner is one by its own right, and not for the moment: no stack, no register. */
static bool name_root(const struct owner_finder *finder, const struct root_edge *root, char *to)
{
	const struct census_thread *thread =
		root->kind == ROOT_REGISTER ? NULL : thread_with_tls(finder, root->address);

	if (thread && root->kind != ROOT_DATA) {
		snprintf(to, MAX_NAME, "TLS of thread %d", thread->tid);
		return true;
	}
	switch ((enum root_kind)root->kind) {
	case ROOT_DATA:
		name_variable(finder, root->address, to);
		return true;
	case ROOT_MEMORY:
		name_memory(finder, root->address, to);
		return true;
	case ROOT_STACK:
		name_stack(finder, root->address, to);
		return false;
	case ROOT_REGISTER:
		snprintf(to, MAX_NAME, "registers of thread %d", (int)root->address);
		return false;
	}
	return false;
}

/* --- owners and chains */

static int add_chain(struct owner_finder *finder, uint32_t parent, uint32_t owner, uint32_t class)
{
	struct owner_chain chain = {
		.parent = parent, .owner = owner, .class = class, .heaviest = CHAIN_NO_CLASS};

	return vec_push(&finder->out->chains, chain);
}

static int add_owner(struct owner_finder *finder, const char *name, uint32_t *out)
{
	struct owner owner = {.name = strdup(name), .chain = finder->out->chains.size};
	uint32_t *known;

	*out = finder->out->all.size;
	if (!owner.name || add_chain(finder, owner.chain, *out, CHAIN_NO_CLASS) ||
		vec_push(&finder->out->all, owner)) {
		free(owner.name);
		return -ENOMEM;
	}
	known = owner_map__insert(&finder->by_name, owner.name);
	if (!known)
		return -ENOMEM;
	*known = *out + 1;
	return 0;
}

static int find_owner(struct owner_finder *finder, const char *name, uint32_t *out)
{
	uint32_t *known = owner_map__find(&finder->by_name, name);

	if (known) {
		*out = *known - 1;
		return 0;
	}
	if (finder->out->all.size >= OWNERS_MAX) {
		*out = SHARED;
		return 0;
	}
	return add_owner(finder, name, out);
}

/* Where the chain from the root to @chain has @class already; lists and trees go on forever. */
static bool find_in_chain(
	const struct owner_finder *finder, uint32_t chain, uint32_t class, uint32_t *out)
{
	const struct owner_chain *chains = finder->out->chains.data;

	for (;; chain = chains[chain].parent) {
		if (chains[chain].class == class) {
			*out = chain;
			return true;
		}
		if (chains[chain].parent == chain)
			return false;
	}
}

/* Nodes of a list or tree have pointers, or none: of one size they are one kind in a chain. */
static uint32_t link_of(const struct owner_finder *finder, uint32_t class)
{
	return class == CHAIN_NO_CLASS ? class : finder->links[class];
}

/* The chain of a block of @class that is reached by way of @parent. */
static int extend_chain(struct owner_finder *finder, uint32_t parent, uint32_t class, uint32_t *out)
{
	uint32_t *known;

	*out = parent;
	/* The C library's own have no class: they are passed through. */
	if (class == CHAIN_NO_CLASS || find_in_chain(finder, parent, class, out) ||
		finder->out->chains.size >= OWNERS_MAX_CHAINS)
		return 0;
	known = chain_map__insert(&finder->children, (uint64_t)parent << 32 | class);
	if (!known)
		return -ENOMEM;
	if (!*known) {
		if (add_chain(finder, parent, finder->out->chains.data[parent].owner, class))
			return -ENOMEM;
		*known = finder->out->chains.size;
	}
	*out = *known - 1;
	return 0;
}

/* --- who reaches what */

static int find_links(struct owner_finder *finder)
{
	struct chain_map sizes = {0};
	int err = 0;

	finder->links = reallocarray(NULL, finder->classes->all.size + 1, sizeof(*finder->links));
	for (size_t i = 0; finder->links && i < finder->classes->all.size; i++) {
		const struct census_class *class = &finder->classes->all.data[i];
		uint32_t *known;

		finder->links[i] = i;
		if (class->name || class->shape == SHAPE_TEXT)
			continue;
		known = chain_map__insert(&sizes, class->size);
		if (!known) {
			err = -ENOMEM;
			break;
		}
		*known = *known ? *known : i + 1;
		finder->links[i] = *known - 1;
	}
	chain_map__free(&sizes);
	return finder->links ? err : -ENOMEM;
}

static int reach(struct owner_finder *finder, uint32_t block, uint32_t owner, uint32_t chain)
{
	uint32_t class = link_of(finder, finder->classes->of[block]);
	int err = extend_chain(finder, chain, class, &finder->chains[block]);

	finder->owners[block] = owner;
	finder->queue[finder->queued++] = block;
	return err;
}

/* From the queue on in breadth, so that chains are short. Blocks have the first owner that comes.
 */
static int spread(struct owner_finder *finder, size_t taken)
{
	const struct pointer_graph *graph = finder->graph;
	int err = 0;

	while (!err && taken < finder->queued) {
		uint32_t block = finder->queue[taken++];

		for (uint32_t i = graph->first[block]; !err && i < graph->first[block + 1]; i++) {
			uint32_t target = edge__target(graph->edges.data[i]);

			if (finder->owners[target] == NONE)
				err = reach(finder, target, finder->owners[block],
					finder->chains[block]);
		}
	}
	return err;
}

/* Sharing, among the blocks that one phase has reached; those before count for more. */
struct sharing {
	struct owner_finder *finder;
	uint8_t *concerned; /* of each block */
	uint32_t *stack;    /* shared, and what they point to is not yet */
	size_t depth;
};

/* @owner reaches @block, too. */
static void share_block(struct sharing *sharing, uint32_t block, uint32_t owner)
{
	uint32_t *known = &sharing->finder->owners[block];

	if (!sharing->concerned[block] || *known == SHARED || *known == owner)
		return;
	*known = SHARED;
	sharing->stack[sharing->depth++] = block;
}

static void share_on(struct sharing *sharing, uint32_t block)
{
	const struct pointer_graph *graph = sharing->finder->graph;

	for (uint32_t i = graph->first[block]; i < graph->first[block + 1]; i++)
		share_block(sharing, edge__target(graph->edges.data[i]),
			sharing->finder->owners[block]);
}

/*
 * What a second owner reaches is shared, and all that this points to. @from: where in the queue
 * the blocks of this phase begin.
 */
static int share(struct owner_finder *finder, size_t from, bool strong)
{
	const struct pointer_graph *graph = finder->graph;
	struct sharing sharing = {.finder = finder, .stack = finder->queue + graph->blocks->size};

	sharing.concerned = calloc(graph->blocks->size + 1, 1);
	if (!sharing.concerned)
		return -ENOMEM;
	for (size_t i = from; i < finder->queued; i++)
		sharing.concerned[finder->queue[i]] = true;
	for (size_t i = 0; i < graph->roots.size; i++)
		if ((finder->root_owners[i] & 1) == strong)
			share_block(&sharing, edge__target(graph->roots.data[i].edge),
				finder->root_owners[i] >> 1);
	for (size_t i = from; i < finder->queued; i++)
		share_on(&sharing, finder->queue[i]);
	while (sharing.depth)
		share_on(&sharing, sharing.stack[--sharing.depth]);
	free(sharing.concerned);
	return 0;
}

/* One phase: the roots that own by right, or those that own for the moment. */
static int take_phase(struct owner_finder *finder, bool strong)
{
	size_t from = finder->queued;
	int err = 0;

	for (size_t i = 0; !err && i < finder->graph->roots.size; i++) {
		uint32_t target = edge__target(finder->graph->roots.data[i].edge);
		uint32_t owner = finder->root_owners[i] >> 1;

		if ((finder->root_owners[i] & 1) == strong && finder->owners[target] == NONE)
			err = reach(finder, target, owner, finder->out->all.data[owner].chain);
	}
	err = err ? err : spread(finder, from);
	return err ? err : share(finder, from, strong);
}

static int name_roots(struct owner_finder *finder)
{
	char name[MAX_NAME];

	for (size_t i = 0; i < finder->graph->roots.size; i++) {
		bool strong = name_root(finder, &finder->graph->roots.data[i], name);
		uint32_t owner;

		if (find_owner(finder, name, &owner))
			return -ENOMEM;
		finder->root_owners[i] = owner << 1 | strong;
	}
	return 0;
}

/* --- sums */

/* The chain of what is shared: as it was, under the owner "(shared)". */
static int shared_chain(struct owner_finder *finder, uint32_t chain, uint32_t *out)
{
	uint32_t classes[64], depth = 0, at = chain;

	for (; finder->out->chains.data[at].parent != at; at = finder->out->chains.data[at].parent)
		if (depth < 64)
			classes[depth++] = finder->out->chains.data[at].class;
	*out = finder->out->all.data[SHARED].chain;
	while (depth)
		if (extend_chain(finder, *out, classes[--depth], out))
			return -ENOMEM;
	return 0;
}

static void add_to_parent(struct owners *owners, uint32_t child)
{
	const struct owner_chain *chain = &owners->chains.data[child];
	struct owner_chain *parent = &owners->chains.data[chain->parent];

	parent->all_bytes += chain->all_bytes;
	parent->all_count += chain->all_count;
	if (chain->all_bytes &&
		(parent->heaviest == CHAIN_NO_CLASS ||
			owners->chains.data[parent->heaviest].all_bytes < chain->all_bytes))
		parent->heaviest = child;
}

static int sum(struct owner_finder *finder)
{
	for (size_t i = 0; i < finder->queued; i++) {
		uint32_t block = finder->queue[i], owner = finder->owners[block];
		uint32_t chain = finder->chains[block];
		uint64_t bytes = finder->graph->blocks->data[block].size;

		if (finder->graph->blocks->data[block].state == BLOCK_OWN)
			continue;
		if (owner == SHARED && finder->out->chains.data[chain].owner != SHARED &&
			shared_chain(finder, chain, &chain))
			return -ENOMEM;
		finder->out->all.data[owner].count++;
		finder->out->all.data[owner].bytes += bytes;
		finder->out->chains.data[chain].count++;
		finder->out->chains.data[chain].bytes += bytes;
	}
	for (size_t i = finder->out->chains.size; i--;) {
		struct owner_chain *chain = &finder->out->chains.data[i];

		chain->all_bytes += chain->bytes;
		chain->all_count += chain->count;
		if (chain->parent != i)
			add_to_parent(finder->out, i);
	}
	return 0;
}

static int make_room(struct owner_finder *finder)
{
	size_t count = finder->graph->blocks->size + 1;

	finder->root_owners =
		reallocarray(NULL, finder->graph->roots.size + 1, sizeof(*finder->root_owners));
	finder->owners = reallocarray(NULL, count, sizeof(*finder->owners));
	finder->chains = reallocarray(NULL, count, sizeof(*finder->chains));
	finder->queue = reallocarray(NULL, 2 * count, sizeof(*finder->queue));
	if (!finder->root_owners || !finder->owners || !finder->chains || !finder->queue)
		return -ENOMEM;
	memset(finder->owners, 0xff, count * sizeof(*finder->owners));
	return 0;
}

int owners__find(const struct census_image *image, const struct pointer_graph *graph,
	const struct classes *classes, const struct census_names *names, struct owners *out)
{
	struct owner_finder finder = {
		.image = image, .graph = graph, .classes = classes, .names = names, .out = out};
	uint32_t shared;
	int err;

	*out = (struct owners){0};
	err = make_room(&finder);
	err = err ? err : find_links(&finder);
	err = err ? err : add_owner(&finder, "(shared)", &shared);
	err = err ? err : name_roots(&finder);
	err = err ? err : take_phase(&finder, true);
	err = err ? err : take_phase(&finder, false);
	err = err ? err : sum(&finder);
	owner_map__free(&finder.by_name);
	chain_map__free(&finder.children);
	free(finder.links);
	free(finder.root_owners);
	free(finder.owners);
	free(finder.chains);
	free(finder.queue);
	return err;
}

void owners__free(struct owners *owners)
{
	vec_for_each (owner, &owners->all)
		free(owner->name);
	vec_free(&owners->all);
	vec_free(&owners->chains);
}

size_t owners__way(
	const struct owners *owners, const struct owner *owner, uint32_t steps[OWNER_STEPS])
{
	const struct owner_chain *chains = owners->chains.data;
	uint32_t at = chains[owner->chain].heaviest;
	size_t count = 0;

	while (count < OWNER_STEPS && at != CHAIN_NO_CLASS &&
		chains[at].all_bytes >= owner->bytes / 3) {
		steps[count++] = at;
		at = chains[at].heaviest;
	}
	return count;
}
