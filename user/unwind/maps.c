/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/vec.h"
#include "unwind/range_pool.h"

/* Where a table lies in BPF. */
struct placement {
	uint32_t segment;
	uint32_t first_chunk;
	uint32_t chunk_count;
};

/* The ranges of one or, after forks, several processes. */
struct space_ranges {
	uint32_t first;
	uint32_t count;
	uint32_t references;
};

DEFINE_HASH_NUMBER(placement_map, uint64_t, struct placement);
DEFINE_HASH_NUMBER(space_ranges_map, uint64_t, struct space_ranges);
DEFINE_HASH_NUMBER(process_spaces, uint64_t, uint32_t);

/*
 * The newest segment, mapped, with room for tables to come: showing BPF a new one costs a
 * synchronize_rcu, which a loader that waits for us would feel at each dlopen.
 */
struct open_segment {
	uint32_t number;
	uint32_t used; /* chunks */
	uint32_t capacity;
	struct unwind_chunk *chunks; /* NULL: there is none yet */
};
#define SPARE_CHUNKS 1024 /* 512 KiB: the rows of some fifty libraries of usual size */

struct unwind_maps {
	struct unwind_maps_fds fds;
	struct unwind_shared *shared;
	struct unwind_range *ranges; /* the mapped array */
	struct range_pool pool;
	struct placement_map placements; /* by table */
	struct space_ranges_map spaces;	 /* by number */
	struct process_spaces processes; /* -> number of their space */
	uint32_t last_space;
	uint32_t segment_count;
	struct open_segment open;
	uint64_t random;
	struct unwind_maps_statistics statistics;
};

typedef VEC(const struct unwind_table *) table_vec;

static size_t mapped_size(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static void close_segment(struct open_segment *open)
{
	if (open->chunks)
		munmap(open->chunks, mapped_size(open->capacity * sizeof(*open->chunks)));
	*open = (struct open_segment){0};
}

int unwind_maps__new(struct unwind_maps **out, const struct unwind_maps_fds *fds,
	struct unwind_shared *shared, struct error *error)
{
	size_t size = mapped_size(UNWIND_MAX_RANGES * sizeof(struct unwind_range));
	struct unwind_maps *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return error__set(error, -ENOMEM, "out of memory");
	maps->fds = *fds;
	maps->shared = shared;
	maps->pool.size = UNWIND_MAX_RANGES;
	if (getrandom(&maps->random, sizeof(maps->random), GRND_NONBLOCK) < 0)
		maps->random = clock__now_ns();
	maps->ranges = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds->ranges, 0);
	if (maps->ranges == MAP_FAILED) {
		free(maps);
		return error__set(
			error, -errno, "cannot map the unwind ranges: %s", strerror(errno));
	}
	*out = maps;
	return 0;
}

void unwind_maps__free(struct unwind_maps *maps)
{
	if (!maps)
		return;
	close_segment(&maps->open);
	munmap(maps->ranges, mapped_size(UNWIND_MAX_RANGES * sizeof(struct unwind_range)));
	range_pool__free(&maps->pool);
	placement_map__free(&maps->placements);
	space_ranges_map__free(&maps->spaces);
	process_spaces__free(&maps->processes);
	free(maps);
}

struct unwind_maps_statistics unwind_maps__statistics(const struct unwind_maps *maps)
{
	struct unwind_maps_statistics statistics = maps->statistics;

	statistics.ranges = maps->pool.used;
	statistics.processes = maps->processes.size;
	return statistics;
}

static size_t chunks_of(const struct unwind_table *table)
{
	return (table->row_count + UNWIND_CHUNK_ROWS - 1) / UNWIND_CHUNK_ROWS;
}

/* A table's rare rules are numbered by itself, BPF's by all tables together: one for another. */
static uint32_t place_rare(struct unwind_maps *maps, const struct unwind_rare *rare)
{
	uint64_t *count = &maps->statistics.rare;

	for (uint32_t i = 0; i < *count; i++)
		if (!memcmp(&maps->shared->rare[i], rare, sizeof(*rare)))
			return unwind_rule(UNWIND_RARE, 0, 0, i);
	if (*count == UNWIND_MAX_RARE) {
		maps->statistics.rare_dropped++;
		return UNWIND_BAD;
	}
	maps->shared->rare[*count] = *rare;
	return unwind_rule(UNWIND_RARE, 0, 0, (*count)++);
}

static uint64_t place_row(struct unwind_maps *maps, const struct unwind_table *table, uint64_t row)
{
	uint32_t rule = unwind_row_rule(row);
	uint32_t i = unwind_rule_offset(rule);

	if (unwind_rule_kind(rule) != UNWIND_RARE)
		return row;
	rule = i < table->rare_count ? place_rare(maps, &table->rare[i]) : UNWIND_BAD;
	return unwind_row(unwind_row_pc(row), rule);
}

