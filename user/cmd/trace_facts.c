/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "version.h"

static void list_settings(struct trace_facts *facts)
{
	static const char *const names[] = {"stacks", "max_frames", "ring_size", "follow", "mode"};
	static const char *const modes[] = {"exact", "growth", "samples"};
	static const char *const stacks[] = {"none", "fp", "cfi"};
	const struct trace_options *options = facts->source->options;
	char(*values)[sizeof(facts->setting_values[0])] = facts->setting_values;

	snprintf(values[SETTING_STACKS], sizeof(*values), "%s", stacks[options->stacks]);
	snprintf(values[SETTING_MAX_FRAMES], sizeof(*values), "%u", options->max_frames);
	snprintf(values[SETTING_RING_SIZE], sizeof(*values), "%llu",
		(unsigned long long)options->ring_size);
	snprintf(values[SETTING_FOLLOW], sizeof(*values), "%s", options->follow ? "yes" : "no");
	snprintf(values[SETTING_MODE], sizeof(*values), "%s", modes[options->mode]);
	for (int i = 0; i < SETTING_COUNT; i++)
		facts->settings[i] = (struct report_setting){names[i], values[i]};
}

static char *join_arguments(char *const argv[])
{
	size_t size = 1;
	char *joined;

	for (int i = 0; argv[i]; i++)
		size += strlen(argv[i]) + 1;
	joined = calloc(1, size);
	for (int i = 0; joined && argv[i]; i++) {
		if (i)
			strcat(joined, " ");
		strcat(joined, argv[i]);
	}
	return joined;
}

static int list_targets(struct trace_facts *facts)
{
	const struct trace_report_source *source = facts->source;

	facts->target_count = source->launch ? 1 : source->process_count;
	facts->targets = calloc(facts->target_count, sizeof(*facts->targets));
	if (!facts->targets)
		return -ENOMEM;
	if (source->launch) {
		facts->command = join_arguments(source->options->command);
		facts->targets[0].pid = source->launch->pid;
		facts->targets[0].command = facts->command;
		return facts->command ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < facts->target_count; i++) {
		facts->targets[i].pid = source->processes[i].pid;
		facts->targets[i].command = source->processes[i].command_line;
	}
	return 0;
}

int trace_facts__init(struct trace_facts *facts, const struct trace_report_source *source)
{
	*facts = (struct trace_facts){.source = source};
	list_settings(facts);
	return list_targets(facts);
}

void trace_facts__free(struct trace_facts *facts)
{
	free(facts->targets);
	free(facts->command);
}

void trace_facts__start(struct trace_facts *facts, uint64_t start_ns)
{
	facts->start_ns = start_ns;
	facts->start_unix_ns = clock__unix_ns();
}

void trace_facts__describe(const struct trace_facts *facts, uint64_t now_ns, struct report_run *run)
{
	const struct trace_report_source *source = facts->source;

	run->version = MEMTRACE_VERSION;
	run->targets = facts->targets;
	run->target_count = facts->target_count;
	run->start_unix_ns = facts->start_unix_ns;
	run->duration_ns = now_ns - facts->start_ns;
	run->launched = source->launch != NULL;
	run->has_symbols = true;
	run->settings = facts->settings;
	run->setting_count = SETTING_COUNT;
	tracer__losses(source->tracer, run->losses);
	feed__add_losses(source->feed, run->losses);
	memcpy(run->stack_stops, source->feed->stack_stops, sizeof(run->stack_stops));
	run->guessed_frames = source->feed->guessed_frames;
	run->python = source->feed->python_walks;
}
