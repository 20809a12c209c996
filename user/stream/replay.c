/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/replay.h"

#include <errno.h>

#include "base/code_address.h"
#include "base/hash.h"
#include "stream/feed.h"

static inline uint64_t text_hash(struct recording_text text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (uint32_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3ull;
	return hash_mix(hash);
}

static inline bool text_equal(struct recording_text a, struct recording_text b)
{
	return a.size == b.size && !memcmp(a.data, b.data, a.size);
}

struct run_of_frames {
	size_t first; /* in `frames` */
	size_t count;
};

DEFINE_HASH_NUMBER(module_map, uint64_t, struct replay_module);
DEFINE_HASH(place_map, struct code_address, struct run_of_frames, code_address__hash,
	code_address__equal);
DEFINE_HASH(text_set, struct recording_text, char *, text_hash, text_equal);

struct replay_private {
	struct replay_options options;
	struct text_set texts;
	struct module_map modules;
	struct place_map places;
	VEC(struct replay_name_frame) frames;
	uint64_t run_start_ns; /* CLOCK_MONOTONIC; 0: not known yet */
	uint64_t from_ns;      /* CLOCK_MONOTONIC, like the next */
	uint64_t to_ns;
	uint64_t last_record_ns;
	uint64_t losses_before[LOSS_COUNT]; /* at the window's start */
	bool has_losses;		    /* those at its end are known */
};

/* A copy that lives as long as the replay; equal texts are one. NULL for none. -ENOMEM in *@error.
 */
static const char *keep_text(struct replay_private *private, struct recording_text text, int *err)
{
	struct recording_text key = {.size = text.size};
	char **known, *copy;

	if (!text.data)
		return NULL;
	known = text_set__find(&private->texts, text);
	if (known)
		return *known;
	copy = strndup(text.data, text.size);
	key.data = copy;
	/* A 0 inside would make the copy, which is the key, shorter than its size says. */
	if (copy)
		key.size = strlen(copy);
	known = copy ? text_set__insert(&private->texts, key) : NULL;
	if (!known) {
		free(copy);
		*err = -ENOMEM;
		return NULL;
	}
	if (*known)
		free(copy);
	else
		*known = copy;
	return *known;
}

/* --- the window */

static void begin_window(struct replay *replay, uint64_t start_ns)
{
	struct replay_private *private = replay->private;
	const struct replay_options *options = &private->options;

	if (private->run_start_ns)
		return;
	private->run_start_ns = start_ns;
	if (__builtin_add_overflow(start_ns, options->from_ns, &private->from_ns))
	private->from_ns = UINT64_MAX;
	if (!options->to_ns || __builtin_add_overflow(start_ns, options->to_ns, &private->to_ns))
	private->to_ns = UINT64_MAX;
	heap__begin(replay->heap, private->from_ns);
}

/* Whether a record concerns a model that looks from `from_ns` on: who lives, it always must know.
 */
static bool is_wanted(const struct replay_private *private, const struct event_header *event)
{
	if (event->time_ns > private->to_ns)
		return false;
	if (event->time_ns >= private->from_ns)
		return true;
	return event->kind == EVENT_FORK || event->kind == EVENT_EXEC ||
	       event->kind == EVENT_EXIT || event->kind == EVENT_THREAD_EXIT;
}

/* --- visits */

static int make_heap(struct replay *replay, uint64_t page_size)
{
	const struct replay_options *options = &replay->private->options;
	struct heap_options heap_options = {
		.min_size = options->min_size,
		.max_size = options->max_size,
		.page_size = page_size,
	};

	replay->heap = heap__new(&heap_options);
	return replay->heap ? 0 : -ENOMEM;
}

/* Power of two and no more than the largest that Linux has: the model rounds with it. */
static bool is_page_size(uint64_t size)
{
	return size >= 4096 && size <= 1 << 20 && !(size & (size - 1));
}

static int visit_run(void *context, const struct recording_run *run)
{
	struct replay *replay = context;
	struct replay_private *private = replay->private;
	int err = 0;

	if (replay->heap)
		return -EBADMSG; /* it comes once, and first */
	err = make_heap(replay, is_page_size(run->page_size) ? run->page_size : 0);
	replay->version = keep_text(private, run->version, &err);
	replay->launched = run->launched;
	for (uint32_t i = 0; i < run->target_count && !err; i++) {
		const char *command = keep_text(private, run->targets[i].command, &err);
		struct replay_target target = {run->targets[i].pid, command};

		err = err ? err : vec_push(&replay->targets, target);
	}
	for (uint32_t i = 0; i < run->setting_count && !err; i++) {
		const char *name = keep_text(private, run->settings[i].name, &err);
		const char *value = keep_text(private, run->settings[i].value, &err);
		struct replay_setting setting = {name ? name : "", value ? value : ""};

		err = err ? err : vec_push(&replay->settings, setting);
	}
	return err;
}

/* The run's frame may have been damaged; the rest is worth reading nevertheless. */
static int need_heap(struct replay *replay)
{
	return replay->heap ? 0 : make_heap(replay, 0);
}

static int visit_begin(void *context, uint64_t start_ns)
{
	struct replay *replay = context;
	int err = need_heap(replay);

	if (!err)
		begin_window(replay, start_ns);
	return err;
}

static void note_losses(struct replay *replay, const struct recording_status *status)
{
	struct replay_private *private = replay->private;

	if (private->options.from_ns && status->now_ns <= private->from_ns)
		memcpy(private->losses_before, status->losses, sizeof(status->losses));
	if (private->has_losses)
		return;
	memcpy(replay->losses, status->losses, sizeof(replay->losses));
	private->has_losses = status->now_ns >= private->to_ns;
}

static int visit_status(void *context, const struct recording_status *status)
{
	struct replay *replay = context;
	int err = 0;

	if (status->start_ns) {
		err = visit_begin(replay, status->start_ns);
		replay->start_unix_ns = status->start_unix_ns;
	}
	note_losses(replay, status);
	replay->now_ns = status->now_ns;
	replay->duration_ns = status->duration_ns;
	replay->missing = status->missing;
	replay->has_ended = status->has_ended;
	replay->exit_status = status->exit_status;
	replay->notes.size = 0;
	for (uint32_t i = 0; i < status->note_count && !err; i++) {
		const char *note = keep_text(replay->private, status->notes[i], &err);

		if (note)
			err = vec_push(&replay->notes, note);
	}
	return err;
}

static int visit_module(void *context, const struct recording_module *module)
{
	struct replay *replay = context;
	struct replay_module *kept = module_map__insert(&replay->private->modules, module->id);
	int err = 0;

	if (!kept)
		return -ENOMEM;
	kept->id = module->id;
	kept->path = keep_text(replay->private, module->path, &err);
	kept->build_id = keep_text(replay->private, module->build_id, &err);
	return err;
}

static int visit_process(void *context, const struct recording_process *process)
{
	struct replay *replay = context;
	int err = need_heap(replay);
	const char *comm = keep_text(replay->private, process->comm, &err);

	return err ? err : heap__add_process(replay->heap, process->number, process->pid, comm);
}

static int visit_stack(void *context, const struct recording_stack *stack)
{
	struct replay *replay = context;
	uint32_t stop = stack->header.flags & 0xff;
	int err = need_heap(replay);

	if (err || stack->header.time_ns > replay->private->to_ns)
		return err;
	if (stop < STACK_STOP_COUNT)
		replay->stack_stops[stop]++;
	python_walks__count(&replay->python_walks, stack->header.flags);
	replay->guessed_frames += stack->guessed_frames;
	replay->records++;
	return heap__define_stack(replay->heap, stack->header.process, stack->stack, stack->frames,
		stack->count, stop);
}

static int visit_record(void *context, const struct event_header *event, size_t size)
{
	struct replay *replay = context;
	struct replay_private *private = replay->private;
	int err;

	replay->records++;
	if (event->time_ns > private->last_record_ns)
	private->last_record_ns = event->time_ns;
	if (!is_wanted(private, event))
		return 0;
	err = need_heap(replay);
	if (event->kind == EVENT_WINDOW && !replay->sampling) {
		replay->sampling = sampling__new();
		err = replay->sampling ? err : -ENOMEM;
	}
	if (event->kind == EVENT_SAMPLE && !replay->own_samples) {
		replay->own_samples = own_samples__new();
		err = replay->own_samples ? err : -ENOMEM;
	}
	if (!err)
		err = feed__apply(
			&(struct feed_models){replay->heap, replay->sampling, replay->own_samples},
			event, size);
	return err == -ENOMEM ? err : 0;
}

static void announce_record(void *context, const struct event_header *event)
{
	struct replay *replay = context;

	if (replay->heap)
		heap__prefetch(replay->heap, event);
}

static struct replay_locks keep_documents(
	struct replay *replay, const struct recording_locks *documents, int *err)
{
	return (struct replay_locks){
		.json = keep_text(replay->private, documents->json, err),
		.text = keep_text(replay->private, documents->text, err),
		.text_full = keep_text(replay->private, documents->text_full, err),
		.dot = keep_text(replay->private, documents->dot, err),
	};
}

static int visit_locks(void *context, const struct recording_locks *locks)
{
	struct replay *replay = context;
	int err = 0;

	replay->locks = keep_documents(replay, locks, &err);
	return err;
}

static int visit_leaks(void *context, const struct recording_locks *leaks)
{
	struct replay *replay = context;
	int err = 0;

	replay->leaks = keep_documents(replay, leaks, &err);
	return err;
}

static int visit_name(void *context, const struct recording_name *name)
{
	struct replay_private *private = ((struct replay *)context)->private;
	struct code_address place = {name->module, name->offset};
	struct run_of_frames *run = place_map__insert(&private->places, place);
	int err = 0;

	if (!run)
		return -ENOMEM;
	*run = (struct run_of_frames){private->frames.size, 0};
	for (uint32_t i = 0; i < name->count && !err; i++) {
		const struct recording_name_frame *from = &name->frames[i];
		struct replay_name_frame frame = {
			.function = keep_text(private, from->function, &err),
			.file = keep_text(private, from->file, &err),
			.function_offset = from->function_offset,
			.line = from->line,
			.inlined = from->inlined,
		};

		err = err ? err : vec_push(&private->frames, frame);
		run->count += !err;
	}
	return err;
}

/* --- the whole */

/* Cuts the figures of the run down to the window that was asked for. */
static void close_window(struct replay *replay)
{
	struct replay_private *private = replay->private;
	uint64_t start = private->run_start_ns, end;

	/* Without an end the recording lasts until its last record. */
	if (private->last_record_ns > replay->now_ns && !replay->problems.has_end)
		replay->now_ns = private->last_record_ns;
	end = replay->now_ns;
	replay->run_ns = end > start ? end - start : 0;
	if (end > private->to_ns) {
		end = private->to_ns;
		replay->has_ended = false;
	}
	if (end < private->from_ns)
		end = private->from_ns;
	if (private->options.from_ns || end != replay->now_ns || !replay->problems.has_end)
		replay->duration_ns = end - private->from_ns;
	replay->now_ns = end;
	replay->start_ns = private->from_ns;
	if (replay->start_unix_ns)
		replay->start_unix_ns += private->from_ns - start;
	for (int i = 0; i < LOSS_COUNT; i++)
		replay->losses[i] -= replay->losses[i] < private->losses_before[i]
					     ? replay->losses[i]
					     : private->losses_before[i];
}

int replay__run(struct replay *replay, FILE *file, const char *name,
	const struct replay_options *options, struct error *error)
{
	struct recording_visitor visitor = {
		.context = replay,
		.run = visit_run,
		.status = visit_status,
		.name = visit_name,
		.locks = visit_locks,
		.leaks = visit_leaks,
		.module = visit_module,
		.process = visit_process,
		.begin = visit_begin,
		.stack = visit_stack,
		.record = visit_record,
		.announce = announce_record,
	};
	int err;

	*replay = (struct replay){.private = calloc(1, sizeof(*replay->private))};
	if (!replay->private)
		return error__set(error, -ENOMEM, "out of memory for the recording %s", name);
	replay->private->options = *options;
	replay->private->to_ns = UINT64_MAX;
	err = recording__read(file, name, &visitor, &replay->problems, error);
	if (!err && need_heap(replay))
		err = error__set(error, -ENOMEM, "out of memory for the recording %s", name);
	if (!err)
		close_window(replay);
	return err;
}

void replay__free(struct replay *replay)
{
	struct replay_private *private = replay->private;

	heap__free(replay->heap);
	sampling__free(replay->sampling);
	own_samples__free(replay->own_samples);
	vec_free(&replay->targets);
	vec_free(&replay->settings);
	vec_free(&replay->notes);
	if (private) {
		hash_for_each (slot, &private->texts)
			free(slot->value);
		text_set__free(&private->texts);
		module_map__free(&private->modules);
		place_map__free(&private->places);
		vec_free(&private->frames);
		free(private);
	}
	*replay = (struct replay){0};
}

const struct replay_module *replay__module(const struct replay *replay, uint32_t id)
{
	return module_map__find(&replay->private->modules, id);
}

const struct replay_name_frame *replay__names(
	const struct replay *replay, uint32_t module, uint64_t offset, size_t *count)
{
	struct code_address place = {module, offset};
	const struct run_of_frames *run = place_map__find(&replay->private->places, place);
	static const struct replay_name_frame none;

	*count = run ? run->count : 0;
	if (!run)
		return NULL;
	return run->count ? &replay->private->frames.data[run->first] : &none;
}
