/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/top_screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/interrupt.h"

/* ncurses itself has but one terminal; a handler of a crash reaches nothing else than globals. */
static struct {
	bool open;
	bool colors;
	struct termios before;
	int kept;	/* a memfd in the place of standard error; -1: none */
	int own_stderr; /* standard error itself */
	off_t told;
	SCREEN *screen;
} terminal = {.kept = -1, .own_stderr = -1};

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* Async-signal-safe: leaves the alternate screen, shows the cursor, drops colours. */
static void restore(void)
{
	static const char text[] = "\033[?1049l\033[?25h\033[0m\r\n";
	ssize_t written;

	if (!terminal.open)
		return;
	written = write(STDOUT_FILENO, text, sizeof(text) - 1);
	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
}

static void restore_after_crash(int signal_number)
{
	restore();
	raise(signal_number); /* SA_RESETHAND: ends the program as it would have ended */
}

static void catch_crashes(void)
{
	struct sigaction action = {
		.sa_handler = restore_after_crash,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};

	for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		sigaction(crash_signals[i], &action, NULL);
}

static void keep_stderr(void)
{
	terminal.kept = memfd_create("memtrace-messages", MFD_CLOEXEC);
	if (terminal.kept < 0)
		return;
	fflush(stderr);
	terminal.own_stderr = dup(STDERR_FILENO);
	dup2(terminal.kept, STDERR_FILENO);
}

static void release_stderr(void)
{
	char text[4096];
	ssize_t size;

	if (terminal.kept < 0)
		return;
	fflush(stderr);
	dup2(terminal.own_stderr, STDERR_FILENO);
	close(terminal.own_stderr);
	for (off_t at = 0; (size = pread(terminal.kept, text, sizeof(text), at)) > 0; at += size)
		if (write(STDERR_FILENO, text, size) != size)
			break;
	close(terminal.kept);
	terminal.kept = terminal.own_stderr = -1;
}

static void set_colors(void)
{
	const char *no_color = getenv("NO_COLOR");

	terminal.colors = has_colors() && !(no_color && *no_color);
	if (!terminal.colors)
		return;
	start_color();
	use_default_colors();
	init_pair(TOP_COLOR_HEAD, COLOR_CYAN, -1);
	init_pair(TOP_COLOR_GOOD, COLOR_GREEN, -1);
	init_pair(TOP_COLOR_BAD, COLOR_RED, -1);
}

int top_screen__open(struct error *error)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error__set(error, -ENOTTY,
			"top needs a terminal; memtrace -p PID --interval prints reports");
	tcgetattr(STDIN_FILENO, &terminal.before);
	setlocale(LC_CTYPE, "");
	terminal.screen = newterm(NULL, stdout, stdin);
	if (!terminal.screen)
		return error__set(error, -ENOTTY, "top does not know this terminal (TERM=%s)",
			getenv("TERM") ? getenv("TERM") : "");
	if (!tigetstr("cup")) {
		endwin();
		delscreen(terminal.screen);
		return error__set(error, -ENOTTY,
			"top needs a terminal whose cursor can be placed (TERM=%s); memtrace -p "
			"PID "
			"--interval prints reports",
			getenv("TERM"));
	}
	terminal.open = true;
	keep_stderr();
	catch_crashes();
	interrupt__at_end(restore);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	set_colors();
	return 0;
}

void top_screen__close(void)
{
	if (!terminal.open)
		return;
	terminal.open = false;
	curs_set(1);
	/* What comes next begins on the last line, where there is only one screen. */
	move(LINES - 1, 0);
	clrtoeol();
	refresh();
	endwin();
	delscreen(terminal.screen);
	for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		signal(crash_signals[i], SIG_DFL);
	release_stderr();
}

void top_screen__fit(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col &&
		is_term_resized(size.ws_row, size.ws_col))
		resizeterm(size.ws_row, size.ws_col);
}

static attr_t attributes(enum top_color color)
{
	attr_t look = color == TOP_COLOR_CHOSEN				  ? A_REVERSE
		      : color == TOP_COLOR_HEAD || color == TOP_COLOR_BAD ? A_BOLD
									  : A_NORMAL;

	/* Dim, as blue on black is hard to read. */
	if (terminal.colors && color == TOP_COLOR_SOFT)
		look |= A_DIM;
	else if (terminal.colors && color != TOP_COLOR_PLAIN && color != TOP_COLOR_CHOSEN)
		look |= COLOR_PAIR(color);
	return look;
}

/* One character of @text as it may be shown; returns its bytes. */
static size_t next_character(const char *text, wchar_t *out)
{
	mbstate_t state = {0};
	size_t size = mbrtowc(out, text, MB_CUR_MAX, &state);

	if (size != (size_t)-1 && size != (size_t)-2 && size && wcwidth(*out) > 0)
		return size;
	*out = L'?';
	return size == (size_t)-1 || size == (size_t)-2 || !size ? 1 : size;
}

void top_screen__put(int row, int column, int end, enum top_color color, const char *text)
{
	wchar_t character;

	attrset(attributes(color));
	if (end > COLS)
		end = COLS;
	if (row < 0 || row >= LINES)
		end = column;
	while (*text) {
		wchar_t shown[2] = {0};

		text += next_character(text, &character);
		if (column + wcwidth(character) > end)
			break;
		shown[0] = character;
		mvaddwstr(row, column, shown);
		column += wcwidth(character);
	}
	attrset(A_NORMAL);
}

void top_screen__put_right(int row, int column, int width, enum top_color color, const char *text)
{
	int length = mbstowcs(NULL, text, 0);

	if (length < 0 || length > width)
		length = width;
	top_screen__put(row, column + width - length, column + width, color, text);
}

void top_screen__take_message(char *out, size_t size)
{
	char text[1024];
	ssize_t got;
	char *line;

	*out = 0;
	fflush(stderr);
	while (terminal.kept >= 0 &&
		(got = pread(terminal.kept, text, sizeof(text) - 1, terminal.told)) > 0) {
		terminal.told += got;
		text[got] = 0;
		while (got && text[got - 1] == '\n')
			text[--got] = 0;
		line = strrchr(text, '\n');
		snprintf(out, size, "%s", line ? line + 1 : text);
	}
}

bool top_screen__has_blocks(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
