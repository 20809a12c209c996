/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/symbolizer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/vec.h"
#include "symbols/jit_directories.h"
#include "symbols/jit_map.h"
#include "symbols/module_symbols.h"
#include "symbols/names.h"
#include "symbols/names_worker.h"

/* How often a JIT map that was not there is looked for. */
#define JIT_RETRY_NS 1000000000ull
#define DEFAULT_DEBUG_DIR "/usr/lib/debug"

/* Answers are by module's id and address; those about JIT code by the name's pointer, which is
   above all ids, and the offset in the code of this name. */
#define JIT_KEY(name, offset) ((struct hash_pair){(uintptr_t)(name), offset})

DEFINE_HASH_PAIR(answer_map, struct symbol_frames);

DEFINE_HASH_NUMBER(module_symbols_map, uint64_t, struct module_symbols *);
DEFINE_HASH_NUMBER(jit_map_map, uint32_t, struct jit_map);

struct symbolizer {
	bool lines;
	bool libc_lines;
	int (*download)(const struct build_id *build_id); /* NULL: servers are not asked */
	struct spaces *spaces;				  /* NULL: of a recording */
	struct names_worker *worker;			  /* NULL: modules are read here */
	debug_dirs dirs;				  /* the strings are in names */
	struct names *names;
	struct module_symbols_map modules; /* by id */
	struct jit_map_map jit_maps;	   /* by number of the image */
	struct jit_directories jit_directories;
	struct answer_map answers;
	VEC(struct symbol_frame *) kept; /* the frames of all answers */
	dwarf_frames scratch;
	struct symbol_budget budget;
};

static int add_directories(struct symbolizer *s, const struct symbolizer_options *options)
{
	for (size_t i = 0; i < options->debug_dir_count; i++) {
		const char *directory = names__intern(s->names, options->debug_dirs[i]);

		if (!directory || vec_push(&s->dirs, directory))
			return -ENOMEM;
	}
	return vec_push(&s->dirs, DEFAULT_DEBUG_DIR);
}

struct symbolizer *symbolizer__new(const struct symbolizer_options *options)
{
	static const struct symbolizer_options defaults;
	struct symbolizer *s = calloc(1, sizeof(*s));

	options = options ? options : &defaults;
	if (!s)
		return NULL;
	s->names = names__new();
	budget__init(&s->budget);
	s->lines = !options->no_lines;
	s->libc_lines = !options->no_libc_lines;
	s->spaces = options->spaces;
	if (options->debuginfod)
		s->download = options->download ? options->download : debug_file__download;
	if (options->confined)
		s->worker = names_worker__new(options);
	if (!s->names || (options->confined && !s->worker) || add_directories(s, options)) {
		symbolizer__free(s);
		return NULL;
	}
	names__set_demangle(s->names, !options->no_demangle);
	return s;
}

void symbolizer__free(struct symbolizer *s)
{
	if (!s)
		return;
	hash_for_each (slot, &s->modules)
		module_symbols__free(slot->value);
	hash_for_each (slot, &s->jit_maps)
		jit_map__free(&slot->value);
	vec_for_each (frames, &s->kept)
		free(*frames);
	jit_directories__free(&s->jit_directories);
	module_symbols_map__free(&s->modules);
	jit_map_map__free(&s->jit_maps);
	answer_map__free(&s->answers);
	vec_free(&s->kept);
	vec_free(&s->dirs);
	vec_free(&s->scratch);
	names_worker__free(s->worker);
	names__free(s->names);
	free(s);
}

/* The answer while memory is short or nothing is known. */
static struct symbol_frames nameless(void)
{
	static const struct symbol_frame frame;

	return (struct symbol_frames){&frame, 1};
}

/* The frames of a new answer, owned by the symbolizer; NULL where memory is short. */
static struct symbol_frame *keep_frames(struct symbolizer *s, size_t count)
{
	struct symbol_frame *frames = calloc(count, sizeof(*frames));

	if (frames && vec_push(&s->kept, frames)) {
		free(frames);
		frames = NULL;
	}
	return frames;
}

static struct module_symbols *get_module(struct symbolizer *s, const struct module *module)
{
	struct module_symbols_options options = {
		&s->dirs, s->lines, s->libc_lines, s->download, &s->budget};
	struct module_symbols **slot = module_symbols_map__find(&s->modules, module->id);

	if (slot)
		return *slot;
	slot = module_symbols_map__insert(&s->modules, module->id);
	if (slot)
		*slot = module_symbols__new(module, &options);
	return slot ? *slot : NULL;
}

