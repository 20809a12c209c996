/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_dot.h"

#include <string.h>

#include "locks/activity.h"
#include "report/dot.h"

/* More victims of one lock than this are drawn as one node: nobody reads a thousand boxes. */
#define DRAWN_WAITERS 20

static void put_thread(FILE *file, const struct lock_thread *thread, const char *colour)
{
	const char *syscall = activity__syscall_name(thread->syscall);

	fprintf(file, "\tt%d_%d [shape=box, color=%s, label=\"", thread->pid, thread->tid, colour);
	dot__put_text(file, thread->comm);
	fprintf(file, "\\nPID %d TID %d", thread->pid, thread->tid);
	if (thread->ns_tid != thread->tid)
		fprintf(file, " (%d inside)", thread->ns_tid);
	fprintf(file, "\\n%s\"];\n", thread->syscall < 0 ? "runs" : syscall ? syscall : "blocked");
}

static void put_lock_id(FILE *file, const struct lock_wait *wait)
{
	fprintf(file, "l%llx_%llx_%llx", (unsigned long long)wait->key.space,
		(unsigned long long)wait->key.inode, (unsigned long long)wait->key.offset);
}

static void put_lock(FILE *file, const struct lock_wait *wait, const char *colour)
{
	fputc('\t', file);
	put_lock_id(file, wait);
	fprintf(file, " [color=%s, label=\"", colour);
	dot__put_text(file, wait->name[0] ? wait->name : wait_kind__name(wait->kind));
	fprintf(file, "\\n%s", wait_kind__name(wait->kind));
	if (wait->futex.type != FUTEX_TYPE_NONE)
		fprintf(file, " 0x%llx", (unsigned long long)wait->address);
	fprintf(file, "\"];\n");
}

static void put_edges(FILE *file, const struct lock_wait *wait, const char *colour)
{
	fprintf(file, "\tt%d_%d -> ", wait->thread->pid, wait->thread->tid);
	put_lock_id(file, wait);
	fprintf(file, " [color=%s, label=\"waits%s\"];\n", colour,
		wait->futex.timed ? ", timed" : "");
	if (!wait->owner && !wait->owner_dead)
		return;
	fputc('\t', file);
	put_lock_id(file, wait);
	if (wait->owner)
		fprintf(file, " -> t%d_%d [color=%s, style=%s, label=\"held by (%s)\"];\n",
			wait->owner->pid, wait->owner->tid, colour,
			wait->certainty == CERTAINTY_EXACT ? "solid" : "dashed",
			certainty__name(wait->certainty));
	else
		fprintf(file, " -> gone [color=%s, label=\"held by TID %d\"];\n", colour,
			wait->owner_number);
}

/* How many waits before @index are for the same lock. */
static bool is_drawn(const struct lock_findings *findings, size_t index, bool in_cycle)
{
	const struct lock_wait *wait = &findings->waits.data[index];
	size_t same = 0;

	if (in_cycle)
		return true;
	for (size_t i = 0; i < index && same < DRAWN_WAITERS; i++)
		same += lock_key__equal(&findings->waits.data[i].key, &wait->key);
	return same < DRAWN_WAITERS;
}

static void put_wait(FILE *file, const struct lock_findings *findings, size_t index)
{
	const struct lock_wait *wait = &findings->waits.data[index];
	enum verdict verdict = findings__verdict(findings, index);
	bool in_cycle = findings->graph.fates[index].in_cycle && verdict <= VERDICT_TIMED_CYCLE;
	const char *colour = in_cycle ? "red" : "black";

	if (!is_drawn(findings, index, in_cycle))
		return;
	put_thread(file, wait->thread, colour);
	put_lock(file, wait, colour);
	put_edges(file, wait, colour);
	if (wait->owner && !waits__of(&findings->waits, wait->owner))
		put_thread(file, wait->owner, "black");
	else if (wait->owner_dead)
		fprintf(file, "\tgone [shape=box, style=dotted, label=\"gone\"];\n");
}

void locks_dot__write(FILE *file, const struct lock_findings *findings)
{
	fprintf(file, "digraph waits {\n\trankdir=LR;\n\tnode [fontname=\"monospace\"];\n");
	for (size_t i = 0; i < findings->waits.size; i++)
		put_wait(file, findings, i);
	for (size_t i = 0; i < findings->graph.convoy_count; i++) {
		const struct convoy *convoy = &findings->graph.convoys[i];

		if (convoy->count <= DRAWN_WAITERS)
			continue;
		fprintf(file,
			"\tmore%zu [shape=plaintext, label=\"%zu waiters in all\"];\n\tmore%zu -> ",
			i, convoy->count, i);
		put_lock_id(file, &findings->waits.data[convoy->wait]);
		fprintf(file, " [style=dotted];\n");
	}
	fprintf(file, "}\n");
}
