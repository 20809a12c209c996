/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Documents of a recording as parts of a JSON report. */
#ifndef MEMTRACE_REPORT_JSON_SPLICE_H
#define MEMTRACE_REPORT_JSON_SPLICE_H

#include "report/json_writer.h"

/* Writes @document, JSON without fractions, as a value; null where it is none. */
void json__splice(struct json_writer *json, const char *document);

/* The members of @document, an object, into the object that is being written; NULL: none. */
void json__splice_members(struct json_writer *json, const char *document);

#endif
