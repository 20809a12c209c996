/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"

/* The most of a value that is looked at: numbers are shorter. */
#define VALUE_SIZE 32

static int copy_path(const char *target, size_t length, struct request_query *out)
{
	while (length > 1 && target[length - 1] == '/')
		length--;
	if (length >= sizeof(out->path) || !length || target[0] != '/')
		return -ENAMETOOLONG;
	memcpy(out->path, target, length);
	out->path[length] = '\0';
	return 0;
}

static int parse_seconds(const char *value, struct request_query *out, const char **why)
{
	unsigned long seconds;
	char *end;

	seconds = strtoul(value, &end, 10);
	if (*end || value[0] < '0' || value[0] > '9' || seconds > REQUEST_MAX_SECONDS) {
		*why = "seconds: a whole number from 0 to 300\n";
		return -EINVAL;
	}
	out->seconds = seconds;
	return 0;
}

static int take_value(const char *key, size_t key_length, const char *value,
	struct request_query *out, const char **why)
{
	if (key_length == 7 && !memcmp(key, "seconds", 7))
		return parse_seconds(value, out, why);
	if (key_length == 3 && !memcmp(key, "pid", 3) && units__parse_pid(value, &out->pid)) {
		*why = "pid: not a valid PID\n";
		return -EINVAL;
	}
	return 0;
}

static int parse_query(const char *query, struct request_query *out, const char **why)
{
	int err = 0;

	while (*query && !err) {
		size_t length = strcspn(query, "&");
		const char *equals = memchr(query, '=', length);
		char value[VALUE_SIZE] = "";

		if (equals) {
			size_t size = length - (equals + 1 - query);

			/* What is longer is no number; the rest says so. */
			size = size < sizeof(value) ? size : sizeof(value) - 1;
			memcpy(value, equals + 1, size);
			err = take_value(query, equals - query, value, out, why);
		}
		query += length + (query[length] == '&');
	}
	return err;
}

int request__parse(const char *target, struct request_query *out, const char **why)
{
	size_t length = strcspn(target, "?#");
	char query[512];
	int err;

	*out = (struct request_query){0};
	*why = "";
	err = copy_path(target, length, out);
	if (err || target[length] != '?')
		return err;
	target += length + 1;
	length = strcspn(target, "#");
	if (length >= sizeof(query)) {
		*why = "the query is too long\n";
		return -EINVAL;
	}
	memcpy(query, target, length);
	query[length] = '\0';
	return parse_query(query, out, why);
}

bool request__wants_open_metrics(const char *accept)
{
	return accept && strcasestr(accept, "application/openmetrics-text");
}

bool request__is_authorized(const char *authorization, const char *token)
{
	static const char scheme[] = "Bearer ";
	size_t given, wanted = strlen(token);
	unsigned char differs = 0;

	if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) || !wanted)
		return false;
	authorization += sizeof(scheme) - 1;
	given = strlen(authorization);
	/* Every byte of the given one is compared, with some byte of ours. */
	for (size_t i = 0; i < given; i++)
		differs |= authorization[i] ^ token[i % wanted];
	return given == wanted && !differs;
}
