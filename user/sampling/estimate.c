/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* From the sums over windows, and the sample, to estimates with their standard errors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sampling/sampling_private.h"

/* --- rates */

/*
 * By how much the variance of few windows is raised, so that three standard errors are what they
 * are with many: (t(0.99865, df)/3)^2 of Student's t, to a few per cent, above.
 */
static double for_few(double windows)
{
	double df = windows - 1;

	return df < 1 ? 50 : 1 + 5.5 / df + 40 / (df * df);
}

/* The upper standard error of a count that was seen. */
static double poisson_error(double count)
{
	return 1 + sqrt(count + 0.75);
}

static void add_gap(struct rest_sums *sums, double gap, double from, double to)
{
	sums->rest += gap * (from + to) / 2;
	sums->variance += gap * gap * (to - from) * (to - from) / 2;
}

/* Time before the first window, or after the last: it has one neighbour alone. */
static void add_end(struct rest_sums *sums, double gap, double rate)
{
	sums->rest += gap * rate;
	sums->variance += gap * gap * rate * rate / 2;
}

/* Nothing more was done from window @latest on until the one before @index. */
static void leave_rate(const struct sampling *sampling, struct site_sums *site)
{
	double gap = sampling__gap_before(sampling, site->latest);

	add_gap(&site->count, gap, site->count.rate, 0);
	add_gap(&site->bytes, gap, site->bytes.rate, 0);
	site->count.rate = site->bytes.rate = 0;
}

void rest__see(struct sampling *sampling, struct site_sums *site, uint32_t index, double count_rate,
	double bytes_rate)
{
	double gap = sampling__gap_before(sampling, index);

	if (site->latest && site->latest != index)
		leave_rate(sampling, site);
	if (index) {
		add_gap(&site->count, gap, site->count.rate, count_rate);
		add_gap(&site->bytes, gap, site->bytes.rate, bytes_rate);
	} else {
		add_end(&site->count, gap, count_rate);
		add_end(&site->bytes, gap, bytes_rate);
	}
	site->count.rate = count_rate;
	site->bytes.rate = bytes_rate;
	site->latest = index + 1;
}

/* Time after the last window. */
static double end_gap(const struct sampling *sampling)
{
	return sampling->windows.size
		       ? (double)sampling->last_ns -
				 (double)sampling->windows.data[sampling->windows.size - 1].end_ns
		       : 0;
}

/* What was seen, and the rest; @least: the least error of the rest, as a part of it. */
static struct estimate complete(const struct sampling *sampling, uint64_t seen,
	const struct rest_sums *sums, double moved, double least)
{
	double error = sqrt(sums->variance * for_few(sampling->windows.size));
	double price = sums->rest * moved * sampling->uncertainty;

	if (error < sums->rest * least)
		error = sums->rest * least;
	return (struct estimate){seen + sums->rest, sqrt(error * error + price * price)};
}

static void estimate_rates(
	const struct sampling *sampling, const struct site_sums *from, struct sampled_site *out)
{
	struct site_sums sums = *from;
	double count = sums.seen_count, bytes = sums.seen_bytes, least;

	if (sums.latest && sums.latest != sampling->windows.size) {
		leave_rate(sampling, &sums);
	} else if (sums.latest) {
		add_end(&sums.count, end_gap(sampling), sums.count.rate);
		add_end(&sums.bytes, end_gap(sampling), sums.bytes.rate);
	}
	least = count ? poisson_error(count) / count : 1;
	out->seen_count = sums.seen_count;
	out->seen_bytes = sums.seen_bytes;
	out->alloc_count = complete(sampling, sums.seen_count, &sums.count,
		count ? sums.moved_count / sums.done_count : 0, least);
	/* Sizes differ, too. */
	out->alloc_bytes = complete(sampling, sums.seen_bytes, &sums.bytes,
		bytes ? sums.moved_bytes / sums.done_bytes : 0,
		bytes ? least * sqrt(sums.squared_bytes * count) / bytes : least);
}

/* --- false answers */

/* By class of sizes; the last one: all together. */
struct controls {
	double count[SIZE_CLASSES + 1];
	double alive[SIZE_CLASSES + 1];
};

/* Fewer in a class say less than all classes together. */
#define LEAST_CONTROLS 12

static void count_controls(struct sampling *sampling, struct controls *controls)
{
	memset(controls, 0, sizeof(*controls));
	vec_for_each (block, &sampling->sample) {
		unsigned int class = sample__class(block->size);

		if (!block->is_control || !block->is_asked)
			continue;
		controls->count[class]++;
		controls->alive[class] += !block->is_dead;
		controls->count[SIZE_CLASSES]++;
		controls->alive[SIZE_CLASSES] += !block->is_dead;
	}
}

