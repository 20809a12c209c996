#include "attach/spaces.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/vec.h"

/* A frame in unknown memory may be JIT code that never gets a name: do not read the maps for
 * each. */
#define REFRESH_INTERVAL_NS 20000000ull

struct space {
	pid_t pid;
	bool retired;
	bool finished;
	uint64_t last_refresh_ns;
	uint32_t generation;
	uint32_t removals;
	VEC(struct code_range) ranges; /* sorted */
};

static inline uint64_t process_hash(uint32_t process)
{
	return hash_mix(process);
}

static inline bool process_equal(uint32_t a, uint32_t b)
{
	return a == b;
}

DEFINE_HASH(space_map, uint32_t, struct space *, process_hash, process_equal);

struct spaces {
	pthread_mutex_t lock;
	struct modules *modules;
	struct space_map map;
};

struct spaces *spaces__new(struct modules *modules)
{
	struct spaces *spaces = calloc(1, sizeof(*spaces));

	if (!spaces)
		return NULL;
	pthread_mutex_init(&spaces->lock, NULL);
	spaces->modules = modules;
	return spaces;
}

static void free_space(struct space *space)
{
	vec_free(&space->ranges);
	free(space);
}

void spaces__free(struct spaces *spaces)
{
	if (!spaces)
		return;
	hash_for_each (slot, &spaces->map)
		free_space(slot->value);
	space_map__free(&spaces->map);
	pthread_mutex_destroy(&spaces->lock);
	free(spaces);
}

static struct space *find_space(struct spaces *spaces, uint32_t process)
{
	struct space **space = space_map__find(&spaces->map, process);

	return space ? *space : NULL;
}

static struct space *add_space(struct spaces *spaces, uint32_t process, pid_t pid)
{
	struct space *space = find_space(spaces, process), **slot;

	if (space)
		return space;
	space = calloc(1, sizeof(*space));
	slot = space ? space_map__insert(&spaces->map, process) : NULL;
	if (!slot) {
		free(space);
		return NULL;
	}
	space->pid = pid;
	*slot = space;
	return space;
}

int spaces__add(struct spaces *spaces, uint32_t process, pid_t pid)
{
	struct space *space;

	pthread_mutex_lock(&spaces->lock);
	space = add_space(spaces, process, pid);
	pthread_mutex_unlock(&spaces->lock);
	return space ? 0 : -ENOMEM;
}

int spaces__fork(struct spaces *spaces, uint32_t parent, uint32_t process, pid_t pid)
{
	struct space *from, *space;
	int err = 0;

	pthread_mutex_lock(&spaces->lock);
	if (find_space(spaces, process))
		goto out;
	from = find_space(spaces, parent);
	space = add_space(spaces, process, pid);
	if (!space) {
		err = -ENOMEM;
	} else if (from && from->ranges.size) {
		err = vec_reserve(&space->ranges, from->ranges.size);
		if (!err) {
			memcpy(space->ranges.data, from->ranges.data,
				from->ranges.size * sizeof(*from->ranges.data));
			space->ranges.size = from->ranges.size;
		}
	}
out:
	pthread_mutex_unlock(&spaces->lock);
	return err;
}

/* Notes an end. A space is needed until it is retired and finished: both threads know it. */
static void end_space(struct spaces *spaces, uint32_t process, bool retired, bool finished)
{
	struct space *space;

	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	if (space) {
		space->retired |= retired;
		space->finished |= finished;
		if (space->retired && space->finished) {
			space_map__remove(&spaces->map, process, NULL);
			free_space(space);
		}
	}
	pthread_mutex_unlock(&spaces->lock);
}

void spaces__retire(struct spaces *spaces, uint32_t process)
{
	end_space(spaces, process, true, false);
}

void spaces__finish(struct spaces *spaces, uint32_t process)
{
	end_space(spaces, process, false, true);
}

size_t spaces__count(struct spaces *spaces)
{
	size_t count;

	pthread_mutex_lock(&spaces->lock);
	count = spaces->map.size;
	pthread_mutex_unlock(&spaces->lock);
	return count;
}

pid_t spaces__pid(struct spaces *spaces, uint32_t process)
{
	struct space *space;
	pid_t pid;

	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	pid = space ? space->pid : 0;
	pthread_mutex_unlock(&spaces->lock);
	return pid;
}

typedef VEC(struct code_range) range_vec;

static int read_ranges(
	struct spaces *spaces, struct space *space, range_vec *ranges, struct error *err)
{
	struct error why;
	struct maps maps;
	int result;

