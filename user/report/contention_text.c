/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <string.h>

#include "base/text.h"
#include "report/contention.h"
#include "report/function_name.h"
#include "report/human.h"
#include "report/locks_phrases.h"
#include "report/locks_stack.h"

#define FUNCTION_WIDTH 32
/* Stacks of one lock, on each side, that a reader can take in. */
#define SHOWN_STACKS 3
#define SHOWN_THREADS 8
/* Columns of the longest bar of a histogram. */
#define BAR_WIDTH 40

static struct human percent(uint64_t part, uint64_t whole)
{
	return human__percent(part, whole);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* "mutex cache_lock (app)", or by address; at most @width columns. */
static void describe_lock(
	const struct contention_identity *identity, size_t width, char *out, size_t size)
{
	char name[NAME_SIZE], module[NAME_SIZE];
	const char *kind = contention__kind(identity);

	snprintf(module, sizeof(module), "%s", text__base_name(identity->module));
	text__make_printable(module);
	if (identity->name[0]) {
		size_t used = strlen(kind) + 1 + (module[0] ? strlen(module) + 3 : 0);

		function_name__shorten(identity->name, used + 12 < width ? width - used : 12, name);
		snprintf(out, size, module[0] ? "%s %s (%s)" : "%s %s", kind, name, module);
	} else {
		snprintf(out, size, "%s at 0x%llx%s%s", kind, (unsigned long long)identity->address,
			module[0] ? " in " : "", module);
	}
}

/* --- the head */

static void write_targets(const struct contention_report *report, FILE *file)
{
	char command[61];

	for (size_t i = 0; i < report->process_count; i++) {
		snprintf(command, sizeof(command), "%s", report->processes[i].command);
		text__make_printable(command);
		fprintf(file, "target      %d  %s\n", (int)report->processes[i].pid, command);
	}
	if (!report->process_count)
		fprintf(file, "target      %s\n", report->scope);
}

static void write_losses(const struct contention_report *report, FILE *file)
{
	const struct contention_losses *losses = &report->losses;
	const struct {
		uint64_t count;
		const char *what;
	} causes[] = {
		{losses->not_noted, "waits were not noted: too many threads waited at once"},
		{losses->ring_full, "waits were lost: the ring was full"},
		{losses->stacks_lost, "stacks were lost: the ring was full"},
		{losses->no_memory, "records were lost: memtrace had no memory"},
		{losses->by_frame_pointer, "stacks by frame pointers: no unwind tables yet"},
		{losses->cut, "stacks do not reach their thread's first function"},
	};
	uint64_t lost = losses->not_noted + losses->ring_full + losses->no_memory;

	fprintf(file, "waits       %s seen, %s lost\n", human__count(losses->seen).text,
		lost ? human__count(lost).text : "none");
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
		if (causes[i].count)
			fprintf(file, "note        %s %s\n", human__count(causes[i].count).text,
				causes[i].what);
}

/* What is not ranked, by kind: waiting for work is not contention, but nothing is withheld. */
static void write_others(const struct contention_report *report, FILE *file)
{
	bool said = false;

	for (int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
		struct contention_sums sums =
			contention__rest(report->model, &report->filter, kind);

		if (!sums.count)
			continue;
		fprintf(file, "%-12s%s: %s wait%s, %s\n", said ? "" : "not ranked",
			wait_kind__name(kind), human__count(sums.count).text, plural(sums.count),
			human__duration(sums.total_ns).text);
		said = true;
	}
}

static void write_open(const struct contention_report *report, FILE *file)
{
	uint64_t at_begin = 0, at_end = 0;

	for (size_t i = 0; i < contention__lock_count(report->model); i++) {
		const struct contention_lock *lock = contention__lock(report->model, i);

		if (!contention__wants(&report->filter, &lock->identity))
			continue;
		at_begin += lock->open_at_begin;
		at_end += lock->open_at_end;
	}
	if (at_begin || at_end)
		fprintf(file,
			"open        %s wait%s at the start, %s begun since at the end: in no "
			"sum\n",
			human__count(at_begin).text, plural(at_begin), human__count(at_end).text);
}

static void write_head(
	const struct contention_report *report, const struct contention_sums *total, FILE *file)
{
	write_targets(report, file);
	fprintf(file, "traced for  %s\n", human__duration(report->duration_ns).text);
	write_losses(report, file);
	fprintf(file, "contention  %s wait%s, %s in all", human__count(total->count).text,
		plural(total->count), human__duration(total->total_ns).text);
	if (total->count)
		fprintf(file, "; mean %s, longest %s",
			human__duration(total->total_ns / total->count).text,
			human__duration(total->max_ns).text);
	fputc('\n', file);
	write_open(report, file);
	write_others(report, file);
}

/* --- locks */

static void write_histogram(const struct contention_sums *sums, FILE *file)
{
	uint64_t most = 0;

	for (size_t i = 0; i < CONTENTION_BUCKETS; i++)
		if (sums->histogram[i] > most)
			most = sums->histogram[i];
	for (size_t i = 0; i < CONTENTION_BUCKETS; i++) {
		char bar[BAR_WIDTH + 1];
		size_t width;

		if (!sums->histogram[i])
			continue;
		width = (sums->histogram[i] * BAR_WIDTH + most - 1) / most;
		memset(bar, '#', width);
		bar[width] = '\0';
		fprintf(file, "      from %-8s %10s  %s\n", human__duration(1ull << i).text,
			human__count(sums->histogram[i]).text, bar);
	}
}

static void write_stack(
	const struct contention_report *report, const struct contention_stack *stack, FILE *file)
{
	struct locks_stack_options options = {.full = report->full_stacks, .indent = "        "};
	struct lock_thread thread = {0};
	struct lock_wait wait = {.thread = &thread};

	if (!stack) {
		fprintf(file, "        (its stack was lost)\n");
		return;
	}
	thread.frames = (struct lock_frame *)stack->frames;
	thread.frame_count = stack->count;
	wait.site.frame = stack->first;
	if (stack->first && stack->first < stack->count)
		wait.site.function = stack->frames[stack->first].called
					     ? stack->frames[stack->first].called
					     : stack->frames[stack->first - 1].function;
	locks_stack__print_wait(file, &wait, &options);
}

static void write_row(const struct contention_report *report, const struct contention_row *row,
	const struct contention_lock *lock, FILE *file)
{
	const struct contention_stack *stack = contention__stack(report->model, row->stack);
	bool holds = row->side == CONTENTION_HOLDER;

	if (holds && !row->stack) {
		fprintf(file, "      %s of %s wait%s: holder's stack unknown\n",
			percent(row->sums.total_ns, lock->sums.total_ns).text,
			human__count(row->sums.count).text, plural(row->sums.count));
		return;
	}
	fprintf(file, "      %s, %s wait%s, %s, longest %s%s%s\n",
		percent(row->sums.total_ns, lock->sums.total_ns).text,
		human__count(row->sums.count).text, plural(row->sums.count),
		human__duration(row->sums.total_ns).text, human__duration(row->sums.max_ns).text,
		stack && stack->by_frame_pointer ? ", guessed" : "",
		!holds				   ? ""
		: row->at_begin == row->sums.count ? ", at begin"
		: row->at_begin			   ? ", at begin or release"
						   : ", at release");
	write_stack(report, stack, file);
}

static int write_side(const struct contention_report *report, uint32_t number,
	enum contention_side side, FILE *file)
{
	const struct contention_lock *lock = contention__lock(report->model, number);
	struct contention_filter any = {.all = true};
	contention_rows rows;
	int err = contention__rank_rows(report->model, &any, number, side, &rows);

