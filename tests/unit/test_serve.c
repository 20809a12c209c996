/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "process/container.h"
#include "report/openmetrics.h"
#include "serve/listen.h"
#include "serve/request.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* --- containers */

static void expect_container(
	const char *cgroups, const char *id, const char *runtime, const char *pod)
{
	struct container container;

	container__parse(cgroups, &container);
	assert_string_equal(container.id, id);
	assert_string_equal(container.runtime, runtime);
	assert_string_equal(container.pod, pod);
}

static void test_runtimes_are_told_by_their_cgroups(void **state)
{
	expect_container("0::/system.slice/docker-" ID ".scope\n", ID, "docker", "");
	expect_container("0::/docker/" ID "\n", ID, "docker", "");
	expect_container("0::/machine.slice/libpod-" ID ".scope/container\n", ID, "podman", "");
	expect_container("0::/libpod_parent/libpod-" ID "\n", ID, "podman", "");
	expect_container("0::/../../libpod-" ID ".scope\n", ID, "podman", "");
	expect_container("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-"
			 "pod6a5b8a5e_7a0d_4f9b_8d4e_0f4f6a7b8c9d.slice/cri-containerd-" ID
			 ".scope\n",
		ID, "containerd", "6a5b8a5e-7a0d-4f9b-8d4e-0f4f6a7b8c9d");
	expect_container("0::/kubepods/besteffort/pod6a5b8a5e-7a0d-4f9b-8d4e-0f4f6a7b8c9d/" ID "\n",
		ID, "containerd", "6a5b8a5e-7a0d-4f9b-8d4e-0f4f6a7b8c9d");
	expect_container(
		"0::/kubepods.slice/kubepods-pod6a5b8a5e_7a0d_4f9b_8d4e_0f4f6a7b8c9d.slice/"
		"crio-" ID ".scope/container\n",
		ID, "cri-o", "6a5b8a5e-7a0d-4f9b-8d4e-0f4f6a7b8c9d");
}

static void test_old_and_hybrid_hierarchies(void **state)
{
	expect_container("12:pids:/user.slice\n11:memory:/docker/" ID "\n1:name=systemd:/docker/" ID
			 "\n0::/system.slice/containerd.service\n",
		ID, "docker", "");
	expect_container(
		"4:cpu,cpuacct:/\n0::/machine.slice/libpod-" ID ".scope\n", ID, "podman", "");
}

static void test_the_innermost_container_counts(void **state)
{
	expect_container("0::/docker/" OTHER "/libpod-" ID ".scope\n", ID, "podman", "");
}

static void test_what_is_in_no_container(void **state)
{
	expect_container("", "", "", "");
	expect_container("0::/\n", "", "", "");
	expect_container("0::/user.slice/user-1000.slice/session-2.scope\n", "", "", "");
	/* The monitor beside a container is not in it. */
	expect_container("0::/machine.slice/libpod-conmon-" ID ".scope\n", "", "", "");
	expect_container("garbage\n0\n::\n", "", "", "");
}

static void test_a_prefix_of_the_id_is_enough(void **state)
{
	struct container container;

	container__parse("0::/docker/" ID "\n", &container);
	assert_true(container__matches(&container, "0123"));
	assert_true(container__matches(&container, "0123456789AB"));
	assert_true(container__matches(&container, ID));
	assert_false(container__matches(&container, "1234"));
	assert_false(container__matches(&container, ID "0"));
	assert_true(container__is_prefix("beef"));
	assert_false(container__is_prefix("bee"));
	assert_false(container__is_prefix("my-container"));
	container__parse("0::/\n", &container);
	assert_false(container__matches(&container, ""));
}

/* --- requests */

