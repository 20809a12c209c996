/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/translated.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#ifdef __aarch64__
#define OWN_EMULATOR "qemu-aarch64"
#else
#define OWN_EMULATOR "qemu-x86_64"
#endif

/* An environment is a quarter of the stack at the most, 2 MiB. */
#define ENVIRONMENT_LIMIT (4 << 20)
/* 65,530 mappings of 200 characters each are 13 MB; a translator's library is among the first. */
#define MAPS_LIMIT (16 << 20)

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

static bool has_variable(pid_t pid, const char *name)
{
	size_t size, length = strlen(name);
	char path[64], *text;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (file__read(path, ENVIRONMENT_LIMIT, &text, &size))
		return false;
	for (size_t at = 0; at < size && !found; at += strlen(text + at) + 1)
		found = !strncmp(text + at, name, length) && text[at + length] == '=';
	free(text);
	return found;
}

/* Whether a mapping's file has that name; it follows the last '/' of a line. */
static bool maps_file(pid_t pid, const char *name)
{
	char path[64], *text, *at;
	bool found = false;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (file__read(path, MAPS_LIMIT, &text, &size))
		return false;
	for (at = text; !found && (at = strstr(at, name)); at += strlen(name))
		found = at > text && at[-1] == '/' && (at[strlen(name)] == '\n');
	free(text);
	return found;
}

static const char *by_program(pid_t pid, const char *exe)
{
	const char *name = text__base_name(exe);

	if (ends_with(name, "-linux") && has_variable(pid, "VALGRIND_LAUNCHER"))
		return "valgrind";
	if (!strcmp(name, "pinbin"))
		return "Pin";
	if (!strcmp(name, OWN_EMULATOR) || !strcmp(name, OWN_EMULATOR "-static"))
		return "qemu";
	return NULL;
}

const char *translated__by(pid_t pid)
{
	char path[64], exe[PATH_MAX];
	const char *translator;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = readlink(path, exe, sizeof(exe) - 1);
	if (length < 0)
		return NULL;
	exe[length] = '\0';
	translator = by_program(pid, exe);
	if (!translator && maps_file(pid, "libdynamorio.so"))
		translator = "DynamoRIO";
	return translator;
}
