/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The cycles of the graph. Only edges within a strongly connected component can be in one; each of
 * these is taken for the last edge of a cycle of edges that are older, so that every cycle has one
 * edge that closes it. From its end the way back is looked for depth first, nearest first, over the
 * uses of each edge that can coincide with those chosen so far.
 */
#include <stdlib.h>
#include <string.h>

#include "order/private.h"

#define UNREACHED UINT32_MAX

struct cycle_search {
	struct order_model *model;
	order_findings *out;
	uint32_t *component;  /* by lock */
	uint32_t *first_edge; /* by lock: into out_edges */
	uint32_t *out_edges;  /* by lock that is held, within its component */
	uint32_t *in_first;   /* the same by lock that is asked for */
	uint32_t *in_edges;
	uint32_t *distance; /* by lock: edges to the target; UNREACHED */
	bool *on_path;	    /* by lock */
	VEC(uint32_t) queue;
	VEC(uint32_t) path;	    /* uses */
	enum order_meeting meeting; /* what is looked for */
	uint32_t closing;	    /* the edge */
	uint64_t steps;		    /* left for it */
	uint64_t all_steps;
};

/* --- components: Tarjan's, without recursion */

struct tarjan_visit {
	uint32_t lock;
	uint32_t next; /* of its edges */
};

struct tarjan {
	struct cycle_search *search;
	uint32_t *index;
	uint32_t *low;
	bool *on_stack;
	VEC(uint32_t) stack;
	VEC(struct tarjan_visit) visits;
	uint32_t count;
	uint32_t components;
};

static int enter_lock(struct tarjan *tarjan, uint32_t lock)
{
	tarjan->index[lock] = tarjan->low[lock] = ++tarjan->count;
	tarjan->on_stack[lock] = true;
	if (vec_push(&tarjan->stack, lock))
		return -ENOMEM;
	return vec_push(
		&tarjan->visits, (struct tarjan_visit){lock, tarjan->search->first_edge[lock]});
}

static void leave_lock(struct tarjan *tarjan, uint32_t lock)
{
	uint32_t member;

	tarjan->visits.size--;
	if (tarjan->visits.size) {
		uint32_t parent = tarjan->visits.data[tarjan->visits.size - 1].lock;

		if (tarjan->low[lock] < tarjan->low[parent])
			tarjan->low[parent] = tarjan->low[lock];
	}
	if (tarjan->low[lock] != tarjan->index[lock])
		return;
	do {
		member = tarjan->stack.data[--tarjan->stack.size];
		tarjan->on_stack[member] = false;
		tarjan->search->component[member] = tarjan->components;
	} while (member != lock);
	tarjan->components++;
}

static int visit_from(struct tarjan *tarjan, uint32_t root)
{
	struct cycle_search *search = tarjan->search;
	int err = enter_lock(tarjan, root);

	while (tarjan->visits.size && !err) {
		struct tarjan_visit *visit = &tarjan->visits.data[tarjan->visits.size - 1];
		uint32_t lock = visit->lock, to;

		if (visit->next == search->first_edge[lock + 1]) {
			leave_lock(tarjan, lock);
			continue;
		}
		to = search->model->edges.data[search->out_edges[visit->next++]].to;
		if (!tarjan->index[to])
			err = enter_lock(tarjan, to);
		else if (tarjan->on_stack[to] && tarjan->index[to] < tarjan->low[lock])
			tarjan->low[lock] = tarjan->index[to];
	}
	return err;
}

static int find_components(struct cycle_search *search)
{
	size_t count = search->model->locks.size;
	struct tarjan tarjan = {
		.search = search,
		.index = calloc(count + 1, sizeof(uint32_t)),
		.low = calloc(count + 1, sizeof(uint32_t)),
		.on_stack = calloc(count + 1, sizeof(bool)),
	};
	int err = tarjan.index && tarjan.low && tarjan.on_stack ? 0 : -ENOMEM;

	for (uint32_t lock = 0; lock < count && !err; lock++)
		if (!tarjan.index[lock])
			err = visit_from(&tarjan, lock);
	free(tarjan.index);
	free(tarjan.low);
	free(tarjan.on_stack);
	vec_free(&tarjan.stack);
	vec_free(&tarjan.visits);
	return err;
}

/* --- edges by lock */

