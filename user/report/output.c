#include "report/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_stdout(const char *path)
{
	return !path || !strcmp(path, "-");
}

/* Something that cannot be replaced by a rename: a device, a pipe, /dev/stdout. */
static bool is_special_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISREG(st.st_mode);
}

static int fail(struct error *err, const char *path)
{
	return error__set(err, -errno, "cannot write %s: %s", path, strerror(errno));
}

/* mkstemp makes files that only the owner may read; a report is an ordinary file. */
static void set_ordinary_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(fd, 0666 & ~mask))
		return; /* a file system without modes: nothing to set */
}

/* Follows a link, so that the file it names is replaced and not the link. */
static char *final_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

static int open_temporary(struct output *output, const char *path, struct error *err)
{
	int fd;

	output->path = final_path(path);
	if (!output->path || asprintf(&output->temporary, "%s.XXXXXX", output->path) < 0) {
		output->temporary = NULL;
		errno = ENOMEM;
		return fail(err, path);
	}
	fd = mkstemp(output->temporary);
	if (fd < 0) {
		free(output->temporary);
		output->temporary = NULL;
		return fail(err, path);
	}
	set_ordinary_mode(fd);
	output->file = fdopen(fd, "w");
	if (output->file)
		return 0;
	close(fd);
	return fail(err, path);
}

int output__open(struct output *output, const char *path, struct error *err)
{
	int code;

	*output = (struct output){0};
	if (is_stdout(path)) {
		output->file = stdout;
		return 0;
	}
	if (is_special_file(path)) {
		output->path = strdup(path);
		output->file = output->path ? fopen(path, "w") : NULL;
		code = output->file ? 0 : fail(err, path);
	} else {
		code = open_temporary(output, path, err);
	}
	if (code)
		output__abort(output);
	return code;
}

int output__check(const char *path, struct error *err)
{
	struct output output;
	int code;

	if (is_stdout(path))
		return 0;
	if (is_special_file(path))
		return access(path, W_OK) ? fail(err, path) : 0;
	code = output__open(&output, path, err);
	output__abort(&output);
	return code;
}

static bool close_file(struct output *output)
{
	FILE *file = output->file;
	bool failed;

	output->file = NULL;
	if (!file)
		return true;
	failed = fflush(file) || ferror(file);
	if (file == stdout)
		return !failed;
	return !fclose(file) && !failed;
}

int output__commit(struct output *output, struct error *err)
{
	const char *name = output->path ? output->path : "the standard output";
	int code = 0;

	errno = 0;
	if (!close_file(output)) {
		errno = errno ? errno : EIO;
		code = fail(err, name);
	} else if (output->temporary && rename(output->temporary, output->path)) {
		code = fail(err, name);
	} else {
		free(output->temporary);
		output->temporary = NULL;
	}
	output__abort(output);
	return code;
}

void output__abort(struct output *output)
{
	close_file(output);
	if (output->temporary)
		unlink(output->temporary);
	free(output->temporary);
	free(output->path);
	*output = (struct output){0};
}
