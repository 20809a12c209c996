/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What an unwind table is known by: a hash of everything that its rows come from. A build ID would
 * not do, as a file claims it for itself: whoever gives a program the build ID of the C library
 * would have its own rows used for that library.
 */
#ifndef MEMTRACE_UNWIND_CONTENT_H
#define MEMTRACE_UNWIND_CONTENT_H

#include "unwind/elf_image.h"

#define UNWIND_KEY_SIZE 16
/* Bytes of a secret, which keeps others from making files of one hash (XXH3 is not meant to). */
#define UNWIND_SECRET_SIZE 192

/*
 * The XXH3-128 of the image's frame information and code, with where they lie: of what a table was
 * built from already, those very bytes, and not what the file may hold by now. 0, -ENOMEM, or
 * -EBADMSG where the file is not all there.
 */
int unwind_content__hash(const struct elf_image *image, const uint8_t secret[UNWIND_SECRET_SIZE],
	uint8_t key[UNWIND_KEY_SIZE]);

#endif
