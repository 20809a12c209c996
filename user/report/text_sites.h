/* Call sites in the text report, and the page they share with the rest of it. */
#ifndef MEMTRACE_REPORT_TEXT_SITES_H
#define MEMTRACE_REPORT_TEXT_SITES_H

#include "report/model.h"

#include <stdio.h>

/* Below this nothing sensible fits. */
#define TEXT_MIN_WIDTH 60

struct text_page {
	FILE *file;
	unsigned int width;
	unsigned int rows;
	unsigned int rows_used;
	size_t top;
	bool full_stacks;
};

void text__print_line(struct text_page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The frames of a site, folded unless the page wants full stacks. */
void text__print_stack(struct text_page *page, const struct report_site *site);

/* A heading and the sites that fit, or as many as were asked for. */
void text__print_sites(struct text_page *page, const struct report *report);

#endif
