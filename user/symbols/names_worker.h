/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The symbolizer's other half where the files that names come from are not to be trusted: a worker
 * without privileges (sandbox/worker.h) has a symbolizer of its own and reads them. A file on which
 * it dies or takes too long is not read again, and the next one gets a new worker.
 */
#ifndef MEMTRACE_SYMBOLS_NAMES_WORKER_H
#define MEMTRACE_SYMBOLS_NAMES_WORKER_H

#include "symbols/symbolizer.h"

struct names_worker;

/* The worker is started when it is first needed. NULL where memory is short. */
struct names_worker *names_worker__new(const struct symbolizer_options *options);
void names_worker__free(struct names_worker *names);

/*
 * symbolizer__resolve's work. Returns how many frames @out points to, 0 where nothing is known, or
 * -ENOMEM. They and their strings are the worker's, until the next call, and not yet printable.
 */
int names_worker__resolve(struct names_worker *names, const struct module *module, uint64_t vaddr,
	bool is_return_address, const struct symbol_frame **out);

/*
 * Starts @count workers ahead, for a process that is about to give up execve(2). 0 or a negative
 * errno with @error set.
 */
int names_worker__keep_spares(size_t count, struct error *error);

/* What the worker runs: NAMES_ROLE. */
void names_worker__serve(void);

/* Reads an answer of @size bytes as the worker sent it; the same result as names_worker__resolve,
   into @frames (NAMES_MAX_FRAMES), or -EBADMSG. For the fuzzer, too. */
int names_worker__read(const void *answer, size_t size, struct symbol_frame *frames);

#endif