static const char *name_entry(struct symbolizer *s, const struct symbol_entry *entry)
{
	char stub[1024];

	if (!entry)
		return NULL;
	if (!entry->is_plt)
		return names__demangled(s->names, entry->name);
	snprintf(stub, sizeof(stub), "%s@plt", names__demangled(s->names, entry->name));
	return names__intern(s->names, stub);
}

/* Whether the symbol is @name with a suffix of the compiler's: "f.constprop.0". */
static bool is_variant(const char *symbol, const char *name)
{
	size_t length = strlen(name);

	return strncmp(symbol, name, length) == 0 && symbol[length] == '.';
}

static bool is_mangled(const char *symbol)
{
	return symbol[0] == '_' && (symbol[1] == 'Z' || symbol[1] == 'R');
}

/*
 * The name of a frame that DWARF knows. Where it has no linkage name (C, lambdas, local functions)
 * the symbol of the machine function says more: its class, or "malloc" where the source calls it
 * __libc_malloc.
 */
static const char *name_frame(
	struct symbolizer *s, const struct dwarf_frame *frame, const struct symbol_entry *entry)
{
	const char *name = frame->name ? frame->name : frame->linkage_name;

	if (frame->linkage_name && is_mangled(frame->linkage_name))
		return names__demangled(s->names, frame->linkage_name);
	if (frame->inlined || !entry)
		return names__intern_fixed(s->names, name);
	if (!name || is_mangled(entry->name) ||
		(entry->start == frame->function_start && !is_variant(entry->name, name)))
		return name_entry(s, entry);
	return names__intern_fixed(s->names, name);
}

/* Builds the answer from the frames in s->scratch, or from the symbol alone. */
static int build_answer(struct symbolizer *s, const struct symbol_entry *entry, uint64_t vaddr,
	struct symbol_frames *out)
{
	size_t count = s->scratch.size ? s->scratch.size : 1;
	struct symbol_frame *frames = keep_frames(s, count);
	uint64_t start = entry		   ? entry->start
			 : s->scratch.size ? s->scratch.data[0].function_start
					   : 0;

	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < s->scratch.size; i++) {
		const struct dwarf_frame *frame = &s->scratch.data[i];

		frames[i].function = name_frame(s, frame, entry);
		frames[i].file = names__intern_fixed(s->names, frame->file);
		frames[i].line = frame->line;
		frames[i].column = frame->column;
		frames[i].inlined = frame->inlined;
	}
	if (!s->scratch.size)
		frames[0].function = name_entry(s, entry);
	for (size_t i = 0; start && start <= vaddr && i < count; i++)
		frames[i].function_offset = vaddr - start;
	*out = (struct symbol_frames){frames, count};
	return 0;
}

/*
 * The symbol at @lookup. A return address that nothing has called, as a signal's or a context's, is
 * a function's first byte, and what is before it may belong to none.
 */
static const struct symbol_entry *find_symbol(
	const struct symbol_table *table, uint64_t vaddr, uint64_t lookup)
{
	const struct symbol_entry *entry = symbol_table__find(table, lookup);

	if (entry)
		return entry;
	entry = symbol_table__find(table, vaddr);
	return entry && entry->start == vaddr ? entry : NULL;
}

/* The worker's answer, with strings of our own. */
static int ask_worker(struct symbolizer *s, const struct module *module, uint64_t vaddr,
	bool is_return_address, struct symbol_frames *out)
{
	const struct symbol_frame *told;
	int count = names_worker__resolve(s->worker, module, vaddr, is_return_address, &told);
	struct symbol_frame *frames = count > 0 ? keep_frames(s, count) : NULL;

	if (count <= 0)
		return count;
	if (!frames)
		return -ENOMEM;
	for (int i = 0; i < count; i++) {
		frames[i] = told[i];
		frames[i].function = names__intern(s->names, told[i].function);
		frames[i].file = names__intern(s->names, told[i].file);
	}
	*out = (struct symbol_frames){frames, count};
	return 0;
}

/* Reads what is not read yet; beyond the budget nothing more, and no lines. */
static int resolve_anew(struct symbolizer *s, const struct module *module, uint64_t vaddr,
	bool is_return_address, struct symbol_frames *out)
{
	uint64_t lookup = vaddr - (is_return_address && vaddr);
	struct module_symbols *symbols = get_module(s, module);
	const struct symbol_entry *entry;
	struct dwarf_source *dwarf;
	int err = 0;

	if (!symbols)
		return -ENOMEM;
	entry = find_symbol(module_symbols__table(symbols), vaddr, lookup);
	dwarf = module_symbols__dwarf(symbols);
	s->scratch.size = 0;
	if (dwarf && budget__has_time(&s->budget))
		err = dwarf_source__resolve(dwarf, lookup, &s->scratch);
	else if (dwarf)
		budget__tell(&s->budget, module->path);
	return err ? err : build_answer(s, entry, vaddr, out);
}

