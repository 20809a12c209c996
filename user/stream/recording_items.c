/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/recording_items.h"

#include <errno.h>

static void put_text(struct wire_out *out, const struct recording_text *text)
{
	wire__put_u32(out, text->data ? text->size : RECORDING_NO_TEXT);
	if (text->data)
		wire__put(out, text->data, text->size);
}

static struct recording_text get_text(struct wire_in *in)
{
	struct recording_text text;

	text.data = wire__get_text(in, &text.size);
	return text;
}

static int result_of(const struct wire_in *in)
{
	return in->failed ? -EBADMSG : 0;
}

/* --- items of EVENTS frames */

void items__put_stack(struct wire_out *out, const struct recording_stack *stack)
{
	wire__put(out, &stack->header, sizeof(stack->header));
	wire__put_u64(out, stack->stack);
	wire__put_u32(out, stack->guessed_frames);
	wire__put_u32(out, stack->count);
	for (uint32_t i = 0; i < stack->count; i++) {
		wire__put_u32(out, stack->frames[i].module);
		wire__put_u64(out, stack->frames[i].offset);
		wire__put_u64(out, stack->frames[i].address);
	}
}

int items__get_stack(struct wire_in *in, struct recording_stack *stack)
{
	wire__get(in, &stack->header, sizeof(stack->header));
	stack->stack = wire__get_u64(in);
	stack->guessed_frames = wire__get_u32(in);
	stack->count = wire__get_u32(in);
	if (in->failed || stack->count > EVENT_MAX_FRAMES)
		return -EBADMSG;
	for (uint32_t i = 0; i < stack->count; i++) {
		stack->frames[i].module = wire__get_u32(in);
		stack->frames[i].offset = wire__get_u64(in);
		stack->frames[i].address = wire__get_u64(in);
	}
	return result_of(in);
}

void items__put_module(struct wire_out *out, const struct recording_module *module)
{
	wire__put_u32(out, module->id);
	put_text(out, &module->path);
	put_text(out, &module->build_id);
}

int items__get_module(struct wire_in *in, struct recording_module *module)
{
	module->id = wire__get_u32(in);
	module->path = get_text(in);
	module->build_id = get_text(in);
	return result_of(in);
}

void items__put_process(struct wire_out *out, const struct recording_process *process)
{
	wire__put_u32(out, process->number);
	wire__put_u32(out, process->pid);
	put_text(out, &process->comm);
}

int items__get_process(struct wire_in *in, struct recording_process *process)
{
	process->number = wire__get_u32(in);
	process->pid = wire__get_u32(in);
	process->comm = get_text(in);
	return result_of(in);
}

/* --- the run */

void items__put_run(struct wire_out *out, const struct recording_run *run)
{
	put_text(out, &run->version);
	wire__put_u64(out, run->page_size);
	wire__put_u32(out, run->launched);
	wire__put_u32(out, run->target_count);
	for (uint32_t i = 0; i < run->target_count; i++) {
		wire__put_u32(out, run->targets[i].pid);
		put_text(out, &run->targets[i].command);
	}
	wire__put_u32(out, run->setting_count);
	for (uint32_t i = 0; i < run->setting_count; i++) {
		put_text(out, &run->settings[i].name);
		put_text(out, &run->settings[i].value);
	}
}

static int get_targets(struct wire_in *in, struct recording_lists *lists)
{
	uint32_t count = wire__get_u32(in);

	lists->targets.size = 0;
	for (uint32_t i = 0; i < count && !in->failed; i++) {
		struct recording_target target = {.pid = wire__get_u32(in)};

		target.command = get_text(in);
		if (vec_push(&lists->targets, target))
			return -ENOMEM;
	}
	return 0;
}

static int get_settings(struct wire_in *in, struct recording_lists *lists)
{
	uint32_t count = wire__get_u32(in);

	lists->settings.size = 0;
	for (uint32_t i = 0; i < count && !in->failed; i++) {
		struct recording_setting setting;

		setting.name = get_text(in);
		setting.value = get_text(in);
		if (vec_push(&lists->settings, setting))
			return -ENOMEM;
	}
	return 0;
}

