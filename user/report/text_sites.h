/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Call sites in the text report, and the page they share with the rest of it. */
#ifndef MEMTRACE_REPORT_TEXT_SITES_H
#define MEMTRACE_REPORT_TEXT_SITES_H

#include <stdio.h>

#include "report/model.h"
#include "report/words.h"

/* Below this nothing sensible fits. */
#define TEXT_MIN_WIDTH 60

enum text_style { TEXT_PLAIN, TEXT_HEAD, TEXT_BAD };

struct text_page {
	FILE *file;
	unsigned int width; /* by which columns are laid out and sentences broken */
	bool is_cut;	    /* longer lines are cut to it, as on a terminal */
	bool color;
	uint64_t live_bytes; /* of which sites have their shares */
	unsigned int rows;
	unsigned int rows_used;
	size_t top;
	bool full_stacks;
	const struct report_words *words;
};

/* A page on a terminal of so many columns; 0: in a file or pipe, whose lines are whole. */
struct text_page text__page(FILE *file, unsigned int columns);

void text__print_line(struct text_page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* On a terminal with colours it stands out. */
void text__print_styled(struct text_page *page, enum text_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints @text as lines broken at spaces; those after the first are indented by @indent. */
void text__print_wrapped(struct text_page *page, unsigned int indent, const char *text);

/* The line that says who was traced. */
void text__print_targets(struct text_page *page, const struct report_run *run);

/* Most lines of a folded stack. */
#define TEXT_FOLDED_FRAMES 5

/* Which frames of a site are printed. */
struct text_frames {
	size_t first;			  /* what is further in is not */
	size_t end;			  /* nor what is from here on further out */
	size_t count;			  /* so many of those between, */
	size_t shown[TEXT_FOLDED_FRAMES]; /* these, unless all are */
	size_t folded;			  /* more of their kind follow */
	bool are_all;
	bool is_python; /* they are Python's, and what is native is one line */
};

static inline const struct report_frame *text__shown_frame(
	const struct report_site *site, const struct text_frames *frames, size_t i)
{
	return &site->frames[frames->are_all ? i : frames->shown[i]];
}
struct text_frames text__frames(const struct text_page *page, const struct report_site *site);

/* The frames of a site, folded unless the page wants full stacks. */
void text__print_stack(struct text_page *page, const struct report_site *site);

/* A heading and the sites that fit, or as many as were asked for. */
void text__print_sites(struct text_page *page, const struct report *report);

/* Where sites that map memory stand: before those of the heap when they outweigh it. */
enum text_mapped { TEXT_MAPPED_NOWHERE, TEXT_MAPPED_FIRST, TEXT_MAPPED_LAST };
enum text_mapped text__place_mapped_sites(const struct report *report);

/* A heading and the sites from which the program mapped memory by calls of its own. */
void text__print_mapped_sites(struct text_page *page, const struct report *report);

#endif
