/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/vec.h"
#include "blocked/kernel_facts.h"
#include "blocked/module_facts.h"
#include "probe/call_site.h"
#include "process/memory.h"

/* How far, and how often in one stack, a return address is searched for. The frames between a
 * system call and the function that waits are small and few. */
#define SCAN_WORDS 64
#define SCAN_TURNS 16

/* Where a module lies in an address space: all of it, data included. */
struct placed_module {
	const struct module *module;
	struct module_facts *facts;
	uint64_t bias;
	uint64_t start; /* run-time addresses that its segments span */
	uint64_t end;
};

struct subject {
	struct subjects *all;
	pid_t pid;
	uint64_t start_ns;
	struct maps maps;
	VEC(struct placed_module) placed;
	/* Of the executable mappings, in order; and which module each belongs to (NULL: none). */
	VEC(struct unwind_mapping) code;
	VEC(struct module_facts *) code_facts;
	struct subject_python python;
	enum lock_libc libc;
	int libc_minor;
	const struct stack_copy *copy; /* while one is walked; else NULL */
};

DEFINE_HASH_NUMBER(subject_map, uint64_t, struct subject *);
DEFINE_HASH_NUMBER(facts_map, uint64_t, struct module_facts *);

struct subjects {
	struct modules *modules;
	struct unwind_store *tables;
	struct symbolizer *symbolizer;
	struct subject_map by_pid;
	struct facts_map by_module;
	struct python_frames *python_frames;
	struct kernel_facts *kernel_facts;
};

struct subjects *subjects__new(enum subject_lines lines, struct error *error)
{
	struct symbolizer_options options = {
		.no_lines = lines == SUBJECT_LINES_NONE,
		.no_libc_lines = lines != SUBJECT_LINES_ALL,
		.confined = true,
	};
	struct subjects *subjects = calloc(1, sizeof(*subjects));

	if (subjects) {
		subjects->modules = modules__new();
		subjects->tables = unwind_store__new_cached();
		subjects->symbolizer = symbolizer__new(&options);
		subjects->python_frames = python_frames__new();
		subjects->kernel_facts = kernel_facts__new();
	}
	if (!subjects || !subjects->python_frames || !subjects->kernel_facts ||
		!subjects->modules || !subjects->tables || !subjects->symbolizer) {
		subjects__free(subjects);
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	return subjects;
}

static void forget(struct subject *subject)
{
	maps__free(&subject->maps);
	subject->maps = (struct maps){0};
	subject_python__free(&subject->python);
	vec_free(&subject->placed);
	vec_free(&subject->code);
	vec_free(&subject->code_facts);
	subject->libc = LIBC_UNKNOWN;
}

void subjects__free(struct subjects *subjects)
{
	if (!subjects)
		return;
	hash_for_each (slot, &subjects->by_pid) {
		forget(slot->value);
		free(slot->value);
	}
	hash_for_each (slot, &subjects->by_module)
		module_facts__free(slot->value);
	unwind_store__free(subjects->tables);
	kernel_facts__free(subjects->kernel_facts);
	subject_map__free(&subjects->by_pid);
	facts_map__free(&subjects->by_module);
	python_frames__free(subjects->python_frames);
	if (subjects->symbolizer)
		symbolizer__free(subjects->symbolizer);
	if (subjects->modules)
		modules__free(subjects->modules);
	free(subjects);
}

/* Half of the 1,024 files that a process may have open by default; and the maps of 4,096 processes,
 * some 100 KiB each at most. */
#define MANY_MODULES 512
#define MANY_PROCESSES 4096

bool subjects__are_many(const struct subjects *subjects)
{
	return modules__count(subjects->modules) > MANY_MODULES ||
	       subjects->by_pid.size > MANY_PROCESSES;
}

static struct module_facts *facts_of(struct subjects *subjects, const struct module *module)
{
	struct module_facts **facts = facts_map__insert(&subjects->by_module, module->id);

	if (facts && !*facts)
		*facts = module_facts__new(module, subjects->tables);
	return facts ? *facts : NULL;
}

static void place_module(struct subject *subject, const struct module *module,
	struct module_facts *facts, uint64_t bias)
{
	struct placed_module placed = {module, facts, bias, UINT64_MAX, 0};
	int minor;

	vec_for_each (known, &subject->placed)
		if (known->module == module && known->bias == bias)
			return;
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct module_segment *segment = &module->segments[i];

