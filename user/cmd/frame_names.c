/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/frame_names.h"

struct symbolizer *frame_names__symbolizer(const struct view_options *view, struct spaces *spaces)
{
	struct symbolizer_options options = {
		.debug_dirs = view->debug_dirs.data,
		.debug_dir_count = view->debug_dirs.size,
		.no_demangle = !view->demangle,
		.debuginfod = view->debuginfod,
		.confined = true,
		.spaces = spaces,
	};

	return symbolizer__new(&options);
}

static int add_frame(const struct symbol_frame *symbol, const struct report_frame *place,
	struct report_frames *frames)
{
	struct report_frame frame = *place;

	frame.function = symbol->function;
	frame.function_offset = symbol->function_offset;
	frame.file = symbol->file;
	frame.line = symbol->line;
	frame.inlined = symbol->inlined;
	return vec_push(&frames->list, frame);
}

int frame_names__add(struct symbolizer *symbolizer, const struct module *module,
	const struct report_frame *place, struct report_frames *frames)
{
	struct symbol_frames symbols;
	int err;

	if (module)
		err = symbolizer__resolve(symbolizer, module, place->offset, true, &symbols);
	else
		err = symbolizer__resolve_any_jit(symbolizer, place->address, &symbols);
	for (size_t i = 0; i < symbols.count && !err; i++)
		err = add_frame(&symbols.frames[i], place, frames);
	return err;
}

static int add_python_frame(const struct frame_namer *namer, struct report_frames *frames,
	const struct site_frame *address)
{
	const struct python_frame *python =
		python_frames__get(namer->python_frames, address->offset);
	struct report_frame frame = {.is_python = true};

	if (python) {
		frame.function = python->function;
		frame.file = python->file;
		frame.line = python->line;
	}
	return vec_push(&frames->list, frame);
}

/* Code made at run time, named as of its time. */
static int add_jit_frame(const struct frame_namer *namer, struct report_frames *frames,
	const struct site_frame *address)
{
	struct report_frame place = {.address = address->address, .offset = address->address};
	struct symbol_frame nameless = {0};
	struct symbol_frames symbols = {&nameless, 1};
	struct jit_place jit;
	int err = 0;

	/* A forked child has its parent's code, named in the parent's map. */
	for (unsigned int i = 0; !err && !symbols.frames->function &&
				 spaces__jit_place(namer->spaces, address->offset, i, &jit);
		i++)
		err = symbolizer__resolve_jit(namer->symbolizer, &jit, address->address, &symbols);
	return err ? err : add_frame(symbols.frames, &place, frames);
}

int frame_names__name(void *context, const struct site_frame *address, struct report_frames *frames)
{
	struct report_frame place = {.address = address->address, .offset = address->offset};
	const struct frame_namer *namer = context;
	const struct module *module = NULL;

	if (address->module == SITE_MODULE_PYTHON)
		return add_python_frame(namer, frames, address);
	if (address->module == SITE_MODULE_JIT)
		return add_jit_frame(namer, frames, address);
	if (address->module)
		module = modules__find(namer->modules, address->module);
	if (module) {
		place.module = module->path;
		place.build_id = module->build_id.size ? module->build_id.hex : NULL;
	}
	return frame_names__add(namer->symbolizer, module, &place, frames);
}
