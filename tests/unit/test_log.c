/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Warnings: what repeats is counted, what does not is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

/* Runs @call with stderr going to a file; what came there, to be freed. */
static char *text_of(void (*call)(void))
{
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	char *text;
	long size;

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	call();
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	size = lseek(fileno(file), 0, SEEK_END);
	text = calloc(1, size + 1);
	assert_int_equal(pread(fileno(file), text, size, 0), size);
	fclose(file);
	return text;
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void warn_often(void)
{
	for (int i = 0; i < 10871; i++)
		log__warn("process %d: cannot be seen", i);
	log__warn("something else");
}

static void test_a_warning_that_repeats_is_counted(void **state)
{
	char *text = text_of(warn_often);

	assert_int_equal(count_lines(text), LOG_WARNINGS_OF_A_KIND + 1);
	assert_non_null(strstr(text, "memtrace: warning: process 0: cannot be seen\n"));
	assert_non_null(strstr(text, "memtrace: warning: something else\n"));
	free(text);
}

static void test_the_end_says_how_many_there_were(void **state)
{
	char *text = text_of(log__flush);

	assert_string_equal(text, "memtrace: warning: process 10870: cannot be seen (10863 more of "
				  "this kind not shown)\n");
	free(text);
	text = text_of(log__flush);
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_warning_that_repeats_is_counted),
		cmocka_unit_test(test_the_end_says_how_many_there_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
