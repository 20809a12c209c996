/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/text_processes.h"

#include <string.h>
#include <sys/wait.h>

#include "report/human.h"
#include "report/processes.h"

/* Of a screen's rows one in so many is for processes, but at least LEAST_SHOWN are. */
#define ROWS_FOR_ONE 8
#define LEAST_SHOWN 3

static size_t count_shown(const struct text_page *page, const struct report *report)
{
	size_t most = page->top ? page->top : page->rows / ROWS_FOR_ONE;

	if (most < LEAST_SHOWN)
		most = LEAST_SHOWN;
	/* One more takes no more room than the words that it is left out. */
	return report->ranking.size <= most + 1 ? report->ranking.size : most;
}

static void describe_end(const struct heap_process *process, char *out, size_t size)
{
	int status = process->exit_status;

	if (process->end == PROCESS_RUNS)
		snprintf(out, size, "runs");
	else if (WIFSIGNALED(status))
		snprintf(out, size, "signal %d", WTERMSIG(status));
	else
		snprintf(out, size, "exit %d", WEXITSTATUS(status));
}

static uint64_t rate_of(const struct report *report, const struct heap_process *process)
{
	uint64_t end = process->end == PROCESS_RUNS ? report->run.duration_ns : process->end_ns;
	uint64_t span = end > process->start_ns ? end - process->start_ns : 0;

	return span ? (uint64_t)(process->counts.alloc_count * 1e9 / span) : 0;
}

static void print_process(
	struct text_page *page, const struct report *report, const struct report_process *rank)
{
	const struct heap_process *process = &report->processes.data[rank->index];
	char end[40], more[HUMAN_SIZE + 16] = "";

	describe_end(process, end, sizeof(end));
	if (rank->growing)
		snprintf(more, sizeof(more), ", grows");
	else if (process->counts.inherited_bytes)
		snprintf(more, sizeof(more), ", copies %s",
			human__bytes(process->counts.inherited_bytes).text);
	text__print_line(page, "%10u  %-15s %10s %s  %7s/s  %s%s", process->pid,
		*process->comm ? process->comm : "?", human__bytes(report__held_by(process)).text,
		process->end == PROCESS_RUNS ? "live" : "left",
		human__count(rate_of(report, process)).text, end, more);
}

void text__print_processes(struct text_page *page, const struct report *report)
{
	size_t shown = count_shown(page, report), running = 0;

	if (report->ranking.size < 2)
		return;
	vec_for_each (rank, &report->ranking)
		running += report->processes.data[rank->index].end == PROCESS_RUNS;
	text__print_line(page,
		"processes   %s, %s of them %s; those that grow, or hold most, first",
		human__exact(report->ranking.size).text, human__exact(running).text,
		running == 1 ? "runs" : "run");
	for (size_t i = 0; i < shown; i++)
		print_process(page, report, &report->ranking.data[i]);
	if (shown < report->ranking.size)
		text__print_line(page, "%12sand %s more (--json lists all)", "",
			human__exact(report->ranking.size - shown).text);
}

/* What the process holds of the site, or, where all was freed, what it allocated. */
static uint64_t share_value(const struct report *report, const struct report_site *site,
	const struct report_site_process *share)
{
	if (!report__held_bytes(report, site))
		return share->alloc_bytes;
	return report__shows_left(report) ? share->at_exit_bytes : share->live_bytes;
}

static void describe_one(const struct report *report, const struct report_site_process *share,
	char *out, size_t size)
{
	const struct heap_process *process;

	if (share->index == REPORT_NO_PROCESS) {
		snprintf(out, size, "others");
		return;
	}
	process = &report->processes.data[share->index];
	snprintf(out, size, "%u%s%s", process->pid, *process->comm ? " " : "", process->comm);
}

void text__describe_processes(
	const struct report *report, const struct report_site *site, char *out, size_t size)
{
	const struct report_site_process *shares =
		report->site_processes.data + site->first_process;
	uint64_t sum = 0, most = 0;
	size_t holders = 0, largest = 0;
	char name[EVENT_COMM_SIZE + 16];

	*out = 0;
	if (report->process_total < 2 || !site->process_count)
		return;
	for (size_t i = 0; i < site->process_count; i++) {
		uint64_t value = share_value(report, site, &shares[i]);

		holders += value > 0;
		sum += value;
		if (value > most) {
			most = value;
			largest = i;
		}
	}
	describe_one(report, &shares[largest], name, sizeof(name));
	if (holders <= 1)
		snprintf(out, size, "in %s", name);
	else
		snprintf(out, size, "in %zu processes, %s in %s", holders,
			human__percent(most, sum).text, name);
}
