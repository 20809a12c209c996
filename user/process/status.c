/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const char *status__find(const char *status, const char *field)
{
	size_t length = strlen(field);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

long long status__number(const char *status, const char *field, long long fallback)
{
	const char *value = status__find(status, field);

	return value ? strtoll(value, NULL, 10) : fallback;
}

void status__comm(const char *status, char comm[PROCESS_COMM_SIZE])
{
	const char *value = status__find(status, "Name");
	size_t length = value ? strcspn(value, "\n") : 0;

	if (length >= PROCESS_COMM_SIZE)
		length = PROCESS_COMM_SIZE - 1;
	memcpy(comm, value ? value : "", length);
	comm[length] = '\0';
	text__make_printable(comm);
}

size_t status__namespace_pids(const char *status, pid_t pids[PROCESS_MAX_PID_NAMESPACES])
{
	const char *value = status__find(status, "NSpid");
	size_t count = 0;

	while (value && count < PROCESS_MAX_PID_NAMESPACES) {
		char *end;
		long pid = strtol(value, &end, 10);

		if (end == value)
			break;
		pids[count++] = pid;
		value = end + strspn(end, " \t");
		if (*value == '\n')
			break;
	}
	return count;
}
