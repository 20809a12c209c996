/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/contention_profile.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/document.h"

/* The profile's name stands within so many bytes from the beginning. */
#define HEAD_SIZE 256

struct contention_profile {
	struct contention_report report;
	json_t *document; /* strings are its */
	VEC(struct contention_process) processes;
	VEC(struct lock_frame *) stacks;
	VEC(struct lock_inlined *) inlined;
	uint64_t next_stack;
};

bool contention_profile__is_one(const char *path)
{
	char head[HEAD_SIZE + 1];

	return document__read_head(path, head, sizeof(head)) && strstr(head, "\"profile\"") &&
	       strstr(head, "\"contention\"");
}

static uint64_t number_of(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? value : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void read_sums(const json_t *object, struct contention_sums *sums)
{
	const json_t *histogram = json_object_get(object, "histogram");

	*sums = (struct contention_sums){
		.count = number_of(object, "waits"),
		.total_ns = number_of(object, "total_ns"),
		.max_ns = number_of(object, "max_ns"),
	};
	for (size_t i = 0; i < json_array_size(histogram) && i < CONTENTION_BUCKETS; i++)
		sums->histogram[i] = json_integer_value(json_array_get(histogram, i));
}

/* --- stacks */

/* The calls inlined into a frame stand in front of it, @count of them. */
static int read_inlined(struct contention_profile *profile, const json_t *array, size_t end,
	size_t count, struct lock_frame *frame)
{
	struct lock_inlined *calls = calloc(count, sizeof(*calls));

	if (!calls || vec_push(&profile->inlined, calls)) {
		free(calls);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *call = json_array_get(array, end - count + i);

		calls[i] = (struct lock_inlined){
			text_of(call, "function"), text_of(call, "file"), number_of(call, "line")};
	}
	frame->inlined = calls;
	frame->inlined_count = count;
	return 0;
}

static void read_frame(const json_t *object, struct lock_frame *frame)
{
	*frame = (struct lock_frame){
		.pc = number_of(object, "address"),
		.function = text_of(object, "function"),
		.called = text_of(object, "called"),
		.module = text_of(object, "module"),
		.module_offset = number_of(object, "offset"),
		.build_id = text_of(object, "build_id"),
		.file = text_of(object, "file"),
		.line = number_of(object, "line"),
	};
}

/* Adds the stack of @row to the model; its number, which names no two, or 0 where it has none. */
static int64_t read_stack(struct contention_profile *profile, const json_t *row)
{
	const json_t *array = json_object_get(row, "stack");
	size_t size = json_array_size(array), inlined = 0, first = number_of(row, "first");
	struct contention_stack stack = {
		.by_frame_pointer = is_true(row, "by_frame_pointer"),
		.is_cut = is_true(row, "cut"),
	};
	struct lock_frame *frames;

	if (!array)
		return 0;
	frames = calloc(size + 1, sizeof(*frames));
	if (!frames || vec_push(&profile->stacks, frames)) {
		free(frames);
		return -ENOMEM;
	}
	for (size_t i = 0; i < size; i++) {
		const json_t *item = json_array_get(array, i);

		if (i == first)
			stack.first = stack.count;
		if (is_true(item, "inlined")) {
			inlined++;
			continue;
		}
		read_frame(item, &frames[stack.count]);
		if (inlined && read_inlined(profile, array, i, inlined, &frames[stack.count]))
			return -ENOMEM;
		inlined = 0;
		stack.count++;
	}
	stack.frames = frames;
	if (contention__add_stack(profile->report.model, ++profile->next_stack, &stack))
		return -ENOMEM;
	return profile->next_stack;
}

static int read_rows(struct contention_profile *profile, const json_t *array, uint32_t lock,
	enum contention_side side)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)array, i, item)
	{
		struct contention_row row = {.lock = lock, .side = side};
		int64_t stack = read_stack(profile, item);

		if (stack < 0)
			return stack;
		row.stack = stack;
		row.at_begin = number_of(item, "at_begin");
		read_sums(item, &row.sums);
		if (contention__restore_row(profile->report.model, &row))
			return -ENOMEM;
	}
	return 0;
}

/* --- locks */

static bool read_kind(const char *name, struct contention_identity *identity)
{
	identity->is_loader = name && !strcmp(name, "loader");
	if (identity->is_loader) {
		identity->kind = WAIT_MUTEX;
		return true;
	}
	for (int kind = 0; name && kind < WAIT_KIND_COUNT; kind++) {
		if (!strcmp(name, wait_kind__name(kind))) {
			identity->kind = kind;
			return true;
		}
	}
	return false;
}

