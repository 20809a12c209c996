/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/split_unit.h"

#include <dwarf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/memory.h"

/* False for a file that somebody else could change under a reader, or that is none. */
static bool is_trusted(const char *path)
{
	struct stat status;
	int fd = open(path, O_PATH | O_CLOEXEC);
	bool bad;

	if (fd < 0)
		return true; /* not there: libdw will not find it either */
	bad = fstat(fd, &status) || !S_ISREG(status.st_mode) ||
	      (status.st_uid != 0 && status.st_uid != geteuid()) ||
	      status.st_mode & (S_IWGRP | S_IWOTH);
	close(fd);
	return !bad;
}

static const char *read_string(
	Dwarf_Die *die, const struct dwarf_sections *sections, unsigned int attribute)
{
	Dwarf_Attribute value;

	return dwarf_attr(die, attribute, &value)
		       ? dwarf_sections__attribute_string(sections, &value)
		       : NULL;
}

/* libdw looks beside the file and in the directory of the compilation. */
static bool may_be_opened(Dwarf_Die *skeleton, const struct dwarf_sections *sections, int fd)
{
	const char *directory = read_string(skeleton, sections, DW_AT_comp_dir);
	const char *name = read_string(skeleton, sections, DW_AT_dwo_name);
	char path[2 * PATH_MAX], link[64], own[PATH_MAX], *slash;
	ssize_t length;

	name = name ? name : read_string(skeleton, sections, DW_AT_GNU_dwo_name);
	if (!name || strlen(name) >= PATH_MAX || (directory && strlen(directory) >= PATH_MAX))
		return false;
	if (name[0] == '/')
		return is_trusted(name);
	snprintf(path, sizeof(path), "%s/%s", directory ? directory : ".", name);
	if (!is_trusted(path))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, own, sizeof(own) - 1);
	own[length > 0 ? length : 0] = '\0';
	slash = strrchr(own, '/');
	if (!slash)
		return true;
	snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - own), own, name);
	return is_trusted(path);
}

/*
 * libdw maps the file, and cannot be kept from it. Whoever builds the program anew cuts it
 * short meanwhile: so a copy takes the mapping's place before anything else is read, and libelf,
 * when it unmaps, unmaps that. The mapping is read as another process's memory would be: a page
 * that is gone is an error then, and not a SIGBUS.
 */
static bool replace_mapping(Dwarf *dwarf)
{
	size_t size, page = sysconf(_SC_PAGESIZE);
	char *image = elf_rawfile(dwarf_getelf(dwarf), &size), *copy;
	bool replaced = false;

	if (!image || (uintptr_t)image % page)
		return image; /* libelf could not map it: it is a copy already */
	copy = malloc(size);
	if (copy && !memory__read_all(getpid(), (uintptr_t)image, copy, size) &&
		mmap(image, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1, 0) == image) {
		memcpy(image, copy, size);
		replaced = true;
	}
	free(copy);
	return replaced;
}

struct split_unit *split_unit__open(
	Dwarf_Die *skeleton, const struct dwarf_sections *sections, int fd)
{
	struct split_unit *unit;
	Dwarf_Die die;

	if (!may_be_opened(skeleton, sections, fd) ||
		dwarf_cu_info(skeleton->cu, NULL, NULL, NULL, &die, NULL, NULL, NULL) || !die.cu ||
		!replace_mapping(dwarf_cu_getdwarf(die.cu)))
		return NULL;
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return NULL;
	unit->die = die;
	dwarf_sections__find_split(dwarf_cu_getdwarf(die.cu), &unit->sections);
	dwarf_lines__read(&unit->sections, &unit->die, &unit->lines);
	if (!unit->lines.compilation_directory)
		unit->lines.compilation_directory = read_string(skeleton, sections, DW_AT_comp_dir);
	return unit;
}

void split_unit__close(struct split_unit *unit)
{
	if (!unit)
		return;
	dwarf_lines__free(&unit->lines);
	free(unit);
}
