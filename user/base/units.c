/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
	const char *name;
	double factor;
};

static int parse_with_units(const char *text, const struct unit *units, size_t count, uint64_t *out)
{
	double value;
	char *end;

	/* strtod would also take signs, "inf", "nan" and hexadecimal. */
	if (!isdigit((unsigned char)*text) || (text[0] == '0' && (text[1] | 32) == 'x'))
		return -EINVAL;
	value = strtod(text, &end);
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(end, units[i].name))
			continue;
		value *= units[i].factor;
		if (!isfinite(value) || value >= 9e18)
			return -EINVAL;
		*out = (uint64_t)(value + 0.5);
		return 0;
	}
	return -EINVAL;
}

int units__parse_bytes(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{"", 1},
		{"B", 1},
		{"K", 1024.0},
		{"KB", 1024.0},
		{"KiB", 1024.0},
		{"M", 1048576.0},
		{"MB", 1048576.0},
		{"MiB", 1048576.0},
		{"G", 1073741824.0},
		{"GB", 1073741824.0},
		{"GiB", 1073741824.0},
		{"T", 1099511627776.0},
		{"TB", 1099511627776.0},
		{"TiB", 1099511627776.0},
	};

	return parse_with_units(text, units, sizeof(units) / sizeof(units[0]), bytes);
}

int units__parse_time(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
		{"", 1e9},
		{"s", 1e9},
		{"ms", 1e6},
		{"us", 1e3},
		{"ns", 1},
		{"m", 60e9},
		{"min", 60e9},
		{"h", 3600e9},
	};

	return parse_with_units(text, units, sizeof(units) / sizeof(units[0]), ns);
}

#define MAX_PID (1 << 22)

int units__parse_pid(const char *text, pid_t *pid)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value <= 0 || value > MAX_PID)
		return -EINVAL;
	*pid = value;
	return 0;
}