/* Fills @first, one more than there are locks, and @list, by one end of the edges. */
static void sort_edges(struct cycle_search *search, bool by_from, uint32_t *first, uint32_t *list)
{
	const struct order_model *model = search->model;
	size_t locks = model->locks.size;

	memset(first, 0, (locks + 1) * sizeof(*first));
	vec_for_each (edge, &model->edges)
		first[(by_from ? edge->from : edge->to) + 1]++;
	for (size_t i = 0; i < locks; i++)
		first[i + 1] += first[i];
	/* From the last on, each goes to the end of its lock's part, which moves down. */
	for (size_t i = model->edges.size; i > 0; i--) {
		const struct order_edge *edge = &model->edges.data[i - 1];

		list[--first[(by_from ? edge->from : edge->to) + 1]] = i - 1;
	}
	for (size_t i = 0; i < locks; i++)
		first[i] = first[i + 1];
	first[locks] = model->edges.size;
}

static int prepare(struct cycle_search *search)
{
	size_t locks = search->model->locks.size, edges = search->model->edges.size;

	search->component = calloc(locks + 1, sizeof(uint32_t));
	search->first_edge = calloc(locks + 2, sizeof(uint32_t));
	search->out_edges = calloc(edges + 1, sizeof(uint32_t));
	search->in_first = calloc(locks + 2, sizeof(uint32_t));
	search->in_edges = calloc(edges + 1, sizeof(uint32_t));
	search->distance = calloc(locks + 1, sizeof(uint32_t));
	search->on_path = calloc(locks + 1, sizeof(bool));
	if (!search->component || !search->first_edge || !search->out_edges || !search->in_first ||
		!search->in_edges || !search->distance || !search->on_path)
		return -ENOMEM;
	sort_edges(search, true, search->first_edge, search->out_edges);
	sort_edges(search, false, search->in_first, search->in_edges);
	return find_components(search);
}

static void release(struct cycle_search *search)
{
	free(search->component);
	free(search->first_edge);
	free(search->out_edges);
	free(search->in_first);
	free(search->in_edges);
	free(search->distance);
	free(search->on_path);
	vec_free(&search->queue);
	vec_free(&search->path);
}

/* --- the way back */

static bool may_follow(const struct cycle_search *search, uint32_t number)
{
	const struct order_edge *edge = &search->model->edges.data[number];

	return number < search->closing && edge->from != edge->to &&
	       search->component[edge->from] == search->component[edge->to];
}

/* Breadth first, against the edges: how far each lock is from @target. 0 or -ENOMEM. */
static int measure(struct cycle_search *search, uint32_t target)
{
	const struct order_edge *edges = search->model->edges.data;

	memset(search->distance, 0xff, search->model->locks.size * sizeof(uint32_t));
	search->distance[target] = 0;
	search->queue.size = 0;
	if (vec_push(&search->queue, target))
		return -ENOMEM;
	for (size_t at = 0; at < search->queue.size; at++) {
		uint32_t lock = search->queue.data[at];

		for (uint32_t i = search->in_first[lock]; i < search->in_first[lock + 1]; i++) {
			const struct order_edge *edge = &edges[search->in_edges[i]];

			if (!may_follow(search, search->in_edges[i]) ||
				search->distance[edge->from] != UNREACHED)
				continue;
			search->distance[edge->from] = search->distance[lock] + 1;
			if (vec_push(&search->queue, edge->from))
				return -ENOMEM;
		}
	}
	return 0;
}

static bool met(const struct order_model *model, uint32_t x, uint32_t y)
{
	const struct order_thread_life *a = &model->threads.data[x], *b = &model->threads.data[y];

	return a->start_ns < b->end_ns && b->start_ns < a->end_ns;
}

/* Whether the use can stand behind those of the path. */
static bool fits(const struct cycle_search *search, const struct order_use *use)
{
	const struct order_model *model = search->model;

	vec_for_each (number, &search->path) {
		const struct order_use *other = &model->uses.data[*number];

		if (search->meeting != ORDER_FEW_THREADS && other->thread == use->thread)
			return false;
		if (search->meeting == ORDER_CAN_MEET && !met(model, other->thread, use->thread))
			return false;
		if (!order__can_coincide(model, other, use))
			return false;
	}
	return true;
}

