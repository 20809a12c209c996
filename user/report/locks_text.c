/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "locks/activity.h"
#include "locks/idle.h"
#include "report/function_name.h"
#include "report/human.h"
#include "report/locks_blocks.h"
#include "report/locks_phrases.h"
#include "report/locks_stack.h"
#include "report/locks_threads.h"
#include "report/locks_verdicts.h"

/* Blocks, and lines of a list, that fit one screen. */
#define LISTED_WAITS 12
/* Of more processes than these the threads that wait for no lock are not listed. */
#define FEW_PROCESSES 4
/* Processes whose languages' tools are named. */
#define LISTED_TOOLS 3

static struct locks_stack_options stack_options(
	const struct locks_text_options *options, const char *indent)
{
	return (struct locks_stack_options){
		.full = options->full_stacks,
		.advises = options->advises,
		.indent = indent,
	};
}

static void print_member_line(
	FILE *file, const struct lock_wait *wait, const char *arrow, const char *bar)
{
	char *line = NULL, others[16];
	size_t size;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return;
	phrase__thread(text, wait->thread);
	fprintf(text, " has waited");
	phrase__age(text, wait);
	snprintf(others, sizeof(others), "%s   ", bar);
	if (!fclose(text))
		phrase__lines(file, line, arrow, others);
	free(line);
}

static void print_member(FILE *file, const struct lock_wait *wait, bool first, bool last,
	const struct locks_text_options *options)
{
	const char *bar = last ? "     " : "  |  ";
	struct locks_stack_options stack;
	char indent[16];

	print_member_line(file, wait, first ? "  +-> " : last ? "  +-- " : "  +-> ", bar);
	snprintf(indent, sizeof(indent), "%s   ", bar);
	phrase__wait(file, wait, indent);
	snprintf(indent, sizeof(indent), "%s     ", bar);
	stack = stack_options(options, indent);
	locks_stack__print_wait(file, wait, &stack);
}

static bool looks_alike(const struct lock_wait *a, const struct lock_wait *b)
{
	return a->kind == b->kind && lock_key__equal(&a->key, &b->key) &&
	       a->thread->pid == b->thread->pid && !strcmp(a->thread->comm, b->thread->comm);
}

/* How many victims of @cycle from @index on are like that one; 0: it was counted with another. */
static size_t count_alike(const struct lock_findings *findings, size_t cycle, size_t index)
{
	const struct lock_wait *waits = findings->waits.data;
	size_t count = 0;

	for (size_t i = 0; i < index; i++)
		if (findings__leads_to(findings, i, cycle, false) &&
			looks_alike(&waits[i], &waits[index]))
			return 0;
	for (size_t i = index; i < findings->waits.size; i++)
		count += findings__leads_to(findings, i, cycle, false) &&
			 looks_alike(&waits[i], &waits[index]);
	return count;
}

static void print_alike(FILE *file, const struct lock_wait *wait, size_t count)
{
	char *line = NULL;
	size_t size;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return;
	if (count > 1)
		fprintf(text, "%s threads, ", human__count(count).text);
	phrase__thread(text, wait->thread);
	fprintf(text, count > 1 ? " and others: " : ": ");
	phrase__lock_briefly(text, wait);
	if (!fclose(text))
		phrase__line(file, line, "      ");
	free(line);
}

static void print_victims(FILE *file, const struct lock_findings *findings, size_t cycle)
{
	size_t count = findings->graph.cycles[cycle].victims, told = 0, lines = 0;

	if (!count)
		return;
	fprintf(file, "  %s thread%s queue%s behind it, victims:\n", human__count(count).text,
		count == 1 ? "" : "s", count == 1 ? "s" : "");
	for (size_t i = 0; told < count && i < findings->waits.size && lines < LISTED_WAITS; i++) {
		size_t alike = 0;

		if (findings__leads_to(findings, i, cycle, false))
			alike = count_alike(findings, cycle, i);
		if (!alike)
			continue;
		print_alike(file, &findings->waits.data[i], alike);
		told += alike;
		lines++;
	}
	if (told < count)
		fprintf(file, "      ... and %zu more\n", count - told);
}

/* Files whose build IDs a log can do with; a cycle seldom has more. */
#define LISTED_BUILDS 16

/* Of a cycle the stacks of its members alone are printed. */
static bool has_stack_in(
	const struct lock_findings *findings, const struct finding *finding, size_t wait)
{
	if (finding->kind == FINDING_CYCLE)
		return findings__leads_to(findings, wait, finding->index, true);
	return finding__has(findings, finding, wait);
}

struct listed_builds {
	const char *ids[LISTED_BUILDS];
	size_t count;
};

static void print_build(FILE *file, const struct lock_frame *frame, struct listed_builds *listed)
{
	char module[NAME_SIZE];

	if (!frame->module || !frame->build_id || listed->count == LISTED_BUILDS)
		return;
	for (size_t i = 0; i < listed->count; i++)
		if (!strcmp(listed->ids[i], frame->build_id))
			return;
	listed->ids[listed->count++] = frame->build_id;
	snprintf(module, sizeof(module), "%s", frame->module);
	text__make_printable(module);
	fprintf(file, "  build ID of %s: %s\n", module, frame->build_id);
}

