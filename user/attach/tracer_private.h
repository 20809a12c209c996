/* What the files of the tracer share: its state, and what each does for the others. */
#ifndef MEMTRACE_ATTACH_TRACER_PRIVATE_H
#define MEMTRACE_ATTACH_TRACER_PRIVATE_H

#include "attach/links.h"
#include "attach/tracer.h"
#include "attach/unwinding.h"
#include "base/hash.h"
#include "base/vec.h"
#include "probe.h"
#include "tracer.skel.h"

/* A traced process: the image that its PID stands for now. */
struct traced {
	uint32_t process;
	bool has_loader;     /* it maps a loader that waits for us: no library is late */
	uint32_t removals;   /* of its space, when last looked at */
	uint32_t generation; /* the same */
	uint64_t looked_ns;  /* when unknown code last made us look */
	uint32_t in_vain;    /* how often since then nothing was new */
};

static inline uint64_t pid_hash(pid_t pid)
{
	return hash_mix(pid);
}

static inline bool pid_equal(pid_t a, pid_t b)
{
	return a == b;
}

DEFINE_HASH(traced_map, pid_t, struct traced, pid_hash, pid_equal);

/* Module id and PID (0: all): one attachment. */
static inline uint64_t attachment_hash(uint64_t key)
{
	return hash_mix(key);
}

static inline bool attachment_equal(uint64_t a, uint64_t b)
{
	return a == b;
}

DEFINE_HASH(attachment_set, uint64_t, bool, attachment_hash, attachment_equal);

/* A file with the C++ runtime or the unwinder in it. */
struct thrower {
	const struct module *module;
	pid_t pid; /* 0: all */
};

struct tracer {
	struct tracer_options options;
	struct tracer_callbacks callbacks;
	struct modules *modules;
	struct spaces *spaces;
	struct tracer_bpf *skel;
	struct tracer_shared *shared;
	struct ring_buffer *control;
	struct links *links;
	struct unwinding *unwinding; /* NULL: stacks are not walked by tables */
	enum link_kind link_kind;
	bool wide_nops;
	bool declines_returns;	      /* plan.h */
	bool watches_throws;	      /* something is traced that exceptions may leave */
	VEC(struct thrower) throwers; /* not probed until then */
	struct traced_map traced;
	struct attachment_set attached;
	struct attachment_set loaders; /* ids of modules whose loader hook is probed */
	size_t site_count;
	bool *met_allocators; /* by the index in options.allocators: its file was mapped */
	bool has_allocator;
	bool met_stripped_static;
	uint64_t late_attachments;
	uint64_t reconciled; /* lost control records that were made up for */
};

/* --- tracer.c */

/* The programs of one kind of link, by enum probe_program. */
struct program_pair {
	struct bpf_program *entry;
	struct bpf_program *back; /* at return; NULL: none */
	struct bpf_program *session;
};

struct program_pair tracer__programs(const struct tracer *tracer, enum probe_program program);

/* --- attachments.c */

/*
 * Attaches to all that a process maps now, and gives the walker its unwind tables. Returns how many
 * allocators came, or a negative errno.
 */
int tracer__attach_mapped(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *err);

/* --- follow.c */

/* A ring_buffer_sample_fn for the control ring; @context is the tracer. */
int tracer__follow(void *context, void *data, size_t size);

/* --- reconcile.c */

/* If control records were lost since the last call: finds who came and went meanwhile. */
void tracer__reconcile(struct tracer *tracer);

#endif
