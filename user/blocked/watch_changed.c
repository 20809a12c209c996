/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watch_changed.h"

#include <errno.h>
#include <unistd.h>

#include "blocked/blocked.h"
#include "locks/futex.h"

/* More than any machine has of processes with blocked threads. */
#define MAX_SIGNATURES 65536

/* A number for the old untimed waits of a process; 0: it has none. A sum: order does not matter. */
static uint64_t sign_waits(const struct look_thread *threads, size_t count)
{
	uint64_t signature = 0;

	for (size_t i = 0; i < count; i++) {
		const struct look_thread *thread = &threads[i];
		struct futex_wait futex;

		if (!blocked__futex(thread, &futex) || futex.timed)
			continue;
		if (thread->asleep_since && thread->now - thread->asleep_since < CHANGED_MIN_AGE_NS)
			continue;
		signature += hash_combine(hash_combine(thread->tid, thread->start_ns),
			hash_combine(futex.uaddr, thread->switches));
	}
	return signature;
}

static int note(struct changed *changed, pid_t pid, uint64_t signature, changed_pids *pids)
{
	uint64_t *judged;

	if (!signature) {
		signature_map__remove(&changed->judged, pid, NULL);
		return 0;
	}
	judged = signature_map__insert(&changed->judged, pid);
	if (!judged)
		return -ENOMEM;
	if (*judged == signature)
		return 0;
	*judged = signature;
	return vec_push(pids, pid);
}

int changed__list(struct changed *changed, const struct look *look,
	const struct watch_filter *filter, changed_pids *pids)
{
	size_t first = 0;
	int rc = 0;

	/* Signatures of processes that are gone: forgotten all together, and the rest judged again.
	 */
	if (changed->judged.size > MAX_SIGNATURES)
		signature_map__free(&changed->judged);
	while (first < look->count && !rc) {
		const struct look_thread *threads = &look->threads[first];
		size_t count = 1;

		while (first + count < look->count && threads[count].pid == threads[0].pid)
			count++;
		first += count;
		if ((pid_t)threads[0].pid != getpid() && watch_filter__wants(filter, threads))
			rc = note(changed, threads[0].pid, sign_waits(threads, count), pids);
	}
	return rc;
}

void changed__free(struct changed *changed)
{
	signature_map__free(&changed->judged);
}
