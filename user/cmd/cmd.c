#include "cmd/cmd.h"

#include <stddef.h>
#include <string.h>

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

int cmd__run(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return cmd_trace(argc, argv);
}
