/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/names_worker.h"

#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/vec.h"
#include "sandbox/worker.h"
#include "symbols/debug_file.h"
#include "symbols/names_wire.h"

/* Files on which workers died, after which there is no further one. */
#define MAX_FAILURES 64

/* What a worker knows of a module: by its id. */
enum module_state { MODULE_SENT = 1, MODULE_FAILED };

DEFINE_HASH_NUMBER(module_states, uint64_t, enum module_state);

typedef VEC(char) byte_vec;

struct names_worker {
	struct worker *worker;
	byte_vec options; /* the message that it begins with */
	struct module_states modules;
	size_t failures;
	bool cannot_start;
	const struct module *current; /* being resolved in */
	char answer[WORKER_MESSAGE_SIZE];
	struct symbol_frame frames[NAMES_MAX_FRAMES];
};

static int append(byte_vec *message, const void *bytes, size_t size)
{
	if (vec_reserve(message, message->size + size))
		return -ENOMEM;
	memcpy(message->data + message->size, bytes, size);
	message->size += size;
	return 0;
}

static int build_options(struct names_worker *names, const struct symbolizer_options *options)
{
	struct names_options head = {
		.kind = NAMES_OPTIONS,
		.no_demangle = options->no_demangle,
		.no_lines = options->no_lines,
		.no_libc_lines = options->no_libc_lines,
		.debuginfod = options->debuginfod,
		.verbose = log__is_verbose(),
		.directory_count = options->debug_dir_count,
	};
	int err = append(&names->options, &head, sizeof(head));

	for (size_t i = 0; i < options->debug_dir_count && !err; i++)
		err = append(&names->options, options->debug_dirs[i],
			strlen(options->debug_dirs[i]) + 1);
	return err;
}

struct names_worker *names_worker__new(const struct symbolizer_options *options)
{
	struct names_worker *names = calloc(1, sizeof(*names));

	if (names && build_options(names, options)) {
		names_worker__free(names);
		return NULL;
	}
	return names;
}

int names_worker__keep_spares(size_t count, struct error *error)
{
	return worker__keep_spares(NAMES_ROLE, count, error);
}

void names_worker__free(struct names_worker *names)
{
	if (!names)
		return;
	worker__stop(names->worker);
	vec_free(&names->options);
	module_states__free(&names->modules);
	free(names);
}

/* The servers are asked from here, for the module that memtrace itself is asking about. */
static int download(void *context, const void *question, size_t size)
{
	struct names_worker *names = context;

	return names->current ? debug_file__download(&names->current->build_id) : -ENOENT;
}

/* The worker goes, and what it knew with it. */
static void stop_worker(struct names_worker *names)
{
	worker__stop(names->worker);
	names->worker = NULL;
	hash_for_each (slot, &names->modules)
		if (slot->value == MODULE_SENT)
			slot->value = 0;
}

/* Without a worker there are no names: this process does not read those files. */
static int start_worker(struct names_worker *names)
{
	struct worker_calls calls = {.asked = download, .context = names};
	struct error error;
	int err = worker__start(NAMES_ROLE, &calls, &names->worker, &error);

	if (!err)
		err = worker__send(names->worker, names->options.data, names->options.size, -1);
	if (!err)
		return 0;
	stop_worker(names);
	names->cannot_start = true;
	log__warn("%s: frames stay unnamed", error.message);
	return err;
}

static int send_module(struct names_worker *names, const struct module *module)
{
	struct names_module head = {
		.kind = NAMES_MODULE,
		.id = module->id,
		.text_start = module->text_start,
		.text_end = module->text_end,
		.build_id = module->build_id,
		.is_vdso = module->is_vdso,
		.is_copy = module->file_fd != module->fd,
	};
	byte_vec message = {0};
	int err = append(&message, &head, sizeof(head));

	if (!err)
		err = append(&message, module->path, strlen(module->path) + 1);
	if (!err)
		err = worker__send(names->worker, message.data, message.size, module->fd);
	vec_free(&message);
	return err;
}

/* Copies the next string, of @size bytes; false where it is not whole. */
static bool take_text(const char **at, const char *end, uint32_t size, const char **out)
{
	*out = size ? *at : NULL;
	if (size > end - *at || (size && (*at)[size - 1]))
		return false;
	*at += size;
	return true;
}

int names_worker__read(const void *answer, size_t size, struct symbol_frame *frames)
{
	const char *start = answer, *end = start + size, *text;
	struct names_frames head;

	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, answer, sizeof(head));
	if (head.kind != NAMES_FRAMES || head.count > NAMES_MAX_FRAMES ||
		size < sizeof(head) + head.count * sizeof(struct names_frame))
		return -EBADMSG;
	text = start + sizeof(head) + head.count * sizeof(struct names_frame);
	for (uint32_t i = 0; i < head.count; i++) {
		struct names_frame wire;

		memcpy(&wire, start + sizeof(head) + i * sizeof(wire), sizeof(wire));
		frames[i] = (struct symbol_frame){
			.line = wire.line,
			.column = wire.column,
			.inlined = wire.inlined && i + 1 < head.count,
			.function_offset = wire.function_offset,
		};
		if (!take_text(&text, end, wire.function_size, &frames[i].function) ||
			!take_text(&text, end, wire.file_size, &frames[i].file))
			return -EBADMSG;
	}
	return head.code == -ENOMEM ? -ENOMEM : (int)head.count;
}

/* What has begun with the worker's end stays unnamed. */
static void give_up(struct names_worker *names, const struct module *module,
	enum module_state *state, const char *why)
{
	log__warn("%s: the process that read its names is gone (%s): its frames stay unnamed",
		module->path, why);
	stop_worker(names);
	*state = MODULE_FAILED;
	if (++names->failures == MAX_FAILURES)
		log__warn("no names are read from further files: %d of them ended the process "
			  "that reads them",
			MAX_FAILURES);
}

static int ask(struct names_worker *names, const struct module *module, enum module_state *state,
	const struct names_resolve *request)
{
	int err = *state == MODULE_SENT ? 0 : send_module(names, module), count;
	ssize_t size;

	*state = MODULE_SENT;
	names->current = module;
	size = err ? err
		   : worker__call(names->worker, request, sizeof(*request), -1, names->answer);
	names->current = NULL;
	count = size < 0 ? size : names_worker__read(names->answer, size, names->frames);
	if (count >= 0 || (count == -ENOMEM && size >= 0))
		return count;
	give_up(names, module, state,
		count == -EBADMSG ? "its answer was not one" : worker__end(names->worker));
	return 0;
}

int names_worker__resolve(struct names_worker *names, const struct module *module, uint64_t vaddr,
	bool is_return_address, const struct symbol_frame **out)
{
	struct names_resolve request = {
		.kind = NAMES_RESOLVE,
		.module = module->id,
		.vaddr = vaddr,
		.is_return_address = is_return_address,
	};
	enum module_state *state = module_states__find(&names->modules, module->id);

	*out = names->frames;
	if (!state)
		state = module_states__insert(&names->modules, module->id);
	if (!state)
		return -ENOMEM;
	if (*state == MODULE_FAILED || names->cannot_start || names->failures >= MAX_FAILURES ||
		(!names->worker && start_worker(names)))
		return 0;
	return ask(names, module, state, &request);
}
