/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Estimates from windows, on made-up programs whose truth is known: they lie within three standard
 * errors of it, what was seen whole has no error, and freed blocks whose addresses are used again
 * do not pass for allocated ones.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "census/glibc_chunk.h"
#include "sampling/sampling.h"

#define MS 1000000ull
#define SECOND 1000000000ull

enum { SITE_SHORT = 4, SITE_LEAK, SITE_KEPT, SITE_COUNT };

/* A program of one thread, and how it is watched. */
struct world {
	struct sampling *sampling;
	uint64_t now;
	uint64_t random;
	uint64_t cost;
	uint64_t trap_ns;
	bool is_open;
	uint64_t bytes[SITE_COUNT];
	uint64_t count[SITE_COUNT];
	uint64_t live[SITE_COUNT];
	uint64_t next_address;
	uint64_t kept[64];
	uint64_t reused; /* address that short-lived blocks have in turn */
};

static uint64_t draw(struct world *world, uint64_t below)
{
	return hash_mix(world->random += 0x9e3779b97f4a7c15ull) % below;
}

static void apply(struct world *world, const void *event, size_t size, uint32_t site)
{
	assert_int_equal(sampling__apply(world->sampling, event, size, site), 0);
}

static struct event_header header(const struct world *world, uint8_t kind)
{
	return (struct event_header){.kind = kind, .tid = 1, .process = 1, .time_ns = world->now};
}

static void edge(struct world *world, enum window_edge edge)
{
	struct event_window event = {.header = header(world, EVENT_WINDOW),
		.cost_ns = world->cost,
		.uncertainty_ppm = 50000,
		.budget_ppm = 20000};

	event.header.flags = edge;
	world->is_open = edge == WINDOW_BEGIN || (world->is_open && edge == WINDOW_MIDDLE);
	apply(world, &event, sizeof(event), 0);
}

static void pay(struct world *world, uint64_t traps)
{
	world->cost += traps * world->trap_ns;
	world->now += traps * world->trap_ns;
}

static void allocate(struct world *world, uint32_t site, uint64_t address, uint64_t size)
{
	struct event_alloc event = {
		.header = header(world, EVENT_ALLOC), .address = address, .size = size};

	world->count[site]++;
	world->bytes[site] += size;
	world->live[site] += size;
	if (!world->is_open)
		return;
	apply(world, &event, sizeof(event), site);
	pay(world, 2);
}

static void release(struct world *world, uint32_t site, uint64_t address, uint64_t size)
{
	struct event_free event = {.header = header(world, EVENT_FREE), .address = address};

	world->live[site] -= size;
	if (!world->is_open)
		return;
	apply(world, &event, sizeof(event), 0);
	pay(world, 1);
}

/* Ten microseconds of its own work. */
static void step(struct world *world)
{
	uint64_t place = draw(world, 64);

	world->now += 10000;
	allocate(world, SITE_SHORT, world->reused, 40);
	release(world, SITE_SHORT, world->reused, 40);
	if (draw(world, 50) == 0)
		allocate(world, SITE_LEAK, world->next_address += 64, 40);
	if (draw(world, 20) == 0) {
		if (world->kept[place])
			release(world, SITE_KEPT, world->kept[place], 200);
		world->kept[place] = world->next_address += 256;
		allocate(world, SITE_KEPT, world->kept[place], 200);
	}
}

static void run_until(struct world *world, uint64_t until)
{
	while (world->now < until)
		step(world);
}

/* The truth, as an allocator would tell it; addresses that are used again are always in use. */
static void answer(struct world *world, bool all)
{
	asked_blocks blocks = {0};

	assert_int_equal(sampling__due(world->sampling, world->now, all, &blocks), 0);
	for (size_t i = 0; i < blocks.size; i++) {
		struct event_liveness event = {
			.header = header(world, EVENT_LIVENESS), .address = blocks.data[i].address};
		bool kept = false;

		for (size_t k = 0; k < 64; k++)
			kept |= world->kept[k] == blocks.data[i].address;
		event.header.flags =
			kept || blocks.data[i].size == 40 ? LIVENESS_IN_USE : LIVENESS_FREE;
		apply(world, &event, sizeof(event), 0);
	}
	vec_free(&blocks);
}

