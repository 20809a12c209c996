/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/delegate.h"

#include <stdlib.h>
#include <string.h>

/* A function that only delegates is short; anything longer does work of its own. */
#define MAX_FUNCTION_BYTES 1024
/* Paths waiting to be followed; each branch adds one. */
#define MAX_PENDING 64

/* What has happened on a path so far: two bits, so four states for each instruction. */
#define PATH_DELEGATED 1
#define PATH_WORKED 2 /* wrote memory or called something else */

struct path {
	uint16_t offset;
	uint8_t state;
};

struct walk {
	const struct delegate_reader *reader;
	const struct allocator_function *function;
	uint64_t address;
	const uint8_t *code;
	size_t size;
	struct path pending[MAX_PENDING];
	size_t pending_count;
	uint8_t seen[MAX_FUNCTION_BYTES]; /* bit n: the instruction there was met in state n */
	const struct allocator_function *callee;
	bool is_inside;
	bool returned_delegated;
	bool returned_alone; /* a path came back that had not called the callee */
	bool is_lost;	     /* a path could not be followed */
};

/* The traced function that a call or jump leads to: in this file, or bound by the loader. */
static const struct allocator_function *resolve(
	const struct delegate_reader *reader, const struct instruction *insn)
{
	const struct allocator_function *function;
	uint64_t slot = insn->slot;
	const uint8_t *code;
	const char *name;
	size_t available;

	if (insn->target) {
		function = reader->find(reader->context, insn->target);
		if (function)
			return function;
		code = elf_view__at(reader->view, insn->target, &available);
		slot = code ? decoder__read_stub(reader->decoder, code, available, insn->target)
			    : 0;
	}
	name = slot ? elf_view__bound_name(reader->view, slot) : NULL;
	return name ? allocators__find(name) : NULL;
}

static bool is_same_sense(const struct allocator_function *a, const struct allocator_function *b)
{
	return allocators__is_free(a) == allocators__is_free(b);
}

static void follow(struct walk *walk, uint64_t offset, uint8_t state)
{
	if (offset >= walk->size || walk->seen[offset] >> state & 1)
		return;
	if (walk->pending_count == MAX_PENDING) {
		walk->is_lost = true;
		return;
	}
	walk->seen[offset] |= 1u << state;
	walk->pending[walk->pending_count++] = (struct path){offset, state};
}

static void note_return(struct walk *walk, uint8_t state)
{
	if (state & PATH_DELEGATED)
		walk->returned_delegated = true;
	/* Giving back NULL: the path came to nothing, which no other function need hear of. */
	else if (!allocators__is_free(walk->function) || state & PATH_WORKED)
		walk->returned_alone = true;
}

/* State after the call or jump at @insn. */
static uint8_t note_transfer(struct walk *walk, const struct instruction *insn, uint8_t state)
{
	const struct allocator_function *callee = resolve(walk->reader, insn);

	if (!callee || !is_same_sense(callee, walk->function))
		return insn->flow == FLOW_CALL ? state | PATH_WORKED : state;
	if (!walk->callee) {
		const struct delegate_reader *reader = walk->reader;

		walk->callee = callee;
		walk->is_inside = insn->target && reader->find(reader->context, insn->target);
	}
	return state | PATH_DELEGATED;
}

static bool is_inside(const struct walk *walk, uint64_t target)
{
	return target >= walk->address && target - walk->address < walk->size;
}

/* A jump out of the function: a tail call, or one of the paths that are not followed. */
static void leave(struct walk *walk, const struct instruction *insn, uint8_t state)
{
	state = note_transfer(walk, insn, state);
	if (state & PATH_DELEGATED)
		walk->returned_delegated = true;
	else if (!insn->target)
		walk->is_lost = true;
}