	result = maps__read(space->pid, &maps, err);
	if (result)
		return result;
	for (size_t i = 0; i < maps.size && !result; i++) {
		const struct mapping *m = &maps.data[i];
		struct code_range range = {.start = m->start, .end = m->end};

		if (!mapping__is_executable(m))
			continue;
		range.is_uprobes = strcmp(m->path, "[uprobes]") == 0;
		range.module = modules__get(spaces->modules, space->pid, m, &why);
		if (!range.module && file__is_limit(why.code))
			result = error__set(err, why.code, "%s", why.message);
		if (range.module && !module__bias(range.module, m, &range.bias))
			range.module = NULL;
		if (!result)
			result = vec_push(ranges, range);
	}
	maps__free(&maps);
	if (!result && ranges->size == 0)
		result = error__set(err, -ESRCH, "process %d is gone", space->pid);
	return result;
}

static bool has_range(
	const struct code_range *ranges, size_t count, const struct code_range *wanted)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].start == wanted->start && ranges[i].end == wanted->end &&
			ranges[i].module == wanted->module && ranges[i].bias == wanted->bias)
			return true;
	return false;
}

/* Whether @range is code made at run time and lies in such a range still: compilers' areas grow. */
static bool has_grown(const range_vec *fresh, const struct code_range *range)
{
	for (size_t i = 0; !range->module && i < fresh->size; i++)
		if (!fresh->data[i].module && fresh->data[i].start <= range->start &&
			fresh->data[i].end >= range->end)
			return true;
	return false;
}

static void note_changes(struct space *space, const range_vec *fresh)
{
	bool changed = fresh->size != space->ranges.size, removed = false;

	for (size_t i = 0; i < space->ranges.size && !removed; i++) {
		const struct code_range *range = &space->ranges.data[i];

		if (has_range(fresh->data, fresh->size, range))
			continue;
		changed = true;
		removed = !has_grown(fresh, range);
	}
	if (removed)
		space->removals++;
	if (changed)
		space->generation++;
}

static int refresh_space(struct spaces *spaces, struct space *space, struct error *err)
{
	range_vec fresh = {0};
	int result;

	if (space->retired)
		return error__set(err, -ESRCH, "process %d is gone", space->pid);
	space->last_refresh_ns = clock__now_ns();
	result = read_ranges(spaces, space, &fresh, err);
	if (result) {
		vec_free(&fresh);
		return result;
	}
	note_changes(space, &fresh);
	vec_free(&space->ranges);
	space->ranges.data = fresh.data;
	space->ranges.size = fresh.size;
	space->ranges.capacity = fresh.capacity;
	return 0;
}

int spaces__refresh(struct spaces *spaces, uint32_t process, struct error *err)
{
	struct space *space;
	int result;

	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	result = space ? refresh_space(spaces, space, err)
		       : error__set(err, -ESRCH, "process image %u is not known", process);
	pthread_mutex_unlock(&spaces->lock);
	return result;
}

static const struct code_range *find_range(const struct space *space, uint64_t address)
{
	size_t low = 0, high = space->ranges.size;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct code_range *range = &space->ranges.data[middle];

		if (address < range->start)
			high = middle;
		else if (address >= range->end)
			low = middle + 1;
		else
			return range;
	}
	return NULL;
}

struct resolved_address spaces__resolve(struct spaces *spaces, uint32_t process, uint64_t address)
{
	struct resolved_address resolved = {.offset = address};
	const struct code_range *range = NULL;
	struct space *space;

	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	if (space) {
		range = find_range(space, address);
		if (!range && !space->retired &&
			clock__now_ns() - space->last_refresh_ns > REFRESH_INTERVAL_NS &&
			!refresh_space(spaces, space, NULL))
			range = find_range(space, address);
	}
	if (range && range->module) {
		resolved.module = range->module;
		resolved.offset = address - range->bias;
	}
	pthread_mutex_unlock(&spaces->lock);
	return resolved;
}

int spaces__view(struct spaces *spaces, uint32_t process, struct space_view *view)
{
	struct space *space;
	int err = -ESRCH;

	*view = (struct space_view){0};
	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	if (!space)
		goto out;
	err = -ENOMEM;
	view->ranges = malloc((space->ranges.size + 1) * sizeof(*view->ranges));
	if (!view->ranges)
		goto out;
	err = 0;
	view->count = space->ranges.size;
	view->generation = space->generation;
	view->removals = space->removals;
	if (view->count)
		memcpy(view->ranges, space->ranges.data, view->count * sizeof(*view->ranges));
out:
	pthread_mutex_unlock(&spaces->lock);
	return err;
}

void space_view__free(struct space_view *view)
{
	free(view->ranges);
	*view = (struct space_view){0};
}
