/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error__set(struct error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	return code;
}

int error__prefix(struct error *err, const char *format, ...)
{
	char rest[ERROR_MESSAGE_SIZE];
	va_list args;
	size_t used;

	if (!err)
		return 0;
	memcpy(rest, err->message, sizeof(rest));
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", rest);
	return err->code;
}
