/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <string.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/human.h"
#include "report/locks_phrases.h"
#include "report/locks_stack.h"
#include "report/order.h"

#define INDENT "        "
/* Of a long cycle, the locks that are shown with their stacks. */
#define SHOWN_STEPS 8
#define COMMAND_WIDTH 60

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

const char *order__meeting_name(enum order_meeting meeting)
{
	switch (meeting) {
	case ORDER_CAN_MEET:
		return "possible";
	case ORDER_NEVER_MET:
		return "threads-never-met";
	case ORDER_FEW_THREADS:
		return "too-few-threads-so-far";
	default:
		return "waits-for-itself";
	}
}

/* "mutex cache_lock (app)", or by address; at most @width columns. */
static void describe_lock(const struct order_lock *lock, size_t width, char *out, size_t size)
{
	const char *kind = order__kind(lock->facts);
	char name[NAME_SIZE], module[NAME_SIZE];

	snprintf(module, sizeof(module), "%s", text__base_name(lock->identity.module));
	text__make_printable(module);
	if (lock->identity.name[0]) {
		size_t used = strlen(kind) + 4 + strlen(module);

		function_name__shorten(
			lock->identity.name, used + 12 < width ? width - used : 12, name);
		snprintf(out, size, "%s %s (%s)", kind, name, module);
	} else {
		snprintf(out, size, "%s at 0x%llx%s%s", kind, (unsigned long long)lock->address,
			module[0] ? " in " : "", module);
	}
}

/* --- the head */