static struct world begin(uint64_t seed, uint64_t trap_ns)
{
	struct world world = {.sampling = sampling__new(),
		.now = SECOND,
		.random = seed,
		.trap_ns = trap_ns,
		.next_address = 1 << 20,
		.reused = 4096};

	assert_non_null(world.sampling);
	edge(&world, WINDOW_NOTE);
	return world;
}

static void watch(struct world *world, int windows)
{
	for (int i = 0; i < windows; i++) {
		struct event_window_thread thread;
		uint64_t begin, length = 4 * MS;

		run_until(world, world->now + 20 * MS + draw(world, 100 * MS));
		answer(world, false);
		begin = world->now;
		edge(world, WINDOW_BEGIN);
		run_until(world, begin + length / 2);
		edge(world, WINDOW_MIDDLE);
		run_until(world, begin + length);
		thread = (struct event_window_thread){
			.header = header(world, EVENT_WINDOW_THREAD),
			.cpu_ns = world->now - begin,
		};
		apply(world, &thread, sizeof(thread), 0);
		edge(world, WINDOW_END);
	}
	edge(world, WINDOW_NOTE);
	answer(world, true);
}

/* While nothing happens windows are cheap, and long: they must not count for more. */
static void rest(struct world *world)
{
	for (int i = 0; i < 8; i++) {
		world->now += 50 * MS;
		edge(world, WINDOW_BEGIN);
		world->now += 200 * MS;
		edge(world, WINDOW_MIDDLE);
		edge(world, WINDOW_END);
	}
	edge(world, WINDOW_NOTE);
	answer(world, true);
}

static const struct sampled_site *find(const sampled_sites *sites, uint32_t id)
{
	for (size_t i = 0; i < sites->size; i++)
		if (sites->data[i].site == id)
			return &sites->data[i];
	fail_msg("site %u is missing", id);
	return NULL;
}

static bool is_within(struct estimate estimate, double truth)
{
	return fabs(estimate.value - truth) <= 3 * estimate.error + 1e-6;
}

static void test_estimates_lie_within_three_errors_of_the_truth(void **state)
{
	int estimates = 0, within = 0;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world world = begin(seed * 977, 1000);
		struct sampling_summary summary;
		sampled_sites sites = {0};

		watch(&world, 40);
		rest(&world);
		assert_int_equal(
			sampling__estimate(world.sampling, world.now, &summary, &sites), 0);
		for (uint32_t id = SITE_SHORT; id < SITE_COUNT; id++) {
			const struct sampled_site *site = find(&sites, id);

			within += is_within(site->alloc_count, world.count[id]);
			within += is_within(site->alloc_bytes, world.bytes[id]);
			within += is_within(site->surviving_bytes, world.live[id]);
			estimates += 3;
			/* An estimate that may be anything is none. */
			assert_true(site->alloc_count.error < site->alloc_count.value / 2);
		}
		vec_free(&sites);
		sampling__free(world.sampling);
	}
	assert_true(within >= estimates * 0.985);
}

static void test_a_leak_is_told_from_blocks_whose_address_is_used_again(void **state)
{
	struct world world = begin(5, 1000);
	struct sampling_summary summary;
	sampled_sites sites = {0};
	const struct sampled_site *leak;

	watch(&world, 60);
	assert_int_equal(sampling__estimate(world.sampling, world.now, &summary, &sites), 0);
	leak = find(&sites, SITE_LEAK);
	assert_true(summary.is_answered);
	assert_true(leak->asked_count > 20);
	assert_int_equal(leak->alive_count, leak->asked_count);
	assert_true(leak->surviving_bytes.value > 0.5 * world.live[SITE_LEAK]);
	assert_true(find(&sites, SITE_SHORT)->surviving_bytes.value <
		    0.1 * leak->surviving_bytes.value);
	vec_free(&sites);
	sampling__free(world.sampling);
}

