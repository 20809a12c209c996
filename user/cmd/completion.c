/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace completion: scripts for bash, zsh and fish, made of the tables of commands, options and
 * formats, so that they offer what this very program takes.
 */
#include <argp.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/formats.h"

/* The first command of the list is also what runs where no command is named. */
static const struct command *default_command(void)
{
	return cmd__list();
}

static void list_commands(const char *separator)
{
	for (const struct command *command = cmd__list(); command->title; command++)
		printf("%s%s", command == cmd__list() ? "" : separator, cmd__name(command));
}

/* The formats of a command's -F, between spaces; nothing where it has none. */
static void put_formats(const struct command *command)
{
	char formats[FORMAT_NAMES_SIZE];

	if (!command->formats)
		return;
	command->formats(" ", " ", formats);
	fputs(formats, stdout);
}

typedef void option_writer(const struct command *command, const struct argp_option *option);

static void for_each_option_of(
	const struct command *command, const struct argp *argp, option_writer *write)
{
	for (const struct argp_option *option = argp->options;
		option && (option->name || option->key || option->doc); option++)
		if (option->name && !(option->flags & OPTION_HIDDEN))
			write(command, option);
	for (const struct argp_child *child = argp->children; child && child->argp; child++)
		for_each_option_of(command, child->argp, write);
}

/* --help, which argp adds, is among them. */
static void for_each_option(const struct command *command, option_writer *write)
{
	static const struct argp_option help = {"help", 0, 0, 0, "Explain the options", 0};
	static const struct argp_option version = {"version", 'V', 0, 0, "Name the version", 0};

	write(command, &help);
	if (command == default_command())
		write(command, &version);
	for_each_option_of(command, command->argp(), write);
}

static bool takes_argument(const struct argp_option *option)
{
	return option->arg && !(option->flags & OPTION_ARG_OPTIONAL);
}

static bool is_file(const struct argp_option *option)
{
	return option->arg && strstr(option->arg, "FILE");
}

/* An option's help up to the end of its first sentence, with a \ before what @escaped has. */
static void put_help(const struct argp_option *option, const char *escaped)
{
	const char *help = option->doc ? option->doc : option->name;
	int depth = 0;

	for (const char *c = help; *c; c++) {
		depth += (*c == '(') - (*c == ')');
		if (depth == 0 && (*c == ';' || (*c == '.' && c[1] == ' ' && isupper(c[2]))))
			return;
		if (strchr(escaped, *c))
			putchar('\\');
		if (*c == '\'')
			fputs("'\\''", stdout); /* ends the quoted text and begins it anew */
		else
			putchar(*c);
	}
}

/* --- bash */

static void put_bash_option(const struct command *command, const struct argp_option *option)
{
	printf(" --%s%s", option->name, takes_argument(option) ? "=" : "");
}

static void put_bash_words(const struct command *command)
{
	for_each_option(command, put_bash_option);
	printf("' formats='");
	put_formats(command);
	printf("' ;;\n");
}

static void write_bash(void)
{
	printf("# bash completion of memtrace, by `memtrace completion bash`\n"
	       "_memtrace()\n"
	       "{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal commands='");
	list_commands(" ");
	printf("' options formats words=\n"
	       "\tcase ${COMP_WORDS[1]} in\n");
	for (const struct command *command = cmd__list() + 1; command->title; command++) {
		printf("\t%s) options='", cmd__name(command));
		put_bash_words(command);
	}
	printf("\t*) options='");
	put_bash_words(default_command());
	printf("\tesac\n"
	       "\tcase $prev in\n"
	       "\t--) COMPREPLY=($(compgen -c -- \"$cur\")); return ;;\n"
	       "\t-F|--format) words=$formats ;;\n"
	       "\t-p|--pid) words=$(cd /proc && echo [0-9]*) ;;\n"
	       "\thelp) words=\"$commands formats\" ;;\n"
	       "\tcompletion) words='bash zsh fish' ;;\n"
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
	       "complete -o default -F _memtrace memtrace\n");
}

/* --- zsh */

/* What completes an option's argument, in the words of _arguments. */
static void put_zsh_action(const struct command *command, const struct argp_option *option)
{
	if (!option->arg)
		return;
	fputs(takes_argument(option) ? ":" : "::", stdout);
	for (const char *c = option->arg; *c; c++)
		printf(strchr(":[]", *c) ? "\\%c" : "%c", *c);
	putchar(':');
	if (strcmp(option->name, "format") == 0) {
		putchar('(');
		put_formats(command);
		putchar(')');
	} else if (strcmp(option->name, "pid") == 0) {
		fputs("_pids", stdout);
	} else if (is_file(option)) {
		fputs("_files", stdout);
	}
}

static void put_zsh_spec(
	const struct command *command, const struct argp_option *option, const char *spelling)
{
	printf("\t\t\t'*%s[", spelling);
	put_help(option, "[]:\\");
	putchar(']');
	put_zsh_action(command, option);
	fputs("'\n", stdout);
}