static void write_losses(const struct order_report *report, FILE *file)
{
	const struct order_losses *losses = &report->losses;
	const struct order_totals *totals = &report->totals;
	const struct {
		uint64_t count;
		const char *what;
	} notes[] = {
		{losses->ring_full, "records found the ring full (held locks are kept apart)"},
		{losses->stacks_lost, "stacks found the ring full"},
		{losses->held_full, "locks were not noted: their thread held 127 others"},
		{losses->holds_full, "holds are in no sum: too many locks"},
		{losses->threads_lost, "calls of threads were not seen: no memory for them"},
		{losses->late, "processes or libraries ran before they had their probes"},
		{totals->no_memory, "records were lost: memtrace had no memory"},
		{totals->uses_dropped, "ways of taking two locks were too many to keep"},
		{totals->searches_cut, "pairs of locks are in too many cycles to look at all"},
		{totals->unknown_before, "unlocks of locks taken before the start, or by others"},
		{totals->let_go_by_other, "unlocks by a thread that had not locked"},
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
		if (notes[i].count)
			fprintf(file, "note        %s %s\n", human__count(notes[i].count).text,
				notes[i].what);
}

static void write_target(const struct order_target *target, FILE *file)
{
	char command[COMMAND_WIDTH + 1];

	snprintf(command, sizeof(command), "%s", target->command);
	text__make_printable(command);
	fprintf(file, "target      %d  %s\n", (int)target->pid, command);
}

static void write_head(const struct order_report *report, FILE *file)
{
	const struct order_totals *totals = &report->totals;

	for (size_t i = 0; i < report->target_count; i++)
		write_target(&report->targets[i], file);
	fprintf(file, "traced for  %s\n", human__duration(report->duration_ns).text);
	fprintf(file, "locks       %s, in %s order%s by %s thread%s\n",
		human__count(totals->locks).text, human__count(totals->edges).text,
		plural(totals->edges), human__count(totals->threads).text, plural(totals->threads));
	write_losses(report, file);
	fprintf(file, "found       %zu possible deadlock%s", report->findings->size,
		plural(report->findings->size));
	if (report->suppressed)
		fprintf(file, ", and %s that %s suppressed", human__count(report->suppressed).text,
			report->suppressed == 1 ? "is" : "are");
	fputc('\n', file);
}

/* --- findings */

static void write_stack(const struct order_report *report, uint64_t hash, FILE *file)
{
	struct locks_stack_options options = {.full = report->full_stacks, .indent = INDENT};
	const struct order_stack *stack = report->stack(report->context, hash);
	struct lock_thread thread = {0};
	struct lock_wait wait = {.thread = &thread};

	if (!stack) {
		fprintf(file, INDENT "(its stack was lost)\n");
		return;
	}
	thread.frames = (struct lock_frame *)stack->frames;
	thread.frame_count = stack->count;
	wait.site.frame = stack->first;
	locks_stack__print_wait(file, &wait, &options);
}

static const char *how_asked(const struct order_use *use)
{
	if (use->retakes)
		return "takes again, after a wait on a condition,";
	if ((use->to_facts & ORDER_KIND_MASK) != ORDER_RWLOCK)
		return "takes";
	return use->to_facts & ORDER_READ ? "reads" : "writes";
}

static const char *how_held(const struct order_use *use)
{
	if ((use->from_facts & ORDER_KIND_MASK) != ORDER_RWLOCK)
		return "holds";
	return use->from_facts & ORDER_READ ? "holds, for reading," : "holds, for writing,";
}

static void write_step(const struct order_report *report, uint32_t number, FILE *file)
{
	const struct order_model *model = report->model;
	const struct order_use *use = order__use(model, number);
	const struct order_edge *edge = order__edge(model, use->edge);
	const struct order_thread_life *thread = order__thread(model, use->thread);
	char name[2 * NAME_SIZE], comm[EVENT_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%s", thread->comm);
	text__make_printable(comm);
	fprintf(file, "  %s%sTID %d", comm, comm[0] ? " " : "", (int)thread->tid);
	if (report->target_count > 1 || report->pid(report->context, thread->process) == 0)
		fprintf(file, " of process %d", (int)report->pid(report->context, thread->process));
	fprintf(file, " %s\n", how_asked(use));
	describe_lock(order__lock(model, edge->to), LOCKS_PAGE_WIDTH - 6, name, sizeof(name));
	fprintf(file, "      %s\n", name);
	write_stack(report, use->to_stack, file);
	describe_lock(order__lock(model, edge->from), LOCKS_PAGE_WIDTH - 6, name, sizeof(name));
	fprintf(file, "    while it %s\n      %s\n", how_held(use), name);
	fprintf(file, "    first acquired here by the same thread\n");
	write_stack(report, use->from_stack, file);
}

static void write_meeting(const struct order_finding *finding, FILE *file)
{
	size_t locks = finding->uses.size;

	switch (finding->meeting) {
	case ORDER_NEVER_MET:
		fprintf(file, "  The threads never ran at the same time, so far.\n");
		break;
	case ORDER_FEW_THREADS:
		if (finding->threads == 1)
			fprintf(file,
				"  One thread only, so far: another one has to do the same.\n");
		else
			fprintf(file,
				"  %u threads only, so far: %zu are needed, one for each lock.\n",
				finding->threads, locks);
		break;
	default:
		break;
	}
	if (finding->repeats)
		fprintf(file, "  %s more cycle%s of locks taken in the same places.\n",
			human__count(finding->repeats).text, plural(finding->repeats));
}

static void write_finding(const struct order_report *report, size_t rank,
	const struct order_finding *finding, FILE *file)
{
	size_t count = finding->uses.size;

	if (finding->meeting == ORDER_BY_ITSELF)
		fprintf(file, "\nSELF-DEADLOCK %zu: a thread asks for a lock that it holds\n",
			rank);
	else
		fprintf(file, "\nPOSSIBLE DEADLOCK %zu: %zu locks in a cycle, by %u thread%s\n",
			rank, count, finding->threads, plural(finding->threads));
	write_meeting(finding, file);
	for (size_t i = 0; i < count; i++) {
		if (i == SHOWN_STEPS && count > SHOWN_STEPS + 1 && !report->full_stacks) {
			fprintf(file, "  ... and %zu more (--full-stacks, --json)\n", count - i);
			break;
		}
		write_step(report, finding->uses.data[i], file);
	}
}

/* --- how long locks are held */

static int write_holds(const struct order_report *report, FILE *file)
{
	order_ranking ranked;
	int err = order__rank_holds(report->model, &ranked);

	if (!err && ranked.size && report->top)
		fprintf(file, "\n%zu of %zu locks by how long they were held\n%9s %9s %9s  lock\n",
			ranked.size < report->top ? ranked.size : report->top, ranked.size, "held",
			"times", "longest");
	for (size_t i = 0; i < ranked.size && i < report->top && !err; i++) {
		const struct order_lock *lock = order__lock(report->model, ranked.data[i]);
		char name[2 * NAME_SIZE];

		describe_lock(lock, LOCKS_PAGE_WIDTH - 31, name, sizeof(name));
		fprintf(file, "%9s %9s %9s  %s\n", human__duration(lock->hold.total_ns).text,
			human__count(lock->hold.count).text,
			human__duration(lock->hold.max_ns).text, name);
	}
	if (!err && ranked.size && report->top) {
		const struct order_lock *lock = order__lock(report->model, ranked.data[0]);

		fprintf(file, "    longest of the first, taken here\n");
		write_stack(report, lock->hold.max_stack, file);
	}
	vec_free(&ranked);
	return err;
}

int order_text__write(const struct order_report *report, FILE *file)
{
	write_head(report, file);
	for (size_t i = 0; i < report->findings->size; i++)
		write_finding(report, i + 1, &report->findings->data[i], file);
	return write_holds(report, file);
}
