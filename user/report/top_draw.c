/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/top_draw.h"

#include <ncurses.h>
#include <stdio.h>
#include <string.h>

#include "report/human.h"
#include "report/top_screen.h"

#define HEAD_ROWS 5 /* title, totals, sparkline, panes, columns */
#define COLUMN_WIDTH 10
/* A name is not squeezed narrower for the sake of more columns. */
#define NAME_WIDTH 38

enum kind { KIND_BYTES, KIND_COUNT };

static const struct column {
	const char *title;
	enum kind kind;
} site_columns[TOP_COLUMN_COUNT] = {
	[TOP_LIVE] = {"Live", KIND_BYTES},
	[TOP_GROWTH] = {"Growth", KIND_BYTES},
	[TOP_BLOCKS] = {"Blocks", KIND_COUNT},
	[TOP_RATE] = {"Allocs/s", KIND_COUNT},
	[TOP_ALLOCATED] = {"Allocated", KIND_BYTES},
	[TOP_CALLS] = {"Calls", KIND_COUNT},
	[TOP_TEMPORARY] = {"Temporary", KIND_COUNT},
	[TOP_PEAK] = {"At peak", KIND_BYTES},
};

static const struct column thread_columns[TOP_THREAD_COLUMN_COUNT] = {
	[TOP_THREAD_RATE] = {"Allocs/s", KIND_COUNT},
	[TOP_THREAD_CALLS] = {"Calls", KIND_COUNT},
	[TOP_THREAD_BYTES] = {"Allocated", KIND_BYTES},
	[TOP_THREAD_FREES] = {"Frees", KIND_COUNT},
	[TOP_THREAD_TEMPORARY] = {"Temporary", KIND_COUNT},
};

static struct human format_value(enum kind kind, int64_t value)
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
	struct human plain = kind == KIND_BYTES ? human__bytes(size) : human__count(size), out;

	if (value >= 0)
		return plain;
	snprintf(out.text, sizeof(out.text), "-%.*s", HUMAN_SIZE - 2, plain.text);
	return out;
}

/* --- the head */

static void draw_title(const struct top_view *view)
{
	char text[256];
	const char *state = view->paused ? "  PAUSED" : "";

	snprintf(text, sizeof(text), "memtrace top  %.150s  %s%s", view->title,
		human__duration(view->elapsed_ns).text, state);
	top_screen__put(0, 0, COLS, TOP_COLOR_HEAD, text);
	if (view->deadlock)
		top_screen__put_right(0, COLS - 18, 18, TOP_COLOR_BAD, " DEADLOCK (key 3)");
}

static void draw_totals(const struct top_model *model, const struct top_view *view)
{
	const struct heap_totals *totals = &model->totals;
	char parts[4][80], lost[2 * HUMAN_SIZE + 20];
	int column = 0, end;

	snprintf(parts[0], sizeof(parts[0]), "%s live in %s block%s",
		human__bytes(totals->live_bytes).text, human__count(totals->live_count).text,
		totals->live_count == 1 ? "" : "s");
	snprintf(parts[1], sizeof(parts[1]), ", peak %s", human__bytes(totals->peak_bytes).text);
	snprintf(parts[2], sizeof(parts[2]), " | %s allocs/s",
		human__count((uint64_t)model->rate).text);
	snprintf(parts[3], sizeof(parts[3]), " | RSS %s",
		human__bytes(totals->residence.resident_bytes).text);
	snprintf(lost, sizeof(lost), "%s lost", human__count(view->lost).text);
	if (view->other_losses)
		snprintf(lost, sizeof(lost), "%s lost, %s other", human__count(view->lost).text,
			human__count(view->other_losses).text);
	end = COLS - strlen(lost) - 2;
	/* A figure that is cut would be another figure. */
	for (int i = 0; i < 3 + (totals->residence.resident_bytes > 0) &&
			column + (int)strlen(parts[i]) <= end;
		i++) {
		top_screen__put(1, column, end, TOP_COLOR_PLAIN, parts[i]);
		column += strlen(parts[i]);
	}
	top_screen__put_right(1, COLS - strlen(lost), strlen(lost),
		view->lost || view->other_losses ? TOP_COLOR_BAD : TOP_COLOR_GOOD, lost);
}

/* Live bytes over the last minutes, scaled to what is shown. */
static void draw_sparkline(const struct top_model *model)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const letters[] = {"_", ".", ",", "-", "=", "+", "*", "#"};
	const char *const *shapes = top_screen__has_blocks() ? blocks : letters;
	size_t width = COLS - 12, first = 0;
	uint64_t most = 1;

	if (model->history_size > width)
		first = model->history_size - width;
	for (size_t i = first; i < model->history_size; i++)
		most = model->history[i] > most ? model->history[i] : most;
	for (size_t i = first; i < model->history_size; i++)
		top_screen__put(2, i - first, COLS, TOP_COLOR_HEAD,
			shapes[(size_t)((double)model->history[i] / most * 7)]);
	top_screen__put_right(2, COLS - 11, 11, TOP_COLOR_SOFT, human__bytes(most).text);
}

