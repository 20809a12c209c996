/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * children N FILE [STATUS]: starts N children, one after the other, that end at once and allocate
 * nothing, creates FILE, and exits with STATUS.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start_child(void)
{
	pid_t child = vfork();

	if (!child)
		_exit(0);
	return child;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;

	for (int i = 0; i < count; i++)
		if (waitpid(start_child(), NULL, 0) < 0)
			return 1;
	if (argc < 3 || open(argv[2], O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0)
		return 1;
	return argc > 3 ? atoi(argv[3]) : 0;
}
