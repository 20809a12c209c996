/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_text.h"

#include <string.h>

#include "base/text.h"
#include "report/human.h"
#include "report/names.h"

/* Frames of a folded stack, and waits of a list, that fit one screen. */
#define FOLDED_FRAMES 9
/* Of the former, those next to the wait. */
#define INNER_FRAMES 6
#define LISTED_WAITS 12
#define FUNCTION_WIDTH 48
/* Columns of a lock's name in a list, and of the page for what is broken into lines. */
#define BRIEF_WIDTH 24
#define PAGE_WIDTH 79

static void print_thread(FILE *file, const struct lock_thread *thread)
{
	fprintf(file, "%s (", thread->comm);
	if (thread->pid != thread->tid)
		fprintf(file, "PID %d, TID %d", thread->pid, thread->tid);
	else
		fprintf(file, "PID %d", thread->pid);
	if (thread->ns_tid != thread->tid)
		fprintf(file, "; TID %d in its namespace", thread->ns_tid);
	fputc(')', file);
}

static void print_lock(FILE *file, const struct lock_wait *wait)
{
	fprintf(file, "%s ", wait_kind__name(wait->kind));
	if (wait->kind == WAIT_JOIN) {
		fprintf(file, "of a thread");
		return;
	}
	if (wait->name[0])
		fprintf(file, "%s%s%s%s at 0x%llx", wait->name, wait->module[0] ? " (" : "",
			wait->module, wait->module[0] ? ")" : "",
			(unsigned long long)wait->address);
	else
		fprintf(file, "at 0x%llx%s%s", (unsigned long long)wait->address,
			wait->module[0] ? " in " : "", wait->module);
	if (wait->word_count > 1)
		fprintf(file, " or any of %u words more", wait->word_count - 1);
	if (wait->shared)
		fprintf(file, ", shared between processes");
}

/* The reason of an owner in parentheses, in lines that fit the page, each behind @indent. */
static void print_reason(FILE *file, const struct lock_wait *wait, const char *indent)
{
	size_t column = 0;
	const char *word = wait->reason, *end;

	for (; *word; word = end + strspn(end, " ")) {
		size_t length;

		end = word + strcspn(word, " ");
		length = end - word;
		if (column && column + 1 + length + !*end > PAGE_WIDTH) {
			fputc('\n', file);
			column = 0;
		}
		if (column)
			column += fprintf(file, " %.*s", (int)length, word);
		else
			column += fprintf(file, "%s%s%.*s", indent,
				word == wait->reason ? "(" : " ", (int)length, word);
	}
	if (column)
		fprintf(file, ")\n");
}

/* What is waited for, as short as it can be told. */
static void print_lock_briefly(FILE *file, const struct lock_wait *wait)
{
	char name[NAME_SIZE];

	if (!wait->name[0] || wait->kind == WAIT_JOIN) {
		print_lock(file, wait);
		return;
	}
	names__shorten(wait->name, BRIEF_WIDTH, name);
	fprintf(file, "%s %s", wait_kind__name(wait->kind), name);
}

static void print_owner(FILE *file, const struct lock_wait *wait)
{
	if (wait->owner) {
		fprintf(file, "held by ");
		print_thread(file, wait->owner);
		fprintf(file, ", %s", certainty__name(wait->certainty));
	} else if (wait->owner_dead) {
		fprintf(file, "held by a thread that is gone");
		if (wait->owner_number)
			fprintf(file, " (TID %d)", wait->owner_number);
	} else if (wait_kind__has_holder(wait->kind)) {
		fprintf(file, "owner unknown");
	} else {
		fprintf(file, "nobody holds it: somebody has to signal");
	}
}

static void print_source(FILE *file, const char *source, uint32_t line, bool full)
{
	char name[4 * NAME_SIZE];

	/* The name of a file is whatever its owner liked. */
	snprintf(name, sizeof(name), "%s", source ? source : "");
	text__make_printable(name);
	if (source)
		fprintf(file, "  %s:%u", full ? name : names__base(name), line);
	fputc('\n', file);
}

