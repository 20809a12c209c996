/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The names of a report's frames by a symbolizer: of a live run and of a recording alike. */
#ifndef MEMTRACE_CMD_FRAME_NAMES_H
#define MEMTRACE_CMD_FRAME_NAMES_H

#include "cmd/view_options.h"
#include "process/spaces.h"
#include "python/frames.h"
#include "symbols/symbolizer.h"

/*
 * A symbolizer as the arguments want it, for symbolizer__free. @spaces, which stay the caller's:
 * those of a live run; of a recording NULL. NULL: no memory.
 */
struct symbolizer *frame_names__symbolizer(const struct view_options *view, struct spaces *spaces);

/*
 * Appends what runs at @place, innermost first: functions and lines of @module, or those of code
 * without a module (@module NULL) in any process whose JIT map is known. One nameless frame where
 * nothing is known. @place has what is known of the address, and is copied to each frame. 0 or
 * -ENOMEM.
 */
int frame_names__add(struct symbolizer *symbolizer, const struct module *module,
	const struct report_frame *place, struct report_frames *frames);

/* What names the frames of a live run; all of it is borrowed. */
struct frame_namer {
	struct symbolizer *symbolizer;
	struct modules *modules;
	struct spaces *spaces;
	const struct python_frames *python_frames;
};

/* A report_name_fn, whose @context is a struct frame_namer. */
int frame_names__name(
	void *context, const struct site_frame *address, struct report_frames *frames);

#endif
