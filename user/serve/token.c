/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static int check(const char *path, const char *token, size_t length, struct error *error)
{
	if (!length || length >= TOKEN_SIZE)
		return error__set(error, -EINVAL,
			"--token-file %s: its first line must have 1 to %d characters", path,
			TOKEN_SIZE - 1);
	for (size_t i = 0; i < length; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return error__set(error, -EINVAL,
				"--token-file %s: a token has letters, digits and punctuation only",
				path);
	return 0;
}

int token__read(const char *path, char token[TOKEN_SIZE], struct error *error)
{
	char *text, *begin;
	size_t size, length;
	int err = file__read(path, 64 << 10, &text, &size);

	if (err)
		return error__set(
			error, err, "cannot read the token file %s: %s", path, strerror(-err));
	begin = text + strspn(text, " \t");
	length = strcspn(begin, "\r\n");
	while (length && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
		length--;
	err = check(path, begin, length, error);
	if (!err) {
		memcpy(token, begin, length);
		token[length] = '\0';
	}
	explicit_bzero(text, size);
	free(text);
	return err;
}
