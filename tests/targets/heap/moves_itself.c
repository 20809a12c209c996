/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A static program that copies its own code into anonymous memory and runs on there, as servers do
 * to have their code on huge pages; then it allocates. Prints "moved".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The mapping that has main. */
static int find_code(char **begin, size_t *size)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to, here = (unsigned long)find_code;
	char line[512];
	int found = 0;

	while (maps && !found && fgets(line, sizeof(line), maps))
		found = sscanf(line, "%lx-%lx", &from, &to) == 2 && from <= here && here < to;
	if (maps)
		fclose(maps);
	*begin = (char *)from;
	*size = to - from;
	return found;
}

int main(void)
{
	char *code, *copy;
	size_t size;

	if (!find_code(&code, &size))
		return 2;
	copy = mmap(
		NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return 3;
	memcpy(copy, code, size);
	if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, code) != code)
		return 4;
	free(malloc(100));
	puts("moved");
	return 0;
}
