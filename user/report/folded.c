/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/folded.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/python_site.h"

/* ";" and line ends would break the format; what cannot be shown is of no use in a graph. */
static void write_name(FILE *file, const char *name)
{
	bool shows;

	for (size_t length; *name; name += length) {
		length = text__character(name, &shows);
		if (!shows)
			fputc('?', file);
		else if (*name == ';')
			fputc(':', file);
		else
			fwrite(name, 1, length, file);
	}
}

/* Python's names are short, and alike in many files: "load (app.py:41)", as its profilers do. */
static void write_place(const struct report_frame *frame, FILE *file)
{
	char place[NAME_SIZE];

	python_site__describe_place(frame, place, sizeof(place));
	fputs(" (", file);
	write_name(file, place);
	fputc(')', file);
}

static void write_frame(FILE *file, const struct report_frame *frame)
{
	if (frame->function) {
		write_name(file, frame->function);
		if (frame->inlined)
			fputs("_[i]", file); /* how flamegraph.pl knows inlined frames */
		if (frame->is_python)
			write_place(frame, file);
	} else if (frame->module) {
		fputc('[', file);
		write_name(file, text__base_name(frame->module));
		fprintf(file, "+0x%" PRIx64 "]", frame->offset);
	} else {
		fprintf(file, "0x%" PRIx64, frame->address);
	}
}

static void write_stack(FILE *file, const struct report_site *site)
{
	if (site->special || !site->frame_count)
		write_name(file, site->special ? site->special : "(no frames)");
	for (size_t i = site->frame_count; i-- > 0;) {
		write_frame(file, &site->frames[i]);
		if (i)
			fputc(';', file);
	}
}

void folded__write_report(const struct report *report, enum report_weight weight, FILE *file)
{
	size_t count;
	const struct report_site *sites = weight__sites(weight, report, &count);

	for (size_t i = 0; i < count; i++) {
		uint64_t value = weight__of(weight, &sites[i]);

		if (!value)
			continue;
		write_stack(file, &sites[i]);
		fprintf(file, " %" PRIu64 "\n", value);
	}
}
