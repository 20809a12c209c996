/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The worker's side of names_worker.h: a symbolizer behind a socket. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "sandbox/worker.h"
#include "symbols/names_wire.h"
#include "symbols/names_worker.h"

DEFINE_HASH_NUMBER(served_modules, uint64_t, struct module *);

/* One, for the life of the process. */
struct service {
	struct symbolizer *symbolizer;
	struct served_modules modules;
	char request[WORKER_MESSAGE_SIZE];
	char answer[WORKER_MESSAGE_SIZE];
};

static int ask_for_download(const struct build_id *build_id)
{
	uint32_t question = NAMES_DOWNLOAD;

	return worker_side__ask(&question, sizeof(question));
}

static int take_options(struct service *service, size_t size)
{
	const char *at = service->request + sizeof(struct names_options);
	const char *end = service->request + size;
	VEC(const char *) directories = {0};
	struct symbolizer_options options = {.download = ask_for_download};
	struct names_options head;
	int err = 0;

	memcpy(&head, service->request, sizeof(head));
	log__set_verbose(head.verbose);
	for (uint32_t i = 0; i < head.directory_count && at < end && !err; i++) {
		err = vec_push(&directories, at);
		at += strnlen(at, end - at) + 1;
	}
	options.debug_dirs = directories.data;
	options.debug_dir_count = directories.size;
	options.no_demangle = head.no_demangle;
	options.no_lines = head.no_lines;
	options.no_libc_lines = head.no_libc_lines;
	options.debuginfod = head.debuginfod;
	service->symbolizer = err ? NULL : symbolizer__new(&options);
	vec_free(&directories);
	return service->symbolizer ? 0 : -ENOMEM;
}

/* Owned by the service until the process ends; so is @fd. */
static int take_module(struct service *service, size_t size, int fd)
{
	struct module *module = calloc(1, sizeof(*module)), **slot;
	struct names_module head;

	memcpy(&head, service->request, sizeof(head));
	slot = module ? served_modules__insert(&service->modules, head.id) : NULL;
	if (!slot)
		return -ENOMEM;
	*module = (struct module){
		.id = head.id,
		.fd = fd,
		.file_fd = head.is_copy ? -1 : fd,
		.build_id = head.build_id,
		.is_vdso = head.is_vdso,
		.text_start = head.text_start,
		.text_end = head.text_end,
		.path = strndup(service->request + sizeof(head), size - sizeof(head)),
	};
	if (!module->path)
		return -ENOMEM;
	module->name = text__base_name(module->path);
	*slot = module;
	return 0;
}

/* How much of @text an answer holds, with the final 0. */
static uint32_t text_size(const char *text)
{
	return text ? strnlen(text, NAMES_MAX_TEXT - 1) + 1 : 0;
}

static char *put_text(char *at, const char *text, uint32_t size)
{
	if (!size)
		return at;
	memcpy(at, text, size - 1);
	at[size - 1] = '\0';
	return at + size;
}

/* How many of the frames an answer holds: the machine function's own, the last one, always. */
static size_t fitting(const struct symbol_frames *frames)
{
	size_t room = WORKER_MESSAGE_SIZE - sizeof(struct names_frames), count = 0;

	while (count < frames->count && count < NAMES_MAX_FRAMES) {
		const struct symbol_frame *frame = &frames->frames[frames->count - 1 - count];
		size_t need = sizeof(struct names_frame) + text_size(frame->function) +
			      text_size(frame->file);

		if (need > room)
			break;
		room -= need;
		count++;
	}
	return count;
}

static size_t write_answer(struct service *service, int code, const struct symbol_frames *frames)
{
	size_t count = fitting(frames);
	const struct symbol_frame *first = frames->frames + frames->count - count;
	struct names_frames head = {.kind = NAMES_FRAMES, .code = code, .count = count};
	char *at = service->answer + sizeof(head);
	char *text = at + count * sizeof(struct names_frame);

	memcpy(service->answer, &head, sizeof(head));
	for (size_t i = 0; i < count; i++) {
		struct names_frame wire = {
			.function_offset = first[i].function_offset,
			.line = first[i].line,
			.column = first[i].column,
			.inlined = first[i].inlined,
			.function_size = text_size(first[i].function),
			.file_size = text_size(first[i].file),
		};

		memcpy(at, &wire, sizeof(wire));
		at += sizeof(wire);
		text = put_text(text, first[i].function, wire.function_size);
		text = put_text(text, first[i].file, wire.file_size);
	}
	return text - service->answer;
}

static int resolve(struct service *service)
{
	struct names_resolve request;
	struct symbol_frames frames;
	struct module **module;
	int err;

	memcpy(&request, service->request, sizeof(request));
	module = served_modules__find(&service->modules, request.module);
	if (!module || !service->symbolizer)
		return -EPROTO;
	err = symbolizer__resolve(
		service->symbolizer, *module, request.vaddr, request.is_return_address, &frames);
	return worker_side__answer(service->answer, write_answer(service, err, &frames));
}

static int take_request(struct service *service, size_t size, int fd)
{
	uint32_t kind = 0;

	if (size >= sizeof(kind))
		memcpy(&kind, service->request, sizeof(kind));
	if (kind == NAMES_OPTIONS && size >= sizeof(struct names_options))
		return take_options(service, size);
	if (kind == NAMES_MODULE && size > sizeof(struct names_module) && fd >= 0)
		return take_module(service, size, fd);
	if (kind == NAMES_RESOLVE && size == sizeof(struct names_resolve))
		return resolve(service);
	return -EPROTO;
}

void names_worker__serve(void)
{
	static struct service service;
	ssize_t size;
	int fd;

	do
		size = worker_side__receive(service.request, &fd);
	while (size >= 0 && !take_request(&service, size, fd));
}
