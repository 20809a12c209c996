/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The report: the one struct that all formats read. It is made in two steps, so that records wait
 * only for the first:
 *	report__collect   copies the figures out of the heap model (under the stream's lock)
 *	report__name      asks a callback for the names of the frames
 * Whoever makes it fills in `run` and `notes`; strings are the caller's and outlive the report,
 * unless they come from report__note.
 */
#ifndef MEMTRACE_REPORT_MODEL_H
#define MEMTRACE_REPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "heap/heap.h"
#include "python.h"
#include "report/arena.h"

/* A call, or one that was inlined into it (`inlined`; the frame after is what it was inlined to).
 */
struct report_frame {
	uint64_t address;     /* as first seen, absolute */
	const char *module;   /* path as the target sees it; NULL: in no module */
	const char *build_id; /* hex; NULL: the module has none */
	uint64_t offset;      /* ELF virtual address in the module */
	const char *function; /* NULL: unknown */
	uint64_t function_offset;
	const char *file; /* NULL: unknown */
	uint32_t line;	  /* 0: unknown */
	bool inlined;
	bool is_python;	 /* a Python frame: it has no module and no address */
	bool is_wrapper; /* of an allocation function, as the stacks show: report/callers.h */
};

struct report_site {
	uint32_t id;	     /* in the heap model: the order in which sites appeared */
	const char *special; /* why there is no stack, in words; NULL when there is one */
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t free_count;
	uint64_t freed_bytes;
	uint64_t live_count; /* see report.live_at_exit and report_options.older_than_ns */
	uint64_t live_bytes;
	uint64_t at_exit_count; /* left behind by processes that ended */
	uint64_t at_exit_bytes;
	uint64_t peak_count; /* when the whole heap was largest */
	uint64_t peak_bytes;
	uint64_t temporary_count;
	uint64_t failed_count;
	uint64_t oldest_age_ns; /* of live blocks; 0 when there are none */
	uint64_t mean_age_ns;
	const uint64_t *lifetimes; /* [LIFETIME_BUCKETS] or NULL */
	struct growth growth;	   /* rises 0: it does not only grow */
	size_t first_process;	   /* in report.site_processes: those that allocated there, */
	size_t process_count;	   /* the one that holds most first */
	uint32_t functions;	   /* bit set by enum event_function */
	enum stack_stop stop;
	const struct site_frame *addresses; /* frames before they got names */
	size_t address_count;
	struct report_frame *frames; /* innermost first; NULL until report__name */
	size_t frame_count;
};

struct report_target {
	uint32_t pid;
	const char *command; /* command line */
};

struct report_setting {
	const char *name; /* as in JSON */
	const char *value;
};

/* The run as a whole; all of it is filled in by whoever ran it. */
struct report_run {
	const char *version; /* of the program */
	const struct report_target *targets;
	size_t target_count;
	uint64_t start_unix_ns; /* CLOCK_REALTIME of the start */
	uint64_t duration_ns;
	bool launched;	 /* memtrace started the first target */
	bool has_ended;	 /* and it has ended, */
	int exit_status; /* with this status, as wait(2) gives it */
	const struct report_setting *settings;
	size_t setting_count;
	uint64_t losses[LOSS_COUNT];
	uint64_t missing_records; /* that the run had, but its recording lacks; 0 live */
	uint64_t stack_stops[STACK_STOP_COUNT]; /* distinct stacks by how their walk ended */
	uint64_t guessed_frames;		/* of them, found by frame pointer only */
	struct python_walks python;
	bool has_symbols; /* frames could be named at all */
};

/* Blocks by whether pointers lead to them, as memcheck defines it (census/reach.h). */
enum report_reach {
	REPORT_REACHABLE = 0,
	REPORT_DEFINITE, /* lost */
	REPORT_INDIRECT, /* lost with another */
	REPORT_POSSIBLE, /* only inner pointers lead to it */
	REPORT_REACHES,
};

struct report_reach_sum {
	uint64_t count, bytes;
};

/* What became of a call site's live blocks. */
struct report_leak {
	struct report_site site;
	struct report_reach_sum sums[REPORT_REACHES];
	const char *suppressed; /* by the suppression of this name; NULL: it is not */
};

struct report_reached {
	uint32_t site; /* report_site.id */
	struct report_reach_sum sums[REPORT_REACHES];
};

/* Documents of a recorded run's leaks, as its live report had them. */
struct report_recorded_leaks {
	const char *json; /* an object; NULL: it looked for none */
	const char *text;
	const char *text_full;
};

struct report_leaks {
	bool looked; /* for leaks, and what follows was found */
	size_t looks;
	struct report_reach_sum sums[REPORT_REACHES];	    /* suppressed ones left out */
	struct report_reach_sum suppressed[REPORT_REACHES]; /* lost ones */
	struct report_reach_sum before[REPORT_REACHES];	    /* of blocks from before the trace */
	VEC(struct report_reached) reached; /* all sites with live blocks, by number */
	VEC(struct report_leak) sites;	    /* those that lost some, the worst first */
	struct report_recorded_leaks recorded;
};

#define REPORT_NO_PROCESS SIZE_MAX

/* What one process allocated at one site, all its threads together. */
struct report_site_process {
	uint32_t site;	  /* report_site.id */
	uint32_t process; /* number; 0: threads beyond HEAP_MAX_THREADS */
	size_t index;	  /* in report.processes, or REPORT_NO_PROCESS */
	uint64_t live_count;
	uint64_t live_bytes;
	uint64_t at_exit_count;
	uint64_t at_exit_bytes;
	uint64_t alloc_count;
	uint64_t alloc_bytes;
};

/* What one thread allocated at one site. */
struct report_site_thread {
	uint32_t site;	  /* report_site.id */
	uint32_t process; /* number; 0 with tid 0: threads beyond HEAP_MAX_THREADS */
	uint32_t tid;
	uint64_t live_count;
	uint64_t live_bytes;
	uint64_t at_exit_count;
	uint64_t at_exit_bytes;
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t temporary_count;
};

/* A process, in the order in which a reader looks for the one that is to blame. */
struct report_process {
	size_t index;	  /* in report.processes */
	uint64_t growing; /* bytes it holds at sites that only grow */
};

struct report_estimates;
struct report_own_samples;

struct report {
	struct report_run run;
	uint64_t seen;
	uint64_t lost;
	struct heap_totals heap;
	/*
	 * Live is what the processes that are alive hold. Where only one was traced (images that
	 * exec replaced do not count) and it has ended, `live_at_exit`: it is what that process
	 * held at its end.
	 */
	uint64_t live_count;
	uint64_t live_bytes;
	uint64_t at_exit_count; /* left behind by processes that ended */
	uint64_t at_exit_bytes;
	bool live_at_exit;
	bool all_ended;	      /* no process runs any more */
	size_t process_total; /* processes, images that exec replaced left out */
	uint64_t lifetimes[LIFETIME_BUCKETS];
	VEC(struct report_site) sites; /* sorted */
	size_t site_total;	       /* those that --top cut off included */
	/*
	 * Where the program mapped memory by calls of its own, largest first: live_bytes are mapped
	 * (at_exit_bytes of them left behind by ended processes), alloc_count and alloc_bytes are
	 * what calls added; the rest is 0. Never to be added up with `sites`.
	 */
	VEC(struct report_site) mapped_sites;
	size_t mapped_total;	    /* those that --top cut off included */
	uint64_t mapped_live_bytes; /* of all of them */
	struct report_leaks leaks;
	VEC(struct heap_process) processes;
	VEC(struct report_process) ranking; /* of those, without images that exec replaced */
	VEC(struct report_site_process) site_processes; /* sorted by site */
	VEC(struct heap_thread)
	threads; /* those that allocated or freed; [0] may be "all others" */
	struct series series;
	struct heap_slices slices; /* of all sites, those that --top cut off included */
	VEC(struct report_site_thread) site_threads; /* the same */
	VEC(const char *) notes;		     /* sentences that the reader must know */
	uint64_t older_than_ns;			     /* as in the options */
	uint64_t min_size; /* only blocks of these sizes were counted, 0: no limit */
	uint64_t max_size;
	enum report_sort {
		/*
		 * Up to REPORT_GROWERS sites that only grow, the fastest first, then live bytes. At
		 * peak bytes if all processes have ended and freed all.
		 */
		REPORT_SORT_DEFAULT = 0,
		REPORT_SORT_LIVE,   /* live bytes; left at exit when all have ended */
		REPORT_SORT_GROWTH, /* bytes a second, of those that only grow */
		REPORT_SORT_ALLOC,  /* bytes allocated */
		REPORT_SORT_COUNT,  /* allocations */
		REPORT_SORT_TEMPORARY,
		REPORT_SORT_AGE,  /* of the oldest live block */
		REPORT_SORT_PEAK, /* bytes at the heap's peak */
	} sort;
	bool chose_peak; /* that is the order because (nearly) all was freed at the end */
	size_t growers;	 /* sites at the head of the default order because they only grow */
	size_t top;	 /* as in the options: report__name cuts the others off */
	struct arena arena;
	/* The run had windows: the figures are these, and not those of the heap (estimates.h). */
	const struct report_estimates *estimates;
	/* What the target's allocator sampled itself (own_samples.h); NULL: nothing. */
	const struct report_own_samples *own_samples;
	VEC(struct report_site) sampled_sites;
};

#define REPORT_GROWERS 3
/* Sites that are collected and named whatever --top says: wrappers show only in many stacks. */
#define REPORT_NAMED 512

/* Whether what was left at exit stands in for what is live: several processes, and all ended. */
static inline bool report__shows_left(const struct report *report)
{
	return report->all_ended && !report->live_at_exit;
}

/* The bytes or blocks of the site that matter: live, or left at exit when nothing can be live. */
static inline uint64_t report__held_bytes(
	const struct report *report, const struct report_site *site)
{
	return report__shows_left(report) ? site->at_exit_bytes : site->live_bytes;
}

/* All that is live, and all that ended processes left. */
static inline uint64_t report__held_total(const struct report *report)
{
	return report->at_exit_bytes + (report->live_at_exit ? 0 : report->live_bytes);
}

static inline uint64_t report__held_count(
	const struct report *report, const struct report_site *site)
{
	return report__shows_left(report) ? site->at_exit_count : site->live_count;
}

struct report_options {
	enum report_sort sort;
	size_t top;		/* sites at most; 0: all */
	uint64_t older_than_ns; /* live figures count only blocks at least this old */
	uint64_t now_ns;	/* CLOCK_MONOTONIC, for ages */
};

/*
 * Copies what a report needs out of the heap. @report is {0} or has `run` filled in; the losses
 * there are added up. 0 or -ENOMEM; free it in any case.
 */
int report__collect(
	struct report *report, const struct heap *heap, const struct report_options *options);

/*
 * Appends (vec_push) to frames->list those at one address, innermost first: more than one where
 * calls were inlined, none to leave an artefact of the tracing out. The address is a return
 * address: the call is before it. Called once for each distinct (module, offset); 0 or a negative
 * errno.
 */
struct report_frames {
	VEC(struct report_frame) list;
};
typedef int report_name_fn(
	void *context, const struct site_frame *address, struct report_frames *frames);

/*
 * Names all frames, marks those of wrappers, and cuts off the sites behind the first `top`; without
 * @name frames stay addresses. 0 or a negative errno of @name, -ENOMEM.
 */
int report__name(struct report *report, report_name_fn *name, void *context);

/*
 * Leaves out, once frames have names, what says nothing about who allocated: allocation functions
 * and operators new at the top of each stack (the last frame stays in any case), and the kernel's
 * page of probed instructions wherever it is. For all but --full-stacks.
 */
void report__trim(struct report *report);

/* A site of the heap model with its frames, and nothing counted. False: no memory. */
bool report__describe_site(
	struct report *report, const struct heap *heap, uint32_t id, struct report_site *site);

/* Adds a formatted note, owned by the report. 0 or -ENOMEM. */
int report__note(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void report__free(struct report *report);

#endif