static void test_what_is_seen_whole_is_exact(void **state)
{
	struct world world = begin(3, 0);
	struct sampling_summary summary;
	sampled_sites sites = {0};

	for (int i = 0; i < 10; i++) {
		edge(&world, WINDOW_BEGIN);
		run_until(&world, world.now + 100 * MS);
		edge(&world, WINDOW_MIDDLE);
		edge(&world, WINDOW_END);
		answer(&world, true);
	}
	assert_int_equal(sampling__estimate(world.sampling, world.now, &summary, &sites), 0);
	for (uint32_t id = SITE_SHORT; id < SITE_COUNT; id++) {
		const struct sampled_site *site = find(&sites, id);

		assert_true(site->alloc_count.value == world.count[id]);
		assert_true(site->alloc_bytes.value == world.bytes[id]);
		assert_true(site->alloc_count.error == 0);
	}
	vec_free(&sites);
	sampling__free(world.sampling);
}

static void test_an_unknown_allocator_leaves_rates_alone(void **state)
{
	struct world world = begin(7, 1000);
	struct sampling_summary summary;
	sampled_sites sites = {0};
	asked_blocks blocks = {0};

	edge(&world, WINDOW_BEGIN);
	run_until(&world, world.now + 50 * MS);
	edge(&world, WINDOW_MIDDLE);
	edge(&world, WINDOW_END);
	assert_int_equal(sampling__due(world.sampling, world.now, true, &blocks), 0);
	for (size_t i = 0; i < blocks.size; i++) {
		struct event_liveness event = {.header = header(&world, EVENT_LIVENESS),
			.address = blocks.data[i].address};

		apply(&world, &event, sizeof(event), 0);
	}
	assert_int_equal(sampling__estimate(world.sampling, world.now, &summary, &sites), 0);
	assert_false(summary.is_answered);
	assert_true(summary.alloc_count.value > 0);
	vec_free(&blocks);
	vec_free(&sites);
	sampling__free(world.sampling);
}

/* --- chunks */

static struct chunk_view chunk_at(uint64_t address, uint64_t requested, uint64_t size)
{
	return (struct chunk_view){
		.address = address,
		.requested = requested,
		.words = {0, size | 1, 0, 0},
		.next_head = 0x21 | 1,
		.is_readable = true,
		.has_next = true,
	};
}

static void test_chunks_tell_whether_they_are_free(void **state)
{
	struct chunk_view chunk = chunk_at(0x55550010, 40, 48);
	struct chunk_keys keys = {0};
	bool is_address;

	assert_int_equal(chunk__state(&chunk, &keys), CHUNK_IN_USE);
	chunk.next_head = 0x20; /* PREV_INUSE is clear */
	assert_int_equal(chunk__state(&chunk, &keys), CHUNK_FREED);
	chunk = chunk_at(0x55550010, 40, 96); /* cut anew */
	assert_int_equal(chunk__state(&chunk, &keys), CHUNK_STRANGE);
	chunk = chunk_at(0x55550010, 40, 64); /* the rest was too small for a chunk */
	assert_int_equal(chunk__state(&chunk, &keys), CHUNK_IN_USE);
	chunk.is_readable = false;
	assert_int_equal(chunk__state(&chunk, &keys), CHUNK_FREED);

	/* The last one of a thread's cache tells the key; then others are known by it. */
	chunk = chunk_at(0x55550010, 40, 48);
	chunk.words[2] = chunk.address >> 12;
	chunk.words[3] = 0x9123456789abcdefull;
	assert_true(chunk__possible_key(&chunk, &is_address) == chunk.words[3]);
	assert_false(is_address);
	chunk_keys__add(&keys, chunk.words[3]);
	chunk.words[2] = 0x1234;
	assert_true(chunk__possible_key(&chunk, &is_address) == 0);
	assert_int_equal(chunk__state(&chunk, &keys), CHUNK_FREED);
	assert_true(chunk__holds_cache(0x291));
	assert_false(chunk__holds_cache(0x31));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimates_lie_within_three_errors_of_the_truth),
		cmocka_unit_test(test_a_leak_is_told_from_blocks_whose_address_is_used_again),
		cmocka_unit_test(test_what_is_seen_whole_is_exact),
		cmocka_unit_test(test_an_unknown_allocator_leaves_rates_alone),
		cmocka_unit_test(test_chunks_tell_whether_they_are_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
