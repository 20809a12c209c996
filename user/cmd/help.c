/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace help and memtrace completion: what the tables of commands, options and formats say. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/report_output.h"

/* The one argument of both commands. */
static error_t take_topic(int key, char *arg, struct argp_state *state)
{
	const char **topic = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (*topic)
		argp_error(state, "one at a time: '%s' is one too many", arg);
	*topic = arg;
	return 0;
}

/* --- help */

static const struct argp help = {
	.parser = take_topic,
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
		printf("  %-12s%s\n", report_output__format(i)->name,
			report_output__format(i)->help);
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

/* --- completion */

static const struct argp completion = {
	.parser = take_topic,
	.args_doc = "bash",
	.doc = "Writes a script for a shell: source it, or install it where the shell looks "
	       "(for bash /usr/share/bash-completion/completions/memtrace).",
};

const struct argp *completion_argp(void)
{
	return &completion;
}

static void list_options(const struct argp *argp)
{
	for (const struct argp_option *option = argp->options;
		option && (option->name || option->key || option->doc); option++)
		if (option->name && !(option->flags & OPTION_HIDDEN))
			printf(" --%s%s", option->name,
				option->arg && !(option->flags & OPTION_ARG_OPTIONAL) ? "=" : "");
	for (const struct argp_child *child = argp->children; child && child->argp; child++)
		list_options(child->argp);
}

static void write_bash(void)
{
	char formats[FORMAT_NAMES_SIZE];

	report_output__list_formats(" ", " ", formats);
	printf("# bash completion of memtrace, by `memtrace completion bash`\n"
	       "_memtrace()\n"
	       "{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal commands='");
	for (const struct command *command = cmd__list(); command->title; command++)
		printf("%s%s", command == cmd__list() ? "" : " ", cmd__name(command));
	printf("' options words=\n"
	       "\tcase ${COMP_WORDS[1]} in\n");
	for (const struct command *command = cmd__list() + 1; command->title; command++) {
		printf("\t%s) options='--help", cmd__name(command));
		list_options(command->argp());
		printf("' ;;\n");
	}
	printf("\t*) options='--help --version");
	list_options(cmd__list()->argp());
	printf("' ;;\n"
	       "\tesac\n"
	       "\tcase $prev in\n"
	       "\t--) COMPREPLY=($(compgen -c -- \"$cur\")); return ;;\n"
	       "\t-F|--format) words='%s' ;;\n"
	       "\t-p|--pid) words=$(cd /proc && echo [0-9]*) ;;\n"
	       "\thelp) words=\"$commands formats\" ;;\n"
	       "\tcompletion) words=bash ;;\n"
	       "\t*)\n"
	       "\t\tif [[ $cur == -* ]]; then\n"
	       "\t\t\twords=$options\n"
	       "\t\telif [ \"$COMP_CWORD\" = 1 ]; then\n"
	       "\t\t\twords=$commands\n"
	       "\t\tfi ;;\n"
	       "\tesac\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\t[[ ${#COMPREPLY[@]} = 1 && $COMPREPLY == *= ]] && compopt -o nospace\n"
	       "}\n"
	       "complete -o default -F _memtrace memtrace\n",
		formats);
}

int cmd_completion(int argc, char **argv)
{
	const char *shell = NULL;

	if (argp_parse(&completion, argc, argv, 0, NULL, &shell))
		return EXIT_USAGE;
	if (!shell || strcmp(shell, "bash") != 0) {
		fprintf(stderr,
			"memtrace completion: for which shell? `memtrace completion bash`\n");
		return EXIT_USAGE;
	}
	write_bash();
	return EXIT_DONE;
}
