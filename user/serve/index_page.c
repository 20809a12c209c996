/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/index_page.h"

#include <string.h>

/* Large enough to be hit by a thumb; the colors are those that the browser has for light and dark.
 */
static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>"
	":root{color-scheme:light dark}"
	"body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:42rem}"
	"h1{font-size:1.4rem;margin:.2rem 0}p{margin:.2rem 0 "
	"1rem;opacity:.75;overflow-wrap:anywhere}"
	"ul{list-style:none;margin:0;padding:0}"
	"a{display:block;padding:.7rem .2rem;border-top:1px solid #8884;color:inherit;"
	"text-decoration:none}"
	"a:hover,a:focus{background:#8882}"
	"code{font:600 1rem ui-monospace,monospace;overflow-wrap:anywhere}"
	"span{display:block;font-size:.92rem;opacity:.75}"
	"</style>\n";

static void write_escaped(const char *text, FILE *file)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", file);
			break;
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		case '"':
			fputs("&quot;", file);
			break;
		default:
			fputc(*text, file);
		}
	}
}

void index_page__write(const struct route *routes, const char *prefix, const char *title,
	const char *subtitle, FILE *file)
{
	fputs(head, file);
	fputs("<title>", file);
	write_escaped(title, file);
	fputs("</title></head><body><h1>", file);
	write_escaped(title, file);
	fputs("</h1><p>", file);
	write_escaped(subtitle, file);
	fputs("</p><ul>\n", file);
	for (const struct route *route = routes; route->path; route++) {
		if (!route->help || strncmp(route->path, prefix, strlen(prefix)) ||
			!strcmp(route->path, prefix))
			continue;
		fputs("<li><a href=\"", file);
		write_escaped(route->path, file);
		fputs("\"><code>", file);
		write_escaped(route->path, file);
		fputs("</code><span>", file);
		write_escaped(route->help, file);
		fputs("</span></a></li>\n", file);
	}
	fputs("</ul></body></html>\n", file);
}