static void print_function(FILE *file, const char *function, bool full)
{
	char name[NAME_SIZE];

	names__shorten(function, full ? NAME_SIZE - 1 : FUNCTION_WIDTH, name);
	fprintf(file, "%s", name);
}

/* The calls that were inlined, then the function that they are in, each with its own line. */
static void print_frame(FILE *file, const struct lock_frame *frame, const char *indent, bool full)
{
	char module[NAME_SIZE];

	for (size_t i = 0; i < frame->inlined_count; i++) {
		const struct lock_inlined *call = &frame->inlined[i];

		fprintf(file, "%s", indent);
		print_function(file, call->function ? call->function : "?", full);
		fprintf(file, "%s", full ? " (inlined)" : "");
		print_source(file, call->file, call->line, full);
	}
	/* The name of a file is whatever its owner liked. */
	snprintf(module, sizeof(module), "%s", frame->module ? frame->module : "");
	text__make_printable(module);
	fprintf(file, "%s", indent);
	if (frame->function)
		print_function(file, frame->function, full);
	else if (frame->module)
		fprintf(file, "%s+0x%llx", module, (unsigned long long)frame->module_offset);
	else
		fprintf(file, "0x%llx", (unsigned long long)frame->pc);
	if (full && frame->function && frame->module)
		fprintf(file, "+0x%llx (%s)", (unsigned long long)frame->function_offset, module);
	print_source(file, frame->file, frame->line, full);
}

/* How far out a frame of those that every stack begins with lies: 1 is the outermost; 0: none. */
static int root_rank(const struct lock_frame *frame)
{
	static const struct {
		const char *function;
		int rank;
	} roots[] = {{"clone3", 1}, {"__clone3", 1}, {"clone", 1}, {"__clone", 1},
		{"start_thread", 2}, {"_start", 1}, {"__libc_start_main", 2},
		{"__libc_start_main_impl", 2}, {"__libc_start_call_main", 3}};

	for (size_t i = 0; frame->function && i < sizeof(roots) / sizeof(*roots); i++)
		if (!strcmp(frame->function, roots[i].function))
			return roots[i].rank;
	return 0;
}

/*
 * What every thread begins with tells nothing. A program may call its functions the same: those
 * lie further in, each rank counts once, and they are no functions of the C library, which only a
 * static program holds itself.
 */
static size_t skip_roots(const struct lock_thread *thread, size_t first)
{
	size_t end = thread->frame_count;
	int rank = 0;

	while (end > first + 1) {
		const struct lock_frame *frame = &thread->frames[end - 1];
		int own = root_rank(frame);

		if (!frame->function && functions__is_libc(frame->module)) {
			end--;
			continue;
		}
		if (own <= rank || (!rank && own > 1 && !functions__is_libc(frame->module)))
			break;
		rank = own;
		end--;
	}
	return end;
}

/* Nameless frames of the C library between named ones add nothing. */
static bool is_dull(const struct lock_frame *frame)
{
	return !frame->function && functions__is_libc(frame->module);
}

static void print_left_out(FILE *file, const char *indent, size_t count)
{
	if (count)
		fprintf(file, "%s... %zu more frame%s (--full-stacks)\n", indent, count,
			count == 1 ? "" : "s");
}

/* Of a long stack the frames next to the wait, and those by which the application came there. */
static void print_folded(FILE *file, const struct lock_wait *wait, const char *indent)
{
	const struct lock_thread *thread = wait->thread;
	size_t first = wait->site.frame < thread->frame_count ? wait->site.frame : 0;
	size_t end = skip_roots(thread, first), count = 0, number = 0, left = 0;

	if (first && wait->site.function)
		fprintf(file, "%s%s\n", indent, wait->site.function);
	for (size_t i = first; i < end; i++)
		count += !is_dull(&thread->frames[i]);
	for (size_t i = first; i < end; i++) {
		const struct lock_frame *frame = &thread->frames[i];

		number += !is_dull(frame);
		if (is_dull(frame) || (count > FOLDED_FRAMES && number > INNER_FRAMES &&
					      number + FOLDED_FRAMES - INNER_FRAMES <= count)) {
			left++;
			continue;
		}
		if (number > INNER_FRAMES) {
			print_left_out(file, indent, left);
			left = 0;
		}
		print_frame(file, frame, indent, false);
	}
	print_left_out(file, indent, left);
}

