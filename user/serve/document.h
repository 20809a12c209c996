/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a client gets: a status and a body, made once and shared by all who asked for it at the same
 * time. Counted references: a slow client holds the document, not a copy, and all documents that
 * clients still hold are counted in bytes, so that their sum can be bounded.
 */
#ifndef MEMTRACE_SERVE_DOCUMENT_H
#define MEMTRACE_SERVE_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

struct http_document {
	int status;	  /* of HTTP */
	const char *type; /* Content-Type, static */
	char *data;
	size_t size;
	uint64_t made_ns; /* CLOCK_MONOTONIC */
	int references;	  /* private */
};

/*
 * Takes @data, from malloc. One reference is the caller's. NULL: no memory, @data was freed. Any
 * thread.
 */
struct http_document *document__new(int status, const char *type, char *data, size_t size);
struct http_document *document__take(struct http_document *document);
void document__drop(struct http_document *document);

/* The bytes of all documents that exist. */
size_t document__bytes(void);

#endif
