/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/gzip.h"

#include <errno.h>

/* zlib writes a gzip header instead of its own with 16 added to the window's bits (zlib.h). */
#define WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL 8
#define OUTPUT_BYTES 16384

int gzip__start(struct gzip *gzip, FILE *file)
{
	*gzip = (struct gzip){.file = file};
	return deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS,
		       MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK
		       ? 0
		       : -ENOMEM;
}

/* Compresses what is in the stream's input, all of it, and with Z_FINISH the end as well. */
static void run(struct gzip *gzip, int flush)
{
	unsigned char out[OUTPUT_BYTES];
	int err;

	do {
		gzip->stream.next_out = out;
		gzip->stream.avail_out = sizeof(out);
		err = deflate(&gzip->stream, flush);
		if (err == Z_STREAM_ERROR)
			gzip->error = -EIO;
		fwrite(out, 1, sizeof(out) - gzip->stream.avail_out, gzip->file);
	} while (!gzip->stream.avail_out && !gzip->error);
}

void gzip__write(struct gzip *gzip, const void *data, size_t size)
{
	gzip->stream.next_in = (unsigned char *)data;
	gzip->stream.avail_in = size;
	if (!gzip->error)
		run(gzip, Z_NO_FLUSH);
}

int gzip__finish(struct gzip *gzip)
{
	if (!gzip->error)
		run(gzip, Z_FINISH);
	deflateEnd(&gzip->stream);
	return gzip->error;
}
