/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "order/order.h"

#include <stdlib.h>
#include <string.h>

#include "order/private.h"

/* How a lock is taken is not a fact of the lock. */
#define OF_THE_LOCK (~(uint32_t)(ORDER_READ | ORDER_TIMED | ORDER_TRIED))

struct order_model *order__new(order_describe_fn *describe, void *context, uint64_t attached_ns)
{
	struct order_model *model = calloc(1, sizeof(*model));

	if (!model)
		return NULL;
	model->describe = describe;
	model->context = context;
	model->attached_ns = attached_ns;
	return model;
}

void order__free(struct order_model *model)
{
	if (!model)
		return;
	vec_free(&model->locks);
	vec_free(&model->edges);
	vec_free(&model->uses);
	vec_free(&model->marks);
	vec_free(&model->threads);
	order_numbers__free(&model->by_address);
	order_numbers__free(&model->ended);
	order_numbers__free(&model->by_key);
	order_numbers__free(&model->by_ends);
	order_numbers__free(&model->by_thread);
	order_sites__free(&model->sites);
	free(model);
}

int order__add_stack(struct order_model *model, uint64_t stack, uint64_t site)
{
	uint64_t *slot = order_sites__insert(&model->sites, stack);

	if (!slot)
		return -ENOMEM;
	*slot = site;
	return 0;
}

/* --- locks and threads */

static struct hash_pair address_key(uint32_t process, uint64_t address)
{
	return (struct hash_pair){process, address};
}

/* A lock that is known under another address, in another process. */
static int64_t find_shared(struct order_model *model, const struct order_identity *identity)
{
	struct hash_pair key = {identity->key[0], identity->key[1]};
	uint32_t *number = identity->is_shared ? order_numbers__find(&model->by_key, key) : NULL;

	return number ? (int64_t)*number : -1;
}

static int64_t make_lock(
	struct order_model *model, uint32_t process, uint64_t address, uint32_t facts)
{
	struct order_lock lock = {
		.process = process, .address = address, .facts = facts & OF_THE_LOCK};
	int64_t known;

	if (model->describe)
		model->describe(model->context, process, address, facts, &lock.identity);
	known = find_shared(model, &lock.identity);
	if (known >= 0)
		return known;
	if (vec_push(&model->locks, lock))
		return -ENOMEM;
	if (lock.identity.is_shared) {
		struct hash_pair key = {lock.identity.key[0], lock.identity.key[1]};
		uint32_t *number = order_numbers__insert(&model->by_key, key);

		if (!number)
			return -ENOMEM;
		*number = model->locks.size - 1;
	}
	return model->locks.size - 1;
}

/* The number of the lock at an address; -ENOMEM. */
static int64_t find_lock(
	struct order_model *model, uint32_t process, uint64_t address, uint32_t facts)
{
	struct hash_pair key = address_key(process, address);
	uint32_t *slot = order_numbers__find(&model->by_address, key);
	int64_t number;

	if (slot) {
		model->locks.data[*slot].facts |= facts & OF_THE_LOCK;
		return *slot;
	}
	number = make_lock(model, process, address, facts);
	slot = number < 0 ? NULL : order_numbers__insert(&model->by_address, key);
	if (!slot)
		return -ENOMEM;
	*slot = number;
	return number;
}

static struct hash_pair thread_key(uint32_t process, pid_t tid, uint64_t start_ns)
{
	return (struct hash_pair){(uint64_t)process << 32 | (uint32_t)tid, start_ns};
}

static int64_t find_thread(struct order_model *model, const struct order_nested *record)
{
	struct hash_pair key =
		thread_key(record->header.process, record->header.tid, record->thread_start_ns);
	uint32_t *slot = order_numbers__find(&model->by_thread, key);
	struct order_thread_life thread = {
		.process = record->header.process,
		.tid = record->header.tid,
		.start_ns = record->thread_start_ns,
		.end_ns = UINT64_MAX,
	};

	if (slot)
		return *slot;
	memcpy(thread.comm, record->comm, sizeof(thread.comm));
	thread.comm[sizeof(thread.comm) - 1] = '\0';
	slot = order_numbers__insert(&model->by_thread, key);
	if (!slot || vec_push(&model->threads, thread))
		return -ENOMEM;
	*slot = model->threads.size - 1;
	return *slot;
}

void order__end_thread(struct order_model *model, uint32_t process, pid_t tid, uint64_t time_ns)
{
	/* The latest of that number. */
	for (size_t i = model->threads.size; i > 0; i--) {
		struct order_thread_life *thread = &model->threads.data[i - 1];

		if (thread->process != process || (tid && thread->tid != tid) ||
			thread->end_ns != UINT64_MAX)
			continue;
		thread->end_ns = time_ns;
		if (tid)
			return;
	}
}

