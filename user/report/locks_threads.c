/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_threads.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "locks/activity.h"
#include "report/human.h"
#include "report/locks_phrases.h"

/* Threads of one process that do the same. */
struct group {
	const struct lock_thread *first;
	size_t count;
	char does[ACTIVITY_SIZE];
};

typedef VEC(struct group) groups;

static int add_thread(groups *out, const struct lock_thread *thread)
{
	struct group group = {.first = thread, .count = 1};

	activity__describe(thread, group.does, sizeof(group.does));
	vec_for_each (known, out) {
		if (known->first->pid != thread->pid || strcmp(known->does, group.does) != 0)
			continue;
		known->count++;
		return 0;
	}
	return vec_push(out, group);
}

/* Ends of chains have been described, with their stacks. */
static bool is_end(const struct lock_findings *findings, const struct lock_thread *thread)
{
	for (size_t i = 0; i < findings->waits.size; i++)
		if (findings->graph.fates[i].end == thread)
			return true;
	return false;
}

static int find_groups(const struct lock_findings *findings, groups *out)
{
	const struct snapshot *snapshot = findings->snapshot;
	int err = 0;

	for (size_t p = 0; p < snapshot->process_count; p++) {
		size_t count;
		const struct lock_thread *threads =
			snapshot__threads_of(snapshot, snapshot->processes[p].pid, &count);

		for (size_t i = 0; i < count && !err; i++)
			if (!waits__of(&findings->waits, &threads[i]) && threads[i].state != 'X' &&
				!is_end(findings, &threads[i]))
				err = add_thread(out, &threads[i]);
	}
	return err;
}

static void print_group(FILE *file, const struct group *group)
{
	char *line = NULL;
	size_t size;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return;
	if (group->count > 1)
		fprintf(text, "%s threads, ", human__count(group->count).text);
	phrase__thread(text, group->first);
	fprintf(text, "%s: %s", group->count > 1 ? " and others" : "", group->does);
	if (!fclose(text))
		phrase__line(file, line, "  ");
	free(line);
}

void locks_threads__print(FILE *file, const struct lock_findings *findings, size_t lines, bool all)
{
	groups groups = {0};
	size_t shown = 0, left = 0;

	if (find_groups(findings, &groups) || !groups.size) {
		vec_free(&groups);
		return;
	}
	fprintf(file, findings->waits.size ? "Threads that wait for no lock:\n"
					   : "What the threads do:\n");
	vec_for_each (group, &groups) {
		if (shown == lines && !all) {
			left += group->count;
			continue;
		}
		print_group(file, group);
		shown++;
	}
	if (left)
		fprintf(file, "  ... and %zu more\n", left);
	vec_free(&groups);
}