/* The part of freed blocks that pass for allocated, with its error; halves keep it off 0 and 1. */
static struct estimate false_rate(const struct controls *controls, uint64_t size)
{
	unsigned int class = sample__class(size);
	double n, q;

	if (controls->count[class] < LEAST_CONTROLS)
		class = SIZE_CLASSES;
	n = controls->count[class];
	/* Nothing was seen being freed: then nothing says that addresses are used again. */
	if (!n)
		return (struct estimate){0, 0};
	q = (controls->alive[class] + 0.5) / (n + 1);
	return (struct estimate){controls->alive[class] ? q : 0, sqrt(q * (1 - q) / (n + 1))};
}

/* --- what stays */

/* Sums over a site's windows: each block stands for others, by (a - q)/(1 - q). */
struct stay_sums {
	double value;
	double variance;
	double by_q;   /* how much the value changes with q */
	double before; /* of the window before, and its index + 1 */
	uint32_t latest;
};

struct staying {
	struct stay_sums bytes, count;
	double q_error;
	double squares;	    /* of the blocks that are alive, as they are weighted */
	double all_squares; /* of all */
	double unseen;	    /* the part of the time that was not seen, by them */
	uint64_t asked, alive;
};

static int by_site_and_window(const void *a, const void *b)
{
	const struct sampled_block *x = *(struct sampled_block *const *)a;
	const struct sampled_block *y = *(struct sampled_block *const *)b;

	if (x->site != y->site)
		return (x->site > y->site) - (x->site < y->site);
	return (x->window > y->window) - (x->window < y->window);
}

struct chosen {
	VEC(const struct sampled_block *) blocks; /* candidates that were answered for, in order */
};

static int choose(struct sampling *sampling, struct chosen *chosen)
{
	vec_for_each (block, &sampling->sample)
		if (!block->is_control && block->is_asked && vec_push(&chosen->blocks, block))
			return -ENOMEM;
	if (chosen->blocks.size)
		qsort(chosen->blocks.data, chosen->blocks.size, sizeof(chosen->blocks.data[0]),
			by_site_and_window);
	return 0;
}

/* In which a window's candidates were allocated. */
static double early_time(const struct window_sums *window)
{
	return window->middle_ns - window->begin_ns;
}

/* For which a window stands: its own time, and half of the time to its neighbours. */
static double stands_for(const struct sampling *sampling, uint32_t index)
{
	const struct window_sums *window = &sampling->windows.data[index];
	double before = sampling__gap_before(sampling, index), after;

	after = index + 1 < sampling->windows.size ? sampling__gap_before(sampling, index + 1) / 2
						   : end_gap(sampling);
	return window->end_ns - window->begin_ns + (index ? before / 2 : before) + after;
}

static void add_window(struct stay_sums *sums, uint32_t window, double value, double unseen)
{
	double before = sums->latest == window ? sums->before : 0;

	/* A window without any lies behind the last one. */
	if (sums->latest && sums->latest != window)
		sums->variance += sums->before * sums->before / 2 * unseen;
	sums->variance += (value - before) * (value - before) / 2 * unseen;
	sums->value += value;
	sums->before = value;
	sums->latest = window + 1;
}

/* The blocks of one site from one window. Returns how many there are. */
static size_t add_blocks(struct staying *staying, const struct sampling *sampling,
	const struct controls *controls, const struct sampled_block *const *blocks, size_t count)
{
	uint32_t window = blocks[0]->window;
	double early = early_time(&sampling->windows.data[window]), bytes = 0, number = 0, scale;
	size_t i = 0;

	scale = early > 0 ? stands_for(sampling, window) / early : 1;
	staying->unseen = scale > 1 ? 1 - 1 / scale : 0;
	for (; i < count && blocks[i]->window == window; i++) {
		struct estimate q = false_rate(controls, blocks[i]->size);
		double alive = !blocks[i]->is_dead, weight = blocks[i]->weight * scale;
		double size = blocks[i]->size, by_q;

		/* With q near 1 an answer says nothing, and the error says that. */
		by_q = weight * (alive - 1) / ((1 - q.value) * (1 - q.value) + 1e-9);
		number += weight * (alive - q.value) / (1 - q.value + 1e-9);
		bytes += weight * size * (alive - q.value) / (1 - q.value + 1e-9);
		staying->count.by_q += by_q;
		staying->bytes.by_q += by_q * size;
		staying->squares += alive * weight * weight * size * size;
		staying->all_squares += weight * weight * size * size;
		if (q.error > staying->q_error)
			staying->q_error = q.error;
		staying->asked++;
		staying->alive += !blocks[i]->is_dead;
	}
	add_window(&staying->bytes, window, bytes, staying->unseen);
	add_window(&staying->count, window, number, staying->unseen);
	return i;
}