/* --- nesting */

static int64_t find_edge(struct order_model *model, uint32_t from, uint32_t to)
{
	struct hash_pair key = {from, to};
	uint32_t *slot = order_numbers__find(&model->by_ends, key);
	struct order_edge edge = {.from = from, .to = to, .first_use = ORDER_NONE};

	if (slot)
		return *slot;
	slot = order_numbers__insert(&model->by_ends, key);
	if (!slot || vec_push(&model->edges, edge))
		return -ENOMEM;
	*slot = model->edges.size - 1;
	return *slot;
}

static bool holds_the_same(
	const struct order_model *model, const struct order_use *a, const struct order_use *b)
{
	const struct order_mark *x = &model->marks.data[a->first_held];
	const struct order_mark *y = &model->marks.data[b->first_held];

	if (a->held_count != b->held_count)
		return false;
	for (uint32_t i = 0; i < a->held_count; i++)
		if (x[i].lock != y[i].lock || x[i].for_reading != y[i].for_reading)
			return false;
	return true;
}

static bool is_known_use(const struct order_model *model, const struct order_use *use)
{
	uint32_t at = model->edges.data[use->edge].first_use;

	while (at != ORDER_NONE) {
		const struct order_use *known = &model->uses.data[at];

		if (known->thread == use->thread && known->from_facts == use->from_facts &&
			known->to_facts == use->to_facts && known->retakes == use->retakes &&
			known->from_stack == use->from_stack && known->to_stack == use->to_stack &&
			holds_the_same(model, known, use))
			return true;
		at = known->next;
	}
	return false;
}

static int add_use(struct order_model *model, struct order_use *use)
{
	struct order_edge *edge = &model->edges.data[use->edge];

	if (is_known_use(model, use))
		return 0;
	if (edge->use_count >= ORDER_MAX_USES) {
		model->totals.uses_dropped++;
		return 0;
	}
	use->next = edge->first_use;
	if (vec_push(&model->uses, *use))
		return -ENOMEM;
	edge->first_use = model->uses.size - 1;
	edge->use_count++;
	return 0;
}

static int compare_marks(const void *a, const void *b)
{
	const struct order_mark *x = a, *y = b;

	return x->lock < y->lock ? -1 : x->lock > y->lock;
}

/* Notes what is held, by numbers; @first is where. 0 or -ENOMEM. */
static int mark_held(struct order_model *model, const struct order_nested *record,
	const struct order_held *held, uint32_t *first)
{
	*first = model->marks.size;
	for (uint32_t i = 0; i < record->count; i++) {
		int64_t lock =
			find_lock(model, record->header.process, held[i].lock, held[i].facts);
		struct order_mark mark = {lock, held[i].facts & ORDER_READ};

		if (lock < 0 || vec_push(&model->marks, mark))
			return -ENOMEM;
	}
	if (record->count)
		qsort(&model->marks.data[*first], record->count, sizeof(struct order_mark),
			compare_marks);
	return 0;
}

static int take_pair(struct order_model *model, const struct order_nested *record,
	const struct order_held *held, struct order_use *use)
{
	int64_t from = find_lock(model, record->header.process, held->lock, held->facts);
	int64_t to = find_lock(model, record->header.process, record->lock, record->facts);
	int64_t edge = from < 0 || to < 0 ? -ENOMEM : find_edge(model, from, to);

	if (edge < 0)
		return edge;
	use->edge = edge;
	use->from_facts = held->facts;
	use->to_facts = record->facts;
	use->from_stack = held->stack;
	use->to_stack = record->stack;
	return add_use(model, use);
}

static int take_nested(
	struct order_model *model, const struct order_nested *record, const struct order_held *held)
{
	struct order_use use = {
		.time_ns = record->header.time_ns,
		.retakes = record->header.flags & ORDER_RETAKES,
		.held_count = record->count,
	};
	int64_t to = find_lock(model, record->header.process, record->lock, record->facts), thread;
	int err;

	if (to < 0)
		return to;
	if ((record->facts & (ORDER_KIND_MASK | ORDER_READ)) == ORDER_RWLOCK)
		model->locks.data[to].has_writers = true;
	if (!record->count)
		return 0;
	thread = find_thread(model, record);
	if (thread < 0)
		return thread;
	use.thread = thread;
	err = mark_held(model, record, held, &use.first_held);
	for (uint32_t i = 0; i < record->count && !err; i++) {
		/* A thread that waits for itself does so whatever else it holds. */
		if (record->header.flags & ORDER_WAITS_SELF ? held[i].lock == record->lock
							    : held[i].lock != record->lock)
			err = take_pair(model, record, &held[i], &use);
	}
	return err;
}

int order__take_nested(
	struct order_model *model, const struct order_nested *record, const struct order_held *held)
{
	int err = take_nested(model, record, held);

