/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/top.h"

#include <ctype.h>
#include <errno.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "blocked/locks_look.h"
#include "cmd/trace_locks.h"
#include "cmd/trace_memory.h"
#include "process/threads.h"
#include "report/locks_text.h"
#include "report/loss.h"
#include "report/top_draw.h"
#include "report/top_screen.h"

#define KEY_ESCAPE 27
#define KEY_BACKSPACE_ASCII 127

/* Looks at locks while their pane is shown: each takes some ten milliseconds. */
#define LOCKS_INTERVAL_NS 2000000000ull

/* Processes looked at for the pane: more would take longer than the time between two looks. */
#define MAX_LOOKED_AT 256

/* A message gives way to the keys again. */
#define MESSAGE_NS 5000000000ull

struct top {
	struct trace_report_source source;
	struct trace_report *report;
	struct top_model model;
	struct top_view view;
	uint64_t start_ns;
	uint64_t looked_ns; /* at locks, last */
	uint64_t message_ns;
	char *locks;
	char title[128];
	char message[200];
	char thread_name[64];
};

static void take_lock(void *stream)
{
	stream__lock(stream);
}

static void release_lock(void *stream)
{
	stream__unlock(stream);
}

static struct top_lock stream_lock(struct top *top)
{
	return (struct top_lock){take_lock, release_lock, top->source.stream};
}

static void say(struct top *top, const char *text)
{
	snprintf(top->message, sizeof(top->message), "%s", text);
	top->message_ns = clock__now_ns();
}

/* --- names */

static const char *name_site(void *context, uint32_t site)
{
	struct top *top = context;
	struct top_lock lock = stream_lock(top);
	const struct top_name *name =
		top_model__name(&top->model, top->source.feed->heap, &lock, site);

	return name ? name->title : "(no memory)";
}

static const char *name_thread(void *context, const struct top_thread_row *row)
{
	struct top *top = context;
	struct thread_info info;

	if (!row->tid)
		snprintf(top->thread_name, sizeof(top->thread_name), "all others");
	else if (row->pid && !threads__read_one(row->pid, row->tid, &info))
		snprintf(top->thread_name, sizeof(top->thread_name), "%u %s", row->tid, info.comm);
	else
		snprintf(top->thread_name, sizeof(top->thread_name), "%u (ended)", row->tid);
	return top->thread_name;
}

static const char *selected_stack(struct top *top)
{
	struct top_lock lock = stream_lock(top);
	size_t selected = top->view.selected[TOP_SITES];
	const struct top_name *name;

	if (selected >= top->model.rows.size)
		return NULL;
	name = top_model__name(
		&top->model, top->source.feed->heap, &lock, top->model.rows.data[selected].id);
	return name ? name->stack : NULL;
}

/* --- locks */

/* The look as text, or why there is none; NULL: no memory. */
static char *describe_locks(struct top *top)
{
	struct locks_text_options text_options = {0};
	pid_t pids[MAX_LOOKED_AT];
	struct locks_look_options options = {.pids = pids};
	size_t traced = tracer__live_count(top->source.tracer);
	struct error error = {0};
	struct locks_look look;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	options.pid_count = tracer__pids(top->source.tracer, pids, MAX_LOOKED_AT);
	if (options.pid_count < traced)
		fprintf(file, "Looked at %zu of %zu processes: there are too many.\n",
			options.pid_count, traced);
	if (!options.pid_count) {
		fprintf(file, "No process left to look at.\n");
	} else if (locks__look_at(&options, &look, &error)) {
		fprintf(file, "cannot look at the threads: %s\n", error.message);
	} else {
		fprintf(file, "Blocked threads: %zu; deadlocks: %zu\n\n", look.findings.waits.size,
			look.findings.deadlocks);
		locks_text__write(file, &look.findings, &text_options);
		top->view.deadlock = look.findings.deadlocks > 0;
		locks_look__free(&look);
	}
	fclose(file);
	return text;
}

static void look_at_locks(struct top *top)
{
	uint64_t now = clock__now_ns();
	char *text;

	if (top->looked_ns && now - top->looked_ns < LOCKS_INTERVAL_NS)
		return;
	text = describe_locks(top);
	top->looked_ns = clock__now_ns();
	if (!text)
		return;
	free(top->locks);
	top->view.locks = top->locks = text;
}

