/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/replayed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/frame_names.h"
#include "report/human.h"

/* --- names */

/* Names that the recording lacks, from the file itself if it is here and still the same. */
static const struct module *find_module(
	struct replayed *replayed, const struct replay_module *recorded)
{
	struct module *module = NULL;
	struct error error;
	int fd;

	if (!recorded || !recorded->path || !recorded->build_id)
		return NULL;
	fd = open(recorded->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	if (replayed->modules)
		module = modules__add_file(replayed->modules, fd, recorded->path, &error);
	close(fd);
	if (!module || strcmp(module->build_id.hex, recorded->build_id))
		return NULL;
	return module;
}

static int make_symbolizer(struct replayed *replayed)
{
	if (replayed->symbolizer)
		return 0;
	replayed->modules = modules__new();
	replayed->symbolizer = frame_names__symbolizer(replayed->view, NULL);
	return replayed->modules && replayed->symbolizer ? 0 : -ENOMEM;
}

static struct report_frame frame_at(
	const struct site_frame *address, const struct replay_module *module)
{
	return (struct report_frame){
		.address = address->address,
		.module = module ? module->path : NULL,
		.build_id = module ? module->build_id : NULL,
		.offset = address->module == SITE_MODULE_JIT ? address->address : address->offset,
		.is_python = address->module == SITE_MODULE_PYTHON,
	};
}

static int name_here(struct replayed *replayed, const struct site_frame *address,
	const struct replay_module *recorded, struct report_frames *frames)
{
	struct report_frame place = frame_at(address, recorded);
	const struct module *module;
	int err = make_symbolizer(replayed);

	if (err)
		return err;
	module = find_module(replayed, recorded);
	return module ? frame_names__add(replayed->symbolizer, module, &place, frames)
		      : vec_push(&frames->list, place);
}

static int name_frame(void *context, const struct site_frame *address, struct report_frames *frames)
{
	struct replayed *replayed = context;
	const struct replay_module *module = replay__module(&replayed->replay, address->module);
	const struct replay_name_frame *names;
	size_t count;
	int err = 0;

	names = replay__names(&replayed->replay, address->module, address->offset, &count);
	if (!names)
		return name_here(replayed, address, module, frames);
	for (size_t i = 0; i < count && !err; i++) {
		struct report_frame frame = frame_at(address, module);

		frame.function = names[i].function;
		frame.function_offset = names[i].function_offset;
		frame.file = names[i].file;
		frame.line = names[i].line;
		frame.inlined = names[i].inlined;
		err = vec_push(&frames->list, frame);
	}
	return err;
}

/* --- what the recording says of itself */

static int note_problems(struct report *report, const struct replay *replay)
{
	const struct recording_problems *problems = &replay->problems;
	int err = 0;

	if (problems->is_cut || problems->is_broken)
		err = report__note(report,
			"The recording is %s after %s bytes: what follows is missing.",
			problems->is_cut ? "cut off" : "damaged",
			human__exact(problems->bytes).text);
	else if (!problems->has_end)
		err = report__note(
			report, "The recording was not finished: its last moments may be missing.");
	if (!err && problems->damaged_frames)
		err = report__note(report,
			"%s damaged part%s of the recording with %s records %s left out.",
			human__exact(problems->damaged_frames).text,
			problems->damaged_frames == 1 ? "" : "s",
			human__exact(problems->damaged_records).text,
			problems->damaged_frames == 1 ? "is" : "are");
	if (!err && problems->unknown_frames)
		err = report__note(report,
			"%s parts of the recording are of a kind that this memtrace does not know.",
			human__exact(problems->unknown_frames).text);
	/* The end has a sentence of its own about it. */
	if (!err && replay->missing && !problems->has_end)
		err = report__note(report, "%s records could not be written to the recording.",
			human__exact(replay->missing).text);
	return err;
}

static int add_notes(struct replayed *replayed, uint64_t from_ns)
{
	const struct replay *replay = &replayed->replay;
	int err = 0;

	if (from_ns && from_ns >= replay->run_ns)
		err = report__note(&replayed->report,
			"The run ended after %s, before the requested part.",
			human__duration(replay->run_ns).text);

	vec_for_each (note, &replay->notes)
		err = err ? err : report__note(&replayed->report, "%s", *note);
	return err ? err : note_problems(&replayed->report, replay);
}

static int describe_run(struct replayed *replayed)
{
	const struct replay *replay = &replayed->replay;
	struct report_run *run = &replayed->report.run;

	vec_for_each (target, &replay->targets)
		if (vec_push(&replayed->targets,
			    (struct report_target){target->pid, target->command}))
			return -ENOMEM;
	vec_for_each (setting, &replay->settings)
		if (vec_push(&replayed->settings,
			    (struct report_setting){setting->name, setting->value}))
			return -ENOMEM;
	run->version = replay->version;
	run->targets = replayed->targets.data;
	run->target_count = replayed->targets.size;
	run->settings = replayed->settings.data;
	run->setting_count = replayed->settings.size;
	run->start_unix_ns = replay->start_unix_ns;
	run->duration_ns = replay->duration_ns;
	run->launched = replay->launched;
	run->has_ended = replay->has_ended;
	run->exit_status = replay->exit_status;
	memcpy(run->losses, replay->losses, sizeof(run->losses));
	/* Losses of the recording program's model are not this one's, which was fed everything. */
	run->losses[LOSS_MODEL_MEMORY] = 0;
	run->losses[LOSS_SITES_FULL] = heap__refused_stacks(replay->heap);
	memcpy(run->stack_stops, replay->stack_stops, sizeof(run->stack_stops));
	run->missing_records = replay->missing + replay->problems.damaged_records;
	run->guessed_frames = replay->guessed_frames;
	run->python = replay->python_walks;
	run->has_symbols = true;
	return 0;
}

/* --- the whole */

static int read_file(struct replayed *replayed, const char *path,
	const struct replay_options *options, struct error *error)
{
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return error__set(error, -errno, "cannot read %s: %m", path);
	err = replay__run(&replayed->replay, file, path, options, error);
	fclose(file);
	return err;
}

int replayed__load(struct replayed *replayed, const char *path, const struct view_options *view,
	uint64_t from_ns, uint64_t to_ns, struct error *error)
{
	struct replay_options options = {
		.from_ns = from_ns,
		.to_ns = to_ns,
		.min_size = view->min_size,
		.max_size = view->max_size,
	};
	struct report_options report_options = {
		.sort = view->sort,
		.top = view->top,
		.older_than_ns = view->older_than_ns,
	};
	int err;

	*replayed = (struct replayed){.view = view};
	err = read_file(replayed, path, &options, error);
	if (err)
		return err;
	report_options.now_ns = replayed->replay.now_ns;
	err = describe_run(replayed);
	if (!err && replayed->replay.sampling)
		err = estimates__collect(&replayed->report, &replayed->estimates,
			replayed->replay.heap, replayed->replay.sampling, &report_options);
	else if (!err)
		err = report__collect(&replayed->report, replayed->replay.heap, &report_options);
	if (!err && !replayed->replay.sampling)
		err = report_own_samples__collect(&replayed->report, &replayed->own_samples,
			replayed->replay.heap, replayed->replay.own_samples);
	if (!err)
		err = report__name(&replayed->report, name_frame, replayed);
	if (!err && !view->full_stacks)
		report__trim(&replayed->report);
	replayed->report.leaks.recorded = (struct report_recorded_leaks){
		.json = replayed->replay.leaks.json,
		.text = replayed->replay.leaks.text,
		.text_full = replayed->replay.leaks.text_full,
	};
	if (!err)
		err = add_notes(replayed, from_ns);
	if (err)
		error__set(error, err, "out of memory for the report");
	return err;
}

void replayed__free(struct replayed *replayed)
{
	report__free(&replayed->report);
	estimates__free(&replayed->estimates);
	report_own_samples__free(&replayed->own_samples);
	symbolizer__free(replayed->symbolizer);
	modules__free(replayed->modules);
	vec_free(&replayed->targets);
	vec_free(&replayed->settings);
	replay__free(&replayed->replay);
}
