/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A census as text, on one screen. */
#ifndef MEMTRACE_REPORT_CENSUS_TEXT_H
#define MEMTRACE_REPORT_CENSUS_TEXT_H

#include <stdio.h>

#include "report/census_json.h"

void census_text__write(FILE *file, const struct census *census, const struct census_head *head);

#endif