/* --- drawing */

static void draw(struct top *top)
{
	struct top_namer namer = {name_site, name_thread, top};
	struct top_view *view = &top->view;
	char kept[sizeof(top->message)];

	top_screen__take_message(kept, sizeof(kept));
	if (*kept) {
		text__make_printable(kept);
		say(top, kept);
	}
	if (clock__now_ns() - top->message_ns > MESSAGE_NS)
		*top->message = 0;
	view->message = top->message;
	view->stack = selected_stack(top);
	top_draw__all(&top->model, view, &namer);
}

/* A process may have become another program since. */
static void set_title(struct top *top)
{
	const struct process_info *process = &top->source.processes[0];
	struct thread_info info;

	if (threads__read_one(process->pid, process->pid, &info) || !*info.comm)
		return;
	snprintf(top->title, sizeof(top->title), "%d %s%s", process->pid, info.comm,
		top->source.process_count > 1 ? " and others" : "");
	text__make_printable(top->title);
}

/* The selection stays with its site when the order changes; at the top it stays at the top. */
static void follow_site(struct top *top, uint32_t site)
{
	for (size_t i = 0; i < top->model.rows.size; i++)
		if (top->model.rows.data[i].id == site)
			top->view.selected[TOP_SITES] = i;
}

static void arrange(struct top *top)
{
	struct top_lock lock = stream_lock(top);
	size_t selected = top->view.selected[TOP_SITES];
	uint32_t site = SITE_FILTERED; /* never shown */

	if (selected && selected < top->model.rows.size)
		site = top->model.rows.data[selected].id;
	if (top_model__arrange(&top->model, top->source.feed->heap, &lock))
		say(top, "out of memory");
	follow_site(top, site);
}

static void refresh_figures(struct top *top)
{
	uint64_t losses[LOSS_COUNT];
	int err;

	tracer__losses(top->source.tracer, losses);
	stream__lock(top->source.stream);
	trace_memory__look(top->source.feed);
	err = top_model__copy(&top->model, top->source.feed->heap, clock__now_ns());
	feed__add_losses(top->source.feed, losses);
	stream__unlock(top->source.stream);
	if (err)
		say(top, "out of memory");
	top->view.lost = loss__events(losses);
	top->view.other_losses = loss__others(losses);
	top->view.elapsed_ns = clock__now_ns() - top->start_ns;
	top->view.deadlock |= trace_locks__found(top->source.locks);
}

void top__tick(struct top *top)
{
	top_screen__fit();
	if (!top->view.paused) {
		refresh_figures(top);
		set_title(top);
		arrange(top);
		if (top->view.pane == TOP_LOCKS)
			look_at_locks(top);
	} else if (top->model.unnamed) {
		arrange(top);
	}
	draw(top);
}

/* --- keys */

static void move_selection(struct top *top, long by)
{
	size_t *selected = &top->view.selected[top->view.pane];

	if (by < 0 && *selected < (size_t)-by)
		*selected = 0;
	else
		*selected += by; /* drawing keeps it on the list */
}

static void move_sort(struct top *top, int by)
{
	struct top_model *model = &top->model;

	if (top->view.pane == TOP_THREADS)
		model->thread_sort = (model->thread_sort + by + TOP_THREAD_COLUMN_COUNT) %
				     TOP_THREAD_COLUMN_COUNT;
	else
		model->sort = (model->sort + by + TOP_COLUMN_COUNT) % TOP_COLUMN_COUNT;
	arrange(top);
}

static void show_pane(struct top *top, enum top_pane pane)
{
	top->view.pane = pane;
	top->view.help = false;
	if (pane == TOP_LOCKS) {
		draw(top); /* the look takes a moment */
		look_at_locks(top);
	}
}

static void set_baseline(struct top *top)
{
	if (top_model__set_baseline(&top->model)) {
		say(top, "out of memory");
		return;
	}
	top->view.has_baseline = true;
	top->model.sort = TOP_GROWTH;
	top->model.reverse = false;
	arrange(top);
	say(top, "Growth counts from now on; sites are sorted by it.");
}

