/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_verdicts.h"

#include <stdlib.h>
#include <string.h>

#include "report/human.h"
#include "report/locks_phrases.h"

#define SIGNAL_COUNT 64
/* Of them, those that have names and not just a number. */
#define NAMED_SIGNALS 32

/* "SIGINT, SIGTERM": of @signals, bit n - 1 is signal n. */
static void print_signals(FILE *file, uint64_t signals)
{
	const char *comma = "";

	for (int n = 1; n <= SIGNAL_COUNT; n++) {
		const char *name = n < NAMED_SIGNALS ? sigabbrev_np(n) : NULL;

		if (!(signals & 1ull << (n - 1)))
			continue;
		if (name)
			fprintf(file, "%sSIG%s", comma, name);
		else
			fprintf(file, "%ssignal %d", comma, n);
		comma = ", ";
	}
}

static void print_handlers(FILE *file, uint64_t signals)
{
	char *line = NULL;
	size_t size;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return;
	fprintf(text, "from outside, a signal that it handles could: ");
	print_signals(text, signals);
	if (!fclose(text))
		phrase__line(file, line, "      ");
	free(line);
}

void locks_verdicts__print_hung(FILE *file, const struct hung_process *hung)
{
	const char *comm = hung->threads->comm;
	pid_t pid = hung->process->pid;

	if (hung->waiting == 1)
		fprintf(file,
			"HUNG: the only thread of %s (PID %d) waits, without a timeout:\n"
			"      nothing inside the process can wake it\n",
			comm, pid);
	else
		fprintf(file,
			"HUNG: all %s threads of %s (PID %d) wait, none with a timeout:\n"
			"      nothing inside the process can wake them\n",
			human__count(hung->waiting).text, comm, pid);
	if (hung->apart)
		fprintf(file, "      (not counted: %s idle thread%s of the JVM)\n",
			human__count(hung->apart).text, hung->apart == 1 ? "" : "s");
	if (hung->process->handled)
		print_handlers(file, hung->process->handled);
}

void locks_verdicts__print_held(
	FILE *file, const struct lock_findings *findings, size_t index, const char *indent)
{
	const struct wait_graph *graph = &findings->graph;
	size_t i = SIZE_MAX;

	while ((i = graph__next_held(graph, index, i)) != SIZE_MAX) {
		fprintf(file, "%sit holds ", indent);
		phrase__lock_briefly(file, &findings->waits.data[i]);
		fprintf(file, ",\n%s  for which ", indent);
		phrase__thread(file, findings->waits.data[i].thread);
		fprintf(file, " waits\n");
	}
}

/* "User-level threads (goroutines) of hang (PID 12) are not examined." */
static void print_unseen(FILE *file, const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->snapshot->process_count; i++) {
		pid_t pid = findings->snapshot->processes[i].pid;
		const char *what = findings__user_threads(findings, pid);
		size_t count;
		const struct lock_thread *threads =
			snapshot__threads_of(findings->snapshot, pid, &count);

		if (what)
			fprintf(file, "User-level threads (%s) of %s (PID %d) are not examined.\n",
				what, threads->comm, pid);
	}
}

void locks_verdicts__print_summary(FILE *file, const struct lock_findings *findings)
{
	size_t lost = 0;

	for (size_t i = 0; i < findings->waits.size; i++)
		lost += findings__verdict(findings, i) == VERDICT_OWNER_DEAD &&
			!findings->waits.data[i].futex.timed;
	if (lost)
		fprintf(file, "%zu thread%s forever for a lock whose owner has exited.\n", lost,
			lost == 1 ? " waits" : "s wait");
	else if (!findings->waits.size)
		fprintf(file, "No thread waits for a lock.\n");
	else if (!findings->deadlocks && !findings->hangs)
		fprintf(file, findings__all_end(findings) ? "No deadlock.\n"
							  : "No cycle of known owners.\n");
	print_unseen(file, findings);
}
