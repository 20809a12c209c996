/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a run of memtrace serve consists of. Which thread may use what: user/README.md, "threads".
 */
#ifndef MEMTRACE_CMD_SERVE_RUN_H
#define MEMTRACE_CMD_SERVE_RUN_H

#include <pthread.h>

#include "attach/tracer.h"
#include "base/event_loop.h"
#include "blocked/watch_filter.h"
#include "cmd/frame_names.h"
#include "cmd/serve_locks.h"
#include "cmd/serve_memory.h"
#include "cmd/serve_options.h"
#include "cmd/serve_targets.h"
#include "cmd/serve_waits.h"
#include "cmd/trace_reconcile.h"
#include "serve/listen.h"
#include "serve/server.h"
#include "stream/feed.h"
#include "stream/stream.h"

/* What the main thread alone can say, as of a moment ago. */
struct serve_status {
	bool is_ready;
	uint64_t losses[LOSS_COUNT]; /* of the tracer */
	struct tracer_holds holds;
	size_t site_count;
	size_t target_count;
	uint64_t refused;
	served_list served; /* that are traced, or ended not long ago */
};

struct serve {
	struct serve_options options;
	struct serve_memory memory;
	enum serve_memory_state memory_state;
	struct listen_address address;
	int listener; /* -1: the server has it */
	struct modules *modules;
	struct spaces *spaces;
	struct tracer *tracer;
	struct feed feed;
	struct stream *stream;
	struct trace_reconcile reconcile;
	struct serve_targets *targets;
	struct serve_locks *locks; /* NULL: no look can be made */
	struct serve_waits *waits; /* NULL: waits are not traced */
	struct server *server;
	struct serve_otlp *otlp; /* NULL: nothing is sent */
	struct event_loop loop;
	uint64_t start_ns;
	uint64_t start_unix_ns;

	pthread_mutex_t lock; /* guards the status */
	struct serve_status status;

	/* The lane of reports, alone. */
	struct view_options view;
	struct symbolizer *symbolizer;
	VEC(uint32_t) watched_jit; /* images whose maps of code made at run time are known */
};

/* The endpoints: a table for server__start, whose context is a struct serve. */
extern const struct route serve_routes[];

/* A copy of the status, for serve_status__free; any thread. 0 or -ENOMEM with @error set. */
int serve__status(struct serve *serve, struct serve_status *out, struct error *error);
void serve_status__free(struct serve_status *status);

#endif