static void write_report(struct top *top)
{
	struct error error = {0};
	char path[64], text[160];

	for (unsigned int i = 1;; i++) {
		snprintf(
			path, sizeof(path), "memtrace-%d-%u.html", top->source.processes[0].pid, i);
		if (access(path, F_OK))
			break;
	}
	if (trace_report__write_file(top->report, path, &error))
		snprintf(text, sizeof(text), "cannot write the report: %.120s", error.message);
	else
		snprintf(text, sizeof(text), "report written to %s", path);
	say(top, text);
}

static void edit_filter(struct top *top, int key)
{
	char *filter = top->model.filter;
	size_t size = strlen(filter);

	if (key == KEY_ESCAPE || key == '\r' || key == '\n' || key == KEY_ENTER) {
		top->view.editing = false;
		if (key == KEY_ESCAPE)
			*filter = 0;
	} else if ((key == KEY_BACKSPACE || key == KEY_BACKSPACE_ASCII || key == '\b') && size) {
		filter[size - 1] = 0;
	} else if (key < 128 && isprint(key) && size + 1 < sizeof(top->model.filter)) {
		filter[size] = key;
		filter[size + 1] = 0;
	}
	arrange(top);
}

static bool move_by_key(struct top *top, int key)
{
	long page = top_draw__list_rows(&top->view);

	switch (key) {
	case KEY_UP:
	case 'k':
		move_selection(top, -1);
		return true;
	case KEY_DOWN:
	case 'j':
		move_selection(top, 1);
		return true;
	case KEY_PPAGE:
		move_selection(top, -page);
		return true;
	case KEY_NPAGE:
		move_selection(top, page);
		return true;
	case KEY_HOME:
	case 'g':
		top->view.selected[top->view.pane] = 0;
		return true;
	case KEY_END:
	case 'G':
		top->view.selected[top->view.pane] = SIZE_MAX / 2;
		return true;
	}
	return false;
}

static void act(struct top *top, int key)
{
	switch (key) {
	case '1':
	case '2':
	case '3':
		show_pane(top, key - '1');
		break;
	case '\t':
		show_pane(top, (top->view.pane + 1) % TOP_PANE_COUNT);
		break;
	case '<':
	case ',':
		move_sort(top, -1);
		break;
	case '>':
	case '.':
		move_sort(top, 1);
		break;
	case 'r':
		top->model.reverse = !top->model.reverse;
		arrange(top);
		break;
	case ' ':
	case 'p':
		top->view.paused = !top->view.paused;
		break;
	case 'b':
		set_baseline(top);
		break;
	case '/':
		show_pane(top, TOP_SITES);
		top->view.editing = true;
		break;
	case KEY_ESCAPE:
		top->view.help = false;
		*top->model.filter = 0;
		arrange(top);
		break;
	case 'w':
		write_report(top);
		break;
	case 'h':
	case '?':
		top->view.help = !top->view.help;
		break;
	}
}

bool top__read_keys(struct top *top)
{
	int key;

	while ((key = getch()) != ERR) {
		*top->message = 0; /* it has been read */
		if (top->view.editing)
			edit_filter(top, key);
		else if (key == 'q' || key == 'Q')
			return true;
		else if (!move_by_key(top, key))
			act(top, key);
	}
	draw(top);
	return false;
}

/* --- life */

struct top *top__new(const struct trace_report_source *source, struct trace_report *report,
	uint64_t start_ns, struct error *error)
{
	struct top *top = calloc(1, sizeof(*top));
	const struct process_info *process = &source->processes[0];

	if (!top) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	top->source = *source;
	top->report = report;
	top->start_ns = start_ns;
	top->model.name = trace_report__name_frame;
	top->model.name_context = report;
	snprintf(top->title, sizeof(top->title), "%d %s%s", process->pid, process->comm,
		source->process_count > 1 ? " and others" : "");
	text__make_printable(top->title);
	top->view.title = top->title;
	top->view.message = top->message;
	if (top_screen__open(error)) {
		free(top);
		return NULL;
	}
	top__tick(top);
	return top;
}

void top__free(struct top *top)
{
	if (!top)
		return;
	top_screen__close();
	top_model__free(&top->model);
	free(top->locks);
	free(top);
}
