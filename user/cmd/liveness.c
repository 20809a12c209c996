/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/liveness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "census/glibc.h"
#include "census/glibc_chunk.h"
#include "process/memory.h"

/* Pieces that one process_vm_readv(2) takes (UIO_MAXIOV is 1024). */
#define BATCH 512

/*
 * Whether the process's allocator is glibc's shows by the headers of blocks that were allocated a
 * moment ago: nearly all are as they should be, or hardly any. From so many on it is told.
 */
#define FITTING_TO_TELL 3
#define STRANGE_TO_TELL 12

struct asked_process {
	struct chunk_keys keys;
	uint64_t possible_key; /* seen at one block; at a second one it is believed */
	uint64_t possible_at;
	uint64_t fitting;
	uint64_t strange;
};

DEFINE_HASH_NUMBER(asked_processes, uint32_t, struct asked_process);

struct liveness_asker {
	struct spaces *spaces;
	struct asked_processes processes;
};

struct liveness_asker *liveness_asker__new(struct spaces *spaces)
{
	struct liveness_asker *asker = calloc(1, sizeof(*asker));

	if (asker)
		asker->spaces = spaces;
	return asker;
}

void liveness_asker__free(struct liveness_asker *asker)
{
	if (!asker)
		return;
	asked_processes__free(&asker->processes);
	free(asker);
}

/* --- reading */

struct memory_piece {
	uint64_t address;
	void *to;
	size_t size;
	bool is_read;
};

/* Reads the pieces, as many at a time as can be; one that is not there ends a turn. */
static void read_pieces(pid_t pid, struct memory_piece *pieces, size_t count)
{
	struct iovec local[BATCH], remote[BATCH];

	for (size_t first = 0; first < count;) {
		size_t n = count - first < BATCH ? count - first : BATCH, done = 0;
		ssize_t got;

		for (size_t i = 0; i < n; i++) {
			const struct memory_piece *piece = &pieces[first + i];

			local[i] = (struct iovec){piece->to, piece->size};
			remote[i] = (struct iovec){(void *)piece->address, piece->size};
		}
		got = process_vm_readv(pid, local, n, remote, n, 0);
		if (got < 0 && errno != EFAULT)
			return;
		while (done < n && got >= (ssize_t)pieces[first + done].size) {
			got -= pieces[first + done].size;
			pieces[first + done++].is_read = true;
		}
		/* What stopped it, if anything did, cannot be read. */
		first += done < n ? done + 1 : done;
	}
}

static void read_chunks(
	pid_t pid, struct chunk_view *chunks, struct memory_piece *pieces, size_t count)
{
	size_t next = 0;

	for (size_t i = 0; i < count; i++)
		pieces[i] = (struct memory_piece){.address = chunks[i].address - CHUNK_HEADER,
			.to = chunks[i].words,
			.size = sizeof(chunks[i].words)};
	read_pieces(pid, pieces, count);
	for (size_t i = 0; i < count; i++) {
		chunks[i].is_readable = pieces[i].is_read;
		if (!chunk__next(&chunks[i]))
			continue;
		pieces[next++] = (struct memory_piece){.address = chunk__next(&chunks[i]) + 8,
			.to = &chunks[i].next_head,
			.size = sizeof(chunks[i].next_head)};
	}
	read_pieces(pid, pieces, next);
	next = 0;
	for (size_t i = 0; i < count; i++)
		chunks[i].has_next = chunk__next(&chunks[i]) && pieces[next++].is_read;
}

/* --- the keys of caches */

static void learn_key(pid_t pid, struct asked_process *process, const struct chunk_view *chunk)
{
	bool is_address;
	uint64_t key = chunk__possible_key(chunk, &is_address), head;

	if (!key)
		return;
	if (is_address) {
		if (!memory__read_all(pid, key - 8, &head, sizeof(head)) &&
			chunk__holds_cache(head))
			chunk_keys__add(&process->keys, key);
		return;
	}
	if (process->possible_key == key && process->possible_at != chunk->address)
		chunk_keys__add(&process->keys, key);
	process->possible_key = key;
	process->possible_at = chunk->address;
}

/* --- answers */

static bool is_glibc(const struct asked_process *process)
{
	return process->fitting >= FITTING_TO_TELL && process->fitting > process->strange;
}

static bool is_other(const struct asked_process *process)
{
	return process->strange >= STRANGE_TO_TELL && process->strange > process->fitting;
}

static enum liveness answer_for(const struct asked_process *process, const struct chunk_view *chunk)
{
	enum chunk_state state = chunk__state(chunk, &process->keys);

	if (!is_glibc(process))
		return LIVENESS_UNKNOWN;
	/* There was such a block, and something else is there now. */
	return state == CHUNK_IN_USE ? LIVENESS_IN_USE : LIVENESS_FREE;
}

static void ask_process(struct liveness_asker *asker, uint32_t number,
	const struct asked_block *blocks, size_t count, liveness_fn *tell, void *context)
{
	struct asked_process *process = asked_processes__insert(&asker->processes, number);
	struct chunk_view *chunks = calloc(count, sizeof(*chunks));
	struct memory_piece *pieces = calloc(count, sizeof(*pieces));
	pid_t pid = spaces__pid(asker->spaces, number);

	if (!process || !chunks || !pieces || !pid)
		goto out;
	for (size_t i = 0; i < count; i++) {
		chunks[i].address = blocks[i].address;
		chunks[i].requested = blocks[i].size;
	}
	read_chunks(pid, chunks, pieces, count);
	for (size_t i = 0; i < count; i++) {
		learn_key(pid, process, &chunks[i]);
		/* Of freed blocks all may be gone; the others were there a moment ago. */
		if (!blocks[i].is_freed && chunk__next(&chunks[i]))
			process->fitting++;
		else if (!blocks[i].is_freed)
			process->strange++;
	}
	if (!is_glibc(process) && !is_other(process))
		goto out; /* they will be asked for again */
	for (size_t i = 0; i < count; i++) {
		struct event_liveness answer = {
			.header = {.kind = EVENT_LIVENESS,
				.flags = answer_for(process, &chunks[i]),
				.process = number,
				.time_ns = clock__now_ns()},
			.address = blocks[i].address,
		};

		tell(context, &answer);
	}
out:
	free(chunks);
	free(pieces);
}

static int by_process(const void *a, const void *b)
{
	const struct asked_block *x = a, *y = b;

	return (x->process > y->process) - (x->process < y->process);
}

void liveness_asker__ask(struct liveness_asker *asker, const struct asked_block *blocks,
	size_t count, liveness_fn *tell, void *context)
{
	struct asked_block *sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return;
	memcpy(sorted, blocks, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_process);
	for (size_t i = 0, n; i < count; i += n) {
		n = 1;
		while (i + n < count && sorted[i + n].process == sorted[i].process)
			n++;
		ask_process(asker, sorted[i].process, &sorted[i], n, tell, context);
	}
	free(sorted);
}
