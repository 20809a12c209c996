/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * shrinking FILE: maps the code of a library of its own, and makes that file shorter and whole
 * again all the time, as whoever copies a new version over an old one does. Until it is ended.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char *content;
static size_t size;

/* Maps the first executable segment. */
static int map_code(int fd)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)content;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(content + header->e_phoff);

	while (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
		segment++;
	return mmap(NULL, segment->p_filesz, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
		       segment->p_offset & ~4095ul) == MAP_FAILED;
}

int main(int argc, char **argv)
{
	int fd = open(argc > 1 ? argv[1] : "", O_RDWR);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return 1;
	size = status.st_size;
	content = malloc(size);
	if (pread(fd, content, size, 0) != (ssize_t)size || map_code(fd))
		return 1;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		free(malloc(100));
		if (ftruncate(fd, 8192))
			return 1;
		usleep(300);
		if (pwrite(fd, content, size, 0) != (ssize_t)size)
			return 1;
		usleep(300);
	}
}
