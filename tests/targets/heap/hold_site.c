/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * hold_site FILE OFFSET READY: holds a uprobe at an offset of FILE as SDT tracers do, with a
 * reference counter: the kernel lets nobody have one there without. Makes READY when it stands, and
 * ends when it is killed.
 */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the counter would be in the file; bits 32 and up of config (format/ref_ctr_offset). */
#define COUNTER_OFFSET 6ull

int main(int argc, char **argv)
{
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	struct perf_event_attr attr = {.size = sizeof(attr), .config = COUNTER_OFFSET << 32};
	int type;

	if (argc != 4 || !file || fscanf(file, "%d", &type) != 1)
		return 2;
	attr.type = type;
	attr.config1 = (unsigned long)argv[1];
	attr.config2 = strtoull(argv[2], NULL, 0);
	if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) < 0) {
		perror(argv[1]);
		return 1;
	}
	close(open(argv[3], O_CREAT | O_WRONLY, 0600));
	pause();
	return 0;
}
