/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/vec.h"

/* #! interpreters may themselves be scripts; the kernel follows four (BINPRM_MAX_RECURSION). */
#define MAX_INTERPRETERS 4

/* The kernel reads this much of a #! line (BINPRM_BUF_SIZE). */
#define SCRIPT_LINE_SIZE 256

/* How often and in what steps it is looked whether a command has ended that was asked to. */
#define END_POLLS 100
#define END_POLL_NS 20000000

typedef VEC(char *) path_vec;

static int add_path(path_vec *paths, const char *path)
{
	char *copy;

	vec_for_each (known, paths)
		if (strcmp(*known, path) == 0)
			return 0;
	copy = strdup(path);
	if (!copy || vec_push(paths, copy)) {
		free(copy);
		return -ENOMEM;
	}
	return 0;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The file that exec would take for @name: as it is with a slash, else the first in PATH. */
static char *find_program(const char *name, struct error *error)
{
	const char *directory, *search = getenv("PATH");
	char *path;

	if (strchr(name, '/')) {
		if (is_program(name))
			return strdup(name);
		error__set(error, errno == ENOENT ? -ENOENT : -EACCES, "cannot run %s: %s", name,
			access(name, F_OK) ? "no such file" : "it is not an executable file");
		return NULL;
	}
	directory = search ? search : "/usr/local/bin:/usr/bin:/bin";
	while (directory && *name) {
		const char *end = strchrnul(directory, ':');

		if (asprintf(&path, "%.*s/%s", (int)(end - directory),
			    end == directory ? "." : directory, name) < 0)
			return NULL;
		if (is_program(path))
			return path;
		free(path);
		directory = *end ? end + 1 : NULL;
	}
	error__set(error, -ENOENT,
		*name ? "cannot run %s: no such command in PATH"
		      : "cannot run '%s': it is not a command",
		name);
	return NULL;
}

/* The interpreter named by the #! line of @path, or NULL if it is not a script. Caller frees. */
static char *script_interpreter(const char *path)
{
	char line[SCRIPT_LINE_SIZE + 1] = "", *start, *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return NULL;
	size = read(fd, line, SCRIPT_LINE_SIZE);
	close(fd);
	if (size < 3 || line[0] != '#' || line[1] != '!')
		return NULL;
	line[size] = '\0';
	line[strcspn(line, "\n")] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	end = start + strcspn(start, " \t");
	*end = '\0';
	return *start == '/' ? strdup(start) : NULL;
}

/* The loader that PT_INTERP of @path names, or NULL (static, or not ELF). Caller frees. */
static char *elf_interpreter(const char *path)
{
	char name[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *found = NULL;
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (fd < 0)
		return NULL;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
		memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
		header.e_phentsize != sizeof(segment))
		goto out;
	for (int i = 0; i < header.e_phnum && !found; i++) {
		uint64_t offset = header.e_phoff + (uint64_t)i * sizeof(segment);

		if (pread(fd, &segment, sizeof(segment), offset) != sizeof(segment))
			break;
		if (segment.p_type != PT_INTERP || segment.p_filesz >= sizeof(name))
			continue;
		if (pread(fd, name, segment.p_filesz, segment.p_offset) !=
			(ssize_t)segment.p_filesz)
			break;
		name[segment.p_filesz] = '\0';
		found = strdup(name);
	}
out:
	close(fd);
	return found;
}

/* Takes the path out of a line of `ld.so --list`: "name => /path (0x...)" or "/path (0x...)". */
static char *listed_path(char *line)
{
	char *arrow = strstr(line, " => "), *path, *end;

	path = arrow ? arrow + 4 : line + strspn(line, " \t");
	end = strstr(path, " (0x");
	if (*path != '/' || !end)
		return NULL;
	*end = '\0';
	return path;
}

/* Runs `@loader --list @program` and adds what it names. The loader ends without running it. */
static int list_libraries(const char *loader, const char *program, path_vec *paths)
{
	char *line = NULL, *path;
	size_t capacity = 0;
	FILE *output;
	int pipe_fds[2], err = 0;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDERR_FILENO);
		dup2(pipe_fds[1], STDOUT_FILENO);
		execl(loader, loader, "--list", program, NULL);
		_exit(127);
	}
	close(pipe_fds[1]);
	output = fdopen(pipe_fds[0], "r");
	while (output && !err && getline(&line, &capacity, output) >= 0)
		if ((path = listed_path(line)))
			err = add_path(paths, path);
	free(line);
	if (output)
		fclose(output);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return err;
}