/* The blocks of one site, those of windows before @until only. */
static struct staying sum_staying(const struct sampling *sampling, const struct controls *controls,
	const struct sampled_block *const *blocks, size_t count, uint32_t until)
{
	struct staying staying = {0};

	for (size_t i = 0; i < count && blocks[i]->window < until;)
		i += add_blocks(&staying, sampling, controls, &blocks[i], count - i);
	staying.bytes.variance += staying.bytes.before * staying.bytes.before / 2 * staying.unseen;
	staying.count.variance += staying.count.before * staying.count.before / 2 * staying.unseen;
	return staying;
}

/* @least: the least error, of what few blocks say. */
static struct estimate estimate_staying(const struct sampling *sampling,
	const struct stay_sums *sums, const struct staying *staying, double least)
{
	double error = sqrt(sums->variance * for_few(sampling->windows.size));
	double by_q = sums->by_q * staying->q_error;

	if (error < least)
		error = least;
	return (struct estimate){
		sums->value > 0 ? sums->value : 0, sqrt(error * error + by_q * by_q)};
}

/*
 * The error of few blocks: each of those that are there counts as it is weighted. Where none is
 * there, others like those that were asked for may have been missed.
 */
static double few_blocks(const struct staying *staying)
{
	double squares = staying->alive	  ? staying->squares / staying->alive
			 : staying->asked ? staying->all_squares / staying->asked
					  : 0;

	return sqrt(squares * staying->unseen) * poisson_error(staying->alive);
}

struct staying_query {
	struct sampling *sampling;
	struct controls controls;
	uint32_t old_windows;
	double old_ns; /* for which these stand */
	uint64_t now_ns;
};

static void estimate_site(const struct staying_query *query,
	const struct sampled_block *const *blocks, size_t count, struct sampled_site *out)
{
	struct staying staying = sum_staying(
		query->sampling, &query->controls, blocks, count, query->sampling->windows.size);
	struct staying old =
		sum_staying(query->sampling, &query->controls, blocks, count, query->old_windows);
	double blocks_error = few_blocks(&staying), seconds = query->old_ns / 1e9;
	double mean = staying.count.value > 0 ? staying.bytes.value / staying.count.value : 0;

	out->surviving_bytes =
		estimate_staying(query->sampling, &staying.bytes, &staying, blocks_error);
	out->surviving_count = estimate_staying(
		query->sampling, &staying.count, &staying, mean > 0 ? blocks_error / mean : 0);
	if (seconds > 0) {
		out->growth = estimate_staying(query->sampling, &old.bytes, &old, few_blocks(&old));
		out->growth.value /= seconds;
		out->growth.error /= seconds;
	}
	out->asked_count = old.asked;
	out->alive_count = old.alive;
	out->reuse = false_rate(&query->controls, blocks[0]->size).value;
	for (size_t i = 0; i < count && blocks[i]->window < query->old_windows; i++) {
		uint64_t age = query->now_ns - blocks[i]->time_ns;

		if (age > out->oldest_ns)
			out->oldest_ns = age;
		if (!out->youngest_ns || age < out->youngest_ns)
			out->youngest_ns = age;
	}
}

/*
 * Of a site of which no block was to be asked for: all that were seen in time were freed in their
 * window. One that stays may have been missed, as rare ones are.
 */
static void allow_for_missed(const struct sampling *sampling, struct sampled_site *site)
{
	double early = 0, mean = site->seen_count ? (double)site->seen_bytes / site->seen_count : 0;
	double all = sampling->last_ns - sampling->first_ns;

	vec_for_each (window, &sampling->windows)
		early += early_time(window);
	if (early <= 0 || all <= early)
		return;
	site->surviving_count.error = poisson_error(0) * all / early * (1 - early / all);
	site->surviving_bytes.error = site->surviving_count.error * mean;
	/* No more can stay than was allocated. */
	if (site->surviving_count.error > site->alloc_count.value)
		site->surviving_count.error = site->alloc_count.value;
	if (site->surviving_bytes.error > site->alloc_bytes.value)
		site->surviving_bytes.error = site->alloc_bytes.value;
}

