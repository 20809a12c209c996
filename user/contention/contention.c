/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "contention/contention.h"

#include <stdlib.h>
#include <string.h>

struct lock_identity {
	struct lock_key key;
	enum wait_kind kind;
};

static inline uint64_t identity_hash(struct lock_identity identity)
{
	return hash_combine(lock_key__hash(identity.key), identity.kind);
}

static inline bool identity_equal(struct lock_identity a, struct lock_identity b)
{
	return lock_key__equal(&a.key, &b.key) && a.kind == b.kind;
}

DEFINE_HASH(lock_numbers, struct lock_identity, uint32_t, identity_hash, identity_equal);

struct row_key {
	uint64_t stack;
	uint32_t lock;
	uint32_t side;
};

static inline uint64_t row_key_hash(struct row_key key)
{
	return hash_combine(key.stack, (uint64_t)key.lock << 1 | key.side);
}

static inline bool row_key_equal(struct row_key a, struct row_key b)
{
	return a.stack == b.stack && a.lock == b.lock && a.side == b.side;
}

DEFINE_HASH(row_map, struct row_key, struct contention_row, row_key_hash, row_key_equal);
DEFINE_HASH_NUMBER(known_stacks, uint64_t, struct contention_stack);
/* By PID and TID. */
DEFINE_HASH_NUMBER(known_threads, uint64_t, struct contention_thread);
/* Lock and TID: who has waited for it. */
DEFINE_HASH_NUMBER(waiter_set, uint64_t, bool);

struct contention {
	struct lock_numbers numbers;
	VEC(struct contention_lock) locks;
	struct row_map rows;
	struct known_stacks stacks;
	struct known_threads threads;
	struct waiter_set waiters;
};

struct contention *contention__new(void)
{
	return calloc(1, sizeof(struct contention));
}

void contention__free(struct contention *model)
{
	if (!model)
		return;
	lock_numbers__free(&model->numbers);
	vec_free(&model->locks);
	row_map__free(&model->rows);
	known_stacks__free(&model->stacks);
	known_threads__free(&model->threads);
	waiter_set__free(&model->waiters);
	free(model);
}

/* --- locks */

const char *contention__kind(const struct contention_identity *identity)
{
	return identity->is_loader ? "loader" : wait_kind__name(identity->kind);
}

bool contention__is_ranked(const struct contention_identity *identity)
{
	switch (identity->kind) {
	case WAIT_JOIN:
	case WAIT_VECTOR:
		return false;
	case WAIT_UNKNOWN:
		return !identity->is_guess;
	default:
		return wait_kind__has_holder(identity->kind);
	}
}

bool contention__wants(
	const struct contention_filter *filter, const struct contention_identity *identity)
{
	if (filter->kind)
		return !strcmp(filter->kind, contention__kind(identity));
	return filter->all || contention__is_ranked(identity);
}

int64_t contention__add_lock(struct contention *model, const struct contention_identity *identity)
{
	struct lock_identity key = {identity->key, identity->kind};
	uint32_t *number = lock_numbers__find(&model->numbers, key);
	struct contention_lock lock = {.identity = *identity};

	if (number) {
		if (!identity->is_guess)
			model->locks.data[*number].identity.is_guess = false;
		return *number;
	}
	if (vec_push(&model->locks, lock))
		return -ENOMEM;
	number = lock_numbers__insert(&model->numbers, key);
	if (!number) {
		model->locks.size--;
		return -ENOMEM;
	}
	*number = model->locks.size - 1;
	return *number;
}

size_t contention__lock_count(const struct contention *model)
{
	return model->locks.size;
}

const struct contention_lock *contention__lock(const struct contention *model, uint32_t number)
{
	return &model->locks.data[number];
}

/* --- stacks */

int contention__add_stack(
	struct contention *model, uint64_t hash, const struct contention_stack *stack)
{
	struct contention_stack *known = known_stacks__insert(&model->stacks, hash);

	if (!known)
		return -ENOMEM;
	*known = *stack;
	return 0;
}

const struct contention_stack *contention__stack(struct contention *model, uint64_t hash)
{
	return known_stacks__find(&model->stacks, hash);
}

/* --- waits */

unsigned int contention__bucket(uint64_t ns)
{
	unsigned int bucket = ns ? 63 - __builtin_clzll(ns) : 0;

	return bucket < CONTENTION_BUCKETS ? bucket : CONTENTION_BUCKETS - 1;
}

void contention_sums__add(struct contention_sums *sums, uint64_t ns)
{
	sums->count++;
	sums->total_ns += ns;
	if (ns > sums->max_ns)
		sums->max_ns = ns;
	sums->histogram[contention__bucket(ns)]++;
}

static void merge_sums(struct contention_sums *to, const struct contention_sums *from)
{
	to->count += from->count;
	to->total_ns += from->total_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	for (size_t i = 0; i < CONTENTION_BUCKETS; i++)
		to->histogram[i] += from->histogram[i];
}

