/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The page at "/": links to all that is served, on a phone as on a desk. */
#ifndef MEMTRACE_SERVE_INDEX_PAGE_H
#define MEMTRACE_SERVE_INDEX_PAGE_H

#include "serve/route.h"

/* @title and @subtitle are plain text. Only routes below @prefix are listed, "/" for all. */
void index_page__write(const struct route *routes, const char *prefix, const char *title,
	const char *subtitle, FILE *file);

#endif
