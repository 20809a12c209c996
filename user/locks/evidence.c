/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/search.h"
#include "locks/code_refs.h"

/* So much of each stack is searched, the part nearest the wait. */
#define MAX_STACK_WORDS 4096
/* A lock lies so near behind the beginning of what it belongs to. */
#define OBJECT_BYTES 256

/* References of the code up to one pc: where they begin in all that were found. */
struct known_references {
	bool known;
	size_t first;
	size_t count;
};

DEFINE_HASH_NUMBER(reference_map, uint64_t, struct known_references);

struct evidence_search {
	const struct lock_memory *memory;
	const struct lock_waits *waits;
	struct code_wanted wanted;
	struct reference_map code;
	code_refs refs;
	VEC(struct lock_function) functions;
	evidence_list *out;
	size_t thread_first; /* in out: where that of the thread at hand begins */
};

/* Notes that @thread knows the lock at @address, if nothing stronger was noted. */
static int note(struct evidence_search *search, const struct lock_thread *thread, uint64_t address,
	enum evidence_kind kind, size_t frame, uint32_t takes)
{
	struct evidence evidence = {address, thread, kind, frame, takes};

	for (size_t i = search->thread_first; i < search->out->size; i++) {
		struct evidence *known = &search->out->data[i];

		if (known->address != address)
			continue;
		takes += known->takes;
		if (known->kind < kind)
			*known = evidence;
		known->takes = takes;
		return 0;
	}
	return vec_push(search->out, evidence);
}

/* Of a word on the stack: the lock that it points to, or into the object of which it points. */
static uint64_t find_lock(
	const struct evidence_search *search, uint64_t word, enum evidence_kind *kind)
{
	const uint64_t *addresses = search->wanted.addresses;
	size_t i = search_first(search->wanted.count, n, addresses[n] < word);

	if (i == search->wanted.count || addresses[i] - word > OBJECT_BYTES)
		return 0;
	*kind = addresses[i] == word ? EVIDENCE_AT_HAND : EVIDENCE_OBJECT;
	return addresses[i];
}

/* The frame in whose part of the stack @address lies. */
static size_t frame_at(const struct lock_thread *thread, uint64_t address)
{
	size_t i = 0;

	while (i + 1 < thread->frame_count && thread->frames[i + 1].slot <= address)
		i++;
	return i;
}

static bool is_wait_for(const struct lock_wait *wait, uint64_t address)
{
	return wait && wait->address == address;
}

/* The mutex of a condition lies at hand of whoever sleeps there, who has let it go. */
static bool is_let_go(const struct lock_wait *wait, size_t frame)
{
	return wait && !wait_kind__has_holder(wait->kind) && frame <= wait->site.frame;
}

static int search_word(struct evidence_search *search, const struct lock_thread *thread,
	const struct lock_wait *wait, uint64_t word, size_t frame)
{
	enum evidence_kind kind;
	uint64_t lock = find_lock(search, word, &kind);

	if (!lock || is_wait_for(wait, lock) || is_let_go(wait, frame))
		return 0;
	return note(search, thread, lock, kind, frame, 0);
}

static int search_stack(struct evidence_search *search, const struct lock_thread *thread,
	const struct lock_wait *wait)
{
	uint64_t words[MAX_STACK_WORDS];
	uint64_t start, end;
	size_t count;
	int err = 0;

	for (size_t i = 0; i < thread->saved_count && !err; i++)
		err = search_word(search, thread, wait, thread->saved[i], 0);
	if (err || !thread->frame_count)
		return err;
	start = thread->frames[0].slot & ~7ull;
	end = thread->frames[thread->frame_count - 1].slot;
	if (!start || end <= start)
		return 0;
	count = (end - start) / 8;
	if (count > MAX_STACK_WORDS)
		count = MAX_STACK_WORDS;
	if (search->memory->read(search->memory->context, thread->pid, start, words, count * 8))
		return 0;
	for (size_t i = 0; i < count && !err; i++)
		err = search_word(search, thread, wait, words[i], frame_at(thread, start + 8 * i));
	return err;
}