/* @place tells locks apart that were at one address one after the other. */
static int read_lock(struct contention_profile *profile, const json_t *object, size_t place)
{
	struct contention_lock lock = {
		.identity = {.pid = number_of(object, "pid"),
			.address = number_of(object, "address"),
			.shared = is_true(object, "shared"),
			.key = {number_of(object, "pid"), place + 1, number_of(object, "address")}},
		.threads = number_of(object, "threads"),
		.open_at_begin = number_of(object, "open_at_begin"),
		.open_at_end = number_of(object, "open_at_end"),
		.open_ns = number_of(object, "longest_open_ns"),
		.moments = {[HOLDER_UNKNOWN] = number_of(object, "holders_unknown"),
			[HOLDER_AT_BEGIN] = number_of(object, "holders_at_begin"),
			[HOLDER_AT_RELEASE] = number_of(object, "holders_at_release")},
	};
	const char *name = text_of(object, "name"), *module = text_of(object, "module");
	int64_t number;
	int err;

	if (!read_kind(text_of(object, "kind"), &lock.identity))
		return -EINVAL;
	lock.identity.is_guess = lock.identity.kind == WAIT_UNKNOWN && !is_true(object, "ranked");
	strncpy(lock.identity.name, name ? name : "", sizeof(lock.identity.name) - 1);
	strncpy(lock.identity.module, module ? module : "", sizeof(lock.identity.module) - 1);
	read_sums(object, &lock.sums);
	number = contention__restore_lock(profile->report.model, &lock);
	if (number < 0)
		return number;
	err = read_rows(profile, json_object_get(object, "waiters"), number, CONTENTION_WAITER);
	return err ? err
		   : read_rows(profile, json_object_get(object, "holders"), number,
			     CONTENTION_HOLDER);
}

static int read_threads(struct contention_profile *profile, const json_t *array)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)array, i, item)
	{
		struct contention_thread thread = {
			.pid = number_of(item, "pid"),
			.tid = number_of(item, "tid"),
			.held_ns = number_of(item, "held_ns"),
			.held_count = number_of(item, "held_waits"),
		};
		const char *comm = text_of(item, "comm");

		strncpy(thread.comm, comm ? comm : "", sizeof(thread.comm) - 1);
		read_sums(item, &thread.waited);
		if (contention__restore_thread(profile->report.model, &thread))
			return -ENOMEM;
	}
	return 0;
}

/* --- the whole */

static int read_head(struct contention_profile *profile)
{
	const json_t *document = profile->document, *item;
	const json_t *losses = json_object_get(document, "losses");
	struct contention_report *report = &profile->report;
	size_t i;

	report->version = text_of(document, "memtrace");
	if (!report->version)
		report->version = "";
	report->start_unix_ns = number_of(document, "started_unix_ns");
	report->duration_ns = number_of(document, "duration_ns");
	report->scope = text_of(document, "scope");
	if (!report->scope)
		report->scope = "the whole machine";
	report->losses = (struct contention_losses){
		.seen = number_of(document, "waits_seen"),
		.not_noted = number_of(losses, "waits_not_noted"),
		.ring_full = number_of(losses, "waits_ring_full"),
		.stacks_lost = number_of(losses, "stacks_ring_full"),
		.no_memory = number_of(losses, "no_memory"),
		.by_frame_pointer = number_of(losses, "stacks_by_frame_pointer"),
		.cut = number_of(losses, "stacks_cut"),
	};
	json_array_foreach(json_object_get(document, "targets"), i, item)
	{
		const char *command = text_of(item, "command");
		struct contention_process process = {
			number_of(item, "pid"), command ? command : ""};

		if (vec_push(&profile->processes, process))
			return -ENOMEM;
	}
	report->processes = profile->processes.data;
	report->process_count = profile->processes.size;
	return 0;
}

static int read_document(struct contention_profile *profile)
{
	const json_t *item;
	size_t i;
	int err;

	profile->report.model = contention__new();
	err = profile->report.model ? read_head(profile) : -ENOMEM;
	json_array_foreach(json_object_get(profile->document, "locks"), i, item)
	{
		if (!err)
			err = read_lock(profile, item, i);
	}
	return err ? err : read_threads(profile, json_object_get(profile->document, "threads"));
}

static int parse_file(const char *path, json_t **out, struct error *error)
{
	int err = document__load(path, "a profile of contention", out, error);

	if (err)
		return err;
	if (number_of(*out, "version") == CONTENTION_JSON_VERSION && text_of(*out, "profile") &&
		!strcmp(text_of(*out, "profile"), "contention"))
		return 0;
	return error__set(error, -EINVAL,
		"%s is not a profile of contention of this version: write one with "
		"memtrace contention -p PID -o FILE",
		path);
}

int contention_profile__load(const char *path, struct contention_profile **out, struct error *error)
{
	struct contention_profile *profile = calloc(1, sizeof(*profile));
	int err = profile ? parse_file(path, &profile->document, error)
			  : error__set(error, -ENOMEM, "out of memory");

	if (!err) {
		err = read_document(profile);
		if (err == -EINVAL)
			error__set(error, err, "%s has a lock of an unknown kind", path);
		else if (err)
			error__set(error, err, "out of memory for %s", path);
	}
	if (err) {
		contention_profile__free(profile);
		return err;
	}
	*out = profile;
	return 0;
}

void contention_profile__free(struct contention_profile *profile)
{
	if (!profile)
		return;
	contention__free(profile->report.model);
	vec_for_each (frames, &profile->stacks)
		free(*frames);
	vec_for_each (calls, &profile->inlined)
		free(*calls);
	vec_free(&profile->stacks);
	vec_free(&profile->inlined);
	vec_free(&profile->processes);
	json_decref(profile->document);
	free(profile);
}

struct contention_report *contention_profile__report(struct contention_profile *profile)
{
	return &profile->report;
}
