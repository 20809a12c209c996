/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * moves PAUSE_US FILE_A FILE_B [again]: maps the code of two files (movable.c) itself, at one
 * address in turn: read first and made executable by mprotect, moved by mremap, replaced by the
 * other, and by the first again. With `again` it then executes itself with the files exchanged.
 * FILE_A gets 300 blocks of its size, FILE_B 100; `again` gives each 400.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "truth.h"

#define ROOM 65536

typedef void *allocate_through(void *(*allocate)(size_t));

static void *volatile kept;
static unsigned int pause_us;

/* Where in the file the function is; both files have one layout. */
static size_t find_function(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL), *function;
	size_t offset;
	Dl_info info;

	function = library ? dlsym(library, "through_a") : NULL;
	if (library && !function)
		function = dlsym(library, "through_b");
	if (!function || !dladdr(function, &info))
		_exit(4);
	offset = (char *)function - (char *)info.dli_fbase;
	dlclose(library);
	return offset;
}

static void map_at(char *room, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (mmap(room, ROOM, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != room ||
		mprotect(room, ROOM, PROT_READ | PROT_EXEC))
		_exit(5);
	close(fd);
}

static void work(char *code, size_t offset)
{
	allocate_through *through;

	*(void **)&through = code + offset;
	for (int i = 0; i < 100; i++)
		kept = through(malloc);
	usleep(pause_us);
}

int main(int argc, char **argv)
{
	char *room, *elsewhere;
	size_t offset;

	if (argc < 4)
		return 2;
	pause_us = atoi(argv[1]);
	offset = find_function(argv[2]);
	room = mmap(NULL, ROOM * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	elsewhere = room + ROOM;
	map_at(room, argv[2]);
	work(room, offset);
	if (mremap(room, ROOM, ROOM, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) != elsewhere)
		return 6;
	work(elsewhere, offset);
	map_at(room, argv[3]);
	work(room, offset);
	map_at(room, argv[2]);
	work(room, offset);
	if (argc > 4)
		execl("/proc/self/exe", argv[0], argv[1], argv[3], argv[2], (char *)NULL);
	_exit(0);
}