/* The path's last use asks for the lock that this one holds. */
static bool keeps_out_last(const struct cycle_search *search, const struct order_use *use)
{
	const struct order_model *model = search->model;
	const struct order_use *last = &model->uses.data[search->path.data[search->path.size - 1]];

	return order__keeps_out(
		model, model->edges.data[use->edge].from, use->from_facts, last->to_facts);
}

static bool closes(const struct cycle_search *search)
{
	const struct order_model *model = search->model;
	const struct order_use *first = &model->uses.data[search->path.data[0]];

	return keeps_out_last(search, first);
}

/* One step of the path: the edges that lead on from a lock, and the uses of the one at hand. */
struct level {
	uint32_t lock;
	uint32_t edge;	/* index in out_edges */
	uint32_t use;	/* the next to be tried; ORDER_NONE: the next edge's */
	uint32_t reach; /* edges that lead no further away than this are tried, then others */
};

typedef VEC(struct level) level_stack;

/* The next use to be tried at @level; ORDER_NONE: none is left. */
static uint32_t next_use(struct cycle_search *search, struct level *level, uint32_t target)
{
	const struct order_model *model = search->model;
	uint32_t use;

	while (level->use == ORDER_NONE) {
		uint32_t number, to;

		if (level->edge == search->first_edge[level->lock + 1]) {
			/* Once more for the ways round, of which there may be many. */
			if (level->reach == UNREACHED)
				return ORDER_NONE;
			level->reach = UNREACHED;
			level->edge = search->first_edge[level->lock];
			continue;
		}
		number = search->out_edges[level->edge++];
		to = model->edges.data[number].to;
		if (!may_follow(search, number) || search->distance[to] == UNREACHED ||
			(search->on_path[to] && to != target))
			continue;
		if ((search->distance[to] < search->distance[level->lock]) !=
			(level->reach != UNREACHED))
			continue;
		level->use = model->edges.data[number].first_use;
	}
	use = level->use;
	level->use = model->uses.data[use].next;
	return use;
}

/* Extends the path from @from to @target. 1: found, 0: not, or a negative errno. */
static int go_back(struct cycle_search *search, uint32_t from, uint32_t target)
{
	const struct order_model *model = search->model;
	level_stack levels = {0};
	struct level first = {from, search->first_edge[from], ORDER_NONE, 0};
	int found = vec_push(&levels, first);

	search->on_path[from] = true;
	while (levels.size && !found) {
		struct level *level = &levels.data[levels.size - 1];
		uint32_t number = next_use(search, level, target), to;
		const struct order_use *use;

		if (number == ORDER_NONE) {
			search->on_path[level->lock] = false;
			levels.size--;
			if (levels.size)
				search->path.size--;
			continue;
		}
		if (!search->steps || !search->all_steps)
			break;
		search->steps--;
		search->all_steps--;
		use = &model->uses.data[number];
		if (!keeps_out_last(search, use) || !fits(search, use))
			continue;
		if (vec_push(&search->path, number)) {
			found = -ENOMEM;
			break;
		}
		to = model->edges.data[use->edge].to;
		if (to == target) {
			if (closes(search))
				found = 1;
			else
				search->path.size--;
			continue;
		}
		search->on_path[to] = true;
		found = vec_push(
			&levels, (struct level){to, search->first_edge[to], ORDER_NONE, 0});
	}
	vec_for_each (level, &levels)
		search->on_path[level->lock] = false;
	vec_free(&levels);
	return found;
}

/* --- findings */

