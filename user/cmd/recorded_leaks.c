/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/recorded_leaks.h"

#include <stdio.h>
#include <stdlib.h>

#include "report/leaks.h"

enum leak_document { DOCUMENT_JSON, DOCUMENT_TEXT, DOCUMENT_TEXT_FULL, DOCUMENT_COUNT };

/* NULL where memory is short. The caller frees it. */
static char *write_document(const struct report *report, enum leak_document which, size_t *size)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, size);

	if (!file)
		return NULL;
	if (which == DOCUMENT_JSON)
		report_leaks__write_document(report, file);
	else
		report_leaks__write_text(report, 0, which == DOCUMENT_TEXT_FULL, 0, file);
	if (!fclose(file))
		return text;
	free(text);
	return NULL;
}

void recorded_leaks__put(struct recorder *recorder, const struct report *report)
{
	char *documents[DOCUMENT_COUNT];
	struct recording_text texts[DOCUMENT_COUNT];
	struct recording_locks recorded;

	for (int i = 0; i < DOCUMENT_COUNT; i++) {
		size_t size = 0;

		documents[i] = write_document(report, i, &size);
		texts[i] = (struct recording_text){documents[i], size};
	}
	recorded = (struct recording_locks){
		.json = texts[DOCUMENT_JSON],
		.text = texts[DOCUMENT_TEXT],
		.text_full = texts[DOCUMENT_TEXT_FULL],
	};
	recorder__put_leaks(recorder, &recorded);
	for (int i = 0; i < DOCUMENT_COUNT; i++)
		free(documents[i]);
}