int items__get_run(struct wire_in *in, struct recording_lists *lists, struct recording_run *run)
{
	run->version = get_text(in);
	run->page_size = wire__get_u64(in);
	run->launched = wire__get_u32(in);
	if (get_targets(in, lists) || get_settings(in, lists))
		return -ENOMEM;
	run->targets = lists->targets.data;
	run->target_count = lists->targets.size;
	run->settings = lists->settings.data;
	run->setting_count = lists->settings.size;
	return result_of(in);
}

/* --- the status */

void items__put_status(struct wire_out *out, const struct recording_status *status)
{
	wire__put_u32(out, status->is_end);
	wire__put_u32(out, status->has_ended);
	wire__put_u32(out, status->exit_status);
	wire__put_u64(out, status->start_ns);
	wire__put_u64(out, status->start_unix_ns);
	wire__put_u64(out, status->now_ns);
	wire__put_u64(out, status->duration_ns);
	wire__put_u64(out, status->missing);
	wire__put_u32(out, LOSS_COUNT);
	for (int i = 0; i < LOSS_COUNT; i++)
		wire__put_u64(out, status->losses[i]);
	wire__put_u32(out, status->note_count);
	for (uint32_t i = 0; i < status->note_count; i++)
		put_text(out, &status->notes[i]);
}

/* Causes that this version does not know count with the first, so that none is hidden. */
static void get_losses(struct wire_in *in, struct recording_status *status)
{
	uint32_t count = wire__get_u32(in);

	memset(status->losses, 0, sizeof(status->losses));
	for (uint32_t i = 0; i < count && !in->failed; i++)
		status->losses[i < LOSS_COUNT ? i : 0] += wire__get_u64(in);
}

int items__get_status(
	struct wire_in *in, struct recording_lists *lists, struct recording_status *status)
{
	uint32_t count;

	status->is_end = wire__get_u32(in);
	status->has_ended = wire__get_u32(in);
	status->exit_status = wire__get_u32(in);
	status->start_ns = wire__get_u64(in);
	status->start_unix_ns = wire__get_u64(in);
	status->now_ns = wire__get_u64(in);
	status->duration_ns = wire__get_u64(in);
	status->missing = wire__get_u64(in);
	get_losses(in, status);
	count = wire__get_u32(in);
	lists->notes.size = 0;
	for (uint32_t i = 0; i < count && !in->failed; i++)
		if (vec_push(&lists->notes, get_text(in)))
			return -ENOMEM;
	status->notes = lists->notes.data;
	status->note_count = lists->notes.size;
	return result_of(in);
}

/* --- locks */

void items__put_locks(struct wire_out *out, const struct recording_locks *locks)
{
	put_text(out, &locks->json);
	put_text(out, &locks->text);
	put_text(out, &locks->text_full);
	put_text(out, &locks->dot);
}

int items__get_locks(struct wire_in *in, struct recording_locks *locks)
{
	locks->json = get_text(in);
	locks->text = get_text(in);
	locks->text_full = get_text(in);
	locks->dot = get_text(in);
	return result_of(in);
}

/* --- names */

void items__put_name(struct wire_out *out, const struct recording_name *name)
{
	wire__put_u32(out, name->module);
	wire__put_u64(out, name->offset);
	wire__put_u32(out, name->count);
	for (uint32_t i = 0; i < name->count; i++) {
		const struct recording_name_frame *frame = &name->frames[i];

		wire__put_u32(out, frame->inlined);
		wire__put_u32(out, frame->line);
		wire__put_u64(out, frame->function_offset);
		put_text(out, &frame->function);
		put_text(out, &frame->file);
	}
}

int items__get_name(struct wire_in *in, struct recording_lists *lists, struct recording_name *name)
{
	uint32_t count;

	name->module = wire__get_u32(in);
	name->offset = wire__get_u64(in);
	count = wire__get_u32(in);
	lists->frames.size = 0;
	for (uint32_t i = 0; i < count && !in->failed; i++) {
		struct recording_name_frame frame = {.inlined = wire__get_u32(in)};

		frame.line = wire__get_u32(in);
		frame.function_offset = wire__get_u64(in);
		frame.function = get_text(in);
		frame.file = get_text(in);
		if (vec_push(&lists->frames, frame))
			return -ENOMEM;
	}
	name->frames = lists->frames.data;
	name->count = lists->frames.size;
	return result_of(in);
}

void items__free_lists(struct recording_lists *lists)
{
	vec_free(&lists->targets);
	vec_free(&lists->settings);
	vec_free(&lists->notes);
	vec_free(&lists->frames);
}