static void test_queries_are_taken_apart(void **state)
{
	struct request_query query;
	const char *why;

	assert_int_equal(request__parse("/metrics", &query, &why), 0);
	assert_string_equal(query.path, "/metrics");
	assert_int_equal(request__parse("/debug/pprof/", &query, &why), 0);
	assert_string_equal(query.path, "/debug/pprof");
	assert_int_equal(request__parse("/", &query, &why), 0);
	assert_string_equal(query.path, "/");
	assert_int_equal(
		request__parse("/debug/pprof/heap?debug=0&seconds=30&gc=1", &query, &why), 0);
	assert_int_equal(query.seconds, 30);
	assert_int_equal(request__parse("/heap?pid=42#part", &query, &why), 0);
	assert_int_equal(query.pid, 42);
	assert_true(request__parse("/heap?seconds=-1", &query, &why) < 0);
	assert_true(request__parse("/heap?seconds=301", &query, &why) < 0);
	assert_true(request__parse("/heap?seconds=1e3", &query, &why) < 0);
	assert_true(request__parse("/heap?pid=0", &query, &why) < 0);
	assert_true(request__parse("http://example.com/metrics", &query, &why) < 0);
	assert_true(request__parse("", &query, &why) < 0);
}

static void test_only_the_whole_token_lets_in(void **state)
{
	assert_true(request__is_authorized("Bearer abc", "abc"));
	assert_true(request__is_authorized("bearer abc", "abc"));
	assert_false(request__is_authorized("Bearer abcabc", "abc"));
	assert_false(request__is_authorized("Bearer ab", "abc"));
	assert_false(request__is_authorized("Bearer abd", "abc"));
	assert_false(request__is_authorized("Bearer ", "abc"));
	assert_false(request__is_authorized("Basic abc", "abc"));
	assert_false(request__is_authorized(NULL, "abc"));
	assert_false(request__is_authorized("Bearer ", ""));
}

static void test_addresses(void **state)
{
	struct listen_address address;

	assert_int_equal(listen__parse("127.0.0.1:9464", &address, NULL), 0);
	assert_true(address.is_loopback && !address.is_unix);
	assert_int_equal(listen__parse("9464", &address, NULL), 0);
	assert_true(address.is_loopback);
	assert_int_equal(listen__parse("[::1]:80", &address, NULL), 0);
	assert_true(address.is_loopback);
	assert_int_equal(listen__parse("0.0.0.0:80", &address, NULL), 0);
	assert_false(address.is_loopback);
	assert_int_equal(listen__parse("[::]:80", &address, NULL), 0);
	assert_false(address.is_loopback);
	assert_int_equal(listen__parse("unix:/run/memtrace", &address, NULL), 0);
	assert_true(address.is_unix && address.is_loopback);
	assert_true(listen__parse("localhost:80", &address, NULL) < 0);
	assert_true(listen__parse(":80", &address, NULL) < 0);
	assert_true(listen__parse("127.0.0.1:0", &address, NULL) < 0);
	assert_true(listen__parse("127.0.0.1:65536", &address, NULL) < 0);
	assert_true(listen__parse("unix:relative", &address, NULL) < 0);
	assert_true(listen__parse("", &address, NULL) < 0);
}

/* --- metrics */

static void test_labels_are_escaped_and_names_differ_by_format(void **state)
{
	static const char *const expected[] = {
		"# HELP x_bytes Some.\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\n"
		"x_bytes_total{a=\"q\\\"b\\\\c?d\"} 7\n# EOF\n",
		"# HELP x_bytes_total Some.\n# TYPE x_bytes_total counter\n"
		"x_bytes_total{a=\"q\\\"b\\\\c?d\"} 7\n# EOF\n",
	};

	for (int older = 0; older < 2; older++) {
		struct openmetrics out = {.is_older = older};
		char *text = NULL;
		size_t size;

		out.file = open_memstream(&text, &size);
		openmetrics__family(&out, METRIC_COUNTER, "x_bytes", "bytes", "Some.");
		openmetrics__sample(&out);
		openmetrics__label(&out, "a", "q\"b\\c\nd");
		openmetrics__label(&out, "empty", "");
		openmetrics__integer(&out, 7);
		openmetrics__end(&out);
		fclose(out.file);
		assert_string_equal(text, expected[older]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runtimes_are_told_by_their_cgroups),
		cmocka_unit_test(test_old_and_hybrid_hierarchies),
		cmocka_unit_test(test_the_innermost_container_counts),
		cmocka_unit_test(test_what_is_in_no_container),
		cmocka_unit_test(test_a_prefix_of_the_id_is_enough),
		cmocka_unit_test(test_queries_are_taken_apart),
		cmocka_unit_test(test_only_the_whole_token_lets_in),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_labels_are_escaped_and_names_differ_by_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