static void print_stack(FILE *file, const struct lock_wait *wait, const char *indent, bool full)
{
	if (!wait->thread->frame_count) {
		fprintf(file, "%s(its stack could not be walked)\n", indent);
		return;
	}
	if (!full) {
		print_folded(file, wait, indent);
		return;
	}
	for (size_t i = 0; i < wait->thread->frame_count; i++)
		print_frame(file, &wait->thread->frames[i], indent, true);
}

static void print_age(FILE *file, const struct lock_wait *wait)
{
	if (wait->thread->asleep_ns != LOCK_AGE_UNKNOWN)
		fprintf(file, " for %s", human__duration(wait->thread->asleep_ns).text);
}

/* Where the lock's memory was allocated: the innermost frame that has a name. */
static void print_block(FILE *file, const struct lock_wait *wait, const char *bar)
{
	for (size_t i = 0; wait->block && i < wait->block->frame_count; i++) {
		const struct lock_frame *frame = &wait->block->frames[i];

		if (!frame->function)
			continue;
		fprintf(file, "\n%s           allocated by %s", bar, frame->function);
		if (frame->file)
			fprintf(file, "  %s:%u", names__base(frame->file), frame->line);
		return;
	}
}

static void print_member(FILE *file, const struct lock_wait *wait, bool first, bool last,
	const struct locks_text_options *options)
{
	const char *bar = last ? "     " : "  |  ";
	char indent[16];

	snprintf(indent, sizeof(indent), "%s   ", bar);
	fprintf(file, first ? "  +->" : last ? "  +--" : "  +->");
	fprintf(file, " ");
	print_thread(file, wait->thread);
	fprintf(file, " has waited");
	print_age(file, wait);
	fprintf(file, "%s\n%s   for     ", wait->futex.timed ? ", with a timeout," : "", bar);
	print_lock(file, wait);
	print_block(file, wait, bar);
	fprintf(file, "\n%s   ", bar);
	print_owner(file, wait);
	fputc('\n', file);
	print_reason(file, wait, indent);
	snprintf(indent, sizeof(indent), "%s     ", bar);
	print_stack(file, wait, indent, options->full_stacks);
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
	fprintf(file, "      ");
	if (count > 1)
		fprintf(file, "%zu x ", count);
	print_thread(file, wait->thread);
	fprintf(file, count > 1 ? " and others: " : ": ");
	print_lock_briefly(file, wait);
	fputc('\n', file);
}

