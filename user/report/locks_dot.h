/* The wait-for graph for Graphviz: threads as boxes, locks as ellipses, cycles in red. */
#ifndef MEMTRACE_REPORT_LOCKS_DOT_H
#define MEMTRACE_REPORT_LOCKS_DOT_H

#include "locks/findings.h"

#include <stdio.h>

void locks_dot__write(FILE *file, const struct lock_findings *findings);

#endif
