/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace help: what the tables of commands and formats say. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/formats.h"

int cmd__take_topic(int key, char *arg, struct argp_state *state)
{
	const char **topic = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (*topic)
		argp_error(state, "one at a time: unexpected argument '%s'", arg);
	*topic = arg;
	return 0;
}

static const struct argp help = {
	.parser = cmd__take_topic,
	.args_doc = "[COMMAND|formats]",
	.doc = "Lists the commands, explains one of them, or lists the formats of -F.",
};

const struct argp *help_argp(void)
{
	return &help;
}

static void list_commands(void)
{
	printf("Usage: memtrace [OPTION]... -p PID\n"
	       "       memtrace [OPTION]... -- COMMAND [ARG]...\n"
	       "       memtrace COMMAND [OPTION]...\n\n"
	       "Watches the heap and the locks of running processes from outside.\n\n");
	for (const struct command *command = cmd__list(); command->title; command++)
		printf("  %-12s%s\n", cmd__name(command), command->help);
	printf("\n`memtrace help COMMAND` explains a command and its options, "
	       "`memtrace help\nformats` the formats of -F; memtrace(8) has the details.\n");
}

static void list_formats(void)
{
	for (int i = 1; i < FORMAT_COUNT; i++)
		printf("  %-12s%s\n", formats__get(i)->name, formats__get(i)->help);
}

int cmd_help(int argc, char **argv)
{
	const struct command *command;
	const char *topic = NULL;

	if (argp_parse(&help, argc, argv, 0, NULL, &topic))
		return EXIT_USAGE;
	if (!topic) {
		list_commands();
		return EXIT_DONE;
	}
	if (strcmp(topic, "formats") == 0) {
		list_formats();
		return EXIT_DONE;
	}
	command = cmd__find(topic);
	if (!command) {
		fprintf(stderr, "memtrace help: unknown command '%s'; `memtrace help` lists them\n",
			topic);
		return EXIT_USAGE;
	}
	argp_help(command->argp(), stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK,
		(char *)command->title);
	return EXIT_DONE;
}
