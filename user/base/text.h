/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Text from outside (a target's names, paths, arguments): made fit for a terminal, taken apart. */
#ifndef MEMTRACE_BASE_TEXT_H
#define MEMTRACE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The bytes of the character at @text, which is not at its end. *@shows: whether it may be shown:
 * no control character, no byte that is not valid UTF-8, nor any of the invisible characters that
 * reorder or hide text (U+202E, zero-width spaces and their kind).
 */
size_t text__character(const char *text, bool *shows);

/* Replaces each character that may not be shown by '?', in place. */
void text__make_printable(char *text);

/* The part of @path after its last slash; @path itself where there is none, or nothing after it. */
const char *text__base_name(const char *path);

#endif
