#include "cmd/cmd.h"

#include <bpf/libbpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"trace", cmd_trace},
	{"record", cmd_trace},
	{"top", cmd_trace},
	{"report", cmd_report},
	{"diff", cmd_diff},
	{"doctor", cmd_doctor},
	{"locks", cmd_locks},
	{"watch", cmd_watch},
};

/* libbpf explains a refused program at length: with -v only. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!log__is_verbose() || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

int cmd__run(int argc, char **argv)
{
	libbpf_set_print(print_libbpf);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return cmd_trace(argc, argv);
}