static const struct known_references *find_code(
	struct evidence_search *search, pid_t pid, const struct lock_frame *frame)
{
	struct known_references *known = reference_map__insert(&search->code, frame->pc);
	uint64_t start = frame->pc - frame->function_offset;

	if (!known || known->known)
		return known;
	known->known = true;
	known->first = search->refs.size;
	if (code_refs__find(search->memory, pid, start,
		    code_refs__resumed_at(search->memory, pid, start, frame->pc), &search->wanted,
		    &search->refs))
		return NULL;
	known->count = search->refs.size - known->first;
	return known;
}

/* What the code of one frame has done with the lock of @address when it came to its pc. */
static void follow_code(const struct code_ref *refs, size_t count, uint64_t address,
	enum evidence_kind *kind, uint32_t *takes)
{
	uint32_t calls = 0, words = 0;

	*kind = EVIDENCE_NAMED;
	for (size_t i = 0; i < count; i++) {
		if (refs[i].address != address)
			continue;
		calls += refs[i].use == CODE_TAKES_CALL;
		words += refs[i].use == CODE_TAKES_WORD;
		if (refs[i].use == CODE_LETS_GO) {
			*kind = EVIDENCE_NAMED;
			calls = 0;
		} else if (refs[i].use != CODE_NAMES) {
			*kind = EVIDENCE_TAKEN;
		}
		/* A word that was compared and exchanged is let go by a plain exchange. */
		if (refs[i].use == CODE_LETS_GO || refs[i].use == CODE_WRITES)
			words = 0;
	}
	/* One taking may be both: the word first, and where that fails the call. */
	*takes = calls > words ? calls : words;
}

/* Whether what @ref does must have been done: letting go counts in any case. */
static bool is_certain(const struct lock_memory *memory, const uint8_t *code, size_t size,
	uint64_t start, const struct code_ref *ref)
{
	return ref->use == CODE_LETS_GO || ref->use == CODE_WRITES || !memory->passed_by ||
	       !memory->passed_by(memory->context, code, size, start, ref->place);
}

/* How often the code has taken the lock at @address for certain when it comes to @end: not where a
 * branch leads around it. */
static uint32_t count_takes(struct evidence_search *search, pid_t pid, uint64_t start, uint64_t end,
	const struct code_ref *refs, size_t count, uint64_t address)
{
	uint8_t code[CODE_REFS_BYTES];
	const struct lock_memory *memory = search->memory;
	enum evidence_kind kind;
	code_refs certain = {0};
	uint32_t takes = 0;

	if (end - start > sizeof(code) ||
		memory->read(memory->context, pid, start, code, end - start))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (refs[i].address == address &&
			is_certain(memory, code, end - start, start, &refs[i]) &&
			vec_push(&certain, refs[i]))
			goto out;
	follow_code(certain.data, certain.size, address, &kind, &takes);
out:
	vec_free(&certain);
	return takes;
}

static int search_code(struct evidence_search *search, const struct lock_thread *thread,
	const struct lock_wait *wait, size_t frame)
{
	const struct known_references *code =
		find_code(search, thread->pid, &thread->frames[frame]);
	uint64_t start = thread->frames[frame].pc - thread->frames[frame].function_offset;
	uint64_t end =
		code_refs__resumed_at(search->memory, thread->pid, start, thread->frames[frame].pc);
	const struct code_ref *refs;

	if (!code)
		return -ENOMEM;
	refs = code->count ? search->refs.data + code->first : NULL;
	for (size_t i = 0; i < code->count; i++) {
		uint64_t address = refs[i].address;
		enum evidence_kind kind;
		uint32_t takes;
		bool again = false;

		for (size_t n = 0; n < i && !again; n++)
			again = refs[n].address == address;
		if (again)
			continue;
		follow_code(refs, code->count, address, &kind, &takes);
		/* Of who waits for it itself counts only how often. */
		if (is_wait_for(wait, address)) {
			kind = EVIDENCE_OBJECT;
			if (takes > 1)
				takes = count_takes(search, thread->pid, start, end, refs,
					code->count, address);
		}
		if (note(search, thread, address, kind, frame, takes))
			return -ENOMEM;
	}
	return 0;
}

