/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
// clang-format off: cmocka.h needs what stands before it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "contention/contention.h"
#include "report/contention.h"

static const struct lock_inlined guard[] = {{"guard::guard", "guard.h", 5}};
static const struct lock_frame waiter_frames[] = {
	{.pc = 1, .function = "pthread_mutex_lock", .module = "libc.so.6"},
	{.pc = 2, .function = "visit", .module = "app"},
	{.pc = 3, .function = "visit", .module = "app"},
	{.pc = 4, .function = "main", .module = "app"},
};
static const struct lock_frame inlined_frames[] = {
	{.pc = 5, .function = "pthread_mutex_lock", .module = "libc.so.6"},
	{.pc = 6, .function = "serve", .module = "app", .inlined = guard, .inlined_count = 1},
	{.pc = 4, .function = "main", .module = "app"},
};

static const struct contention_filter ranked, every = {.all = true};

struct world {
	struct contention *model;
	uint32_t mutex, condition;
};

static uint32_t add_lock(
	struct contention *model, enum wait_kind kind, uint64_t address, const char *name)
{
	struct contention_identity identity = {
		.key = {.space = 7, .offset = address}, .kind = kind, .pid = 7, .address = address};
	int64_t number;

	snprintf(identity.name, sizeof(identity.name), "%s", name);
	number = contention__add_lock(model, &identity);
	assert_true(number >= 0);
	return number;
}

static void add_stack(struct contention *model, uint64_t hash, const struct lock_frame *frames,
	size_t count, size_t first)
{
	struct contention_stack stack = {.frames = frames, .count = count, .first = first};

	assert_int_equal(contention__add_stack(model, hash, &stack), 0);
}

static struct world make_world(void)
{
	struct world world = {.model = contention__new()};

	assert_non_null(world.model);
	world.mutex = add_lock(world.model, WAIT_MUTEX, 0x1000, "cache_lock");
	world.condition = add_lock(world.model, WAIT_CONDITION, 0x2000, "work");
	add_stack(world.model, 11, waiter_frames, 4, 1);
	add_stack(world.model, 12, inlined_frames, 3, 1);
	return world;
}

static void add_wait(struct world *world, uint32_t lock, pid_t tid, uint64_t stack, uint64_t ns)
{
	struct contention_wait_facts wait = {.lock = lock,
		.pid = 7,
		.tid = tid,
		.comm = "worker",
		.begin_ns = 1000,
		.end_ns = 1000 + ns,
		.stack = stack,
		.holder_stack = 12,
		.moment = HOLDER_AT_BEGIN,
		.holder_tid = 9};

	assert_int_equal(contention__add_wait(world->model, &wait), 0);
}

static void test_a_lock_known_by_key_and_kind_is_one(void **state)
{
	struct world world = make_world();

	assert_int_equal(add_lock(world.model, WAIT_MUTEX, 0x1000, "cache_lock"), world.mutex);
	assert_int_not_equal(add_lock(world.model, WAIT_ARENA, 0x1000, ""), world.mutex);
	contention__free(world.model);
}

static void test_waits_add_up_per_lock_and_thread(void **state)
{
	struct world world = make_world();
	const struct contention_lock *lock;

	add_wait(&world, world.mutex, 8, 11, 100);
	add_wait(&world, world.mutex, 8, 11, 300);
	add_wait(&world, world.mutex, 10, 12, 5000);
	lock = contention__lock(world.model, world.mutex);
	assert_int_equal(lock->sums.count, 3);
	assert_int_equal(lock->sums.total_ns, 5400);
	assert_int_equal(lock->sums.max_ns, 5000);
	assert_int_equal(lock->threads, 2);
	assert_int_equal(lock->sums.histogram[6], 1);
	assert_int_equal(lock->sums.histogram[8], 1);
	assert_int_equal(lock->sums.histogram[12], 1);
	assert_int_equal(lock->moments[HOLDER_AT_BEGIN], 3);
	contention__free(world.model);
}

static void test_waiting_for_work_is_in_no_ranking(void **state)
{
	struct world world = make_world();
	contention_numbers numbers;
	contention_threads threads;

	add_wait(&world, world.mutex, 8, 11, 100);
	add_wait(&world, world.condition, 8, 11, 1000000);
	assert_int_equal(contention__total(world.model, &ranked).total_ns, 100);
	assert_int_equal(contention__total(world.model, &every).total_ns, 1000100);
	assert_int_equal(contention__rank_locks(world.model, &ranked, &numbers), 0);
	assert_int_equal(numbers.size, 1);
	vec_free(&numbers);
	assert_int_equal(contention__rank_locks(world.model, &every, &numbers), 0);
	assert_int_equal(numbers.size, 2);
	assert_int_equal(numbers.data[0], world.condition);
	vec_free(&numbers);
	assert_int_equal(contention__rank_threads(world.model, &threads), 0);
	assert_int_equal(threads.size, 2);
	assert_int_equal(threads.data[0]->tid, 8);
	assert_int_equal(threads.data[0]->waited.total_ns, 100);
	assert_int_equal(threads.data[1]->tid, 9);
	assert_int_equal(threads.data[1]->held_ns, 100);
	vec_free(&threads);
	contention__free(world.model);
}

static void test_kinds_and_the_loader_are_apart(void **state)
{
	struct contention_identity identity = {.kind = WAIT_MUTEX, .is_loader = true};
	struct contention_filter filter = {.kind = "loader"};

	assert_string_equal(contention__kind(&identity), "loader");
	assert_true(contention__is_ranked(&identity));
	assert_true(contention__wants(&filter, &identity));
	identity.is_loader = false;
	assert_false(contention__wants(&filter, &identity));
	identity.kind = WAIT_JOIN;
	assert_false(contention__is_ranked(&identity));
	identity.kind = WAIT_SEMAPHORE;
	assert_false(contention__is_ranked(&identity));
	identity.kind = WAIT_ARENA;
	assert_true(contention__is_ranked(&identity));
}

