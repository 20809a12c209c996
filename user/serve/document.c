/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/document.h"

#include <stdlib.h>

#include "base/clock.h"

/* A count of the process's, like its memory. */
static size_t all_bytes;

struct http_document *document__new(int status, const char *type, char *data, size_t size)
{
	struct http_document *document = malloc(sizeof(*document));

	if (!document) {
		free(data);
		return NULL;
	}
	*document = (struct http_document){
		.status = status,
		.type = type,
		.data = data,
		.size = size,
		.made_ns = clock__now_ns(),
		.references = 1,
	};
	__atomic_fetch_add(&all_bytes, size, __ATOMIC_RELAXED);
	return document;
}

struct http_document *document__take(struct http_document *document)
{
	__atomic_fetch_add(&document->references, 1, __ATOMIC_RELAXED);
	return document;
}

void document__drop(struct http_document *document)
{
	if (!document || __atomic_sub_fetch(&document->references, 1, __ATOMIC_ACQ_REL))
		return;
	__atomic_fetch_sub(&all_bytes, document->size, __ATOMIC_RELAXED);
	free(document->data);
	free(document);
}

size_t document__bytes(void)
{
	return __atomic_load_n(&all_bytes, __ATOMIC_RELAXED);
}