static uint64_t site_of(struct order_model *model, uint64_t stack)
{
	uint64_t *site = order_sites__find(&model->sites, stack);

	return site ? *site : stack;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What the cycle's places are together: each counts once, in whatever order. 0: no memory. */
static uint64_t hash_places(struct cycle_search *search)
{
	struct order_model *model = search->model;
	uint64_t *places = calloc(search->path.size + 1, sizeof(*places)), hash = 1;

	if (!places)
		return 0;
	for (size_t i = 0; i < search->path.size; i++) {
		const struct order_use *use = &model->uses.data[search->path.data[i]];

		places[i] = hash_combine(
			site_of(model, use->from_stack), site_of(model, use->to_stack));
	}
	qsort(places, search->path.size, sizeof(*places), compare_numbers);
	for (size_t i = 0; i < search->path.size; i++)
		if (!i || places[i] != places[i - 1])
			hash = hash_combine(hash, places[i]);
	free(places);
	return hash ? hash : 1;
}

static uint32_t count_threads(const struct cycle_search *search)
{
	const struct order_model *model = search->model;
	uint32_t count = 0;

	for (size_t i = 0; i < search->path.size; i++) {
		bool is_new = true;

		for (size_t k = 0; k < i; k++)
			is_new &= model->uses.data[search->path.data[k]].thread !=
				  model->uses.data[search->path.data[i]].thread;
		count += is_new;
	}
	return count;
}

static int add_finding(struct cycle_search *search, enum order_meeting meeting)
{
	uint64_t places = hash_places(search);
	struct order_finding finding = {
		.meeting = meeting, .threads = count_threads(search), .places = places};
	int err = places ? 0 : -ENOMEM;

	vec_for_each (known, search->out) {
		if (known->places != places)
			continue;
		known->repeats++;
		/* The surest of them stands for all. */
		if (known->meeting <= meeting)
			return err;
		known->uses.size = 0;
		vec_for_each (number, &search->path)
			if (!err)
				err = vec_push(&known->uses, *number);
		known->meeting = meeting;
		known->threads = finding.threads;
		return err;
	}
	vec_for_each (number, &search->path)
		if (!err)
			err = vec_push(&finding.uses, *number);
	if (!err)
		err = vec_push(search->out, finding);
	if (err)
		vec_free(&finding.uses);
	return err;
}

/* A cycle that @closing closes, the surest there is. */
static int close_cycle(struct cycle_search *search, uint32_t closing)
{
	const struct order_model *model = search->model;
	const struct order_edge *edge = &model->edges.data[closing];
	int found = 0;

	search->closing = closing;
	search->steps = ORDER_STEPS_PER_EDGE;
	if (measure(search, edge->from))
		return -ENOMEM;
	if (search->distance[edge->to] == UNREACHED)
		return 0;
	for (int meeting = ORDER_CAN_MEET; meeting <= ORDER_FEW_THREADS && !found; meeting++) {
		search->meeting = meeting;
		for (uint32_t use = edge->first_use; use != ORDER_NONE && !found;
			use = model->uses.data[use].next) {
			search->path.size = 0;
			if (vec_push(&search->path, use))
				return -ENOMEM;
			found = go_back(search, edge->to, edge->from);
		}
		if (found > 0)
			found = add_finding(search, meeting) ? -ENOMEM : 1;
	}
	if (!found && !search->steps)
		search->model->totals.searches_cut++;
	return found < 0 ? found : 0;
}

/* A thread that asked for what it had. */
static int add_own(struct cycle_search *search, uint32_t number)
{
	const struct order_edge *edge = &search->model->edges.data[number];
	int err = 0;

	for (uint32_t use = edge->first_use; use != ORDER_NONE && !err;
		use = search->model->uses.data[use].next) {
		search->path.size = 0;
		err = vec_push(&search->path, use);
		if (!err)
			err = add_finding(search, ORDER_BY_ITSELF);
	}
	return err;
}

static int compare_findings(const void *a, const void *b)
{
	const struct order_finding *x = a, *y = b;
	/* What is certain comes first. */
	int left = x->meeting == ORDER_BY_ITSELF ? -1 : (int)x->meeting;
	int right = y->meeting == ORDER_BY_ITSELF ? -1 : (int)y->meeting;

	if (left != right)
		return left - right;
	return x->uses.size < y->uses.size ? -1 : x->uses.size > y->uses.size;
}

int order__find(struct order_model *model, order_findings *out)
{
	struct cycle_search search = {.model = model, .out = out, .all_steps = ORDER_STEPS};
	int err;

	*out = (order_findings){0};
	model->totals.searches_cut = 0;
	err = prepare(&search);
	for (uint32_t i = 0; i < model->edges.size && !err; i++) {
		const struct order_edge *edge = &model->edges.data[i];

		if (edge->from == edge->to)
			err = add_own(&search, i);
		else if (search.component[edge->from] != search.component[edge->to])
			continue;
		else if (!search.all_steps)
			model->totals.searches_cut++;
		else
			err = close_cycle(&search, i);
	}
	release(&search);
	if (err)
		order__free_findings(out);
	else if (out->size)
		qsort(out->data, out->size, sizeof(*out->data), compare_findings);
	return err;
}

void order__free_findings(order_findings *findings)
{
	vec_for_each (finding, findings)
		vec_free(&finding->uses);
	vec_free(findings);
}
