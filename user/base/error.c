/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error__set(struct error *error, int err, const char *format, ...)
{
	va_list args;

	if (!error)
		return err;
	error->code = err;
	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return err;
}

int error__prefix(struct error *error, const char *format, ...)
{
	char rest[ERROR_MESSAGE_SIZE];
	va_list args;
	size_t used;

	if (!error)
		return 0;
	memcpy(rest, error->message, sizeof(rest));
	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	used = strlen(error->message);
	snprintf(error->message + used, sizeof(error->message) - used, ": %s", rest);
	return error->code;
}
