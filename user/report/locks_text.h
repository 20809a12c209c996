/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Who waits for whom, for a person at a terminal of 80 columns: the cycles first. */
#ifndef MEMTRACE_REPORT_LOCKS_TEXT_H
#define MEMTRACE_REPORT_LOCKS_TEXT_H

#include <stdio.h>

#include "locks/finding.h"

struct locks_text_options {
	bool builds;	  /* with each finding: the build IDs of the files in its stacks */
	bool full_stacks; /* every frame, with modules and source lines */
	bool advises;	  /* names the options that show more: the command has them */
};

/* All of it: cycles, then warnings, convoys, and the other waits. */
void locks_text__write(
	FILE *file, const struct lock_findings *findings, const struct locks_text_options *options);

/* One cycle with its stacks and victims. */
void locks_text__write_cycle(FILE *file, const struct lock_findings *findings, size_t cycle,
	const struct locks_text_options *options);

/* One finding: a cycle as above, or the verdict with the waits that belong to it. */
void locks_text__write_finding(FILE *file, const struct lock_findings *findings,
	const struct finding *finding, const struct locks_text_options *options);

#endif