static void step(struct walk *walk, struct path path)
{
	struct instruction insn;
	uint8_t state = path.state;

	if (!decoder__read(walk->reader->decoder, walk->code + path.offset,
		    walk->size - path.offset, walk->address + path.offset, &insn)) {
		walk->is_lost = true;
		return;
	}
	if (insn.writes_memory)
		state |= PATH_WORKED;
	switch (insn.flow) {
	case FLOW_RETURN:
		note_return(walk, state);
		return;
	case FLOW_TRAP:
		return;
	case FLOW_JUMP:
	case FLOW_BRANCH:
		if (insn.target && is_inside(walk, insn.target))
			follow(walk, insn.target - walk->address, state);
		else
			leave(walk, &insn, state);
		if (insn.flow == FLOW_JUMP)
			return;
		break;
	case FLOW_CALL:
		state = note_transfer(walk, &insn, state);
		break;
	}
	follow(walk, path.offset + insn.length, state);
}

/* Nothing but a jump, after instructions that do nothing. */
static const struct allocator_function *read_plain_jump(const struct walk *walk)
{
	const struct delegate_reader *reader = walk->reader;
	struct instruction insn;
	size_t offset = 0;

	while (offset < walk->size && decoder__read(reader->decoder, walk->code + offset,
					      walk->size - offset, walk->address + offset, &insn)) {
		if (insn.flow == FLOW_JUMP)
			return resolve(reader, &insn);
		if (strcmp(insn.mnemonic, "endbr64") && strcmp(insn.mnemonic, "nop") &&
			strcmp(insn.mnemonic, "bti"))
			return NULL;
		offset += insn.length;
	}
	return NULL;
}

static struct delegate judge(struct walk *walk)
{
	struct delegate result = {.callee = walk->callee, .is_inside = walk->is_inside};

	if (!walk->callee)
		result.verdict = DELEGATES_NEVER;
	else if (walk->returned_alone || walk->is_lost || !walk->returned_delegated)
		result.verdict = DELEGATES_PARTLY;
	else
		result.verdict = DELEGATES_ALWAYS;
	return result;
}

struct delegate delegate__read(const struct delegate_reader *reader,
	const struct allocator_function *function, uint64_t address, uint64_t size)
{
	struct walk walk = {.reader = reader, .function = function, .address = address};
	const struct allocator_function *callee;
	size_t available;

	walk.code = elf_view__at(reader->view, address, &available);
	if (!walk.code || !size || size > available)
		return (struct delegate){.verdict = DELEGATES_NEVER};
	walk.size = size < MAX_FUNCTION_BYTES ? size : MAX_FUNCTION_BYTES;
	callee = read_plain_jump(&walk);
	if (callee && is_same_sense(callee, function))
		return (struct delegate){.verdict = DELEGATES_BY_JUMP, .callee = callee};
	walk.is_lost = size > MAX_FUNCTION_BYTES;
	follow(&walk, 0, 0);
	while (walk.pending_count)
		step(&walk, walk.pending[--walk.pending_count]);
	return judge(&walk);
}

/* Reads on from @address in a line; true if a traced function of the same sense is called there. */
static bool calls_traced(const struct delegate_reader *reader,
	const struct allocator_function *function, uint64_t address, size_t limit)
{
	size_t available, offset = 0;
	const uint8_t *code = elf_view__at(reader->view, address, &available);
	struct instruction insn;

	if (!code)
		return true;
	if (available > limit)
		available = limit;
	while (offset < available && decoder__read(reader->decoder, code + offset,
					     available - offset, address + offset, &insn)) {
		const struct allocator_function *callee =
			insn.flow == FLOW_NEXT ? NULL : resolve(reader, &insn);

		if (callee && is_same_sense(callee, function))
			return true;
		offset += insn.length;
	}
	return false;
}

bool delegate__may_call_indirectly(const struct delegate_reader *reader,
	const struct allocator_function *function, uint64_t address, uint64_t size)
{
	size_t available, offset = 0;
	const uint8_t *code = elf_view__at(reader->view, address, &available);
	struct instruction insn;

	if (!code || !size || size > available || size > MAX_FUNCTION_BYTES)
		return true;
	while (offset < size) {
		if (!decoder__read(
			    reader->decoder, code + offset, size - offset, address + offset, &insn))
			return true;
		offset += insn.length;
		/* Every place that control may go to but the function itself. */
		if (insn.target && insn.target - address >= size &&
			calls_traced(reader, function, insn.target, MAX_FUNCTION_BYTES))
			return true;
	}
	return false;
}