static int draw_pane_name(const struct top_view *view, enum top_pane pane, int column)
{
	static const char *const names[] = {" 1 Sites ", " 2 Threads ", " 3 Locks "};

	top_screen__put(3, column, COLS, pane == view->pane ? TOP_COLOR_CHOSEN : TOP_COLOR_PLAIN,
		names[pane]);
	return column + strlen(names[pane]) + 1;
}

static void draw_panes(const struct top_model *model, const struct top_view *view)
{
	char text[160];
	int column = 0;

	for (enum top_pane pane = 0; pane < TOP_PANE_COUNT; pane++)
		column = draw_pane_name(view, pane, column);
	if (view->pane != TOP_SITES)
		return;
	snprintf(text, sizeof(text), "%s site%s%s%s%s%s", human__count(model->rows.size).text,
		model->rows.size == 1 ? "" : "s",
		*model->filter || view->editing ? ", filter: " : "", model->filter,
		view->editing ? "_" : "", model->unnamed ? " ..." : "");
	top_screen__put(3, column + 1, COLS, TOP_COLOR_PLAIN, text);
	if (view->has_baseline)
		top_screen__put_right(3, COLS - 15, 15, TOP_COLOR_SOFT, " since baseline");
}

/* --- lists */

/* Columns that fit beside the name; the one that is sorted by is always among them. */
static int choose_columns(int count, int sort, int *chosen)
{
	int fit = (COLS - NAME_WIDTH) / COLUMN_WIDTH;

	if (fit > count)
		fit = count;
	if (fit < 1)
		fit = 1;
	for (int i = 0; i < fit; i++)
		chosen[i] = i;
	if (sort >= fit)
		chosen[fit - 1] = sort;
	return fit;
}

static const char *sort_mark(bool reverse)
{
	if (top_screen__has_blocks())
		return reverse ? "▴" : "▾";
	return reverse ? "^" : "v";
}

static void draw_column_titles(const struct column *columns, const int *chosen, int count, int sort,
	bool reverse, const char *name)
{
	char text[32];

	for (int i = 0; i < count; i++) {
		bool sorted = chosen[i] == sort;

		snprintf(text, sizeof(text), "%s%s", columns[chosen[i]].title,
			sorted ? sort_mark(reverse) : "");
		top_screen__put_right(4, i * COLUMN_WIDTH, COLUMN_WIDTH,
			sorted ? TOP_COLOR_HEAD : TOP_COLOR_SOFT, text);
	}
	top_screen__put(4, count * COLUMN_WIDTH + 2, COLS, TOP_COLOR_SOFT, name);
}

static void draw_row(int row, const struct column *columns, const int *chosen, int count,
	const int64_t *values, const char *name, bool selected)
{
	enum top_color color = selected ? TOP_COLOR_CHOSEN : TOP_COLOR_PLAIN;

	if (selected)
		for (int column = 0; column < COLS; column++)
			top_screen__put(row, column, COLS, color, " ");
	for (int i = 0; i < count; i++)
		top_screen__put_right(row, i * COLUMN_WIDTH, COLUMN_WIDTH, color,
			format_value(columns[chosen[i]].kind, values[chosen[i]]).text);
	top_screen__put(row, count * COLUMN_WIDTH + 2, COLS, color, name);
}

/* Rows of the stack's pane, its title included; 0 in a low window. */
static int stack_rows(const struct top_view *view)
{
	return view->pane == TOP_SITES && LINES >= 16 ? (LINES - HEAD_ROWS) / 3 : 0;
}

int top_draw__list_rows(const struct top_view *view)
{
	int rows = LINES - HEAD_ROWS - 1 - stack_rows(view);

	return rows > 1 ? rows : 1;
}

/* Keeps the selection on the list and in the window. */
static void fit_selection(struct top_view *view, size_t count)
{
	size_t *selected = &view->selected[view->pane], *first = &view->first[view->pane];
	size_t rows = top_draw__list_rows(view);

	if (*selected >= count)
		*selected = count ? count - 1 : 0;
	if (*selected < *first)
		*first = *selected;
	if (*selected >= *first + rows)
		*first = *selected - rows + 1;
}

static void draw_sites(
	const struct top_model *model, struct top_view *view, const struct top_namer *namer)
{
	int chosen[TOP_COLUMN_COUNT];
	int count = choose_columns(TOP_COLUMN_COUNT, model->sort, chosen);
	int rows = top_draw__list_rows(view);

	fit_selection(view, model->rows.size);
	draw_column_titles(
		site_columns, chosen, count, model->sort, model->reverse, "Allocated in");
	for (int i = 0; i < rows && view->first[TOP_SITES] + i < model->rows.size; i++) {
		size_t index = view->first[TOP_SITES] + i;
		const struct top_row *row = &model->rows.data[index];

		draw_row(HEAD_ROWS + i, site_columns, chosen, count, row->values,
			namer->site(namer->context, row->id), index == view->selected[TOP_SITES]);
	}
}