static void print_victims(FILE *file, const struct lock_findings *findings, size_t cycle)
{
	size_t count = findings->graph.cycles[cycle].victims, told = 0, lines = 0;

	if (!count)
		return;
	fprintf(file, "  %zu thread%s queue%s behind it, victims:\n", count, count == 1 ? "" : "s",
		count == 1 ? "s" : "");
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

/* What the same frames can be named by later, when the files may be others. */
static void print_builds(
	FILE *file, const struct lock_findings *findings, const struct wait_cycle *cycle)
{
	const char *listed[LISTED_BUILDS];
	size_t count = 0;

	for (size_t i = 0; i < cycle->count; i++) {
		size_t member = findings->graph.members[cycle->first + i];
		const struct lock_thread *thread = findings->waits.data[member].thread;

		for (size_t j = 0; j < thread->frame_count && count < LISTED_BUILDS; j++) {
			const struct lock_frame *frame = &thread->frames[j];
			char module[NAME_SIZE];
			size_t known = 0;

			if (!frame->module || !frame->build_id)
				continue;
			while (known < count && strcmp(listed[known], frame->build_id) != 0)
				known++;
			if (known < count)
				continue;
			listed[count++] = frame->build_id;
			snprintf(module, sizeof(module), "%s", frame->module);
			text__make_printable(module);
			fprintf(file, "  build ID of %s: %s\n", module, frame->build_id);
		}
	}
}

void locks_text__write_cycle(FILE *file, const struct lock_findings *findings, size_t cycle,
	const struct locks_text_options *options)
{
	const struct wait_cycle *of = &findings->graph.cycles[cycle];
	char headline[256];

	findings__headline(findings, cycle, headline, sizeof(headline));
	fprintf(file, "%s\n", headline);
	for (size_t i = 0; i < of->count; i++)
		print_member(file, &findings->waits.data[findings->graph.members[of->first + i]],
			i == 0, i + 1 == of->count, options);
	print_victims(file, findings, cycle);
	if (options->builds)
		print_builds(file, findings, of);
	fputc('\n', file);
}

static void print_end(FILE *file, const struct wait_fate *fate)
{
	char buffer[32];

	if (!fate->end || fate->verdict != VERDICT_OWNER_ELSEWHERE)
		return;
	fprintf(file, "      the chain ends in ");
	print_thread(file, fate->end);
	fprintf(file, ": %s\n", futex__activity(fate->end, buffer, sizeof(buffer)));
}

static void print_other(FILE *file, const struct lock_findings *findings, size_t index,
	const struct locks_text_options *options)
{
	const struct lock_wait *wait = &findings->waits.data[index];

	fprintf(file, "%s: ", verdict__name(findings__verdict(findings, index)));
	print_thread(file, wait->thread);
	fprintf(file, " has waited");
	print_age(file, wait);
	fprintf(file, "%s\n      for ", wait->futex.timed ? ", with a timeout," : "");
	print_lock(file, wait);
	fprintf(file, "\n      ");
	print_owner(file, wait);
	fputc('\n', file);
	print_reason(file, wait, "      ");
	print_end(file, &findings->graph.fates[index]);
	print_stack(file, wait, "        ", options->full_stacks);
}

/* What needs a person's eye first; those in cycles are told before. */
static const enum verdict by_urgency[] = {VERDICT_OWNER_DEAD, VERDICT_OWNER_ELSEWHERE,
	VERDICT_OWNER_UNKNOWN, VERDICT_OWNER_BUSY, VERDICT_STALL};

static void print_others(
	FILE *file, const struct lock_findings *findings, const struct locks_text_options *options)
{
	size_t shown = 0, left = 0;

	for (size_t n = 0; n < sizeof(by_urgency) / sizeof(*by_urgency); n++) {
		for (size_t i = 0; i < findings->waits.size; i++) {
			if (findings__verdict(findings, i) != by_urgency[n])
				continue;
			if (shown == LISTED_WAITS && !options->full_stacks) {
				left++;
				continue;
			}
			print_other(file, findings, i, options);
			shown++;
		}
	}
	if (left)
		fprintf(file, "... and %zu more waits (--full-stacks shows all, --json too)\n",
			left);
}

/* No cycle, but no end to the wait either. */
static void print_summary(FILE *file, const struct lock_findings *findings)
{
	size_t lost = 0;

	for (size_t i = 0; i < findings->waits.size; i++)
		lost += findings__verdict(findings, i) == VERDICT_OWNER_DEAD &&
			!findings->waits.data[i].futex.timed;
	if (lost)
		fprintf(file, "%s%zu thread%s for ever for a lock whose owner is gone.\n",
			findings->deadlocks ? "" : "No deadlock, but ", lost,
			lost == 1 ? " waits" : "s wait");
	else if (!findings->waits.size)
		fprintf(file, "No thread waits for a lock.\n");
	else if (!findings->deadlocks)
		fprintf(file, "No deadlock.\n");
}

static void print_convoys(FILE *file, const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->graph.convoy_count && i < LISTED_WAITS; i++) {
		const struct convoy *convoy = &findings->graph.convoys[i];
		const struct lock_wait *wait = &findings->waits.data[convoy->wait];

		fprintf(file, "CONVOY: %s threads wait for ", human__count(convoy->count).text);
		print_lock(file, wait);
		fprintf(file, ",\n      ");
		print_owner(file, wait);
		fputc('\n', file);
	}
}

void locks_text__write(
	FILE *file, const struct lock_findings *findings, const struct locks_text_options *options)
{
	for (size_t i = 0; i < findings->graph.cycle_count; i++)
		if (findings->confirmed[i])
			locks_text__write_cycle(file, findings, i, options);
	print_convoys(file, findings);
	print_others(file, findings, options);
	print_summary(file, findings);
}