uint64_t contention_sums__percentile(const struct contention_sums *sums, unsigned int percent)
{
	uint64_t wanted = (sums->count * percent + 99) / 100, seen = 0;

	for (size_t i = 0; i + 1 < CONTENTION_BUCKETS; i++) {
		uint64_t end = (2ull << i) - 1;

		seen += sums->histogram[i];
		if (seen >= wanted)
			return end < sums->max_ns ? end : sums->max_ns;
	}
	return sums->max_ns;
}

static struct contention_row *add_row(
	struct contention *model, uint32_t lock, enum contention_side side, uint64_t stack)
{
	struct row_key key = {stack, lock, side};
	struct contention_row *row = row_map__insert(&model->rows, key);

	if (!row)
		return NULL;
	row->lock = lock;
	row->side = side;
	row->stack = stack;
	return row;
}

static struct contention_thread *add_thread(struct contention *model, pid_t pid, pid_t tid)
{
	struct contention_thread *thread =
		known_threads__insert(&model->threads, (uint64_t)pid << 32 | (uint32_t)tid);

	if (thread) {
		thread->pid = pid;
		thread->tid = tid;
	}
	return thread;
}

static int note_waiter(struct contention *model, struct contention_lock *lock,
	const struct contention_wait_facts *wait, uint64_t ns)
{
	struct contention_thread *thread = add_thread(model, wait->pid, wait->tid);
	bool *has_waited = waiter_set__insert(
		&model->waiters, (uint64_t)wait->lock << 32 | (uint32_t)wait->tid);

	if (!thread || !has_waited)
		return -ENOMEM;
	if (wait->comm)
		strncpy(thread->comm, wait->comm, sizeof(thread->comm) - 1);
	lock->threads += !*has_waited;
	*has_waited = true;
	if (contention__is_ranked(&lock->identity))
		contention_sums__add(&thread->waited, ns);
	return 0;
}

static int note_holder(struct contention *model, const struct contention_lock *lock,
	const struct contention_wait_facts *wait, uint64_t ns)
{
	struct contention_thread *thread;

	if (!wait->holder_tid || !contention__is_ranked(&lock->identity))
		return 0;
	thread = add_thread(model, wait->pid, wait->holder_tid);
	if (!thread)
		return -ENOMEM;
	thread->held_ns += ns;
	thread->held_count++;
	return 0;
}

int contention__add_wait(struct contention *model, const struct contention_wait_facts *wait)
{
	struct contention_lock *lock = &model->locks.data[wait->lock];
	uint64_t ns = wait->end_ns > wait->begin_ns ? wait->end_ns - wait->begin_ns : 0;
	enum holder_moment moment = wait->holder_stack ? wait->moment : HOLDER_UNKNOWN;
	struct contention_row *row;

	row = add_row(model, wait->lock, CONTENTION_WAITER, wait->stack);
	if (!row || note_waiter(model, lock, wait, ns) || note_holder(model, lock, wait, ns))
		return -ENOMEM;
	contention_sums__add(&row->sums, ns);
	row = add_row(model, wait->lock, CONTENTION_HOLDER, wait->holder_stack);
	if (!row)
		return -ENOMEM;
	contention_sums__add(&row->sums, ns);
	row->at_begin += moment == HOLDER_AT_BEGIN;
	contention_sums__add(&lock->sums, ns);
	lock->moments[moment]++;
	return 0;
}

/* --- locks that turn out to be one */

static int move_rows(struct contention *model, uint32_t from, uint32_t into)
{
	VEC(struct contention_row) rows = {0};
	int err = 0;

	hash_for_each (slot, &model->rows)
		if (slot->value.lock == from && !err)
			err = vec_push(&rows, slot->value);
	vec_for_each (row, &rows) {
		struct row_key key = {row->stack, from, row->side};
		struct contention_row *to;

		row_map__remove(&model->rows, key, NULL);
		to = err ? NULL : add_row(model, into, row->side, row->stack);
		if (!to) {
			err = -ENOMEM;
			continue;
		}
		merge_sums(&to->sums, &row->sums);
		to->at_begin += row->at_begin;
	}
	vec_free(&rows);
	return err;
}

static int move_waiters(struct contention *model, uint32_t from, uint32_t into)
{
	VEC(uint32_t) tids = {0};
	int err = 0;

	hash_for_each (slot, &model->waiters)
		if (slot->key >> 32 == from && !err)
			err = vec_push(&tids, (uint32_t)slot->key);
	vec_for_each (tid, &tids) {
		bool *has_waited = waiter_set__insert(&model->waiters, (uint64_t)into << 32 | *tid);

		waiter_set__remove(&model->waiters, (uint64_t)from << 32 | *tid, NULL);
		if (!has_waited) {
			err = -ENOMEM;
			continue;
		}
		model->locks.data[into].threads += !*has_waited;
		*has_waited = true;
	}
	vec_free(&tids);
	return err;
}

