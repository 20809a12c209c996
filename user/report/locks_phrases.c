/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_phrases.h"

#include <string.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/human.h"
#include "report/plumbing.h"

/* Columns of a lock's name in a list. */
#define BRIEF_WIDTH 24
/* The least that a name is cut to, and the most for that of its module. */
#define NAME_WIDTH_MIN 16
#define MODULE_WIDTH 24
/* Of a function and of its file, on a line of their own. */
#define FUNCTION_WIDTH 32
#define FILE_WIDTH 18

void phrase__thread(FILE *file, const struct lock_thread *thread)
{
	fprintf(file, "%s (PID %d, TID %d", thread->comm, thread->pid, thread->tid);
	if (thread->ns_tid != thread->tid)
		fprintf(file, "; TID %d in its namespace", thread->ns_tid);
	fputc(')', file);
}

/* The end that is kept: ".so", ".so.6"; a longer one tells the platform only. */
static const char *module_ending(const char *name)
{
	const char *dot = strstr(name, ".so");

	if (dot && strlen(dot) <= 8)
		return dot;
	dot = strrchr(name, '.');
	return dot && strlen(dot) <= 8 ? dot : "";
}

void phrase__module(const char *name, size_t width, char *out, size_t size)
{
	char whole[NAME_SIZE];
	const char *ending;
	size_t kept;

	snprintf(whole, sizeof(whole), "%s", name);
	text__make_printable(whole);
	ending = module_ending(whole);
	if (strlen(whole) <= width) {
		snprintf(out, size, "%s", whole);
		return;
	}
	kept = width - 3 - strlen(ending);
	/* No half UTF-8 sequence is left. */
	while (kept && (whole[kept] & 0xc0) == 0x80)
		kept--;
	snprintf(out, size, "%.*s...%s", (int)kept, whole, *ending == '.' ? ending + 1 : ending);
}

static void put_place(FILE *file, const struct lock_wait *wait, size_t column)
{
	char module[NAME_SIZE] = "", name[NAME_SIZE], address[24];
	size_t taken;

	snprintf(address, sizeof(address), " at 0x%llx", (unsigned long long)wait->address);
	if (wait->futex.type == FUTEX_TYPE_NONE) {
		*address = '\0';
		if (wait->fd >= 0)
			snprintf(address, sizeof(address), " (fd %d)", wait->fd);
	}
	if (wait->module[0])
		phrase__module(wait->module, MODULE_WIDTH, module, sizeof(module));
	taken = column + strlen(address) + strlen(module) + (*module ? 3 : 0);
	if (!wait->name[0]) {
		fprintf(file, "%s%s%s", address + 1, *module ? " in " : "", module);
		return;
	}
	function_name__shorten(wait->name,
		taken + NAME_WIDTH_MIN < LOCKS_PAGE_WIDTH ? LOCKS_PAGE_WIDTH - taken
							  : NAME_WIDTH_MIN,
		name);
	fprintf(file, "%s%s%s%s%s", name, *module ? " (" : "", module, *module ? ")" : "", address);
}

void phrase__lock(FILE *file, const struct lock_wait *wait, size_t column)
{
	const char *kind = wait_kind__name(wait->kind);

	if (wait->kind == WAIT_JOIN) {
		fprintf(file, "a thread to end");
		return;
	}
	fprintf(file, "%s ", kind);
	put_place(file, wait, column + strlen(kind) + 1);
	if (wait->word_count > 1)
		fprintf(file, " or any of %u words more", wait->word_count - 1);
	if (wait->shared && wait->futex.type != FUTEX_TYPE_NONE)
		fprintf(file, ", shared between processes");
}

void phrase__lock_briefly(FILE *file, const struct lock_wait *wait)
{
	char name[NAME_SIZE];

	if (wait->kind == WAIT_CHILD) {
		fprintf(file, "its child to end");
		return;
	}
	if (wait->kind == WAIT_JOIN && wait->owner) {
		fprintf(file, "the end of ");
		phrase__thread(file, wait->owner);
		return;
	}
	if (!wait->name[0] || wait->kind == WAIT_JOIN) {
		phrase__lock(file, wait, 0);
		return;
	}
	function_name__shorten(wait->name, BRIEF_WIDTH, name);
	fprintf(file, "%s %s", wait_kind__name(wait->kind), name);
}

void phrase__owner(FILE *file, const struct lock_wait *wait)
{
	if (wait->owner) {
		fprintf(file, "held by ");
		phrase__thread(file, wait->owner);
		fprintf(file, ", %s", certainty__name(wait->certainty));
	} else if (wait->forked) {
		fprintf(file, "the fork did not copy the thread that %s it",
			wait_kind__has_holder(wait->kind) ? "holds" : "would signal");
	} else if (wait->state.field == OWNER_FREE) {
		fprintf(file, "nobody holds it");
	} else if (wait->owner_dead) {
		fprintf(file, "held by a thread that has exited");
		if (wait->owner_number)
			fprintf(file, " (TID %d)", wait->owner_number);
	} else if (wait_kind__has_holder(wait->kind)) {
		fprintf(file, "owner unknown");
	} else {
		fprintf(file, "no owner; waiting to be signalled");
	}
}

