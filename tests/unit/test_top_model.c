/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What top shows: order, growth against the baseline, rates, the filter. */
#include "report/top_model.h"
#include "report_sample.h"

static void no_lock(void *unused)
{
}

static const struct top_lock lock = {no_lock, no_lock, NULL};

struct fixture {
	struct feed feed;
	struct top_model model;
};

static void copy_at(struct fixture *f, uint64_t ns)
{
	assert_int_equal(top_model__copy(&f->model, f->feed.heap, START_NS + ns), 0);
	assert_int_equal(top_model__arrange(&f->model, f->feed.heap, &lock), 0);
}

static struct fixture start(void)
{
	struct fixture f = {.feed = sample_feed(), .model = {.name = sample_name}};

	copy_at(&f, 1000000000);
	return f;
}

static void stop(struct fixture *f)
{
	top_model__free(&f->model);
	heap__free(f->feed.heap);
}

static const char *title(struct fixture *f, size_t row)
{
	return top_model__name(&f->model, f->feed.heap, &lock, f->model.rows.data[row].id)->title;
}

static void test_sites_stand_in_the_order_of_the_column(void **state)
{
	struct fixture f = start();

	assert_int_equal(f.model.rows.size, 2); /* that of the failure has nothing to show */
	assert_int_equal(f.model.rows.data[0].values[TOP_LIVE], 102400);
	assert_non_null(strstr(title(&f, 0), "leak_here"));
	f.model.sort = TOP_TEMPORARY;
	copy_at(&f, 2000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_TEMPORARY], 50);
	f.model.reverse = true;
	copy_at(&f, 3000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_TEMPORARY], 0);
	stop(&f);
}

static void test_growth_is_against_the_baseline(void **state)
{
	struct fixture f = start();

	assert_int_equal(f.model.rows.data[0].values[TOP_GROWTH], 102400);
	assert_int_equal(top_model__set_baseline(&f.model), 0);
	copy_at(&f, 2000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_GROWTH], 0);
	feed_free(&f.feed, 0x100000);
	copy_at(&f, 3000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_GROWTH], -1024);
	feed_alloc(&f.feed, 0x900000, 5000, 0xa);
	copy_at(&f, 4000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_GROWTH], 5000 - 1024);
	stop(&f);
}

static void test_rates_are_of_the_time_since_the_refresh_before(void **state)
{
	struct fixture f = start();

	assert_int_equal(f.model.rows.data[0].values[TOP_RATE], 0);
	for (int i = 0; i < 30; i++)
		feed_alloc(&f.feed, 0x800000 + i * 0x1000, 1, 0xa);
	copy_at(&f, 3000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_RATE], 15);
	assert_int_equal((int)f.model.rate, 15);
	assert_int_equal(f.model.threads.data[0].values[TOP_THREAD_RATE], 15);
	copy_at(&f, 4000000000);
	assert_int_equal(f.model.rows.data[0].values[TOP_RATE], 0);
	stop(&f);
}

static void test_filter_looks_at_every_frame_and_at_no_case(void **state)
{
	struct fixture f = start();

	strcpy(f.model.filter, "PUSH_back");
	copy_at(&f, 2000000000);
	assert_int_equal(f.model.rows.size, 1);
	assert_int_equal(f.model.unnamed, 0);
	strcpy(f.model.filter, "no such name");
	copy_at(&f, 3000000000);
	assert_int_equal(f.model.rows.size, 0);
	stop(&f);
}

static void test_history_keeps_the_latest(void **state)
{
	struct fixture f = start();

	for (int i = 0; i < 2 * TOP_HISTORY; i++)
		copy_at(&f, (2 + i) * 1000000000ull);
	feed_alloc(&f.feed, 0x900000, 7, 0xa);
	copy_at(&f, 3000 * 1000000000ull);
	assert_int_equal(f.model.history_size, TOP_HISTORY);
	assert_int_equal(f.model.history[TOP_HISTORY - 1], 102400 + 7);
	assert_int_equal(f.model.history[0], 102400);
	stop(&f);
}

/* Each native frame is of the interpreter, called by the application through its library. */
static int name_as_python(
	void *context, const struct site_frame *address, struct report_frames *frames)
{
	const struct report_frame all[] = {
		{.function = "PyList_Append", .module = "/usr/bin/python3.11"},
		{.is_python = true,
			.function = "loads",
			.file = "/usr/lib/python3.11/json/__init__.py",
			.line = 346},
		{.is_python = true, .function = "load", .file = "/srv/app.py", .line = 41},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (vec_push(&frames->list, all[i]))
			return -ENOMEM;
	return 0;
}

static void test_a_python_site_is_named_by_the_applications_line(void **state)
{
	struct fixture f = {.feed = sample_feed(), .model = {.name = name_as_python}};

	copy_at(&f, 1000000000);
	assert_string_equal(title(&f, 0), "load  app.py:41");
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites_stand_in_the_order_of_the_column),
		cmocka_unit_test(test_growth_is_against_the_baseline),
		cmocka_unit_test(test_rates_are_of_the_time_since_the_refresh_before),
		cmocka_unit_test(test_filter_looks_at_every_frame_and_at_no_case),
		cmocka_unit_test(test_history_keeps_the_latest),
		cmocka_unit_test(test_a_python_site_is_named_by_the_applications_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