	if (!err && rows.size)
		fprintf(file, "    %s\n", side == CONTENTION_WAITER ? "waiting in" : "held by");
	for (size_t i = 0; i < rows.size && !err; i++) {
		if (i == SHOWN_STACKS && !report->full_stacks) {
			fprintf(file, "      ... and %zu more stack%s (--full-stacks, --json)\n",
				rows.size - i, plural(rows.size - i));
			break;
		}
		write_row(report, rows.data[i], lock, file);
	}
	vec_free(&rows);
	return err;
}

static int write_lock(const struct contention_report *report, size_t rank, uint32_t number,
	const struct contention_sums *total, FILE *file)
{
	const struct contention_lock *lock = contention__lock(report->model, number);
	const struct contention_sums *sums = &lock->sums;
	char name[2 * NAME_SIZE];
	int err;

	describe_lock(&lock->identity, LOCKS_PAGE_WIDTH - 30, name, sizeof(name));
	fprintf(file, "\n%3zu  %s", rank, name);
	if (lock->identity.name[0])
		fprintf(file, " at 0x%llx", (unsigned long long)lock->identity.address);
	if (!report->process_count)
		fprintf(file, "\n     of process %d", (int)lock->identity.pid);
	fprintf(file, "\n     %s of %s: %s wait%s by %s thread%s\n",
		percent(sums->total_ns, total->total_ns).text,
		human__duration(total->total_ns).text, human__count(sums->count).text,
		plural(sums->count), human__count(lock->threads).text, plural(lock->threads));
	if (sums->count)
		fprintf(file, "     mean %s, longest %s\n     half below %s, 99 %% below %s\n",
			human__duration(sums->total_ns / sums->count).text,
			human__duration(sums->max_ns).text,
			human__duration(contention_sums__percentile(sums, 50)).text,
			human__duration(contention_sums__percentile(sums, 99)).text);
	if (lock->open_at_begin)
		fprintf(file, "     %s more had begun before the start\n",
			human__count(lock->open_at_begin).text);
	if (lock->open_at_end)
		fprintf(file, "     %s more had not ended, after at most %s\n",
			human__count(lock->open_at_end).text, human__duration(lock->open_ns).text);
	write_histogram(sums, file);
	err = write_side(report, number, CONTENTION_WAITER, file);
	return err ? err : write_side(report, number, CONTENTION_HOLDER, file);
}

static int write_locks(
	const struct contention_report *report, const struct contention_sums *total, FILE *file)
{
	contention_numbers ranked;
	int err = contention__rank_locks(report->model, &report->filter, &ranked);

	if (!err && ranked.size)
		fprintf(file, "\n%zu of %zu locks by time waited\n",
			ranked.size < report->top ? ranked.size : report->top, ranked.size);
	for (size_t i = 0; i < ranked.size && i < report->top && !err; i++)
		err = write_lock(report, i + 1, ranked.data[i], total, file);
	vec_free(&ranked);
	return err;
}

/* --- functions and threads */

static void write_function(const struct contention_function *function, uint64_t total_ns,
	uint64_t cumulative_ns, FILE *file)
{
	char name[NAME_SIZE], raw[2 * NAME_SIZE];

	if (function->name)
		snprintf(raw, sizeof(raw), "%s", function->name);
	else
		snprintf(raw, sizeof(raw), "%s+0x%llx", function->module ? function->module : "?",
			(unsigned long long)function->module_offset);
	text__make_printable(raw);
	function_name__shorten(raw, FUNCTION_WIDTH, name);
	fprintf(file, "%9s %7s %7s %9s %7s  %s\n", human__duration(function->own_ns).text,
		percent(function->own_ns, total_ns).text, percent(cumulative_ns, total_ns).text,
		human__duration(function->inclusive_ns).text,
		percent(function->inclusive_ns, total_ns).text, name);
}

static int write_functions(const struct contention_report *report, enum contention_side side,
	const struct contention_sums *total, FILE *file)
{
	contention_functions functions;
	int err = contention__functions(report->model, &report->filter, side, &functions);
	uint64_t cumulative_ns = 0;

	if (!err && functions.size)
		fprintf(file, "\n%s\n%9s %7s %7s %9s %7s  %s\n",
			side == CONTENTION_WAITER ? "functions that waited"
						  : "functions that kept others waiting",
			"own", "", "sum", "inclusive", "", "function");
	for (size_t i = 0; i < functions.size && i < report->top && !err; i++) {
		cumulative_ns += functions.data[i].own_ns;
		write_function(&functions.data[i], total->total_ns, cumulative_ns, file);
	}
	vec_free(&functions);
	return err;
}

static int write_threads(const struct contention_report *report, FILE *file)
{
	contention_threads threads;
	int err = contention__rank_threads(report->model, &threads);

	if (!err && threads.size)
		fprintf(file, "\n%9s %9s %9s %12s  thread\n", "waited", "waits", "longest",
			"held others");
	for (size_t i = 0; i < threads.size && !err; i++) {
		const struct contention_thread *thread = threads.data[i];

		if (i == SHOWN_THREADS && !report->full_stacks) {
			fprintf(file, "... and %zu more (--full-stacks, --json)\n",
				threads.size - i);
			break;
		}
		fprintf(file, "%9s %9s %9s %12s  ", human__duration(thread->waited.total_ns).text,
			human__count(thread->waited.count).text,
			human__duration(thread->waited.max_ns).text,
			human__duration(thread->held_ns).text);
		fprintf(file, "%s%sTID %d\n", thread->comm, thread->comm[0] ? " " : "",
			(int)thread->tid);
	}
	vec_free(&threads);
	return err;
}

int contention_text__write(const struct contention_report *report, FILE *file)
{
	struct contention_sums total = contention__total(report->model, &report->filter);
	int err;

	write_head(report, &total, file);
	err = write_locks(report, &total, file);
	for (int side = 0; side < CONTENTION_SIDES && !err; side++)
		err = write_functions(report, side, &total, file);
	return err ? err : write_threads(report, file);
}
