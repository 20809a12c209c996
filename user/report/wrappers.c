/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Wrappers of allocation functions, found by what the stacks of all sites show. */
#include <string.h>

#include "base/hash.h"
#include "report/callers.h"
#include "symbols/trim.h"

/* What makes a function a wrapper; a constructor allocates one size, a program's own code much. */
#define LEAST_CALLERS 5
#define LEAST_CALLS 10
#define LEAST_SIZES 3
#define MOST_PLACES 3
/* One in so many of its callers may allocate in another way as well. */
#define OTHER_WAYS 5
/* Wrappers of wrappers of wrappers. */
#define ROUNDS 4

/* A function; without a name, the place of a call in one, which then has just this. */
struct function_name {
	const char *module;   /* NULL: none */
	const char *function; /* NULL: it has no name, */
	uint64_t offset;      /* but a call here; else 0 */
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
	/* FNV-1a: names are short, and there are few of them. */
	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static inline uint64_t function_name__hash(struct function_name name)
{
	return hash_combine(hash_text(hash_text(0xcbf29ce484222325ull, name.module), name.function),
		name.offset);
}

static inline bool function_name__equal(struct function_name a, struct function_name b)
{
	return a.offset == b.offset && is_same_text(a.function, b.function) &&
	       is_same_text(a.module, b.module);
}

/* What the stacks show of a function. */
struct function_evidence {
	size_t direct;	/* sites at which it is the one that asks an allocation function */
	size_t further; /* sites at which it stands further out */
	size_t callers; /* distinct functions that call it where it asks, */
	size_t others;	/* of them, those that ask themselves elsewhere */
	size_t sizes;	/* distinct mean sizes of blocks, at those sites */
	size_t places;	/* distinct places in it from which it asks */
	bool is_wrapper;
};

DEFINE_HASH(evidence_map, struct function_name, struct function_evidence, function_name__hash,
	function_name__equal);

/* Something distinct about a function: a caller, a size or a place. */
struct detail {
	uint64_t function;
	uint64_t what;
};

static inline uint64_t detail__hash(struct detail detail)
{
	return hash_combine(detail.function, detail.what);
}

static inline bool detail__equal(struct detail a, struct detail b)
{
	return a.function == b.function && a.what == b.what;
}

DEFINE_HASH(detail_map, struct detail, bool, detail__hash, detail__equal);

enum detail_kind { DETAIL_CALLER, DETAIL_SIZE, DETAIL_PLACE };

struct wrapper_search {
	struct evidence_map functions;
	struct detail_map details;
	bool no_memory;
};

static struct function_name name_of(const struct report_frame *frame)
{
	return (struct function_name){
		frame->module, frame->function, frame->function ? 0 : frame->offset};
}

static struct function_evidence *evidence_of(
	struct wrapper_search *search, const struct report_frame *frame)
{
	struct function_evidence *evidence =
		evidence_map__insert(&search->functions, name_of(frame));

	search->no_memory |= !evidence;
	return evidence;
}

/* Whether this is new about the function of @frame. */
static bool is_new(struct wrapper_search *search, const struct report_frame *frame,
	enum detail_kind kind, uint64_t what)
{
	struct detail key = {function_name__hash(name_of(frame)), hash_combine(kind, what)};
	bool *known = detail_map__insert(&search->details, key);
	bool is_new = known && !*known;

	search->no_memory |= !known;
	if (known)
		*known = true;
	return is_new;
}

static bool is_same_function(const struct report_frame *a, const struct report_frame *b)
{
	return function_name__equal(name_of(a), name_of(b));
}

/* The frame of @site that asks; its caller, which is another function, goes to *@caller. */
static const struct report_frame *find_asking(
	const struct report_site *site, const struct report_frame **caller)
{
	size_t first = callers__first_native(site), end = callers__end(site);
	const struct report_frame *asking;

	*caller = NULL;
	while (first < end && trim__is_allocator(site->frames[first].function))
		first++;
	if (first >= end)
		return NULL;
	asking = &site->frames[first];
	if (asking->is_python)
		return NULL; /* its name alone, without its file, is not what tells it apart */
	for (size_t i = first + 1; i < end && !*caller; i++)
		if (!is_same_function(asking, &site->frames[i]))
			*caller = &site->frames[i];
	return asking;
}

static void look_at_site(struct wrapper_search *search, const struct report_site *site)
{
	const struct report_frame *caller, *asking = find_asking(site, &caller);
	const struct report_frame *end = site->frames + callers__end(site);
	struct function_evidence *evidence = asking ? evidence_of(search, asking) : NULL;
	uint64_t size = site->alloc_count ? site->alloc_bytes / site->alloc_count : 0;

	if (!evidence)
		return;
	evidence->direct++;
	evidence->sizes += is_new(search, asking, DETAIL_SIZE, size);
	evidence->places +=
		is_new(search, asking, DETAIL_PLACE, asking->line ? asking->line : asking->offset);
	for (const struct report_frame *frame = caller; frame && frame < end; frame++) {
		evidence = evidence_of(search, frame);
		if (evidence)
			evidence->further++;
	}
}

/* Once it is known which functions ask. */
static void look_at_callers(struct wrapper_search *search, const struct report_site *site)
{
	const struct report_frame *caller, *asking = find_asking(site, &caller);
	struct function_evidence *evidence, *own;

	if (!caller)
		return;
	evidence = evidence_map__find(&search->functions, name_of(asking));
	own = evidence_map__find(&search->functions, name_of(caller));
	if (!evidence || !own ||
		!is_new(search, asking, DETAIL_CALLER, function_name__hash(name_of(caller))))
		return;
	evidence->callers++;
	evidence->others += own->direct > 0;
}

static bool is_wrapper(const struct function_name *name, const struct function_evidence *evidence)
{
	/* Of callers without names it is not known whether two calls are of one function. */
	size_t least = name->function ? LEAST_CALLERS : LEAST_CALLS;

	if (!name->module || (name->function && !strcmp(name->function, "main")))
		return false;
	return !evidence->further && evidence->callers >= least && evidence->sizes >= LEAST_SIZES &&
	       evidence->places <= MOST_PLACES &&
	       evidence->others * OTHER_WAYS <= evidence->callers;
}

static size_t mark(struct wrapper_search *search, struct report_site *site)
{
	size_t marked = 0;

	for (size_t i = 0; i < site->frame_count; i++) {
		struct report_frame *frame = &site->frames[i];
		const struct function_evidence *evidence =
			evidence_map__find(&search->functions, name_of(frame));

		if (evidence && evidence->is_wrapper && !frame->is_wrapper) {
			frame->is_wrapper = true;
			marked++;
		}
	}
	return marked;
}

/* Returns how many frames were marked. */
static size_t search_once(struct wrapper_search *search, struct report *report)
{
	size_t marked = 0;

	vec_for_each (site, &report->sites)
		look_at_site(search, site);
	vec_for_each (site, &report->sites)
		look_at_callers(search, site);
	if (search->no_memory)
		return 0;
	hash_for_each (slot, &search->functions)
		slot->value.is_wrapper = is_wrapper(&slot->key, &slot->value);
	vec_for_each (site, &report->sites)
		marked += mark(search, site);
	return marked;
}

int callers__mark_wrappers(struct report *report)
{
	struct wrapper_search search = {0};
	size_t marked = 1;

	for (int round = 0; round < ROUNDS && marked && !search.no_memory; round++) {
		marked = search_once(&search, report);
		evidence_map__free(&search.functions);
		detail_map__free(&search.details);
	}
	return search.no_memory ? -ENOMEM : 0;
}