static int find_files(const char *path, path_vec *paths)
{
	char *program = strdup(path), *interpreter, *loader;
	int err = program ? 0 : -ENOMEM;

	for (int i = 0; !err && i < MAX_INTERPRETERS; i++) {
		interpreter = script_interpreter(program);
		if (!interpreter)
			break;
		free(program);
		program = interpreter;
	}
	if (!err)
		err = add_path(paths, program);
	loader = err ? NULL : elf_interpreter(program);
	if (loader) {
		err = add_path(paths, loader);
		if (!err)
			err = list_libraries(loader, program, paths);
	}
	free(loader);
	free(program);
	return err;
}

/* The child: waits for the release, then becomes the command. Allocates nothing. */
static _Noreturn void wait_and_exec(
	const char *path, char *const argv[], int release_fd, int status_fd, const sigset_t *mask)
{
	char byte;
	int err;

	sigprocmask(SIG_SETMASK, mask, NULL);
	while (read(release_fd, &byte, 1) < 0 && errno == EINTR)
		;
	if (byte != 'g')
		_exit(127); /* memtrace gave up or died: the pipe was closed */
	execv(path, argv);
	err = errno;
	while (write(status_fd, &err, sizeof(err)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static int fork_child(struct launch *launch, char *const argv[], struct error *error)
{
	int release[2], status[2];
	sigset_t empty;

	if (pipe2(release, O_CLOEXEC))
		return error__set(error, -errno, "cannot make a pipe: %m");
	if (pipe2(status, O_CLOEXEC)) {
		close(release[0]);
		close(release[1]);
		return error__set(error, -errno, "cannot make a pipe: %m");
	}
	fcntl(status[0], F_SETFL, O_NONBLOCK);
	sigemptyset(&empty);
	launch->pid = fork();
	if (launch->pid == 0) {
		close(release[1]);
		close(status[0]);
		wait_and_exec(launch->path, argv, release[0], status[1], &empty);
	}
	close(release[0]);
	close(status[1]);
	launch->release_fd = release[1];
	launch->status_fd = status[0];
	return launch->pid > 0 ? 0 : error__set(error, -errno, "cannot fork: %m");
}

int launch__prepare(char *const argv[], struct launch *out, struct error *error)
{
	path_vec paths = {0};
	int err;

	*out = (struct launch){.release_fd = -1, .status_fd = -1};
	out->path = find_program(argv[0], error);
	if (!out->path)
		return error && error->code ? error->code : -ENOENT;
	err = find_files(out->path, &paths);
	out->files = paths.data;
	out->file_count = paths.size;
	if (err)
		error__set(error, err, "cannot find the libraries of %s", out->path);
	else
		err = fork_child(out, argv, error);
	if (err)
		launch__close(out);
	return err;
}

int launch__release(struct launch *launch, struct error *error)
{
	if (write(launch->release_fd, "g", 1) != 1)
		return error__set(error, -EPIPE, "the child of %s has exited", launch->path);
	return 0;
}

int launch__check(struct launch *launch, struct error *error)
{
	int err = 0;

	/* Nothing, or 0 bytes once exec has closed the pipe. */
	if (read(launch->status_fd, &err, sizeof(err)) != sizeof(err))
		return 0;
	return error__set(error, -err, "cannot run %s: %s", launch->path, strerror(err));
}

void launch__end(struct launch *launch)
{
	const struct timespec pause = {.tv_nsec = END_POLL_NS};

	kill(launch->pid, SIGTERM);
	for (int i = 0; i < END_POLLS; i++) {
		if (waitpid(launch->pid, NULL, WNOHANG))
			return;
		nanosleep(&pause, NULL);
	}
	kill(launch->pid, SIGKILL);
	waitpid(launch->pid, NULL, 0);
}

void launch__close(struct launch *launch)
{
	if (launch->release_fd >= 0)
		close(launch->release_fd);
	if (launch->status_fd >= 0)
		close(launch->status_fd);
	for (size_t i = 0; i < launch->file_count; i++)
		free(launch->files[i]);
	free(launch->files);
	free(launch->path);
	*launch = (struct launch){.release_fd = -1, .status_fd = -1};
}