/* What the same frames can be named by later, when the files may be others. */
static void print_builds(
	FILE *file, const struct lock_findings *findings, const struct finding *finding)
{
	struct listed_builds listed = {0};

	for (size_t i = 0; i < findings->waits.size; i++) {
		const struct lock_thread *thread = findings->waits.data[i].thread;

		for (size_t j = 0; has_stack_in(findings, finding, i) && j < thread->frame_count;
			j++)
			print_build(file, &thread->frames[j], &listed);
	}
}

void locks_text__write_cycle(FILE *file, const struct lock_findings *findings, size_t cycle,
	const struct locks_text_options *options)
{
	const struct wait_cycle *of = &findings->graph.cycles[cycle];
	struct finding finding = {FINDING_CYCLE, of->verdict, cycle};
	char headline[256];

	finding__headline(findings, &finding, headline, sizeof(headline));
	phrase__lines(file, headline, "", "      ");
	for (size_t i = 0; i < of->count; i++)
		print_member(file, &findings->waits.data[findings->graph.members[of->first + i]],
			i == 0, i + 1 == of->count, options);
	print_victims(file, findings, cycle);
	if (options->builds)
		print_builds(file, findings, &finding);
	fputc('\n', file);
}

/* Ends of chains whose stacks have been printed: each once. More are printed again. */
#define MAX_TOLD 32

struct told {
	const struct lock_thread *threads[MAX_TOLD];
	size_t count;
};

/* Whether @thread was described before; from now on it was. */
static bool is_told(struct told *told, const struct lock_thread *thread)
{
	for (size_t i = 0; i < told->count; i++)
		if (told->threads[i] == thread)
			return true;
	if (told->count < MAX_TOLD)
		told->threads[told->count++] = thread;
	return false;
}

/* "STALL: 12 threads, worker (PID 12, TID 14) and others, have waited for 1.20 s". */
static void put_who(FILE *file, enum verdict verdict, const struct wait_block *block,
	const struct lock_wait *wait)
{
	struct human shortest = human__duration(block->shortest);
	struct human longest = human__duration(block->longest);

	fprintf(file, "%s: ", verdict__name(verdict));
	if (block->count > 1)
		fprintf(file, "%s threads, ", human__count(block->count).text);
	phrase__thread(file, wait->thread);
	fprintf(file, block->count > 1 ? " and others, have waited" : " has waited");
	if (block->count == 1 || !strcmp(shortest.text, longest.text)) {
		phrase__age(file, wait);
		return;
	}
	fprintf(file, " for %s to %s%s", shortest.text, longest.text,
		wait->futex.timed ? ", with a timeout" : "");
}

static void print_who(FILE *file, enum verdict verdict, const struct wait_block *block,
	const struct lock_wait *wait)
{
	char *line = NULL;
	size_t size;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return;
	put_who(text, verdict, block, wait);
	if (!fclose(text))
		phrase__lines(file, line, "", "      ");
	free(line);
}

/* Writes "the chain ends in worker (PID 12, TID 14): read of fd 3 (pipe:[17])". */
static void print_end_line(FILE *file, const struct lock_thread *end)
{
	char what[ACTIVITY_SIZE], *line = NULL;
	size_t size;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return;
	fprintf(text, "the chain ends in ");
	phrase__thread(text, end);
	fprintf(text, ": %s", activity__describe(end, what, sizeof(what)));
	if (!fclose(text))
		phrase__line(file, line, "      ");
	free(line);
}

/* The thread at which a chain of owners ends, with its stack unless that stands elsewhere. */
static void print_end(FILE *file, const struct lock_findings *findings, size_t index,
	struct told *told, const struct locks_text_options *options)
{
	const struct lock_wait *of = &findings->waits.data[index];
	const struct lock_thread *end = findings->graph.fates[index].end;
	const struct lock_wait *wait = end ? waits__of(&findings->waits, end) : NULL;
	struct locks_stack_options stack = stack_options(options, "        ");

	if (!end || end == of->thread || findings->graph.fates[index].in_cycle)
		return;
	if (wait && of->owner == end)
		return; /* the owner that a line above names, and a block of its own */
	if (wait) {
		fprintf(file, "      the chain ends in ");
		phrase__thread(file, end);
		fprintf(file, ",\n        which waits for ");
		phrase__lock_briefly(file, wait);
		fputc('\n', file);
		return;
	}
	print_end_line(file, end);
	if (is_told(told, end))
		fprintf(file, "        (its stack is above)\n");
	else
		locks_stack__print_thread(file, end, &stack);
}

