/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a recording holds beside heap records, as structs, and their way into bytes and back. Texts
 * that were read are the reader's and live until its next call; those to be written are borrowed.
 */
#ifndef MEMTRACE_STREAM_RECORDING_ITEMS_H
#define MEMTRACE_STREAM_RECORDING_ITEMS_H

#include "event.h"
#include "heap/sites.h"
#include "stream/recording_wire.h"

/* A text of a recording: not terminated where it was read. */
struct recording_text {
	const char *data; /* NULL: none */
	uint32_t size;
};

/* ITEM_STACK. */
struct recording_stack {
	struct event_header header; /* flags: enum stack_stop */
	uint64_t stack;
	uint32_t guessed_frames;
	uint32_t count; /* at most EVENT_MAX_FRAMES */
	struct site_frame frames[EVENT_MAX_FRAMES];
};

/* ITEM_MODULE. */
struct recording_module {
	uint32_t id;
	struct recording_text path;
	struct recording_text build_id; /* hex */
};

/* ITEM_PROCESS. */
struct recording_process {
	uint32_t number; /* event_header.process */
	uint32_t pid;
	struct recording_text comm;
};

/* RECORDING_RUN. */
struct recording_run {
	struct recording_text version; /* of the program that recorded */
	uint64_t page_size;
	bool launched;
	const struct recording_target {
		uint32_t pid;
		struct recording_text command;
	} * targets;
	uint32_t target_count;
	const struct recording_setting {
		struct recording_text name;
		struct recording_text value;
	} * settings;
	uint32_t setting_count;
};

/* RECORDING_STATUS: how things stand. Those in the middle are for recordings that have no end. */
struct recording_status {
	bool is_end;	     /* the run is over, and the recording complete except for `missing` */
	bool has_ended;	     /* the launched command, with */
	int32_t exit_status; /* as wait(2) gives it */
	uint64_t start_ns;   /* CLOCK_MONOTONIC of the run's start; 0: not yet */
	uint64_t start_unix_ns;
	uint64_t now_ns;      /* CLOCK_MONOTONIC of this status, or of the report */
	uint64_t duration_ns; /* of the run */
	uint64_t missing;     /* records of event.h that are not in the recording, before this */
	uint64_t losses[LOSS_COUNT];
	const struct recording_text *notes; /* sentences of the live report */
	uint32_t note_count;
};

/* Inlined or real call at an address; innermost first. */
struct recording_name_frame {
	struct recording_text function;
	struct recording_text file;
	uint64_t function_offset;
	uint32_t line;
	bool inlined;
};

/* RECORDING_NAMES has any number of these. */
struct recording_name {
	uint32_t module;
	uint64_t offset;
	const struct recording_name_frame *frames;
	uint32_t count; /* 0: an artefact of the tracing, to be left out */
};

/* RECORDING_LOCKS: documents, as the live report has them. */
struct recording_locks {
	struct recording_text json;	 /* an object with the keys that it adds to the report's */
	struct recording_text text;	 /* deadlocks, for a person; empty if there are none */
	struct recording_text text_full; /* the same with whole stacks */
	struct recording_text dot;	 /* the wait-for graph, for Graphviz */
};

void items__put_stack(struct wire_out *out, const struct recording_stack *stack);
void items__put_module(struct wire_out *out, const struct recording_module *module);
void items__put_process(struct wire_out *out, const struct recording_process *process);
void items__put_run(struct wire_out *out, const struct recording_run *run);
void items__put_status(struct wire_out *out, const struct recording_status *status);
void items__put_locks(struct wire_out *out, const struct recording_locks *locks);
void items__put_name(struct wire_out *out, const struct recording_name *name);

/* Lists that items__get_... fill; their contents are valid until the next call with them. */
struct recording_lists {
	VEC(struct recording_target) targets;
	VEC(struct recording_setting) settings;
	VEC(struct recording_text) notes;
	VEC(struct recording_name_frame) frames;
};
void items__free_lists(struct recording_lists *lists);

/* All return 0, -EBADMSG for bytes that are not such an item, or -ENOMEM. */
int items__get_stack(struct wire_in *in, struct recording_stack *stack);
int items__get_module(struct wire_in *in, struct recording_module *module);
int items__get_process(struct wire_in *in, struct recording_process *process);
int items__get_run(struct wire_in *in, struct recording_lists *lists, struct recording_run *run);
int items__get_status(
	struct wire_in *in, struct recording_lists *lists, struct recording_status *status);
int items__get_locks(struct wire_in *in, struct recording_locks *locks);
int items__get_name(struct wire_in *in, struct recording_lists *lists, struct recording_name *name);

#endif
