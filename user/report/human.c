/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/human.h"

#include <stdio.h>
#include <string.h>

/* @value with three significant digits, or all of those before the point. */
static void format_scaled(struct human *out, double value, const char *unit)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(out->text, sizeof(out->text), "%.*f %s", decimals, value, unit);
}

struct human human__bytes(uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct human out;
	double value = bytes / 1024.0;
	unsigned int i = 0;

	if (bytes < 1024) {
		snprintf(out.text, sizeof(out.text), "%u B", (unsigned int)bytes);
		return out;
	}
	for (; value >= 1023.5 && i < sizeof(units) / sizeof(*units) - 1; i++)
		value /= 1024;
	format_scaled(&out, value, units[i]);
	return out;
}

struct human human__exact(uint64_t count)
{
	struct human out;
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *to = out.text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
	return out;
}

struct human human__count(uint64_t count)
{
	static const char *const units[] = {"M", "G", "T", "P", "E"};
	struct human out;
	double value = count / 1e6;
	unsigned int i = 0;

	if (count < 10000000)
		return human__exact(count);
	for (; value >= 999.5 && i < sizeof(units) / sizeof(*units) - 1; i++)
		value /= 1000;
	format_scaled(&out, value, units[i]);
	return out;
}

static struct human format_two(uint64_t large, const char *unit, uint64_t small, const char *rest)
{
	struct human out;

	snprintf(out.text, sizeof(out.text), "%llu %s %02u %s", (unsigned long long)large, unit,
		(unsigned int)small, rest);
	return out;
}

struct human human__duration(uint64_t ns)
{
	uint64_t seconds = ns / 1000000000;
	struct human out;

	if (seconds >= 86400)
		return format_two(seconds / 86400, "d", seconds % 86400 / 3600, "h");
	if (seconds >= 3600)
		return format_two(seconds / 3600, "h", seconds % 3600 / 60, "min");
	if (seconds >= 60)
		return format_two(seconds / 60, "min", seconds % 60, "s");
	if (ns >= 999500000)
		format_scaled(&out, ns / 1e9, "s");
	else if (ns >= 999500)
		format_scaled(&out, ns / 1e6, "ms");
	else if (ns >= 1000)
		format_scaled(&out, ns / 1e3, "us");
	else
		snprintf(out.text, sizeof(out.text), "%u ns", (unsigned int)ns);
	return out;
}

struct human human__percent(uint64_t part, uint64_t whole)
{
	double percent = whole ? 100.0 * part / whole : 0;
	struct human out;

	if (!part || !whole)
		strcpy(out.text, "0 %");
	else if (percent < 0.1)
		strcpy(out.text, "<0.1 %");
	else
		snprintf(out.text, sizeof(out.text), "%.1f %%", percent);
	return out;
}