		if (bias + segment->vaddr < placed.start)
			placed.start = bias + segment->vaddr;
		if (bias + segment->vaddr + segment->memory_size > placed.end)
			placed.end = bias + segment->vaddr + segment->memory_size;
	}
	if (vec_push(&subject->placed, placed))
		return;
	if (module_facts__libc(facts, &minor) != LIBC_UNKNOWN)
		subject->libc = module_facts__libc(facts, &subject->libc_minor);
}

static int add_code(struct subject *subject, const struct mapping *mapping)
{
	struct unwind_mapping code = {
		.start = mapping->start,
		.end = mapping->end,
		.is_uprobes = !strcmp(mapping->path, "[uprobes]"),
	};
	struct module_facts *facts = NULL;
	const struct module *module =
		modules__get(subject->all->modules, subject->pid, mapping, NULL);

	if (module && module__bias(module, mapping, &code.bias))
		facts = facts_of(subject->all, module);
	if (facts)
		place_module(subject, module, facts, code.bias);
	if (facts && module_facts__has_tried_table(facts))
		code.table = module_facts__table(facts);
	if (vec_push(&subject->code, code) || vec_push(&subject->code_facts, facts))
		return -ENOMEM;
	return 0;
}

/* A process without a C library of its own file may have one linked in. */
static void find_static_libc(struct subject *subject)
{
	vec_for_each (placed, &subject->placed) {
		if (subject->libc != LIBC_UNKNOWN)
			return;
		module_facts__find_static_libc(placed->facts);
		subject->libc = module_facts__libc(placed->facts, &subject->libc_minor);
	}
}

/* The first interpreter that is known. Two in one process keep apart by name; one is shown. */
static int find_python(struct subject *subject)
{
	vec_for_each (placed, &subject->placed) {
		const struct python_runtime *runtime = module_facts__python(placed->facts);

		if (runtime)
			return subject_python__read(
				&subject->python, runtime, placed->bias, subject->pid);
	}
	return 0;
}

static int read_space(struct subject *subject, struct error *error)
{
	int err = maps__read(subject->pid, &subject->maps, error);

	if (err)
		return err;
	if (!subject->maps.size)
		return error__set(error, -ESRCH, "process %d has exited", (int)subject->pid);
	for (size_t i = 0; i < subject->maps.size && !err; i++)
		if (mapping__is_executable(&subject->maps.data[i]))
			err = add_code(subject, &subject->maps.data[i]);
	find_static_libc(subject);
	if (!err)
		err = find_python(subject);
	return err ? error__set(error, err, "out of memory") : 0;
}

struct subject *subjects__take(
	struct subjects *subjects, pid_t pid, uint64_t start_ns, struct error *error)
{
	struct subject **slot = subject_map__insert(&subjects->by_pid, pid);

	if (slot && !*slot)
		*slot = calloc(1, sizeof(**slot));
	if (!slot || !*slot) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	forget(*slot);
	(*slot)->all = subjects;
	(*slot)->pid = pid;
	(*slot)->start_ns = start_ns;
	return read_space(*slot, error) ? NULL : *slot;
}

struct subject *subjects__find(struct subjects *subjects, pid_t pid)
{
	struct subject **slot = subject_map__find(&subjects->by_pid, pid);

	return slot ? *slot : NULL;
}

struct kernel_facts *subjects__kernel_facts(struct subjects *subjects)
{
	return subjects->kernel_facts;
}

const struct maps *subject__maps(const struct subject *subject)
{
	return &subject->maps;
}

enum lock_libc subject__libc(const struct subject *subject, int *minor)
{
	*minor = subject->libc_minor;
	return subject->libc;
}

static const struct placed_module *find_placed(const struct subject *subject, uint64_t address)
{
	vec_for_each (placed, &subject->placed)
		if (address >= placed->start && address < placed->end)
			return placed;
	return NULL;
}

const struct module *subject__module_at(
	const struct subject *subject, uint64_t address, uint64_t *vaddr)
{
	const struct placed_module *placed = find_placed(subject, address);

	if (!placed)
		return NULL;
	*vaddr = address - placed->bias;
	return placed->module;
}

int subject__read(pid_t pid, uint64_t address, void *data, size_t size)
{
	return memory__read_all(pid, address, data, size);
}

