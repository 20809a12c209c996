#include "cmd/live_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/report_events.h"

int live_events__prepare(
	struct live_events *events, struct trace_options *options, struct error *err)
{
	const char *folder = getenv("TMPDIR");
	int fd, code;

	*events->path = '\0';
	if (options->view.format != FORMAT_NDJSON)
		return 0;
	snprintf(events->path, sizeof(events->path), "%s/memtrace.XXXXXX",
		folder && *folder ? folder : "/tmp");
	fd = mkstemp(events->path);
	if (fd < 0) {
		code = error__set(
			err, -errno, "cannot keep the events in %s: %m (set TMPDIR)", events->path);
		*events->path = '\0';
		return code;
	}
	close(fd);
	options->record_path = events->path;
	return 0;
}

int live_events__write(
	const struct live_events *events, const struct trace_options *options, struct error *err)
{
	if (!*events->path)
		return 0;
	return report_events__write(events->path, &options->view, 0, 0, err);
}

void live_events__free(struct live_events *events)
{
	if (*events->path)
		unlink(events->path);
}
