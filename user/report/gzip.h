/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A gzip stream into a FILE, written piece by piece. */
#ifndef MEMTRACE_REPORT_GZIP_H
#define MEMTRACE_REPORT_GZIP_H

#include <stdint.h>
#include <stdio.h>
#include <zlib.h>

struct gzip {
	z_stream stream;
	FILE *file;
	int error; /* 0, or the first negative errno */
};

/* 0 or -ENOMEM. */
int gzip__start(struct gzip *gzip, FILE *file);
void gzip__write(struct gzip *gzip, const void *data, size_t size);
/* Ends the stream. 0 or the first error: -EIO. */
int gzip__finish(struct gzip *gzip);

#endif