/* The frame of the application's own function that locks and waits in there, as "heap_lock" does;
 * frame_count: there is none. */
static size_t find_lock_function(const struct lock_wait *wait)
{
	static const char *const parts[] = {"lock", "Lock", "acquire", "Acquire", "enter", "take"};
	const struct lock_thread *thread = wait->thread;
	size_t i = 0;

	while (i < thread->frame_count && functions__is_libc(thread->frames[i].module))
		i++;
	if (wait->kind != WAIT_UNKNOWN || i + 1 >= thread->frame_count ||
		!thread->frames[i].function)
		return thread->frame_count;
	for (size_t n = 0; n < sizeof(parts) / sizeof(*parts); n++)
		if (strstr(thread->frames[i].function, parts[n]))
			return i;
	return thread->frame_count;
}

static bool is_asked(const struct evidence_search *search, uint64_t address)
{
	const uint64_t *addresses = search->wanted.addresses;
	size_t i = search_first(search->wanted.count, n, addresses[n] < address);

	return i < search->wanted.count && addresses[i] == address;
}

static int list_functions(struct evidence_search *search, pid_t pid)
{
	for (size_t i = 0; i < search->waits->size; i++) {
		const struct lock_wait *wait = &search->waits->data[i];
		size_t frame = find_lock_function(wait);
		struct lock_function function = {.lock = wait->address};

		if (wait->thread->pid != pid || frame >= wait->thread->frame_count ||
			!is_asked(search, wait->address))
			continue;
		function.start = wait->thread->frames[frame].pc -
				 wait->thread->frames[frame].function_offset;
		if (vec_push(&search->functions, function))
			return -ENOMEM;
	}
	search->wanted.functions = search->functions.data;
	search->wanted.function_count = search->functions.size;
	return 0;
}

/* The first frame whose code counts: beyond the functions that make up the wait itself. */
static size_t first_frame(const struct lock_wait *wait, const struct lock_thread *thread)
{
	size_t own;

	if (!wait)
		return 0;
	own = find_lock_function(wait);
	if (own < thread->frame_count)
		return own + 1;
	return wait->site.frame < thread->frame_count ? wait->site.frame : 0;
}

static int search_thread(struct evidence_search *search, const struct lock_thread *thread)
{
	const struct lock_wait *wait = waits__of(search->waits, thread);
	size_t first = first_frame(wait, thread);
	int err;

	search->thread_first = search->out->size;
	err = search_stack(search, thread, wait);
	for (size_t i = first; i < thread->frame_count && !err; i++)
		if (thread->frames[i].function && !thread->frames[i].is_guessed)
			err = search_code(search, thread, wait, i);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct evidence *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind > y->kind ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

int evidence__find(const struct snapshot *snapshot, const struct lock_memory *memory,
	const struct lock_waits *waits, pid_t pid, const uint64_t *addresses, size_t count,
	evidence_list *out)
{
	struct evidence_search search = {.memory = memory,
		.waits = waits,
		.wanted = {.addresses = addresses, .count = count},
		.out = out};
	size_t thread_count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &thread_count);
	int err = list_functions(&search, pid);

	for (size_t i = 0; i < thread_count && count && !err; i++)
		err = search_thread(&search, &threads[i]);
	if (!err && out->size)
		qsort(out->data, out->size, sizeof(*out->data), compare);
	reference_map__free(&search.code);
	vec_free(&search.refs);
	vec_free(&search.functions);
	return err;
}

size_t evidence__of(const evidence_list *list, uint64_t address, size_t *count)
{
	size_t first = search_first(list->size, n, list->data[n].address < address);

	*count = 0;
	while (first + *count < list->size && list->data[first + *count].address == address)
		++*count;
	return first;
}