DEFINE_HASH_NUMBER(site_places, uint32_t, uint32_t);

static int estimate_survivors(struct staying_query *query, sampled_sites *sites)
{
	struct site_places places = {0};
	struct chosen chosen = {0};
	int err = choose(query->sampling, &chosen);

	for (size_t i = 0; i < sites->size && !err; i++) {
		uint32_t *place = site_places__insert(&places, sites->data[i].site);

		err = place ? 0 : -ENOMEM;
		if (place)
			*place = i;
	}
	vec_for_each (site, sites)
		allow_for_missed(query->sampling, site);
	for (size_t i = 0, count; i < chosen.blocks.size && !err; i += count) {
		const struct sampled_block *const *blocks = &chosen.blocks.data[i];
		uint32_t *place = site_places__find(&places, blocks[0]->site);

		count = 1;
		while (i + count < chosen.blocks.size && blocks[count]->site == blocks[0]->site)
			count++;
		if (place)
			estimate_site(query, blocks, count, &sites->data[*place]);
	}
	site_places__free(&places);
	vec_free(&chosen.blocks);
	return err;
}

/* Windows that ended before half of the run had passed. */
static uint32_t old_windows(const struct sampling *sampling)
{
	uint64_t half = sampling->first_ns + (sampling->last_ns - sampling->first_ns) / 2;
	uint32_t count = 0;

	while (count < sampling->windows.size && sampling->windows.data[count].end_ns <= half)
		count++;
	return count;
}

/* --- the whole */

/* The most that windows which ended within any one second have cost. */
static uint64_t worst_cost(const struct sampling *sampling)
{
	uint64_t sum = 0, worst = 0;
	size_t first = 0;

	vec_for_each (window, &sampling->windows) {
		sum += window->cost_ns;
		while (sampling->windows.data[first].end_ns + 1000000000ull <= window->end_ns)
			sum -= sampling->windows.data[first++].cost_ns;
		if (sum > worst)
			worst = sum;
	}
	return worst;
}

static void summarize(struct sampling *sampling, const struct controls *controls,
	const sampled_sites *sites, struct sampling_summary *out)
{
	struct sampled_site all = {0};
	double squares = 0;

	estimate_rates(sampling, &sampling->all, &all);
	*out = (struct sampling_summary){
		.window_count = sampling->windows.size,
		.duration_ns = sampling->last_ns - sampling->first_ns,
		.budget = sampling->budget,
		.worst_cost_ns = worst_cost(sampling),
		.seen_count = sampling->all.seen_count,
		.seen_bytes = sampling->all.seen_bytes,
		.alloc_count = all.alloc_count,
		.alloc_bytes = all.alloc_bytes,
		.is_answered = sampling->unknown_answers * 2 <= sampling->answers,
	};
	vec_for_each (window, &sampling->windows) {
		out->window_ns += window->end_ns - window->begin_ns;
		out->cost_ns += window->cost_ns;
	}
	vec_for_each (block, &sampling->sample) {
		out->control_count += block->is_control;
		out->sample_count += !block->is_control;
	}
	if (controls->count[SIZE_CLASSES])
		out->reuse = controls->alive[SIZE_CLASSES] / controls->count[SIZE_CLASSES];
	for (size_t i = 0; i < sites->size; i++) {
		out->surviving_bytes.value += sites->data[i].surviving_bytes.value;
		squares +=
			sites->data[i].surviving_bytes.error * sites->data[i].surviving_bytes.error;
	}
	out->surviving_bytes.error = sqrt(squares);
}

int sampling__estimate(struct sampling *sampling, uint64_t now_ns, struct sampling_summary *summary,
	sampled_sites *sites)
{
	struct staying_query query = {
		.sampling = sampling,
		.old_windows = old_windows(sampling),
		.now_ns = now_ns,
	};
	int err = 0;

	for (uint32_t i = 0; i < query.old_windows; i++)
		query.old_ns += stands_for(sampling, i);
	count_controls(sampling, &query.controls);
	for (uint32_t id = 0; id < sampling->sites.size && !err; id++) {
		struct sampled_site site = {.site = id};

		if (!sampling->sites.data[id].seen_count)
			continue;
		estimate_rates(sampling, &sampling->sites.data[id], &site);
		err = vec_push(sites, site);
	}
	err = err ? err : estimate_survivors(&query, sites);
	summarize(sampling, &query.controls, sites, summary);
	return err;
}
