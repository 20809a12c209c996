/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/finding.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* A longer name of a lock would not fit the line of the page: its kind stands for it. */
#define MAX_HEADLINE_NAME 24

/* Whether wait @other never ends for the same cause as @index. */
static bool is_same_hang(const struct lock_findings *findings, size_t index, size_t other)
{
	const struct lock_wait *waits = findings->waits.data;

	return findings__hangs_alone(findings, other) &&
	       findings->graph.fates[other].verdict == findings->graph.fates[index].verdict &&
	       lock_key__equal(&waits[other].key, &waits[index].key);
}

static bool is_first(const struct lock_findings *findings, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_same_hang(findings, index, i))
			return false;
	return true;
}

static int add(finding_list *out, enum finding_kind kind, enum verdict verdict, size_t index)
{
	struct finding finding = {.kind = kind, .verdict = verdict, .index = index};

	return vec_push(out, finding) ? -ENOMEM : 0;
}

/* One whose wake-up was lost says why its process does not go on. */
static bool is_listed(const struct lock_findings *findings, const finding_list *list, pid_t pid)
{
	vec_for_each (known, list)
		if (known->kind == FINDING_WAIT &&
			findings->waits.data[known->index].thread->pid == pid)
			return true;
	return false;
}

int finding__list(const struct lock_findings *findings, finding_list *out)
{
	int err = 0;

	*out = (finding_list){0};
	for (size_t i = 0; i < findings->graph.cycle_count && !err; i++) {
		enum verdict verdict = findings->graph.cycles[i].verdict;

		if (findings->confirmed[i] && verdict__is_deadlock(verdict))
			err = add(out, FINDING_CYCLE, verdict, i);
	}
	for (size_t i = 0; i < findings->waits.size && !err; i++)
		if (findings__hangs_alone(findings, i) && is_first(findings, i))
			err = add(out, FINDING_WAIT, findings->graph.fates[i].verdict, i);
	for (size_t i = 0; i < findings->hung.size && !err; i++) {
		const struct hung_process *hung = &findings->hung.data[i];

		if (findings__hung(findings, hung->process->pid) == hung &&
			!is_listed(findings, out, hung->process->pid))
			err = add(out, FINDING_HUNG, VERDICT_HUNG, i);
	}
	if (err)
		vec_free(out);
	return err;
}

static bool leads_to(const struct lock_findings *findings, size_t wait, size_t index)
{
	while (findings->graph.edges[wait] != SIZE_MAX && wait != index)
		wait = findings->graph.edges[wait];
	return wait == index || is_same_hang(findings, index, wait);
}

bool finding__has(const struct lock_findings *findings, const struct finding *finding, size_t wait)
{
	switch (finding->kind) {
	case FINDING_CYCLE:
		return findings__leads_to(findings, wait, finding->index, true) ||
		       findings__leads_to(findings, wait, finding->index, false);
	case FINDING_WAIT:
		/* Chains that end in a cycle would be followed forever. */
		return findings->graph.fates[wait].verdict == finding->verdict &&
		       leads_to(findings, wait, finding->index);
	case FINDING_HUNG:
		return findings->waits.data[wait].thread->pid ==
		       findings->hung.data[finding->index].process->pid;
	}
	return false;
}

static uint64_t sign(const struct lock_thread *thread)
{
	return hash_combine(hash_combine(thread->tid, thread->start_ns), thread->args[0]);
}

uint64_t finding__identity(const struct lock_findings *findings, const struct finding *finding)
{
	uint64_t identity = finding->verdict;
	const struct hung_process *hung;

	switch (finding->kind) {
	case FINDING_CYCLE:
		return graph__cycle_identity(&findings->graph, finding->index);
	case FINDING_WAIT:
		return hash_combine(identity, sign(findings->waits.data[finding->index].thread));
	case FINDING_HUNG:
		hung = &findings->hung.data[finding->index];
		for (size_t i = 0; i < hung->count; i++)
			identity = hash_combine(identity, sign(&hung->threads[i]));
	}
	return identity;
}

/* --- one line */
/* How many processes the threads of a cycle are of. */
static size_t count_processes(const struct lock_findings *findings, const struct wait_cycle *of)
{
	const size_t *members = &findings->graph.members[of->first];
	size_t count = 0;

	for (size_t i = 0; i < of->count; i++) {
		pid_t pid = findings->waits.data[members[i]].thread->pid;
		bool known = false;

		for (size_t n = 0; n < i; n++)
			known |= findings->waits.data[members[n]].thread->pid == pid;
		count += !known;
	}
	return count;
}

static void put_cycle(const struct lock_findings *findings, size_t cycle, char *out, size_t size)
{
	const struct wait_cycle *of = &findings->graph.cycles[cycle];
	const struct lock_wait *wait = &findings->waits.data[findings->graph.members[of->first]];
	const struct lock_thread *thread = wait->thread;
	const char *verdict = verdict__name(of->verdict);
	size_t processes = count_processes(findings, of);

	if (of->count == 1)
		snprintf(out, size, "%s: %s (PID %d, TID %d) waits for itself, on %s", verdict,
			thread->comm, thread->pid, thread->tid,
			*wait->name && strlen(wait->name) < MAX_HEADLINE_NAME
				? wait->name
				: wait_kind__name(wait->kind));
	else if (processes == of->count)
		snprintf(out, size, "%s: %zu processes wait for each other, %s (PID %d, TID %d)...",
			verdict, processes, thread->comm, thread->pid, thread->tid);
	else if (processes > 1)
		snprintf(out, size, "%s: %zu threads of %zu processes, %s (PID %d, TID %d)...",
			verdict, of->count, processes, thread->comm, thread->pid, thread->tid);
	else
		snprintf(out, size, "%s: %zu threads wait for each other, %s (PID %d, TID %d)...",
			verdict, of->count, thread->comm, thread->pid, thread->tid);
}

static void put_hung(const struct hung_process *hung, char *out, size_t size)
{
	if (hung->waiting == 1)
		snprintf(out, size, "HUNG: the only thread of %s (PID %d) waits, without a timeout",
			hung->threads->comm, hung->process->pid);
	else
		snprintf(out, size,
			"HUNG: all %zu threads of %s (PID %d) wait, none with a timeout",
			hung->waiting, hung->threads->comm, hung->process->pid);
}

static void put_wait(const struct lock_wait *wait, enum verdict verdict, char *out, size_t size)
{
	bool has_name = *wait->name && strlen(wait->name) < MAX_HEADLINE_NAME;

	snprintf(out, size, "%s: %s (PID %d, TID %d) waits forever, on %s%s%s",
		verdict__name(verdict), wait->thread->comm, wait->thread->pid, wait->thread->tid,
		wait_kind__name(wait->kind), has_name ? " " : "", has_name ? wait->name : "");
}

void finding__headline(
	const struct lock_findings *findings, const struct finding *finding, char *out, size_t size)
{
	switch (finding->kind) {
	case FINDING_CYCLE:
		put_cycle(findings, finding->index, out, size);
		break;
	case FINDING_WAIT:
		put_wait(&findings->waits.data[finding->index], finding->verdict, out, size);
		break;
	case FINDING_HUNG:
		put_hung(&findings->hung.data[finding->index], out, size);
		break;
	}
}
