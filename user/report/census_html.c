/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/census_html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census_page.h"

#define MARKER "@CENSUS@"

/* A '<' in a name must not end the script element; strings alone have it. */
static void write_escaped(FILE *file, const char *json)
{
	for (; *json; json++)
		if (*json == '<')
			fputs("\\u003c", file);
		else
			fputc(*json, file);
}

int census_html__write(FILE *file, const struct census *census, const struct census_head *head)
{
	const unsigned char *end = census_page + sizeof(census_page);
	const unsigned char *marker =
		memmem(census_page, sizeof(census_page), MARKER, strlen(MARKER));
	char *json = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&json, &size);

	if (!memory)
		return -ENOMEM;
	census_json__write(memory, census, head);
	if (fclose(memory)) {
		free(json);
		return -ENOMEM;
	}
	fwrite(census_page, 1, marker - census_page, file);
	write_escaped(file, json);
	marker += strlen(MARKER);
	fwrite(marker, 1, end - marker, file);
	free(json);
	return 0;
}