	model->totals.nestings++;
	model->totals.no_memory += err != 0;
	return err;
}

/* --- what is no lock any more */

static void end_lock(struct order_model *model, struct hash_pair key)
{
	uint32_t number, *ended;

	if (!order_numbers__remove(&model->by_address, key, &number))
		return;
	ended = order_numbers__insert(&model->ended, key);
	if (ended)
		*ended = number;
	model->locks.data[number].is_gone = true;
	model->totals.gone++;
	if (model->locks.data[number].identity.is_shared) {
		const uint64_t *shared = model->locks.data[number].identity.key;

		order_numbers__remove(
			&model->by_key, (struct hash_pair){shared[0], shared[1]}, NULL);
	}
}

static void add_sums(struct order_hold *to, const struct order_hold *hold)
{
	to->count += hold->count;
	to->total_ns += hold->total_ns;
	if (hold->max_ns > to->max_ns) {
		to->max_ns = hold->max_ns;
		to->max_stack = hold->max_stack;
	}
}

void order__take_gone(struct order_model *model, const struct order_gone *record,
	void (*forget)(void *context, uint64_t address))
{
	struct hash_pair key = address_key(record->header.process, record->address);
	uint32_t *number = order_numbers__find(&model->by_address, key);
	VEC(uint64_t) ended = {0};

	if (number)
		add_sums(&model->locks.data[*number].hold, &record->hold);
	if (record->size <= 1) {
		end_lock(model, key);
		return;
	}
	hash_for_each (slot, &model->by_address)
		if (slot->key.a == key.a && slot->key.b - key.b < record->size &&
			vec_push(&ended, slot->key.b))
			model->totals.no_memory++;
	vec_for_each (address, &ended) {
		end_lock(model, address_key(record->header.process, *address));
		if (forget)
			forget(model->context, *address);
	}
	vec_free(&ended);
}

/* Somebody else locked it, if the thread was born under our eyes: it cannot have before. */
void order__take_foreign(struct order_model *model, const struct order_foreign *record)
{
	if (record->thread_start_ns < model->attached_ns)
		model->totals.unknown_before++;
	else
		model->totals.let_go_by_other++;
}

int order__add_hold(
	struct order_model *model, const struct order_lock_key *key, const struct order_hold *hold)
{
	struct hash_pair at = address_key(key->process, key->address);
	const uint32_t *ended = order_numbers__find(&model->by_address, at)
					? NULL
					: order_numbers__find(&model->ended, at);
	int64_t lock =
		ended ? (int64_t)*ended : find_lock(model, key->process, key->address, hold->facts);

	if (lock < 0)
		return lock;
	add_sums(&model->locks.data[lock].hold, hold);
	return 0;
}

/* --- questions */

const struct order_lock *order__lock(const struct order_model *model, uint32_t number)
{
	return &model->locks.data[number];
}

const struct order_edge *order__edge(const struct order_model *model, uint32_t number)
{
	return &model->edges.data[number];
}

const struct order_use *order__use(const struct order_model *model, uint32_t number)
{
	return &model->uses.data[number];
}

const struct order_thread_life *order__thread(const struct order_model *model, uint32_t number)
{
	return &model->threads.data[number];
}

size_t order__lock_count(const struct order_model *model)
{
	return model->locks.size;
}

size_t order__edge_count(const struct order_model *model)
{
	return model->edges.size;
}

void order__count(const struct order_model *model, struct order_totals *out)
{
	*out = model->totals;
	out->locks = model->locks.size;
	out->edges = model->edges.size;
	out->threads = model->threads.size;
}

const char *order__kind(uint32_t facts)
{
	switch (facts & ORDER_KIND_MASK) {
	case ORDER_MUTEX:
		return "mutex";
	case ORDER_RWLOCK:
		return "rwlock";
	default:
		return "spin lock";
	}
}

bool order__keeps_out(const struct order_model *model, uint32_t lock, uint32_t held, uint32_t asked)
{
	const struct order_lock *at = &model->locks.data[lock];

	if (!(held & ORDER_READ) || !(asked & ORDER_READ))
		return true;
	return at->has_writers || at->facts & ORDER_FOR_WRITERS;
}

bool order__can_coincide(
	const struct order_model *model, const struct order_use *a, const struct order_use *b)
{
	const struct order_mark *x = &model->marks.data[a->first_held];
	const struct order_mark *y = &model->marks.data[b->first_held];
	uint32_t i = 0, k = 0;

	while (i < a->held_count && k < b->held_count) {
		if (x[i].lock < y[k].lock) {
			i++;
		} else if (x[i].lock > y[k].lock) {
			k++;
		} else {
			if (!x[i].for_reading || !y[k].for_reading)
				return false;
			i++;
			k++;
		}
	}
	return true;
}
