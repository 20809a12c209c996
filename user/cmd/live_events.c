/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/live_events.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/events.h"

/* Some file systems can make no file without a name: there it loses it at once. */
static int open_nameless(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	char path[PATH_MAX];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	snprintf(path, sizeof(path), "%s/memtrace.XXXXXX", folder);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int live_events__prepare(
	struct live_events *events, struct trace_options *options, struct error *error)
{
	const char *folder = getenv("TMPDIR");

	*events = (struct live_events){.fd = -1};
	if (options->view.format != FORMAT_NDJSON)
		return 0;
	folder = folder && *folder ? folder : "/tmp";
	events->fd = open_nameless(folder);
	if (events->fd < 0)
		return error__set(
			error, -errno, "cannot keep the events in %s: %m (set TMPDIR)", folder);
	snprintf(events->path, sizeof(events->path), "/proc/self/fd/%d", events->fd);
	options->record_path = events->path;
	return 0;
}

int live_events__write(
	const struct live_events *events, const struct trace_options *options, struct error *error)
{
	if (!*events->path)
		return 0;
	return events__write(events->path, options->view.output, 0, 0, error);
}

void live_events__free(struct live_events *events)
{
	if (*events->path)
		close(events->fd);
	*events->path = '\0';
}