static void draw_stack(const struct top_view *view)
{
	int rows = stack_rows(view), top = LINES - 1 - rows;
	const char *line = view->stack;
	char text[512];

	if (!rows)
		return;
	top_screen__put(top, 0, COLS, TOP_COLOR_HEAD, "Stack of the selected site");
	for (int i = 1; i < rows && line && *line; i++) {
		size_t size = strcspn(line, "\n");

		snprintf(text, sizeof(text), "%.*s", (int)size, line);
		top_screen__put(top + i, 2, COLS, TOP_COLOR_PLAIN, text);
		line += size + (line[size] == '\n');
	}
}

static void draw_threads(
	const struct top_model *model, struct top_view *view, const struct top_namer *namer)
{
	int chosen[TOP_THREAD_COLUMN_COUNT];
	int count = choose_columns(TOP_THREAD_COLUMN_COUNT, model->thread_sort, chosen);
	int rows = top_draw__list_rows(view);

	fit_selection(view, model->threads.size);
	draw_column_titles(
		thread_columns, chosen, count, model->thread_sort, model->reverse, "Thread");
	for (int i = 0; i < rows && view->first[TOP_THREADS] + i < model->threads.size; i++) {
		size_t index = view->first[TOP_THREADS] + i;
		const struct top_thread_row *row = &model->threads.data[index];

		draw_row(HEAD_ROWS + i, thread_columns, chosen, count, row->values,
			namer->thread(namer->context, row), index == view->selected[TOP_THREADS]);
	}
}

/* --- text */

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void draw_text(struct top_view *view, const char *text)
{
	size_t lines = count_lines(text), rows = LINES - HEAD_ROWS;
	char line[512];
	int row = HEAD_ROWS - 1;

	/* The selection is the first line: the last page stays a full one. */
	if (lines < rows)
		view->selected[view->pane] = 0;
	else if (view->selected[view->pane] > lines - rows)
		view->selected[view->pane] = lines - rows;
	for (size_t skip = view->selected[view->pane]; skip && *text; skip--)
		text = strchr(text, '\n') + 1;
	for (; *text && row < LINES - 1; row++) {
		size_t size = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)size, text);
		top_screen__put(row, 0, COLS, TOP_COLOR_PLAIN, line);
		if (size > (size_t)COLS)
			top_screen__put(row, COLS - 3, COLS, TOP_COLOR_PLAIN, "...");
		text += size + (text[size] == '\n');
	}
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"1 2 3, Tab   call sites, threads, locks",
		"arrows       select; Page Up, Page Down, Home, End",
		"< >          sort by the column to the left, to the right",
		"r            reverse the order",
		"space        pause the display; tracing goes on",
		"b            baseline: growth counts from now on",
		"/            filter sites by any frame of their stacks; Escape clears it",
		"w            write a report to a file in this directory",
		"h ?          this help",
		"q            end",
		"",
		"Bytes are requested bytes; growth is against the baseline, at first the start.",
	};

	for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++)
		if (HEAD_ROWS + i < LINES)
			top_screen__put(HEAD_ROWS - 1 + i, 1, COLS, TOP_COLOR_PLAIN, lines[i]);
}

static void draw_foot(const struct top_view *view)
{
	const char *keys = "q quit  1 2 3 panes  <> sort  r reverse  b baseline  / filter  "
			   "w write  h help";

	if (view->editing)
		keys = "type a part of a name; Enter keeps the filter, Escape clears it";
	else if (view->help)
		keys = "h or Escape: back";
	top_screen__put(LINES - 1, 0, COLS, *view->message ? TOP_COLOR_HEAD : TOP_COLOR_SOFT,
		*view->message ? view->message : keys);
}

void top_draw__all(
	const struct top_model *model, struct top_view *view, const struct top_namer *namer)
{
	erase();
	if (COLS < TOP_MIN_COLUMNS || LINES < TOP_MIN_ROWS) {
		top_screen__put(0, 0, COLS, TOP_COLOR_PLAIN, "memtrace: window too small");
		refresh();
		return;
	}
	draw_title(view);
	draw_totals(model, view);
	draw_sparkline(model);
	draw_panes(model, view);
	if (view->help)
		draw_help();
	else if (view->pane == TOP_SITES)
		draw_sites(model, view, namer);
	else if (view->pane == TOP_THREADS)
		draw_threads(model, view, namer);
	else
		draw_text(view, view->locks ? view->locks : "looking...\n");
	if (view->pane == TOP_SITES && !view->help)
		draw_stack(view);
	draw_foot(view);
	refresh();
}