int contention__merge_lock(struct contention *model, uint32_t from, uint32_t into)
{
	struct contention_lock *source = &model->locks.data[from];
	struct contention_lock *target = &model->locks.data[into];
	int err = move_rows(model, from, into);

	err = err ? err : move_waiters(model, from, into);
	merge_sums(&target->sums, &source->sums);
	target->open_at_begin += source->open_at_begin;
	target->open_at_end += source->open_at_end;
	if (source->open_ns > target->open_ns)
		target->open_ns = source->open_ns;
	for (size_t i = 0; i < sizeof(source->moments) / sizeof(*source->moments); i++)
		target->moments[i] += source->moments[i];
	*source = (struct contention_lock){.identity = source->identity, .is_merged = true};
	return err;
}

void contention__add_open(
	struct contention *model, uint32_t number, bool at_end, uint64_t so_far_ns)
{
	struct contention_lock *lock = &model->locks.data[number];

	if (!at_end) {
		lock->open_at_begin++;
		return;
	}
	lock->open_at_end++;
	if (so_far_ns > lock->open_ns)
		lock->open_ns = so_far_ns;
}

/* --- a profile that was kept */

int64_t contention__restore_lock(struct contention *model, const struct contention_lock *lock)
{
	int64_t number = contention__add_lock(model, &lock->identity);

	if (number >= 0)
		model->locks.data[number] = *lock;
	return number;
}

int contention__restore_row(struct contention *model, const struct contention_row *row)
{
	struct contention_row *known = add_row(model, row->lock, row->side, row->stack);

	if (!known)
		return -ENOMEM;
	*known = *row;
	return 0;
}

int contention__restore_thread(struct contention *model, const struct contention_thread *thread)
{
	struct contention_thread *known = add_thread(model, thread->pid, thread->tid);

	if (!known)
		return -ENOMEM;
	*known = *thread;
	return 0;
}

/* --- rankings */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int compare_locks(const void *x, const void *y, void *context)
{
	const struct contention *model = context;
	const struct contention_lock *a = &model->locks.data[*(const uint32_t *)x];
	const struct contention_lock *b = &model->locks.data[*(const uint32_t *)y];
	int order = compare_numbers(a->sums.total_ns, b->sums.total_ns);

	if (!order)
		order = compare_numbers(
			a->open_at_begin + a->open_at_end, b->open_at_begin + b->open_at_end);
	return order ? order : *(const uint32_t *)x < *(const uint32_t *)y ? -1 : 1;
}

int contention__rank_locks(const struct contention *model, const struct contention_filter *filter,
	contention_numbers *out)
{
	*out = (contention_numbers){0};
	for (uint32_t i = 0; i < model->locks.size; i++)
		if (!model->locks.data[i].is_merged &&
			contention__wants(filter, &model->locks.data[i].identity) &&
			vec_push(out, i))
			return -ENOMEM;
	if (out->size)
		qsort_r(out->data, out->size, sizeof(*out->data), compare_locks, (void *)model);
	return 0;
}

static int compare_rows(const void *x, const void *y)
{
	const struct contention_row *a = *(const struct contention_row *const *)x;
	const struct contention_row *b = *(const struct contention_row *const *)y;
	int order = compare_numbers(a->sums.total_ns, b->sums.total_ns);

	return order ? order : a->stack < b->stack ? -1 : a->stack > b->stack;
}

int contention__rank_rows(const struct contention *model, const struct contention_filter *filter,
	int64_t lock, enum contention_side side, contention_rows *out)
{
	*out = (contention_rows){0};
	hash_for_each (slot, &model->rows) {
		const struct contention_row *row = &slot->value;

		if (row->side != side || (lock >= 0 && row->lock != lock) ||
			!contention__wants(filter, &model->locks.data[row->lock].identity))
			continue;
		if (vec_push(out, row))
			return -ENOMEM;
	}
	if (out->size)
		qsort(out->data, out->size, sizeof(*out->data), compare_rows);
	return 0;
}

static int compare_threads(const void *x, const void *y)
{
	const struct contention_thread *a = *(const struct contention_thread *const *)x;
	const struct contention_thread *b = *(const struct contention_thread *const *)y;
	int order = compare_numbers(a->waited.total_ns, b->waited.total_ns);

	if (!order)
		order = compare_numbers(a->held_ns, b->held_ns);
	return order ? order : a->tid - b->tid;
}

int contention__rank_threads(const struct contention *model, contention_threads *out)
{
	*out = (contention_threads){0};
	hash_for_each (slot, &model->threads)
		if ((slot->value.waited.count || slot->value.held_count) &&
			vec_push(out, (const struct contention_thread *)&slot->value))
			return -ENOMEM;
	if (out->size)
		qsort(out->data, out->size, sizeof(*out->data), compare_threads);
	return 0;
}

struct contention_sums contention__total(
	const struct contention *model, const struct contention_filter *filter)
{
	struct contention_sums total = {0};

	vec_for_each (lock, &model->locks)
		if (contention__wants(filter, &lock->identity))
			merge_sums(&total, &lock->sums);
	return total;
}

struct contention_sums contention__rest(
	const struct contention *model, const struct contention_filter *filter, enum wait_kind kind)
{
	struct contention_sums rest = {0};

	vec_for_each (lock, &model->locks)
		if (lock->identity.kind == kind && !contention__wants(filter, &lock->identity))
			merge_sums(&rest, &lock->sums);
	return rest;
}