/* Builds the tables that a walk over @pcs would have needed; true if one was built. */
static bool build_tables(struct subject *subject, const __u64 *pcs, size_t count)
{
	bool built = false;

	for (size_t n = 0; n < count; n++) {
		for (size_t i = 0; i < subject->code.size; i++) {
			struct unwind_mapping *code = &subject->code.data[i];
			struct module_facts *facts = subject->code_facts.data[i];

			if (pcs[n] < code->start || pcs[n] >= code->end || !facts || code->table)
				continue;
			code->table = module_facts__table(facts);
			built |= code->table != NULL;
		}
	}
	return built;
}

static int read_for_walk(void *context, void *to, size_t size, uint64_t address)
{
	struct subject *subject = context;
	const struct stack_copy *copy = subject->copy;

	if (!copy || address < copy->address || size > copy->size ||
		address - copy->address > copy->size - size)
		return subject__read(subject->pid, address, to, size);
	memcpy(to, (const uint8_t *)copy->data + (address - copy->address), size);
	return 0;
}

/* A walk, with the tables that it turns out to need. */
static void walk_once(
	struct subject *subject, struct unwind_walk *walk, enum unwind_start start, uint64_t *slots)
{
	struct unwind_target target = {
		.mappings = subject->code.data,
		.mapping_count = subject->code.size,
		.read = read_for_walk,
		.context = subject,
		.stack_pointers = slots,
	};
	struct unwind_walk begin = *walk;

	build_tables(subject, &walk->pc, 1);
	/* Each turn goes further than the one before, or is the last. */
	for (size_t turn = 0; turn < EVENT_MAX_FRAMES; turn++) {
		*walk = begin;
		unwind__walk_native(&target, walk, EVENT_MAX_FRAMES, start);
		if (!build_tables(subject, walk->frames, walk->record.frame_count))
			return;
	}
}

struct symbol_frames subject__names(struct subject *subject, uint64_t pc, bool is_return_address)
{
	struct symbol_frames frames = {0};
	uint64_t vaddr;
	const struct module *module = subject__module_at(subject, pc, &vaddr);

	if (module)
		symbolizer__resolve(
			subject->all->symbolizer, module, vaddr, is_return_address, &frames);
	return frames;
}

static const char *name_of_function(struct subject *subject, uint64_t address)
{
	struct symbol_frames frames = subject__names(subject, address, false);

	return frames.count ? frames.frames[frames.count - 1].function : NULL;
}

/*
 * Index of the first word that is a return address: in front of it is a call, to @function or, for
 * NULL, to any that has a name. @count: there is none.
 */
static size_t find_return_address(
	struct subject *subject, const uint64_t *words, size_t count, const char *function)
{
	for (size_t i = 0; i < count; i++) {
		const char *called =
			find_placed(subject, words[i]) ? subject__called(subject, words[i]) : NULL;

		if (called && (!function || !strcmp(called, function)))
			return i;
	}
	return count;
}

static bool has_rule(const struct subject *subject, uint64_t pc)
{
	vec_for_each (code, &subject->code)
		if (pc >= code->start && pc < code->end)
			return code->table &&
			       unwind_table__find(code->table, pc - code->bias) != UNWIND_NO_RULE;
	return false;
}

static void append_frames(struct unwind_walk *walk, uint64_t *slots, const struct unwind_walk *more,
	const uint64_t *more_slots)
{
	uint32_t count = walk->record.frame_count;

	for (uint32_t i = 0; i < more->record.frame_count && count < EVENT_MAX_FRAMES; i++) {
		slots[count] = more_slots[i];
		walk->frames[count++] = more->frames[i];
	}
	walk->record.frame_count = count;
	walk->record.header.flags = more->record.header.flags;
	walk->record.guessed_frames += more->record.guessed_frames + 1;
}

/*
 * A C library without unwind tables (musl's) cuts stacks off below the first frame. From there the
 * stack is searched for what can only be a return address, and the walk goes on from it: a guess.
 */
