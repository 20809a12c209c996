/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A census as one page for a browser, which needs nothing else: treemaps and tables. */
#ifndef MEMTRACE_REPORT_CENSUS_HTML_H
#define MEMTRACE_REPORT_CENSUS_HTML_H

#include "report/census_json.h"

/* 0 or -ENOMEM; errors of the stream are the caller's (ferror). */
int census_html__write(FILE *file, const struct census *census, const struct census_head *head);

#endif
