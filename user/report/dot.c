/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/dot.h"

#include <stdbool.h>

#include "base/text.h"

void dot__put_text(FILE *file, const char *text)
{
	bool shows;

	for (size_t length; *text; text += length) {
		length = text__character(text, &shows);
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		if (shows)
			fwrite(text, 1, length, file);
		else
			fputc('?', file);
	}
}
