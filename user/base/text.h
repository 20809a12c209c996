/* Text from outside (a target's names, paths, arguments) made fit for a terminal. */
#ifndef MEMTRACE_BASE_TEXT_H
#define MEMTRACE_BASE_TEXT_H

/* Replaces control characters and bytes that are not valid UTF-8 by '?', in place. */
void text__make_printable(char *text);

#endif
