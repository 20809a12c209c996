/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "process/allocators.h"
#include "report/json_writer.h"
#include "report/loss.h"
#include "report/output.h"
#include "stream/recording_reader.h"

struct lister {
	struct json_writer json;
	FILE *file;
	uint64_t start_ns; /* CLOCK_MONOTONIC of the run's start */
	uint64_t from_ns;
	uint64_t to_ns;
	struct recording_status status; /* the last one; without its notes */
};

static const char *event_name(uint8_t kind)
{
	static const char *const names[] = {
		[EVENT_ALLOC] = "alloc",
		[EVENT_ALLOC_FAILED] = "alloc_failed",
		[EVENT_FREE] = "free",
		[EVENT_REALLOC_BEGIN] = "realloc_begin",
		[EVENT_REALLOC_END] = "realloc",
		[EVENT_MAPPING] = "mapping",
		[EVENT_FORK] = "fork",
		[EVENT_EXEC] = "exec",
		[EVENT_EXIT] = "exit",
		[EVENT_LIBRARIES] = "libraries",
		[EVENT_THREAD_EXIT] = "thread_exit",
		[EVENT_MEMORY] = "memory",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

/* --- values */

static void put_text(struct json_writer *json, const char *key, struct recording_text text)
{
	char *copy = text.data ? strndup(text.data, text.size) : NULL;

	if (copy)
		json__put_string(json, key, copy);
	free(copy);
}

static void put_stack_hash(struct json_writer *json, uint64_t stack)
{
	char text[24];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)stack);
	json__put_string(json, "stack", text);
}

static void put_time(struct lister *lister, uint64_t time_ns)
{
	json__put_integer(&lister->json, "time_ns",
		time_ns > lister->start_ns ? time_ns - lister->start_ns : 0);
}

static void begin_line(struct lister *lister, const char *event)
{
	json__start(&lister->json, lister->file, 0);
	json__begin_object(&lister->json);
	json__put_string(&lister->json, "event", event);
}

static int end_line(struct lister *lister)
{
	json__end_object(&lister->json);
	json__finish(&lister->json);
	return output__failure(lister->file);
}

/* --- records */

static void put_allocation(struct json_writer *json, const struct event_alloc *event)
{
	json__put_integer(json, "address", event->address);
	json__put_integer(json, "size", event->size);
	put_stack_hash(json, event->stack);
}

static void put_realloc(struct json_writer *json, const struct event_realloc_end *event)
{
	static const char *const outcomes[] = {
		[REALLOC_MOVED] = "moved",
		[REALLOC_FAILED] = "failed",
		[REALLOC_FREED] = "freed",
	};

	if (event->header.flags <= REALLOC_FREED)
		json__put_string(json, "outcome", outcomes[event->header.flags]);
	put_allocation(json, (const struct event_alloc *)event);
	json__put_integer(json, "old_address", event->old_address);
}

static void put_mapping(struct json_writer *json, const struct event_mapping *event, size_t size)
{
	json__put_integer(json, "address", event->address);
	json__put_integer(json, "length", event->length);
	json__put_integer(json, "old_address", event->old_address);
	json__put_integer(json, "old_length", event->old_length);
	json__put_integer(json, "protection", event->protection);
	json__put_integer(json, "flags", event->map_flags);
	json__put_boolean(json, "by_allocator", event->header.flags & MAPPING_BY_ALLOCATOR);
	if (size >= sizeof(*event) && event->stack)
		put_stack_hash(json, event->stack);
}

static void put_process(struct json_writer *json, const struct event_process *event)
{
	struct recording_text comm = {event->comm, strnlen(event->comm, sizeof(event->comm))};

	json__put_integer(json, "pid", event->pid);
	if (event->header.kind == EVENT_EXIT)
		json__put_integer(json, "status", event->exit_status);
	else
		json__put_integer(json, "parent", event->parent_process);
	put_text(json, "command", comm);
}

static void put_memory(struct json_writer *json, const struct event_memory *event)
{
	json__put_integer(json, "resident_pages", event->resident_pages);
	json__put_integer(json, "anonymous_pages", event->anonymous_pages);
	json__put_integer(json, "peak_pages", event->peak_pages);
}

static void put_fields(struct json_writer *json, const struct event_header *event, size_t size)
{
	switch (event->kind) {
	case EVENT_ALLOC:
	case EVENT_ALLOC_FAILED:
		put_allocation(json, (const void *)event);
		break;
	case EVENT_FREE:
	case EVENT_REALLOC_BEGIN:
		json__put_integer(json, "address", ((const struct event_free *)event)->address);
		break;
	case EVENT_REALLOC_END:
		put_realloc(json, (const void *)event);
		break;
	case EVENT_MAPPING:
		if (size >= EVENT_MAPPING_LEAST_SIZE)
			put_mapping(json, (const void *)event, size);
		break;
	case EVENT_FORK:
	case EVENT_EXEC:
	case EVENT_EXIT:
		if (size >= sizeof(struct event_process))
			put_process(json, (const void *)event);
		break;
	case EVENT_MEMORY:
		if (size >= sizeof(struct event_memory))
			put_memory(json, (const void *)event);
		break;
	}
}

static bool is_wanted(const struct lister *lister, uint64_t time_ns)
{
	uint64_t since = time_ns > lister->start_ns ? time_ns - lister->start_ns : 0;

	return since >= lister->from_ns && (!lister->to_ns || since <= lister->to_ns);
}

