/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/recording_reader.h"

#include <errno.h>

#include "stream/recording_codec.h"
#include "stream/recording_frame.h"

/* Records between announcing and visiting one: time for a cache miss or two. A power of two. */
#define AHEAD 8

struct reading {
	FILE *file;
	const struct recording_visitor *visitor;
	struct recording_problems *problems;
	struct frame_reader *frames;
	struct recording_lists lists;
	VEC(uint8_t) payload;
	struct codec_state state;
	struct recording_stack stack;
	union {
		struct event_header header; /* for its alignment */
		uint8_t bytes[256];
	} other;
};

/* --- what is in EVENTS frames */

static int visit_stack(struct reading *reading, struct wire_in *in)
{
	int err = items__get_stack(in, &reading->stack);

	if (err || !reading->visitor->stack)
		return err;
	return reading->visitor->stack(reading->visitor->context, &reading->stack);
}

static int visit_module(struct reading *reading, struct wire_in *in)
{
	struct recording_module module;
	int err = items__get_module(in, &module);

	if (err || !reading->visitor->module)
		return err;
	return reading->visitor->module(reading->visitor->context, &module);
}

static int visit_process(struct reading *reading, struct wire_in *in)
{
	struct recording_process process;
	int err = items__get_process(in, &process);

	if (err || !reading->visitor->process)
		return err;
	return reading->visitor->process(reading->visitor->context, &process);
}

static int visit_begin(struct reading *reading, struct wire_in *in)
{
	uint64_t start_ns = wire__get_u64(in);

	if (in->failed)
		return -EBADMSG;
	if (!reading->visitor->begin)
		return 0;
	return reading->visitor->begin(reading->visitor->context, start_ns);
}

static int visit_other(struct reading *reading, struct wire_in *in)
{
	size_t size = in->end - in->at;

	if (size < sizeof(struct event_header) || size > sizeof(reading->other))
		return -EBADMSG;
	memcpy(&reading->other, in->at, size);
	if (!reading->visitor->record)
		return 0;
	return reading->visitor->record(reading->visitor->context, &reading->other.header, size);
}

static int visit_item(struct reading *reading, uint32_t item, struct wire_in *in)
{
	switch (item) {
	case ITEM_RECORD:
		return visit_other(reading, in);
	case ITEM_STACK:
		return visit_stack(reading, in);
	case ITEM_MODULE:
		return visit_module(reading, in);
	case ITEM_PROCESS:
		return visit_process(reading, in);
	case ITEM_BEGIN:
		return visit_begin(reading, in);
	default:
		return 0; /* of a newer program */
	}
}

/* Records that were decoded and announced, but not visited. */
struct pending {
	union codec_record records[AHEAD];
	size_t head;
	size_t tail;
};

static int visit_oldest(struct reading *reading, struct pending *pending)
{
	const struct event_header *event = &pending->records[pending->tail++ % AHEAD].header;

	if (!reading->visitor->record)
		return 0;
	return reading->visitor->record(
		reading->visitor->context, event, codec__record_size(event->kind));
}

static int visit_all(struct reading *reading, struct pending *pending)
{
	int err = 0;

	while (pending->tail != pending->head && !err)
		err = visit_oldest(reading, pending);
	return err;
}

/* One record or item at *@at. */
static int step(
	struct reading *reading, struct pending *pending, const uint8_t **at, const uint8_t *end)
{
	union codec_record *record = &pending->records[pending->head % AHEAD];
	struct codec_result found = codec__decode(&reading->state, *at, record);
	struct wire_in in = {.at = *at + found.size};
	int err;

	if (!found.size || found.size > (size_t)(end - *at))
		return -EBADMSG;
	*at += found.size;
	if (!found.item) {
		pending->head++;
		if (reading->visitor->announce)
			reading->visitor->announce(reading->visitor->context, &record->header);
		return pending->head - pending->tail < AHEAD ? 0 : visit_oldest(reading, pending);
	}
	if (found.length > (size_t)(end - *at))
		return -EBADMSG;
	*at += found.length;
	in.end = *at;
	err = visit_all(reading, pending);
	return err ? err : visit_item(reading, found.item, &in);
}

static int visit_events(struct reading *reading, const uint8_t *raw, size_t size)
{
	const uint8_t *at = raw, *end = raw + size;
	struct pending pending;
	int err = 0, last;

	pending.head = pending.tail = 0;
	memset(&reading->state, 0, sizeof(reading->state));
	while (at < end && !err)
		err = step(reading, &pending, &at, end);
	last = visit_all(reading, &pending);
	return err ? err : last;
}

/* --- other frames */

static int visit_run(struct reading *reading, struct wire_in *in)
{
	struct recording_run run;
	int err = items__get_run(in, &reading->lists, &run);

	if (err || !reading->visitor->run)
		return err;
	return reading->visitor->run(reading->visitor->context, &run);
}

static int visit_status(struct reading *reading, struct wire_in *in)
{
	struct recording_status status;
	int err = items__get_status(in, &reading->lists, &status);

	if (err)
		return err;
	reading->problems->has_end |= status.is_end;
	if (!reading->visitor->status)
		return 0;
	return reading->visitor->status(reading->visitor->context, &status);
}