/* Copies a table's rows to its chunks; the last chunk is filled up with its last row. */
static void place_rows(
	struct unwind_maps *maps, const struct unwind_table *table, struct unwind_chunk *chunks)
{
	size_t slots = chunks_of(table) * UNWIND_CHUNK_ROWS;
	uint64_t *to = (uint64_t *)chunks;

	if (table->rare_count)
		for (size_t i = 0; i < table->row_count; i++)
			to[i] = place_row(maps, table, table->rows[i]);
	else
		memcpy(to, table->rows, table->row_count * sizeof(*to));
	for (size_t i = table->row_count; i < slots; i++)
		to[i] = to[table->row_count - 1];
	maps->statistics.tables++;
	maps->statistics.rows += table->row_count;
}

/* Puts the tables into the open segment, which has room for them. */
static int fill_segment(struct unwind_maps *maps, table_vec *tables)
{
	struct open_segment *open = &maps->open;

	vec_for_each (table, tables) {
		struct placement *placement =
			placement_map__insert(&maps->placements, (uintptr_t)*table);

		if (!placement)
			return -ENOMEM;
		*placement = (struct placement){
			.segment = open->number,
			.first_chunk = open->used,
			.chunk_count = chunks_of(*table),
		};
		place_rows(maps, *table, open->chunks + open->used);
		open->used += placement->chunk_count;
	}
	return 0;
}

/* Makes a segment with room for @chunk_count chunks and shows it to BPF; it becomes the open one.
 */
static int open_segment(struct unwind_maps *maps, size_t chunk_count, struct error *error)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP | BPF_F_MMAPABLE);
	struct open_segment *open = &maps->open;
	int fd, err;

	if (maps->segment_count == UNWIND_MAX_SEGMENTS)
		return error__set(
			error, -ENOSPC, "more than %d unwind segments", UNWIND_MAX_SEGMENTS);
	close_segment(open);
	open->capacity = chunk_count + SPARE_CHUNKS;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rows", sizeof(uint32_t),
		sizeof(struct unwind_chunk), open->capacity, &options);
	if (fd < 0)
		return error__set(error, fd,
			"cannot make a BPF map of %zu bytes for unwind tables: %s",
			open->capacity * sizeof(struct unwind_chunk), strerror(-fd));
	open->number = maps->segment_count;
	open->chunks = mmap(NULL, mapped_size(open->capacity * sizeof(*open->chunks)),
		PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	err = open->chunks == MAP_FAILED ? -errno : 0;
	if (err)
		open->chunks = NULL;
	else
		err = bpf_map_update_elem(maps->fds.segments, &open->number, &fd, BPF_ANY);
	close(fd); /* the outer map holds it */
	if (err) {
		close_segment(open);
		return error__set(error, err, "cannot load unwind tables: %s", strerror(-err));
	}
	maps->segment_count++;
	maps->statistics.bytes += mapped_size(open->capacity * sizeof(*open->chunks));
	return 0;
}

/* Loads @tables of @chunk_count chunks in all, by preference into what room there is. */
static int load_tables(
	struct unwind_maps *maps, table_vec *tables, size_t chunk_count, struct error *error)
{
	int err = 0;

	if (maps->open.capacity - maps->open.used < chunk_count)
		err = open_segment(maps, chunk_count, error);
	if (err)
		return err;
	err = fill_segment(maps, tables);
	return err ? error__set(error, err, "out of memory") : 0;
}

static bool contains_table(table_vec *tables, const struct unwind_table *wanted)
{
	vec_for_each (table, tables)
		if (*table == wanted)
			return true;
	return false;
}

/* Loads those tables of @mappings that BPF does not have. */
static int add_tables(struct unwind_maps *maps, const struct unwind_mapping *mappings, size_t count,
	struct error *error)
{
	size_t chunk_count = 0;
	table_vec tables = {0};
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		const struct unwind_table *table = mappings[i].table;

		if (!table || !table->row_count || contains_table(&tables, table) ||
			placement_map__find(&maps->placements, (uintptr_t)table))
			continue;
		chunk_count += chunks_of(table);
		err = vec_push(&tables, table);
	}
	if (err)
		error__set(error, err, "out of memory");
	else if (chunk_count)
		err = load_tables(maps, &tables, chunk_count, error);
	if (err)
		vec_for_each (table, &tables)
			placement_map__remove(&maps->placements, (uintptr_t)*table, NULL);
	vec_free(&tables);
	return err;
}

