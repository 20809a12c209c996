/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The terminal of `memtrace top`: taken and, whatever happens, given back as it was. What would be
 * written to standard error meanwhile is kept, and written when the terminal is given back.
 */
#ifndef MEMTRACE_REPORT_TOP_SCREEN_H
#define MEMTRACE_REPORT_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum top_color {
	TOP_COLOR_PLAIN = 0,
	TOP_COLOR_HEAD, /* of columns */
	TOP_COLOR_GOOD,
	TOP_COLOR_BAD,
	TOP_COLOR_SOFT,
	TOP_COLOR_CHOSEN, /* the selected row */
};

/* Takes the terminal. -ENOTTY where standard input or output is none, with @error set. */
int top_screen__open(struct error *error);
/* Gives it back; harmless when it was not taken, and twice. */
void top_screen__close(void);

/* Follows a change of the terminal's size. */
void top_screen__fit(void);

/* Writes @text at a place, at most to column @end; control characters and broken UTF-8 become ?. */
void top_screen__put(int row, int column, int end, enum top_color color, const char *text);
/* The same, @width columns wide, to the right. */
void top_screen__put_right(int row, int column, int width, enum top_color color, const char *text);

/* The last line that went to standard error, once; "" if there is no new one. */
void top_screen__take_message(char *out, size_t size);

/* Whether the terminal shows UTF-8. */
bool top_screen__has_blocks(void);

#endif
