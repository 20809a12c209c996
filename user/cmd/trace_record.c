/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_record.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/code_address.h"
#include "base/hash.h"

static struct recording_text text_of(const char *text)
{
	return (struct recording_text){text, text ? strlen(text) : 0};
}

/* --- the run */

void trace_record__put_run(struct recorder *recorder, const struct report_run *run)
{
	VEC(struct recording_target) targets = {0};
	VEC(struct recording_setting) settings = {0};
	struct recording_run recorded = {
		.version = text_of(run->version),
		.page_size = sysconf(_SC_PAGESIZE),
		.launched = run->launched,
	};

	for (size_t i = 0; i < run->target_count; i++)
		vec_push(&targets, (struct recording_target){
					   run->targets[i].pid, text_of(run->targets[i].command)});
	for (size_t i = 0; i < run->setting_count; i++)
		vec_push(&settings, (struct recording_setting){text_of(run->settings[i].name),
					    text_of(run->settings[i].value)});
	recorded.targets = targets.data;
	recorded.target_count = targets.size;
	recorded.settings = settings.data;
	recorded.setting_count = settings.size;
	recorder__put_run(recorder, &recorded);
	vec_free(&targets);
	vec_free(&settings);
}

void trace_record__put_status(struct recorder *recorder, const struct report_run *run,
	uint64_t start_ns, uint64_t now_ns, const struct report *ended)
{
	VEC(struct recording_text) notes = {0};
	struct recording_status status = {
		.is_end = ended != NULL,
		.has_ended = run->has_ended,
		.exit_status = run->exit_status,
		.start_ns = start_ns,
		.start_unix_ns = run->start_unix_ns,
		.now_ns = now_ns,
		.duration_ns = run->duration_ns,
	};

	memcpy(status.losses, run->losses, sizeof(status.losses));
	if (ended)
		vec_for_each (note, &ended->notes)
			vec_push(&notes, text_of(*note));
	status.notes = notes.data;
	status.note_count = notes.size;
	recorder__put_status(recorder, &status);
	vec_free(&notes);
}

/* --- names */

DEFINE_HASH(place_set, struct code_address, bool, code_address__hash, code_address__equal);

struct naming {
	struct recorder *recorder;
	report_name_fn *name;
	void *context;
	struct place_set done;
	struct report_frames frames;
	VEC(struct recording_name_frame) recorded;
};

static int put_name(struct naming *naming, const struct site_frame *address)
{
	struct recording_name name = {.module = address->module, .offset = address->offset};
	int err;

	naming->frames.list.size = naming->recorded.size = 0;
	err = naming->name(naming->context, address, &naming->frames);
	vec_for_each (frame, &naming->frames.list) {
		struct recording_name_frame recorded = {
			.function = text_of(frame->function),
			.file = text_of(frame->file),
			.function_offset = frame->function_offset,
			.line = frame->line,
			.inlined = frame->inlined,
		};

		err = err ? err : vec_push(&naming->recorded, recorded);
	}
	if (err)
		return err;
	name.frames = naming->recorded.data;
	name.count = naming->recorded.size;
	recorder__put_name(naming->recorder, &name);
	return 0;
}

static int put_site_names(struct naming *naming, const struct heap *heap, const struct site *site)
{
	const struct site_frame *frames = heap__frames(heap, site);
	int err = 0;

	for (size_t i = 0; i < site->frame_count && !err; i++) {
		struct code_address place = {frames[i].module, frames[i].offset};
		bool *done = place_set__insert(&naming->done, place);

		if (!done)
			return -ENOMEM;
		if (!*done)
			err = put_name(naming, &frames[i]);
		*done = true;
	}
	return err;
}

int trace_record__put_names(
	struct recorder *recorder, const struct heap *heap, report_name_fn *name, void *context)
{
	struct naming naming = {.recorder = recorder, .name = name, .context = context};
	size_t count;
	const struct site *sites = heap__sites(heap, &count);
	int err = 0;

	for (size_t i = SITE_FIRST_STACK; i < count && !err; i++)
		err = put_site_names(&naming, heap, &sites[i]);
	place_set__free(&naming.done);
	vec_free(&naming.frames.list);
	vec_free(&naming.recorded);
	return err;
}