static struct unwind_range make_range(
	struct unwind_maps *maps, const struct unwind_mapping *mapping, uint32_t space)
{
	struct unwind_range range = {
		.start = unwind_mapping__first_pc(mapping), .end = mapping->end, .space = space};
	const struct placement *placement = NULL;

	if (mapping->table)
		placement = placement_map__find(&maps->placements, (uintptr_t)mapping->table);
	if (mapping->is_uprobes) {
		range.kind = UNWIND_UPROBES;
	} else if (!placement) {
		range.kind = UNWIND_NO_RULE;
	} else {
		range.base = mapping->bias + mapping->table->text_start;
		range.segment = placement->segment;
		range.first_chunk = placement->first_chunk;
		range.chunk_count = placement->chunk_count;
	}
	return range;
}

static void release_space(struct unwind_maps *maps, uint32_t number)
{
	struct space_ranges *space = space_ranges_map__find(&maps->spaces, number);

	if (!space || --space->references)
		return;
	if (space->count)
		range_pool__give(&maps->pool, space->first, space->count, clock__now_ns());
	space_ranges_map__remove(&maps->spaces, number, NULL);
}

/* Forgets all rules that were cached for @process (and for those that share its epoch). */
static void change_epoch(struct unwind_maps *maps, uint32_t process)
{
	__u64 *epoch = &maps->shared->epochs[process % UNWIND_EPOCHS];

	maps->random = hash_combine(maps->random, process);
	__atomic_store_n(epoch, maps->random >> 16, __ATOMIC_RELEASE);
}

/* Lets @process use space @number; its former one is released. */
static int point_process(struct unwind_maps *maps, uint32_t process, uint32_t number)
{
	struct space_ranges *space = space_ranges_map__find(&maps->spaces, number);
	struct unwind_space value = {.space = number, .first = space->first, .count = space->count};
	uint32_t *current, former;
	int err;

	current = process_spaces__insert(&maps->processes, process);
	if (!current)
		return -ENOMEM;
	err = bpf_map_update_elem(maps->fds.spaces, &process, &value, BPF_ANY);
	if (err) {
		if (!*current)
			process_spaces__remove(&maps->processes, process, NULL);
		return err == -E2BIG ? -ENOSPC : err;
	}
	former = *current;
	*current = number;
	space->references++;
	change_epoch(maps, process);
	if (former)
		release_space(maps, former);
	return 0;
}

/* A new space with these ranges and no references; its number, or a negative errno. */
static int64_t add_space(
	struct unwind_maps *maps, const struct unwind_mapping *mappings, uint32_t count)
{
	uint32_t number = ++maps->last_space ? maps->last_space : ++maps->last_space;
	struct space_ranges *space = space_ranges_map__insert(&maps->spaces, number);
	int64_t first = 0;

	if (!space)
		return -ENOMEM;
	if (count)
		first = range_pool__take(&maps->pool, count, clock__now_ns());
	if (first < 0) {
		space_ranges_map__remove(&maps->spaces, number, NULL);
		return first;
	}
	*space = (struct space_ranges){.first = first, .count = count};
	for (uint32_t i = 0; i < count; i++)
		maps->ranges[first + i] = make_range(maps, &mappings[i], number);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return number;
}

int unwind_maps__set(struct unwind_maps *maps, uint32_t process,
	const struct unwind_mapping *mappings, size_t count, struct error *error)
{
	int64_t number;
	int err;

	if (count > UNWIND_MAX_RANGES)
		return error__set(
			error, -ENOSPC, "more than %d executable mappings", UNWIND_MAX_RANGES);
	err = add_tables(maps, mappings, count, error);
	if (err)
		return err;
	number = add_space(maps, mappings, count);
	err = number < 0 ? (int)number : point_process(maps, process, number);
	if (err && number > 0) {
		space_ranges_map__find(&maps->spaces, number)->references++;
		release_space(maps, number);
	}
	if (err)
		return error__set(
			error, err, "cannot load the process's mappings: %s", strerror(-err));
	return 0;
}

int unwind_maps__share(struct unwind_maps *maps, uint32_t parent, uint32_t child)
{
	uint32_t *number = process_spaces__find(&maps->processes, parent);

	if (!number)
		return -ENOENT;
	if (process_spaces__find(&maps->processes, child))
		return 0; /* it has been given its own meanwhile */
	return point_process(maps, child, *number);
}

void unwind_maps__drop(struct unwind_maps *maps, uint32_t process)
{
	uint32_t number;

	bpf_map_delete_elem(maps->fds.spaces, &process);
	if (process_spaces__remove(&maps->processes, process, &number))
		release_space(maps, number);
}
