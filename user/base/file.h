/* Whole small files: those of /proc above all, whose size is known only once they are read. */
#ifndef MEMTRACE_BASE_FILE_H
#define MEMTRACE_BASE_FILE_H

#include <stddef.h>

/*
 * Reads all of the open file @fd, at most @limit bytes, into a new buffer that the caller frees;
 * a 0 byte follows the data. Returns 0 or a negative errno: -EFBIG where there is more.
 */
int file__read_fd(int fd, size_t limit, char **data, size_t *size);

/* The same for the file at @path. Neither follows a FIFO into blocking nor gets a terminal. */
int file__read(const char *path, size_t limit, char **data, size_t *size);

#endif
