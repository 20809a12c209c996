/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/recorded_locks.h"

#include <stdlib.h>
#include <string.h>

#include "report/json_splice.h"

/* --- into a recording */

enum document { DOCUMENT_JSON, DOCUMENT_TEXT, DOCUMENT_TEXT_FULL, DOCUMENT_DOT, DOCUMENT_COUNT };

static void write_json_document(const struct trace_locks *locks, FILE *file)
{
	struct json_writer json;

	json__start(&json, file, 0);
	json__begin_object(&json);
	trace_locks__write_json(&json, locks);
	json__end_object(&json);
	json__finish(&json);
}

/* NULL where memory is short. The caller frees it. */
static char *write_document(const struct trace_locks *locks, enum document which, size_t *size)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, size);

	if (!file)
		return NULL;
	switch (which) {
	case DOCUMENT_JSON:
		write_json_document(locks, file);
		break;
	case DOCUMENT_DOT:
		trace_locks__write_dot(locks, file);
		break;
	default:
		trace_locks__write_text(locks, which == DOCUMENT_TEXT_FULL, file);
	}
	if (!fclose(file))
		return text;
	free(text);
	return NULL;
}

void recorded_locks__put(struct recorder *recorder, const struct trace_locks *locks)
{
	char *documents[DOCUMENT_COUNT];
	struct recording_text texts[DOCUMENT_COUNT];
	struct recording_locks recorded;

	for (int i = 0; i < DOCUMENT_COUNT; i++) {
		size_t size = 0;

		documents[i] = write_document(locks, i, &size);
		texts[i] = (struct recording_text){documents[i], size};
	}
	recorded = (struct recording_locks){
		.json = texts[DOCUMENT_JSON],
		.text = texts[DOCUMENT_TEXT],
		.text_full = texts[DOCUMENT_TEXT_FULL],
		.dot = texts[DOCUMENT_DOT],
	};
	recorder__put_locks(recorder, &recorded);
	for (int i = 0; i < DOCUMENT_COUNT; i++)
		free(documents[i]);
}

/* --- out of it */

static void write_json(struct json_writer *json, const void *context)
{
	const struct replay *replay = context;

	json__splice_members(json, replay->locks.json);
}

static void write_text(const void *context, bool full_stacks, FILE *file)
{
	const struct replay *replay = context;
	const char *text = full_stacks ? replay->locks.text_full : replay->locks.text;

	if (text)
		fputs(text, file);
}

static void write_dot(const void *context, FILE *file)
{
	const struct replay *replay = context;

	fputs(replay->locks.dot ? replay->locks.dot : "digraph waits {\n}\n", file);
}

struct report_extra recorded_locks__extra(const struct replay *replay)
{
	return (struct report_extra){
		.write_json = write_json,
		.write_text = write_text,
		.write_dot = write_dot,
		.context = replay,
	};
}
