/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/loss.h"

const struct loss_words *loss__words(enum loss_cause cause)
{
	static const struct loss_words words[LOSS_COUNT] = {
		[LOSS_RING_FULL] = {"ring_full", "ring buffer full", "raise --ring-size"},
		[LOSS_THREAD_STATE] = {"thread_state", "no memory for a thread's state", NULL},
		[LOSS_RETURN_MISSED] = {"return_missed",
			"calls left by longjmp or an exception: outcome unknown", NULL},
		[LOSS_LATE_ATTACH] = {"late_attach",
			"allocators in use before their probes were attached",
			"start the program with memtrace -- COMMAND"},
		[LOSS_HOLD_ENDED] = {"hold_ended",
			"allocators in use before their probes were attached: the wait for them "
			"reached --hold",
			"give a larger --hold"},
		[LOSS_UNHELD] = {"unheld",
			"processes ran before they had their probes: nothing held them",
			"Linux 6.18 and newer hold them, unless --hold is 0; or trace each by "
			"itself, memtrace -- COMMAND"},
		[LOSS_STACK_RING_FULL] = {"stack_ring_full",
			"stacks lost, ring buffer full: their sites are unknown",
			"raise --ring-size"},
		[LOSS_MAPPING_RING_FULL] = {"mapping_ring_full",
			"mapping records lost, ring buffer full", "raise --ring-size"},
		[LOSS_PROCESS_RING_FULL] = {"process_ring_full",
			"records of processes lost, ring buffer full", "raise --ring-size"},
		[LOSS_CONTROL_RING_FULL] = {"control_ring_full",
			"times memtrace learned too late that a process started, ended or loaded "
			"libraries: some stacks and first calls are missing",
			"give memtrace more processor time, or trace fewer processes at once"},
		[LOSS_TARGETS_FULL] = {"targets_full",
			"processes not traced: more than 16,384 ran at once",
			"trace fewer of them"},
		[LOSS_MODEL_MEMORY] = {"model_memory",
			"records dropped, memtrace had no memory for them",
			"raise memtrace's memory limit"},
		[LOSS_SITES_FULL] = {"sites_full",
			"stacks without a site of their own: the table of call sites is full",
			"lower --max-frames"},
		[LOSS_CODE_GONE] = {"code_gone",
			"stacks with code that was unmapped before it could be read: it has no "
			"name",
			"give a larger --hold, so that dlopen waits longer"},
		[LOSS_USDT_UNREAD] = {"usdt_unread",
			"arguments of USDT probes that could not be read", NULL},
	};

	return &words[cause];
}

static const struct {
	const char *key;
	const char *words;
} stop_words[STACK_STOP_COUNT] = {
	[STACK_COMPLETE] = {"complete", "complete"},
	[STACK_END_OF_THREAD] = {"end_of_thread", "complete"},
	[STACK_TRUNCATED] = {"truncated", "deeper than the limit of frames"},
	[STACK_NO_RULE] = {"no_rule", "code without unwind information"},
	[STACK_BAD_RULE] = {"bad_rule", "unwind rule that cannot be followed"},
	[STACK_BAD_MEMORY] = {"bad_memory", "stack memory not readable"},
	[STACK_NO_PROGRESS] = {"no_progress", "unwinding made no progress"},
	[STACK_NOT_WALKED] = {"not_walked", "only the caller was taken"},
	[STACK_NO_TABLES] = {"no_tables", "before the process's unwind tables were loaded"},
};

const char *loss__stop_key(enum stack_stop stop)
{
	return stop_words[stop].key;
}

const char *loss__stop_words(enum stack_stop stop)
{
	return stop_words[stop].words;
}

static const struct {
	const char *key;
	const char *words;
} python_words[PYTHON_STOP_COUNT] = {
	[PYTHON_COMPLETE] = {"complete", "complete"},
	[PYTHON_NO_THREAD] = {"no_thread", "the thread had no Python state"},
	[PYTHON_TRUNCATED] = {"truncated", "deeper than there was room for"},
	[PYTHON_BAD_MEMORY] = {"bad_memory", "frames or code objects not readable"},
};

const char *loss__python_key(enum python_stop stop)
{
	return python_words[stop].key;
}

const char *loss__python_words(enum python_stop stop)
{
	return python_words[stop].words;
}

static uint64_t sum(const uint64_t *losses, int from, int to)
{
	uint64_t sum = 0;

	for (int cause = from; cause < to; cause++)
		sum += losses[cause];
	return sum;
}

uint64_t loss__events(const uint64_t losses[LOSS_COUNT])
{
	return sum(losses, 0, LOSS_EVENT_COUNT);
}

uint64_t loss__others(const uint64_t losses[LOSS_COUNT])
{
	return sum(losses, LOSS_EVENT_COUNT, LOSS_COUNT);
}
