#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool verbose_lines;

void log__set_verbose(bool verbose)
{
	verbose_lines = verbose;
}

bool log__is_verbose(void)
{
	return verbose_lines;
}

/* One write per line, so that lines of several threads do not mix. */
static void print_line(const char *level, const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	fprintf(stderr, "memtrace: %s%s\n", level, line);
}

void log__debug(const char *format, ...)
{
	va_list args;

	if (!verbose_lines)
		return;
	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log__warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("warning: ", format, args);
	va_end(args);
}

void log__error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}