static void print_block(FILE *file, const struct lock_findings *findings,
	const struct wait_block *block, struct told *told, const struct locks_text_options *options)
{
	const struct lock_wait *wait = &findings->waits.data[block->wait];
	struct locks_stack_options stack = stack_options(options, "        ");
	enum verdict verdict = findings__verdict(findings, block->wait);

	/* That the whole process hangs is printed above; here, what this thread waits for. */
	if (verdict == VERDICT_HUNG)
		verdict = findings->graph.fates[block->wait].verdict;
	print_who(file, verdict, block, wait);
	phrase__wait(file, wait, "      ");
	if (block->locks > 1)
		fprintf(file, "      (each for its own)\n");
	locks_verdicts__print_held(file, findings, block->wait, "      ");
	locks_stack__print_wait(file, wait, &stack);
	print_end(file, findings, block->wait, told, options);
}

/* Idle threads of runtimes: "Idle: 11 threads of the JVM, 4 of libuv." */
static void print_idle(FILE *file, const wait_blocks *blocks)
{
	bool first = true;

	for (size_t i = 0; i < blocks->size; i++) {
		size_t count = 0;
		bool counted = false;

		if (!blocks->data[i].idle)
			continue;
		for (size_t n = 0; n < blocks->size; n++) {
			if (!blocks->data[n].idle ||
				strcmp(blocks->data[n].idle, blocks->data[i].idle) != 0)
				continue;
			counted |= n < i;
			count += blocks->data[n].count;
		}
		if (counted)
			continue;
		fprintf(file, "%s%zu%s of %s", first ? "Idle: " : ", ", count,
			!first	     ? ""
			: count == 1 ? " thread"
				     : " threads",
			blocks->data[i].idle);
		first = false;
	}
	if (!first)
		fprintf(file, ".\n");
}

/* The waits that are in no cycle; with @finding, those that belong to it alone. */
static void print_others(FILE *file, const struct lock_findings *findings,
	const struct finding *finding, const struct locks_text_options *options)
{
	struct told told = {0};
	wait_blocks blocks;
	size_t shown = 0, left = 0;

	if (locks_blocks__find(findings, finding, &blocks))
		return;
	vec_for_each (block, &blocks) {
		if (block->idle && !options->full_stacks)
			continue;
		if (shown >= LISTED_WAITS && !options->full_stacks && !block->is_owner) {
			left += block->count;
			continue;
		}
		print_block(file, findings, block, &told, options);
		shown++;
	}
	if (left)
		fprintf(file, "... and %zu more waits%s\n", left,
			options->advises ? " (--full-stacks shows all, --json too)" : "");
	if (!options->full_stacks)
		print_idle(file, &blocks);
	vec_free(&blocks);
}

void locks_text__write_finding(FILE *file, const struct lock_findings *findings,
	const struct finding *finding, const struct locks_text_options *options)
{
	if (finding->kind == FINDING_CYCLE) {
		locks_text__write_cycle(file, findings, finding->index, options);
		return;
	}
	if (finding->kind == FINDING_HUNG)
		locks_verdicts__print_hung(file, &findings->hung.data[finding->index]);
	print_others(file, findings, finding, options);
	if (options->builds)
		print_builds(file, findings, finding);
	fputc('\n', file);
}

static void print_convoys(FILE *file, const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->graph.convoy_count && i < LISTED_WAITS; i++) {
		const struct convoy *convoy = &findings->graph.convoys[i];
		const struct lock_wait *wait = &findings->waits.data[convoy->wait];

		fprintf(file, "CONVOY: %s threads wait for ", human__count(convoy->count).text);
		phrase__lock(file, wait, 30);
		fprintf(file, ",\n      ");
		phrase__owner(file, wait);
		fputc('\n', file);
	}
}

/* The tool of the first thread of a process that has one. */
static const char *find_tool(const struct lock_findings *findings, pid_t pid)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(findings->snapshot, pid, &count);
	const char *tool = NULL;

	for (size_t i = 0; i < count && !tool; i++)
		tool = idle__language_tool(&threads[i]);
	return tool;
}

/* What shows more of a language's own stacks than the native ones tell: a line for each process. */
static void print_tools(FILE *file, const struct lock_findings *findings)
{
	const struct snapshot *snapshot = findings->snapshot;
	size_t told = 0;

	for (size_t i = 0; i < snapshot->process_count && told < LISTED_TOOLS; i++) {
		pid_t pid = snapshot->processes[i].pid;
		const char *tool = find_tool(findings, pid);

		if (!tool)
			continue;
		fprintf(file, tool, pid);
		fputc('\n', file);
		told++;
	}
}

void locks_text__write(
	FILE *file, const struct lock_findings *findings, const struct locks_text_options *options)
{
	for (size_t i = 0; i < findings->graph.cycle_count; i++)
		if (findings->confirmed[i])
			locks_text__write_cycle(file, findings, i, options);
	vec_for_each (hung, &findings->hung)
		if (findings__hung(findings, hung->process->pid) == hung)
			locks_verdicts__print_hung(file, hung);
	print_convoys(file, findings);
	print_others(file, findings, NULL, options);
	locks_verdicts__print_summary(file, findings);
	if (!findings->deadlocks && !findings->hangs &&
		findings->snapshot->process_count <= FEW_PROCESSES)
		locks_threads__print(file, findings, LISTED_WAITS, options->full_stacks);
	print_tools(file, findings);
}
