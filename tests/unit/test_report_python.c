/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* By which of its lines a Python developer knows a call site. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/callers.h"
#include "report/python_site.h"

#define LIB "/usr/lib/python3.11/"
#define PACKAGES "/srv/venv/lib/python3.11/site-packages/"
#define PYTHON "/usr/bin/python3.11"

#define NATIVE(function_, module_)                       \
	{                                                \
		.function = function_, .module = module_ \
	}
#define PY(function_, file_, line_)                                                    \
	{                                                                              \
		.is_python = true, .function = function_, .file = file_, .line = line_ \
	}

#define assert_named(expected, ...)                                                            \
	do {                                                                                   \
		struct report_frame frames_[] = {__VA_ARGS__};                                 \
		struct report_site site_ = {                                                   \
			.frames = frames_, .frame_count = sizeof(frames_) / sizeof(*frames_)}; \
		assert_string_equal(frames_[callers__first(&site_)].function, expected);       \
	} while (0)

#define assert_native(expected, ...)                                                           \
	do {                                                                                   \
		struct report_frame frames_[] = {__VA_ARGS__};                                 \
		struct report_site site_ = {                                                   \
			.frames = frames_, .frame_count = sizeof(frames_) / sizeof(*frames_)}; \
		char text_[PYTHON_NATIVE_SIZE];                                                \
		python_site__describe_native(&site_, text_);                                   \
		assert_string_equal(text_, expected);                                          \
	} while (0)

static void test_the_applications_innermost_line_names_a_site(void **state)
{
	assert_named("load", NATIVE("malloc", "/lib/libc.so.6"), NATIVE("PyUnicode_New", PYTHON),
		PY("JSONDecoder.decode", LIB "json/decoder.py", 337),
		PY("loads", LIB "json/__init__.py", 346), PY("load", "/srv/app/store.py", 41),
		PY("main", "/srv/app/app.py", 7));
	assert_named("view", NATIVE("malloc", NULL), PY("view", "app.py", 3),
		PY("Flask.dispatch_request", PACKAGES "flask/app.py", 880),
		PY("<module>", "/srv/venv/bin/gunicorn", 8));
	assert_named("<module>", NATIVE("malloc", NULL), PY("<module>", "<stdin>", 1));
}

static void test_without_the_applications_a_librarys_line_names_it(void **state)
{
	assert_named("Thread.start", NATIVE("malloc", NULL),
		PY("Thread.start", LIB "threading.py", 957), PY("run", LIB "runpy.py", 196));
	/* What a launcher calls is more than the launcher. */
	assert_named("Worker.notify", NATIVE("malloc", NULL),
		PY("Worker.notify", PACKAGES "gunicorn/workers/base.py", 80),
		PY("<module>", "/srv/venv/bin/gunicorn", 8));
	assert_named("import_module", NATIVE("malloc", NULL),
		PY("_find_and_load", "<frozen importlib._bootstrap>", 1176),
		PY("import_module", LIB "importlib/__init__.py", 126));
	assert_named("_find_and_load", NATIVE("malloc", NULL),
		PY("_find_and_load", "<frozen importlib._bootstrap>", 1176));
}

static void test_code_that_a_library_made_is_not_the_applications(void **state)
{
	assert_named("build", NATIVE("malloc", NULL), PY("Record.__init__", "<string>", 3),
		PY("build", "/srv/app/records.py", 12));
	assert_named("<module>", NATIVE("malloc", NULL), PY("<module>", "<string>", 1));
	assert_named("template", NATIVE("malloc", NULL), PY("template", "<made>", 1),
		PY("render", "/srv/app/pages.py", 9));
}

static void test_what_could_not_be_read_names_nothing(void **state)
{
	assert_named("load", NATIVE("malloc", NULL), PY(NULL, NULL, 0), PY("load", "app.py", 4));
	assert_named("malloc", NATIVE("malloc", NULL), PY(NULL, NULL, 0));
}

static void test_native_code_has_a_line_of_its_own(void **state)
{
	static const char umath[] =
		PACKAGES "numpy/core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so";

	assert_native("(native: numpy _multiarray_umath)", NATIVE("malloc", "/lib/libc.so.6"),
		NATIVE(NULL, umath), NATIVE("PyObject_Vectorcall", PYTHON), PY("f", "a.py", 1));
	assert_native("(native: numpy _multiarray_umath) gemm, called by dot  numeric.py:9",
		NATIVE("malloc", "/lib/libc.so.6"), NATIVE("gemm", "/lib/libblas.so.3"),
		NATIVE("array_dot", umath), PY("dot", PACKAGES "numpy/numeric.py", 9),
		PY("f", "a.py", 1));
	assert_native("(native: libpython3.11) PyByteArray_Resize", NATIVE("malloc", NULL),
		NATIVE("PyByteArray_Resize", "/usr/lib/libpython3.11.so.1.0"),
		NATIVE("_PyObject_MakeTpCall", "/usr/lib/libpython3.11.so.1.0"),
		PY("f", "a.py", 1));
	assert_native("(native: python3.11) called by loads  json/__init__.py:346",
		NATIVE(NULL, PYTHON), PY("loads", LIB "json/__init__.py", 346), PY("f", "a.py", 1));
	assert_native("", PY("f", "a.py", 1), PY("g", "a.py", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_applications_innermost_line_names_a_site),
		cmocka_unit_test(test_without_the_applications_a_librarys_line_names_it),
		cmocka_unit_test(test_code_that_a_library_made_is_not_the_applications),
		cmocka_unit_test(test_what_could_not_be_read_names_nothing),
		cmocka_unit_test(test_native_code_has_a_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
