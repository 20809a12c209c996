/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The exporter's bounds and what it counts; that it delivers is tests/e2e/serve.bats'. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/exporter.h"

static void *message(size_t size)
{
	void *data = malloc(size);

	assert_non_null(data);
	memset(data, 'x', size);
	return data;
}

static struct exporter *start(size_t queue_bytes)
{
	/* Nobody listens there. */
	struct exporter_options options = {
		.endpoint = "http://127.0.0.1:9", .type = "text/plain", .queue_bytes = queue_bytes};
	struct error error = {0};
	struct exporter *exporter = exporter__start(&options, &error);

	assert_non_null(exporter);
	return exporter;
}

static void test_only_plain_http_is_an_endpoint(void **state)
{
	struct error error = {0};

	assert_int_equal(exporter__check("http://collector", &error), 0);
	assert_int_equal(exporter__check("http://[::1]:4318/base", &error), 0);
	assert_int_equal(exporter__check("https://collector", &error), -EINVAL);
	assert_non_null(strstr(error.message, "TLS"));
	assert_int_equal(exporter__check("collector:4318", &error), -EINVAL);
	assert_int_equal(exporter__check("http://", &error), -EINVAL);
	assert_int_equal(exporter__check("http://user@host", &error), -EINVAL);
	assert_int_equal(exporter__check("", &error), -EINVAL);
}

static void test_bytes_that_wait_are_bounded_and_the_rest_is_counted(void **state)
{
	struct exporter *exporter = start(1000);
	struct exporter_counts counts;

	for (int i = 0; i < 20; i++)
		exporter__push(exporter, "/v1/metrics", message(300), 300);
	exporter__count(exporter, &counts);
	assert_int_equal(counts.waiting, 3);
	assert_int_equal(counts.losses[EXPORT_QUEUE_FULL], 17);
	assert_int_equal(counts.sent, 0);
	exporter__push(exporter, "/v1/metrics", message(1001), 1001);
	exporter__count(exporter, &counts);
	assert_int_equal(counts.waiting, 3);
	assert_int_equal(counts.losses[EXPORT_QUEUE_FULL], 18);
	exporter__stop(exporter);
}

static void test_messages_that_wait_are_bounded(void **state)
{
	struct exporter *exporter = start(1 << 20);
	struct exporter_counts counts;

	for (int i = 0; i < EXPORTER_QUEUE + 5; i++)
		exporter__push(exporter, "/v1/metrics", message(1), 1);
	exporter__count(exporter, &counts);
	assert_int_equal(counts.waiting, EXPORTER_QUEUE);
	assert_int_equal(counts.losses[EXPORT_QUEUE_FULL], 5);
	exporter__stop(exporter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_plain_http_is_an_endpoint),
		cmocka_unit_test(test_bytes_that_wait_are_bounded_and_the_rest_is_counted),
		cmocka_unit_test(test_messages_that_wait_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
