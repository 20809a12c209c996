#include "cmd/cmd.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"

/* By their whole names, as which their messages speak of themselves. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"memtrace trace", cmd_trace},
	{"memtrace record", cmd_trace},
	{"memtrace top", cmd_trace},
	{"memtrace report", cmd_report},
	{"memtrace diff", cmd_diff},
	{"memtrace doctor", cmd_doctor},
	{"memtrace locks", cmd_locks},
	{"memtrace watch", cmd_watch},
};

/* libbpf explains a refused program at length: with -v only. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!log__is_verbose() || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

/*
 * Where memtrace was started without standard input, output or error, the next file that it opens
 * would get the number, and reports or messages be written into it. What cannot be written to
 * takes the place: a report then fails with EBADF. A launched command finds it closed, as it was.
 */
static void occupy_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

bool cmd__failed(const struct error *err, int code)
{
	if (!code || code == -EPIPE)
		return false;
	log__error(
		"%s%s", *err->message ? err->message : strerror(abs(code)), file__limit_hint(code));
	return true;
}

int cmd__run(int argc, char **argv)
{
	struct error err;

	occupy_standard_streams();
	if (interrupt__start(&err))
		log__warn("%s", err.message);
	libbpf_set_print(print_libbpf);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], strchr(commands[i].name, ' ') + 1) != 0)
			continue;
		argv[1] = (char *)commands[i].name;
		return commands[i].run(argc - 1, argv + 1);
	}
	return cmd_trace(argc, argv);
}
