#include "report/live_line.h"

#include "report/human.h"

#include <stdio.h>

void live_line__format(const struct live_line *line, char *out)
{
	double rate = line->interval_ns ? line->alloc_count * 1e9 / line->interval_ns : 0;
	char text[8 * HUMAN_SIZE];

	snprintf(text, sizeof(text), "%s | %s allocs/s | %s live in %s blocks | %s lost",
		human__duration(line->elapsed_ns).text, human__count((uint64_t)rate).text,
		human__bytes(line->live_bytes).text, human__count(line->live_count).text,
		human__count(line->lost).text);
	snprintf(out, LIVE_LINE_SIZE, "%.*s", LIVE_LINE_SIZE - 1, text);
}
