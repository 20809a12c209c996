#include "attach/capabilities.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct capability list[] = {
	{CAP_BPF, "CAP_BPF", "load BPF programs", true},
	{CAP_PERFMON, "CAP_PERFMON", "attach them to probes and tracepoints", true},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "read other users' processes", true},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "mount tracefs, open /proc/PID/map_files", false},
	{CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", "lock memory before Linux 5.11", false},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read files of other users", false},
	{0, NULL, NULL, false},
};

const struct capability *capabilities__list(void)
{
	return list;
}

static unsigned long long read_effective(void)
{
	unsigned long long set = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "CapEff:", 7))
			set = strtoull(line + 7, NULL, 16);
	fclose(file);
	return set;
}

bool capabilities__has(const struct capability *capability)
{
	unsigned long long set = read_effective();

	if (set >> capability->number & 1)
		return true;
	/* capabilities(7): CAP_SYS_ADMIN includes what was split off from it in Linux 5.8. */
	return (capability->number == CAP_BPF || capability->number == CAP_PERFMON) &&
	       set >> CAP_SYS_ADMIN & 1;
}

void capabilities__read_lockdown(char *out, size_t size)
{
	char line[128] = "", *begin, *end;
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	snprintf(out, size, "unknown");
	if (!file)
		return;
	/* "none [integrity] confidentiality": the one in brackets holds. */
	begin = fgets(line, sizeof(line), file) ? strchr(line, '[') : NULL;
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		snprintf(out, size, "%.*s", (int)(end - begin - 1), begin + 1);
	fclose(file);
}