static void put_zsh_option(const struct command *command, const struct argp_option *option)
{
	char spelling[64];

	snprintf(spelling, sizeof(spelling), "--%s%s", option->name,
		takes_argument(option) ? "="
		: option->arg	       ? "=-"
				       : "");
	put_zsh_spec(command, option, spelling);
	if (!isgraph(option->key))
		return;
	snprintf(spelling, sizeof(spelling), "-%c%s", option->key,
		takes_argument(option) ? "+"
		: option->arg	       ? "-"
				       : "");
	put_zsh_spec(command, option, spelling);
}

/* What the rest of the line is: a command to launch, files, or one of few words. */
static const char *zsh_rest(const struct command *command)
{
	static const struct {
		const char *name;
		const char *rest;
	} rests[] = {
		{"trace", "*:: :_normal"},
		{"record", "*:: :_normal"},
		{"report", ":recording:_files"},
		{"diff", "*:recording:_files"},
		{"completion", ":shell:(bash zsh fish)"},
	};

	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++)
		if (strcmp(rests[i].name, cmd__name(command)) == 0)
			return rests[i].rest;
	return NULL;
}

static void write_zsh_case(const struct command *command)
{
	printf("\t\toptions=(\n");
	for_each_option(command, put_zsh_option);
	if (strcmp(cmd__name(command), "help") == 0) {
		printf("\t\t\t':command:(");
		list_commands(" ");
		printf(" formats)'\n");
	} else if (zsh_rest(command)) {
		printf("\t\t\t'%s'\n", zsh_rest(command));
	}
	printf("\t\t) ;;\n");
}

static void write_zsh(void)
{
	printf("#compdef memtrace\n"
	       "# zsh completion of memtrace, by `memtrace completion zsh`\n"
	       "_memtrace()\n"
	       "{\n"
	       "\tlocal -a commands options\n"
	       "\tcommands=(\n");
	for (const struct command *command = cmd__list(); command->title; command++)
		printf("\t\t'%s:%s'\n", cmd__name(command), command->help);
	printf("\t)\n"
	       "\tif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
	       "\t\t_describe command commands\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\tcase $words[2] in\n");
	for (const struct command *command = cmd__list() + 1; command->title; command++) {
		printf("\t%s)\n", cmd__name(command));
		write_zsh_case(command);
	}
	printf("\t*)\n");
	write_zsh_case(default_command());
	printf("\tesac\n"
	       "\tif (( ${commands[(I)$words[2]:*]} )); then\n"
	       "\t\tshift words\n"
	       "\t\t(( CURRENT-- ))\n"
	       "\tfi\n"
	       "\t_arguments -s -S $options\n"
	       "}\n"
	       "_memtrace \"$@\"\n");
}

/* --- fish */

static void put_fish_option(const struct command *command, const struct argp_option *option)
{
	if (command == default_command())
		printf("complete -c memtrace -n 'not __fish_seen_subcommand_from "
		       "$__memtrace_commands'");
	else
		printf("complete -c memtrace -n '__fish_seen_subcommand_from %s'",
			cmd__name(command));
	printf(" -l %s", option->name);
	if (isgraph(option->key))
		printf(" -s %c", option->key);
	if (takes_argument(option))
		printf(is_file(option) ? " -r -F" : " -x");
	if (strcmp(option->name, "format") == 0) {
		printf(" -a '");
		put_formats(command);
		putchar('\'');
	} else if (strcmp(option->name, "pid") == 0) {
		printf(" -a '(__fish_complete_pids)'");
	}
	printf(" -d '");
	put_help(option, "\\");
	printf("'\n");
}

static void write_fish(void)
{
	printf("# fish completion of memtrace, by `memtrace completion fish`\n"
	       "set -g __memtrace_commands ");
	list_commands(" ");
	printf("\n");
	for (const struct command *command = cmd__list(); command->title; command++) {
		printf("complete -c memtrace -f -n __fish_use_subcommand -a %s -d '%s'\n",
			cmd__name(command), command->help);
		for_each_option(command, put_fish_option);
	}
	printf("complete -c memtrace -f -n '__fish_seen_subcommand_from help' -a "
	       "\"$__memtrace_commands formats\"\n"
	       "complete -c memtrace -f -n '__fish_seen_subcommand_from completion' -a "
	       "'bash zsh fish'\n");
}

/* --- the command */

static const struct {
	const char *name;
	void (*write)(void);
} shells[] = {
	{"bash", write_bash},
	{"zsh", write_zsh},
	{"fish", write_fish},
};

static const struct argp completion = {
	.parser = cmd__take_topic,
	.args_doc = "bash|zsh|fish",
	.doc = "Writes a script for a shell: source it, or install it where the shell looks "
	       "(for bash /usr/share/bash-completion/completions/memtrace).",
};

const struct argp *completion_argp(void)
{
	return &completion;
}

int cmd_completion(int argc, char **argv)
{
	const char *shell = NULL;

	if (argp_parse(&completion, argc, argv, 0, NULL, &shell))
		return EXIT_USAGE;
	for (size_t i = 0; shell && i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(shell, shells[i].name) == 0) {
			shells[i].write();
			return EXIT_DONE;
		}
	fprintf(stderr, "memtrace completion: name a shell: bash, zsh or fish\n");
	return EXIT_USAGE;
}
