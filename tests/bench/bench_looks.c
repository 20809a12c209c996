/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Many looks at blocked threads from one process: bench_looks COUNT PID...
 *
 * What the looks need of files (names, unwind tables) is read by the first of them: the rest is the
 * price of a look itself. The page of every look that finds something is printed; the last line
 * has the counts, and the CPU time of a look after the first, without that of the worker that
 * names functions. Status 3 where there was a finding.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/vec.h"
#include "blocked/locks_look.h"
#include "report/locks_text.h"
#include "sandbox/worker.h"
#include "symbols/names_wire.h"
#include "symbols/names_worker.h"

static const struct worker_role roles[] = {{NAMES_ROLE, names_worker__serve}, {0}};

static double cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec * 1e3 + usage.ru_stime.tv_sec * 1e3 +
	       usage.ru_utime.tv_usec / 1e3 + usage.ru_stime.tv_usec / 1e3;
}

/* 1: it found something, 0: nothing, or a negative errno. */
static int look_once(const struct locks_look_options *options)
{
	struct locks_text_options text = {0};
	struct locks_look look;
	struct error error;
	bool found;
	int err = locks__look_at(options, &look, &error);

	if (err) {
		fprintf(stderr, "bench_looks: %s\n", error.message);
		return err;
	}
	found = look.findings.deadlocks || look.findings.hangs;
	if (found)
		locks_text__write(stdout, &look.findings, &text);
	locks_look__free(&look);
	return found;
}

static int look_often(long count, struct locks_look_options *options)
{
	double begin = 0;
	long done = 0, found = 0;

	for (int got = 0; done < count && got >= 0; done++) {
		got = look_once(options);
		if (got < 0)
			break;
		found += got;
		if (!done)
			begin = cpu_ms();
	}
	printf("%ld looks, %ld findings, %.1f ms each\n", done, found,
		done > 1 ? (cpu_ms() - begin) / (double)(done - 1) : 0);
	return done < count ? 1 : found ? 3 : 0;
}

int main(int argc, char **argv)
{
	struct locks_look_options options = {
		.lines = SUBJECT_LINES_OF_APPLICATION, .samples = true};
	VEC(pid_t) pids = {0};
	struct error error;
	int status = 1;

	worker_side__run(argc, argv, roles);
	if (argc < 3) {
		fprintf(stderr, "usage: bench_looks COUNT PID...\n");
		return 2;
	}
	file__allow_many();
	for (int i = 2; i < argc; i++)
		if (vec_push(&pids, (pid_t)atoi(argv[i])))
			return 1;
	options.pids = pids.data;
	options.pid_count = pids.size;
	if (!looker__new(false, &options.looker, &error))
		options.subjects = subjects__new(options.lines, &error);
	if (options.subjects)
		status = look_often(atol(argv[1]), &options);
	else
		fprintf(stderr, "bench_looks: %s\n", error.message);
	subjects__free(options.subjects);
	looker__free(options.looker);
	vec_free(&pids);
	return status;
}