static const struct contention_function *find(
	const contention_functions *functions, const char *name)
{
	vec_for_each (function, functions)
		if (function->name && !strcmp(function->name, name))
			return function;
	fail_msg("%s is missing", name);
	return NULL;
}

static void test_own_time_is_the_callers_and_recursion_counts_once(void **state)
{
	struct world world = make_world();
	contention_functions functions;

	add_wait(&world, world.mutex, 8, 11, 100);
	add_wait(&world, world.mutex, 8, 12, 40);
	assert_int_equal(
		contention__functions(world.model, &ranked, CONTENTION_WAITER, &functions), 0);
	assert_string_equal(functions.data[0].name, "visit");
	assert_int_equal(functions.data[0].own_ns, 100);
	assert_int_equal(functions.data[0].inclusive_ns, 100);
	assert_int_equal(functions.data[0].inclusive_count, 1);
	assert_int_equal(find(&functions, "guard::guard")->own_ns, 40);
	assert_int_equal(find(&functions, "serve")->own_ns, 0);
	assert_int_equal(find(&functions, "serve")->inclusive_ns, 40);
	assert_int_equal(find(&functions, "main")->inclusive_ns, 140);
	vec_for_each (function, &functions)
		assert_string_not_equal(function->name, "pthread_mutex_lock");
	vec_free(&functions);
	contention__free(world.model);
}

static void test_open_waits_are_in_no_sum(void **state)
{
	struct world world = make_world();
	const struct contention_lock *lock;

	contention__add_open(world.model, world.mutex, false, 0);
	contention__add_open(world.model, world.mutex, true, 500);
	contention__add_open(world.model, world.mutex, true, 200);
	lock = contention__lock(world.model, world.mutex);
	assert_int_equal(lock->open_at_begin, 1);
	assert_int_equal(lock->open_at_end, 2);
	assert_int_equal(lock->open_ns, 500);
	assert_int_equal(lock->sums.count, 0);
	contention__free(world.model);
}

static void test_buckets_and_percentiles(void **state)
{
	struct contention_sums sums = {0};

	assert_int_equal(contention__bucket(0), 0);
	assert_int_equal(contention__bucket(1), 0);
	assert_int_equal(contention__bucket(1023), 9);
	assert_int_equal(contention__bucket(1024), 10);
	assert_int_equal(contention__bucket(UINT64_MAX), CONTENTION_BUCKETS - 1);
	for (int i = 0; i < 99; i++)
		contention_sums__add(&sums, 100);
	contention_sums__add(&sums, 1000000);
	assert_int_equal(contention_sums__percentile(&sums, 50), 127);
	assert_int_equal(contention_sums__percentile(&sums, 99), 127);
	assert_int_equal(contention_sums__percentile(&sums, 100), 1000000);
}

static void test_a_holder_without_a_stack_is_unknown(void **state)
{
	struct world world = make_world();
	struct contention_wait_facts wait = {.lock = world.mutex,
		.pid = 7,
		.tid = 8,
		.begin_ns = 10,
		.end_ns = 5,
		.stack = 11,
		.moment = HOLDER_AT_RELEASE};
	contention_rows rows;

	assert_int_equal(contention__add_wait(world.model, &wait), 0);
	assert_int_equal(contention__lock(world.model, world.mutex)->moments[HOLDER_UNKNOWN], 1);
	/* Clocks of two CPUs: never less than nothing. */
	assert_int_equal(contention__lock(world.model, world.mutex)->sums.total_ns, 0);
	assert_int_equal(
		contention__rank_rows(world.model, &ranked, world.mutex, CONTENTION_HOLDER, &rows),
		0);
	assert_int_equal(rows.size, 1);
	assert_int_equal(rows.data[0]->stack, 0);
	vec_free(&rows);
	contention__free(world.model);
}

static void test_the_text_fits_the_page(void **state)
{
	struct world world = make_world();
	struct contention_process process = {7,
		"/usr/bin/app --with a very long command line that "
		"has no end and goes on and on for two hundred columns"};
	struct contention_report report = {.model = world.model,
		.processes = &process,
		.process_count = 1,
		.duration_ns = 1000000000,
		.top = 10};
	char *text = NULL;
	size_t size, column = 0;
	FILE *file = open_memstream(&text, &size);
	char name[WAIT_NAME_SIZE];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	add_wait(&world, add_lock(world.model, WAIT_WRITE_LOCK, 0xffffffffffff0000, name), 8, 12,
		77);
	add_wait(&world, world.mutex, 8, 11, 123456789012);
	assert_int_equal(contention_text__write(&report, file), 0);
	fclose(file);
	for (const char *c = text; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		assert_true(column <= 80);
	}
	assert_non_null(strstr(text, "mutex cache_lock at 0x1000"));
	free(text);
	contention__free(world.model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lock_known_by_key_and_kind_is_one),
		cmocka_unit_test(test_waits_add_up_per_lock_and_thread),
		cmocka_unit_test(test_waiting_for_work_is_in_no_ranking),
		cmocka_unit_test(test_kinds_and_the_loader_are_apart),
		cmocka_unit_test(test_own_time_is_the_callers_and_recursion_counts_once),
		cmocka_unit_test(test_open_waits_are_in_no_sum),
		cmocka_unit_test(test_buckets_and_percentiles),
		cmocka_unit_test(test_a_holder_without_a_stack_is_unknown),
		cmocka_unit_test(test_the_text_fits_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