static int visit_locks(struct reading *reading, struct wire_in *in)
{
	struct recording_locks locks;
	int err = items__get_locks(in, &locks);

	if (err || !reading->visitor->locks)
		return err;
	return reading->visitor->locks(reading->visitor->context, &locks);
}

static int visit_leaks(struct reading *reading, struct wire_in *in)
{
	struct recording_locks leaks;
	int err = items__get_locks(in, &leaks);

	if (err || !reading->visitor->leaks)
		return err;
	return reading->visitor->leaks(reading->visitor->context, &leaks);
}

static int visit_names(struct reading *reading, struct wire_in *in)
{
	int err = 0;

	while (in->at < in->end && !err) {
		struct recording_name name;

		err = items__get_name(in, &reading->lists, &name);
		if (!err && reading->visitor->name)
			err = reading->visitor->name(reading->visitor->context, &name);
	}
	return err;
}

static int visit_frame(
	struct reading *reading, const struct recording_frame *header, const uint8_t *raw)
{
	struct wire_in in = {.at = raw, .end = raw + header->raw_size};

	switch (header->type) {
	case RECORDING_RUN:
		return visit_run(reading, &in);
	case RECORDING_EVENTS:
		return visit_events(reading, raw, header->raw_size);
	case RECORDING_STATUS:
		return visit_status(reading, &in);
	case RECORDING_NAMES:
		return visit_names(reading, &in);
	case RECORDING_LOCKS:
		return visit_locks(reading, &in);
	case RECORDING_LEAKS:
		return visit_leaks(reading, &in);
	default:
		reading->problems->unknown_frames++;
		return 0;
	}
}

/* --- the file */

static int open_frame(struct reading *reading, const struct recording_frame *header)
{
	const uint8_t *raw;
	int err = frame_reader__open(reading->frames, header, reading->payload.data, &raw);

	if (!err)
		err = visit_frame(reading, header, raw);
	if (err != -EBADMSG)
		return err;
	reading->problems->damaged_frames++;
	reading->problems->damaged_records += header->records;
	return 0;
}

/* 1: there was a frame; 0: the file ends here, one way or another; or a negative errno. */
static int read_frame(struct reading *reading)
{
	struct recording_frame header;
	size_t got = fread(&header, 1, sizeof(header), reading->file);
	int err;

	if (got < sizeof(header)) {
		reading->problems->is_cut = got > 0;
		return 0;
	}
	if (frame__check(&header)) {
		reading->problems->is_broken = true;
		return 0;
	}
	if (vec_reserve(&reading->payload, (size_t)header.size + 1))
		return -ENOMEM;
	if (fread(reading->payload.data, 1, header.size, reading->file) < header.size) {
		reading->problems->is_cut = true;
		return 0;
	}
	reading->problems->bytes += sizeof(header) + header.size;
	err = open_frame(reading, &header);
	return err ? err : 1;
}

static int refuse(enum head_check check, const struct recording_head *head, const char *name,
	struct error *error)
{
	switch (check) {
	case HEAD_NEWER:
		return error__set(error, -EINVAL,
			"%s is a recording of version %u; this memtrace reads up to version %u: "
			"use a newer one",
			name, head->version, RECORDING_VERSION);
	case HEAD_DAMAGED:
		return error__set(error, -EINVAL, "%s: the head of the recording is damaged", name);
	default:
		return error__set(error, -EINVAL, "%s is not a memtrace recording", name);
	}
}

static int read_head(struct reading *reading, const char *name, struct error *error)
{
	struct recording_head head = {0};
	size_t got = fread(&head, 1, sizeof(head), reading->file);
	enum head_check check = frame__check_head(&head);

	if (ferror(reading->file))
		return error__set(error, -EIO, "cannot read %s: %m", name);
	if (got < sizeof(head) && check != HEAD_FOREIGN)
		return error__set(error, -EINVAL, "%s ends before its first frame", name);
	if (check)
		return refuse(check, &head, name, error);
	for (uint32_t i = sizeof(head); i < head.size; i++)
		if (fgetc(reading->file) == EOF)
			return error__set(error, -EINVAL, "%s ends before its first frame", name);
	reading->problems->bytes = head.size;
	return 0;
}

int recording__read(FILE *file, const char *name, const struct recording_visitor *visitor,
	struct recording_problems *problems, struct error *error)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int err = -ENOMEM;

	*problems = (struct recording_problems){0};
	if (reading) {
		reading->file = file;
		reading->visitor = visitor;
		reading->problems = problems;
		reading->frames = frame_reader__new();
		err = reading->frames ? read_head(reading, name, error) : -ENOMEM;
	}
	if (!err) {
		while ((err = read_frame(reading)) > 0)
			;
		if (!err && ferror(file))
			err = error__set(error, -EIO, "cannot read %s: %m", name);
	}
	if (err == -ENOMEM)
		error__set(error, err, "out of memory for the recording %s", name);
	if (reading) {
		frame_reader__free(reading->frames);
		items__free_lists(&reading->lists);
		vec_free(&reading->payload);
		free(reading);
	}
	return err;
}