static bool scan_on(struct subject *subject, struct unwind_walk *walk, uint64_t *slots)
{
	uint64_t words[SCAN_WORDS], more_slots[EVENT_MAX_FRAMES + 1];
	uint32_t count = walk->record.frame_count;
	struct unwind_walk more = *walk;
	uint64_t sp = count ? slots[count - 1] & ~SLOT_IS_GUESSED : 0;
	uint64_t pc = count ? walk->frames[count - 1] - (count > 1) : 0;
	size_t readable = SCAN_WORDS, i;
	const char *function;

	if (!count || walk->record.header.flags == STACK_COMPLETE || has_rule(subject, pc))
		return false;
	/* A thread's first frames lie near the end of its stack. */
	while (readable && subject__read(subject->pid, sp, words, readable * sizeof(*words)))
		readable /= 2;
	/* Rather one that called the function that we are in, if that is not jumped to. */
	function = name_of_function(subject, pc);
	i = function ? find_return_address(subject, words, readable, function) : readable;
	if (i == readable)
		i = find_return_address(subject, words, readable, NULL);
	if (i == readable)
		return false;
	more.pc = words[i];
	more.sp = sp + 8 * (i + 1);
	walk_once(subject, &more, UNWIND_FROM_RETURN, more_slots);
	more_slots[0] |= SLOT_IS_GUESSED;
	append_frames(walk, slots, &more, more_slots);
	return walk->record.frame_count > count;
}

void subject__walk(struct subject *subject, struct unwind_walk *walk, uint64_t *slots)
{
	walk_once(subject, walk, UNWIND_FROM_PC, slots);
	for (int turn = 0; turn < SCAN_TURNS && scan_on(subject, walk, slots); turn++)
		;
}

void subject__walk_copy(struct subject *subject, const struct stack_copy *copy,
	struct unwind_walk *walk, uint64_t *slots)
{
	subject->copy = copy;
	walk_once(subject, walk, UNWIND_FROM_PC, slots);
	subject->copy = NULL;
}

const char *subject__called(struct subject *subject, uint64_t return_address)
{
	const struct placed_module *placed = find_placed(subject, return_address);
	uint8_t code[CALL_SITE_BYTES];
	struct call_site site;
	uint64_t offset, pointer;

	/* The bytes of the file: in memory a breakpoint may stand there. */
	if (!placed ||
		!module__vaddr_to_offset(
			placed->module, return_address - placed->bias - sizeof(code), &offset) ||
		pread(placed->module->fd, code, sizeof(code), offset) != sizeof(code) ||
		!call_site__decode(placed->module->elf_machine, code, return_address, &site))
		return NULL;
	if (site.target)
		return name_of_function(subject, site.target);
	if (subject__read(subject->pid, site.slot, &pointer, sizeof(pointer)))
		return NULL;
	return name_of_function(subject, pointer);
}

bool subject__variable(
	struct subject *subject, uint64_t address, char *name, char *module, size_t size)
{
	const struct placed_module *placed = find_placed(subject, address);
	const char *variable;
	uint64_t offset;

	if (!placed)
		return false;
	variable = module_facts__variable(placed->facts, address - placed->bias, &offset);
	snprintf(module, size, "%s", placed->module->name);
	text__make_printable(module);
	if (!variable)
		return false;
	if (offset)
		snprintf(name, size, "%.*s+%llu", (int)size - 24, variable,
			(unsigned long long)offset);
	else
		snprintf(name, size, "%s", variable);
	return true;
}

uint64_t subject__find_variable(struct subject *subject, const char *module, const char *name)
{
	vec_for_each (placed, &subject->placed) {
		uint64_t vaddr;

		if (strncmp(placed->module->name, module, strlen(module)) != 0)
			continue;
		vaddr = module_facts__find_variable(placed->facts, name);
		return vaddr ? vaddr + placed->bias : 0;
	}
	return 0;
}

uint64_t subject__libc_variable(struct subject *subject, const char *name)
{
	vec_for_each (placed, &subject->placed) {
		uint64_t vaddr;
		int minor;

		if (module_facts__libc(placed->facts, &minor) == LIBC_UNKNOWN)
			continue;
		vaddr = module_facts__find_variable(placed->facts, name);
		if (vaddr)
			return vaddr + placed->bias;
	}
	return 0;
}

const struct subject_python *subject__python(const struct subject *subject)
{
	return subject->python.runtime ? &subject->python : NULL;
}

bool subject__in_python_loop(const struct subject *subject, uint64_t pc, bool is_return_address)
{
	return subject->python.runtime && python_runtime__in_loop(subject->python.runtime,
						  pc - is_return_address - subject->python.bias);
}

struct python_frame subject__python_frame(struct subject *subject, const struct python_place *place)
{
	/* Code objects are read anew at each look: who waits does so once. */
	uint32_t number = python_frames__resolve(subject->all->python_frames,
		&subject->python.process, (uint32_t)subject->pid, place);
	const struct python_frame *frame = python_frames__get(subject->all->python_frames, number);

	return frame ? *frame : (struct python_frame){0};
}