static int list_record(void *context, const struct event_header *event, size_t size)
{
	struct lister *lister = context;
	struct json_writer *json = &lister->json;

	if (!event_name(event->kind) || !is_wanted(lister, event->time_ns))
		return 0;
	begin_line(lister, event_name(event->kind));
	put_time(lister, event->time_ns);
	json__put_integer(json, "process", event->process);
	json__put_integer(json, "tid", event->tid);
	if (event->function != FUNCTION_NONE && event->function < FUNCTION_COUNT)
		json__put_string(json, "function", allocators__function_name(event->function));
	put_fields(json, event, size);
	return end_line(lister);
}

/* --- the rest */

static int list_begin(void *context, uint64_t start_ns)
{
	struct lister *lister = context;

	lister->start_ns = start_ns;
	return 0;
}

static int list_process(void *context, const struct recording_process *process)
{
	struct lister *lister = context;

	begin_line(lister, "process");
	json__put_integer(&lister->json, "process", process->number);
	json__put_integer(&lister->json, "pid", process->pid);
	put_text(&lister->json, "command", process->comm);
	return end_line(lister);
}

static int list_module(void *context, const struct recording_module *module)
{
	struct lister *lister = context;

	begin_line(lister, "module");
	json__put_integer(&lister->json, "module", module->id);
	put_text(&lister->json, "path", module->path);
	put_text(&lister->json, "build_id", module->build_id);
	return end_line(lister);
}

static int list_stack(void *context, const struct recording_stack *stack)
{
	struct lister *lister = context;
	struct json_writer *json = &lister->json;

	begin_line(lister, "stack");
	put_stack_hash(json, stack->stack);
	json__put_integer(json, "process", stack->header.process);
	if (stack->header.flags < STACK_STOP_COUNT)
		json__put_string(json, "end", loss__stop_key(stack->header.flags));
	json__key(json, "frames");
	json__begin_array(json);
	for (uint32_t i = 0; i < stack->count; i++) {
		json__begin_object(json);
		if (stack->frames[i].module)
			json__put_integer(json, "module", stack->frames[i].module);
		json__put_integer(json, "offset", stack->frames[i].offset);
		json__put_integer(json, "address", stack->frames[i].address);
		json__end_object(json);
	}
	json__end_array(json);
	return end_line(lister);
}

static int list_name(void *context, const struct recording_name *name)
{
	struct lister *lister = context;
	struct json_writer *json = &lister->json;

	begin_line(lister, "name");
	if (name->module)
		json__put_integer(json, "module", name->module);
	json__put_integer(json, "offset", name->offset);
	json__key(json, "frames");
	json__begin_array(json);
	for (uint32_t i = 0; i < name->count; i++) {
		json__begin_object(json);
		put_text(json, "function", name->frames[i].function);
		put_text(json, "file", name->frames[i].file);
		if (name->frames[i].line)
			json__put_integer(json, "line", name->frames[i].line);
		json__put_boolean(json, "inlined", name->frames[i].inlined);
		json__end_object(json);
	}
	json__end_array(json);
	return end_line(lister);
}

static int note_status(void *context, const struct recording_status *status)
{
	struct lister *lister = context;

	lister->status = *status;
	if (status->start_ns)
		lister->start_ns = status->start_ns;
	return 0;
}

static int list_end(struct lister *lister)
{
	begin_line(lister, "end");
	json__put_integer(&lister->json, "duration_ns", lister->status.duration_ns);
	json__put_integer(&lister->json, "lost", loss__events(lister->status.losses));
	json__put_integer(&lister->json, "missing", lister->status.missing);
	return end_line(lister);
}

static void warn_of(const struct recording_problems *problems, const char *path)
{
	if (problems->is_cut || problems->is_broken)
		log__warn("%s is %s after %llu bytes: what follows is missing", path,
			problems->is_cut ? "cut off" : "damaged",
			(unsigned long long)problems->bytes);
	else if (!problems->has_end)
		log__warn("%s was not finished: its last moments may be missing", path);
	if (problems->damaged_frames)
		log__warn("%u damaged parts of %s with %llu records are left out",
			problems->damaged_frames, path,
			(unsigned long long)problems->damaged_records);
}

static int list_all(struct lister *lister, const char *path, struct error *error)
{
	struct recording_visitor visitor = {
		.context = lister,
		.begin = list_begin,
		.status = note_status,
		.process = list_process,
		.module = list_module,
		.stack = list_stack,
		.record = list_record,
		.name = list_name,
	};
	struct recording_problems problems;
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return error__set(error, -errno, "cannot read %s: %m", path);
	err = recording__read(file, path, &visitor, &problems, error);
	fclose(file);
	if (err)
		return error->code ? err : error__set(error, err, "cannot write the events");
	warn_of(&problems, path);
	err = list_end(lister);
	return err ? error__set(error, err, "cannot write the events") : 0;
}

int events__write(const char *path, const char *output_path, uint64_t from_ns, uint64_t to_ns,
	struct error *error)
{
	struct lister lister = {.from_ns = from_ns, .to_ns = to_ns};
	struct output output;
	int err = output__open(&output, output_path, error);

	if (err)
		return err;
	lister.file = output.file;
	err = list_all(&lister, path, error);
	if (!err)
		return output__commit(&output, error);
	output__abort(&output);
	return err;
}
