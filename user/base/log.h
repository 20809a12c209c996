/* Messages for the person at the terminal; all go to stderr, each one line with "memtrace: ". */
#ifndef MEMTRACE_BASE_LOG_H
#define MEMTRACE_BASE_LOG_H

#include <stdbool.h>

/* Shows (or hides) log__debug lines; off until called. Set once, from -v. */
void log__set_verbose(bool verbose);
bool log__is_verbose(void);

void log__debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log__warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log__error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
