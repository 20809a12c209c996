#include "report/folded.h"

#include "report/names.h"

#include <inttypes.h>

/* ";" and line ends would break the format; a frame may hold any other character. */
static void write_name(FILE *file, const char *name)
{
	for (; *name; name++) {
		if (*name == ';')
			fputc(':', file);
		else
			fputc((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name, file);
	}
}

static void write_frame(FILE *file, const struct report_frame *frame)
{
	if (frame->function) {
		write_name(file, frame->function);
		if (frame->inlined)
			fputs("_[i]", file); /* how flamegraph.pl knows inlined frames */
	} else if (frame->module) {
		fputc('[', file);
		write_name(file, names__base(frame->module));
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
	vec_for_each (site, &report->sites) {
		uint64_t value = weight__of(weight, site);

		if (!value)
			continue;
		write_stack(file, site);
		fprintf(file, " %" PRIu64 "\n", value);
	}
}
