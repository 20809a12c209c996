/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* JSON documents that memtrace wrote and reads again, to compare them or to show them anew. */
#ifndef MEMTRACE_REPORT_DOCUMENT_H
#define MEMTRACE_REPORT_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Reads the first bytes of the file at @path, at most @size - 1, and ends them with '\0'. False if
 * it does not begin as an object of JSON does, as a recording does not.
 */
bool document__read_head(const char *path, char *head, size_t size);

/*
 * Reads the file at @path; @what it should be is named where it is no JSON ("a census"). 0, or a
 * negative errno with @error set and *@out NULL. The caller releases *@out.
 */
int document__load(const char *path, const char *what, json_t **out, struct error *error);

#endif