int symbolizer__resolve(struct symbolizer *s, const struct module *module, uint64_t vaddr,
	bool is_return_address, struct symbol_frames *out)
{
	/* The offset shown differs between the two kinds of address, so answers do. */
	struct hash_pair place = {module->id, vaddr << 1 | is_return_address};
	struct symbol_frames *known = answer_map__find(&s->answers, place);
	int err;

	*out = known ? *known : nameless();
	if (known)
		return 0;
	if (s->worker) {
		err = ask_worker(s, module, vaddr, is_return_address, out);
	} else {
		budget__begin(&s->budget);
		err = resolve_anew(s, module, vaddr, is_return_address, out);
		budget__end(&s->budget);
	}
	known = err ? NULL : answer_map__insert(&s->answers, place);
	if (known)
		*known = *out;
	return err;
}

static int refresh_jit(struct symbolizer *s, struct jit_map *map)
{
	int err;

	budget__begin(&s->budget);
	err = jit_map__refresh(map);
	budget__end(&s->budget);
	return err;
}

void symbolizer__watch_jit(
	struct symbolizer *s, const struct process_info *process, uint32_t image, uint64_t start_ns)
{
	struct jit_map *map = jit_map_map__find(&s->jit_maps, image);
	int directory;

	if (!map) {
		directory = jit_directories__get(&s->jit_directories, process->pid);
		map = directory < 0 ? NULL : jit_map_map__insert(&s->jit_maps, image);
		if (!map)
			return;
		jit_map__init(map, directory, process__own_pid(process), process->uid, &s->budget);
		map->spaces = s->spaces;
		map->image = image;
		jit_map__skip_stale(map, start_ns);
	}
	refresh_jit(s, map);
}

void symbolizer__refresh_jit(struct symbolizer *s, uint32_t image)
{
	struct jit_map *map = jit_map_map__find(&s->jit_maps, image);

	if (map)
		refresh_jit(s, map);
}

void symbolizer__unwatch_jit(struct symbolizer *s, uint32_t image)
{
	struct jit_map *map = jit_map_map__find(&s->jit_maps, image);

	if (!map || refresh_jit(s, map) != -ENOENT)
		return;
	jit_map__free(map);
	jit_map_map__remove(&s->jit_maps, image, NULL);
}

/* The answer for code called @name, @offset bytes into it: one for all that is called so. */
static int find_jit_answer(
	struct symbolizer *s, const char *name, uint64_t offset, struct symbol_frames *out)
{
	struct symbol_frames *known;
	struct symbol_frame *frame;

	name = names__intern(s->names, name);
	known = name ? answer_map__insert(&s->answers, JIT_KEY(name, offset)) : NULL;
	if (!known)
		return -ENOMEM;
	frame = known->count ? NULL : keep_frames(s, 1);
	if (frame) {
		*frame = (struct symbol_frame){
			.function = name, .function_offset = offset, .jit = true};
		*known = (struct symbol_frames){frame, 1};
	} else if (!known->count) {
		answer_map__remove(&s->answers, JIT_KEY(name, offset), NULL);
		return -ENOMEM;
	}
	*out = *known;
	return 0;
}

int symbolizer__resolve_jit(struct symbolizer *s, const struct jit_place *place, uint64_t address,
	struct symbol_frames *out)
{
	struct jit_map *map = jit_map_map__find(&s->jit_maps, place->process);
	const char *name;
	uint64_t start;

	*out = nameless();
	if (!map)
		return 0;
	refresh_jit(s, map);
	/* One byte before a return address, which may be behind the code's last byte. */
	name = jit_map__find_at(map, address - 1, place, &start);
	return name ? find_jit_answer(s, name, address - start, out) : 0;
}

int symbolizer__resolve_any_jit(struct symbolizer *s, uint64_t address, struct symbol_frames *out)
{
	uint64_t now = clock__now_ns();

	*out = nameless();
	hash_for_each (slot, &s->jit_maps) {
		struct jit_place now_there = {.process = slot->key, .limit = UINT64_MAX};
		int err = 0;

		/* Most processes have none, and one more that looks for it costs a system call. */
		if (slot->value.fd < 0 && now - slot->value.tried_ns < JIT_RETRY_NS)
			continue;
		slot->value.tried_ns = now;
		err = symbolizer__resolve_jit(s, &now_there, address, out);
		if (err || out->frames[0].function)
			return err;
	}
	return 0;
}
