/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watch_changed.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blocked/blocked.h"
#include "locks/futex.h"

/* Words that are read with one system call. */
#define MAX_BATCH 64

/* Words of one process that threads wait on. */
struct word_batch {
	pid_t pid;
	size_t count;
	uint64_t addresses[MAX_BATCH];
};

/* A number for what the words hold: one that was let go without a wake-up shows in nothing else. */
static uint64_t sign_words(struct word_batch *batch)
{
	struct iovec local[MAX_BATCH], remote[MAX_BATCH];
	uint32_t words[MAX_BATCH] = {0};
	uint64_t signature = 0;
	size_t first = 0;

	for (size_t i = 0; i < batch->count; i++) {
		local[i] = (struct iovec){&words[i], sizeof(words[i])};
		remote[i] =
			(struct iovec){(void *)(uintptr_t)batch->addresses[i], sizeof(words[i])};
	}
	/* It ends at the first that cannot be read: behind that it goes on. */
	while (first < batch->count) {
		ssize_t got = process_vm_readv(batch->pid, &local[first], batch->count - first,
			&remote[first], batch->count - first, 0);

		if (got < 0 && errno != EFAULT)
			break;
		first += (got > 0 ? (size_t)got / sizeof(*words) : 0) + 1;
	}
	for (size_t i = 0; i < batch->count; i++)
		signature += hash_combine(batch->addresses[i], words[i]);
	batch->count = 0;
	return signature;
}

static bool is_old_wait(const struct look_thread *thread, struct futex_wait *futex)
{
	return blocked__futex(thread, futex) && !futex->timed &&
	       (!thread->asleep_since || thread->now - thread->asleep_since >= CHANGED_MIN_AGE_NS);
}

/* A number for the old untimed waits of a process; 0: it has none. A sum: order does not matter. */
static uint64_t sign_waits(const struct look_thread *threads, size_t count)
{
	struct word_batch batch = {.pid = threads->pid};
	uint64_t signature = 0;

	for (size_t i = 0; i < count; i++) {
		const struct look_thread *thread = &threads[i];
		struct futex_wait futex;

		if (!is_old_wait(thread, &futex))
			continue;
		signature += hash_combine(hash_combine(thread->tid, thread->start_ns),
			hash_combine(futex.uaddr, thread->switches));
		batch.addresses[batch.count++] = futex.uaddr;
		if (batch.count == MAX_BATCH)
			signature += sign_words(&batch);
	}
	if (!signature)
		return 0;
	/* A thread that ends may be the last that could have woken the others. */
	return signature + sign_words(&batch) + hash_mix(count);
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
	int err = 0;

	if (changed->judged.size > CHANGED_MAX_SIGNATURES)
		signature_map__free(&changed->judged);
	while (first < look->count && !err) {
		const struct look_thread *threads = &look->threads[first];
		size_t count = 1;

		while (first + count < look->count && threads[count].pid == threads[0].pid)
			count++;
		first += count;
		if ((pid_t)threads[0].pid != getpid() && watch_filter__wants(filter, threads))
			err = note(changed, threads[0].pid, sign_waits(threads, count), pids);
	}
	return err;
}

void changed__free(struct changed *changed)
{
	signature_map__free(&changed->judged);
}