/* Where the lock's memory was allocated: the innermost frame of the application. */
static void put_block(FILE *file, const struct lock_wait *wait, const char *indent)
{
	const struct lock_frame *named = NULL;
	char function[NAME_SIZE], source[NAME_SIZE];

	for (size_t i = 0; wait->block && i < wait->block->frame_count; i++) {
		const struct lock_frame *frame = &wait->block->frames[i];

		if (!frame->function)
			continue;
		if (!named)
			named = frame;
		if (plumbing__has(frame->function) || functions__is_libc(frame->module))
			continue;
		named = frame;
		break;
	}
	if (!named)
		return;
	function_name__shorten(named->function, FUNCTION_WIDTH, function);
	fprintf(file, "%sallocated by %s", indent, function);
	if (named->file) {
		function_name__shorten(text__base_name(named->file), FILE_WIDTH, source);
		fprintf(file, "  %s:%u", source, named->line);
	}
	fputc('\n', file);
}

/* "to write to pipe:[17] (fd 4), which is full", and who alone can read it. */
static void put_stream(FILE *file, const struct lock_wait *wait, const char *indent)
{
	bool writes = wait->kind == WAIT_PIPE_WRITE || wait->kind == WAIT_SOCKET_WRITE;

	fprintf(file, "%sto %s %s (fd %d), which is %s\n", indent,
		writes ? "write to" : "read from", wait->name, wait->fd, writes ? "full" : "empty");
	if (!wait->owner)
		return;
	fprintf(file, "%suntil ", indent);
	phrase__thread(file, wait->owner);
	fprintf(file, " %s, %s\n", writes ? "reads it" : "writes to it",
		certainty__name(wait->certainty));
}

static bool is_stream(enum wait_kind kind)
{
	return kind >= WAIT_PIPE_READ && kind <= WAIT_SOCKET_WRITE;
}

void phrase__wait(FILE *file, const struct lock_wait *wait, const char *indent)
{
	if (is_stream(wait->kind)) {
		put_stream(file, wait, indent);
		phrase__wrapped(file, wait->reason, indent);
		return;
	}
	if (wait->kind == WAIT_CHILD && wait->owner) {
		fprintf(file, "%suntil its child ", indent);
		phrase__thread(file, wait->owner);
		fprintf(file, " ends\n");
		phrase__wrapped(file, wait->reason, indent);
		return;
	}
	if (wait->kind == WAIT_JOIN && wait->owner) {
		fprintf(file, "%suntil ", indent);
		phrase__thread(file, wait->owner);
		fprintf(file, " ends\n");
		return;
	}
	fprintf(file, "%sfor ", indent);
	phrase__lock(file, wait, strlen(indent) + 4);
	fputc('\n', file);
	put_block(file, wait, indent);
	fprintf(file, "%s", indent);
	phrase__owner(file, wait);
	fputc('\n', file);
	phrase__wrapped(file, wait->reason, indent);
}

void phrase__age(FILE *file, const struct lock_wait *wait)
{
	if (wait->thread->asleep_ns != LOCK_AGE_UNKNOWN)
		fprintf(file, " for %s", human__duration(wait->thread->asleep_ns).text);
	if (!wait->futex.timed)
		return;
	fprintf(file, ", with a timeout");
	if (wait->left_ns != LOCK_AGE_UNKNOWN)
		fprintf(file, " (%s left)", human__duration(wait->left_ns).text);
}

/* Words of @text in lines that fit the page, the first behind @before, the others behind two blanks
 * more than @indent; @after stands at the end of the last. */
static void put_words(FILE *file, const char *text, const char *indent, const char *before,
	const char *blanks, const char *after)
{
	size_t column = 0;
	const char *word = text, *end;

	for (; *word; word = end + strspn(end, " ")) {
		size_t length;

		end = word + strcspn(word, " ");
		length = end - word;
		if (column && column + 1 + length + (*end ? 0 : strlen(after)) > LOCKS_PAGE_WIDTH) {
			fputc('\n', file);
			column = 0;
		}
		if (column)
			column += fprintf(file, " %.*s", (int)length, word);
		else
			column += fprintf(file, "%s%s%.*s", indent, word == text ? before : blanks,
				(int)length, word);
	}
	if (column)
		fprintf(file, "%s\n", after);
}

void phrase__wrapped(FILE *file, const char *text, const char *indent)
{
	put_words(file, text, indent, "(", " ", ")");
}

void phrase__line(FILE *file, const char *text, const char *indent)
{
	put_words(file, text, indent, "", "  ", "");
}

void phrase__lines(FILE *file, const char *text, const char *first, const char *others)
{
	put_words(file, text, "", first, others, "");
}
