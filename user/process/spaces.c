/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/spaces.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

/* A frame in unknown memory may be JIT code that never gets a name: do not read the maps for
 * each. */
#define REFRESH_INTERVAL_NS 20000000ull

/* How long after its change, or its process's end, a stack of before may still come: a thread may
 * have lost its CPU between taking the stack and sending it. */
#define MEMORY_NS 10000000000ull

/* Between two clearings of what is older. */
#define FORGET_INTERVAL_NS 1000000000ull

/* Looks that changes of the process have come into before it is used as it is. */
#define LOOK_ATTEMPTS 3

struct space {
	pid_t pid; /* 0: only changes of it are known yet */
	bool has_begun;
	bool finished;
	uint64_t end_ns; /* retired; of one without PID: when it was heard of. 0: it lives */
	uint64_t last_refresh_ns;
	uint32_t looked_epoch; /* its epoch then */
	uint32_t generation;
	code_ranges ranges; /* as last seen; sorted */
	struct code_history history;
};

DEFINE_HASH_NUMBER(space_map, uint32_t, struct space *);

struct spaces {
	pthread_mutex_t lock;
	struct modules *modules;
	struct space_map map;
	struct code_log log;
	struct jit_places jit;
	uint64_t forgot_ns;
	uint64_t page_size;
};

struct spaces *spaces__new(struct modules *modules)
{
	struct spaces *spaces = calloc(1, sizeof(*spaces));

	if (!spaces)
		return NULL;
	pthread_mutex_init(&spaces->lock, NULL);
	spaces->modules = modules;
	spaces->page_size = sysconf(_SC_PAGESIZE);
	return spaces;
}

static void free_space(struct space *space)
{
	vec_free(&space->ranges);
	code_history__free(&space->history);
	free(space);
}

void spaces__free(struct spaces *spaces)
{
	if (!spaces)
		return;
	hash_for_each (slot, &spaces->map)
		free_space(slot->value);
	space_map__free(&spaces->map);
	jit_places__free(&spaces->jit);
	pthread_mutex_destroy(&spaces->lock);
	free(spaces);
}

static struct space *find_space(struct spaces *spaces, uint32_t process)
{
	struct space **space = space_map__find(&spaces->map, process);

	return space ? *space : NULL;
}

static struct space *need_space(struct spaces *spaces, uint32_t process)
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
	*slot = space;
	return space;
}

/* --- the log of changes */

/* The file that a change mapped, if it was seen before. */
static bool identify(
	struct spaces *spaces, const struct code_change *change, struct code_range *range)
{
	struct mapping mapping = {
		.start = change->start,
		.end = range->end,
		.offset = change->page * spaces->page_size + change->into,
		.inode = change->inode,
		.dev_major = change->device >> 20,
		.dev_minor = change->device & ((1 << 20) - 1),
		.prot = 4,
		.path = "",
	};

	if (!change->inode)
		return false;
	range->module = modules__find_file(
		spaces->modules, mapping.dev_major, mapping.dev_minor, mapping.inode);
	return range->module && module__bias(range->module, &mapping, &range->bias);
}

static void apply_change(struct spaces *spaces, const struct code_change *change)
{
	struct space *space = need_space(spaces, change->process);
	uint64_t mask = spaces->page_size - 1;
	struct code_range range = {.start = change->start, .end = (change->end + mask) & ~mask};
	struct code_event event = {
		.start = range.start,
		.end = range.end,
		.number = change->number,
		.time_ns = change->time_ns,
		.came = change->inode != 0,
	};

	if (!space || range.start >= range.end)
		return;
	if (!space->has_begun)
		space->end_ns = change->time_ns;
	if (!code_history__change(&space->history, &event) && identify(spaces, change, &range))
		code_history__add(&space->history, &range);
}

/* Changes were overwritten: who had none may go on. */
static void lose_changes(struct spaces *spaces, uint32_t last)
{
	hash_for_each (slot, &spaces->map) {
		uint32_t epoch = code_log__epoch(&spaces->log, slot->key);

		if (epoch > last)
			code_history__lose(&slot->value->history, last, epoch, clock__now_ns());
	}
}

static void read_changes(struct spaces *spaces)
{
	struct code_change change;
	enum code_log_read read;
	uint32_t last;

	do {
		last = spaces->log.read;
		read = code_log__next(&spaces->log, &change);
		if (read == CODE_LOG_CHANGE && (change.flags & CODE_NAMED || !change.inode))
			jit_places__change(&spaces->jit, &change);
		if (read == CODE_LOG_CHANGE && !(change.flags & CODE_NAMED))
			apply_change(spaces, &change);
		else if (read == CODE_LOG_OVERRUN)
			lose_changes(spaces, last);
	} while (read != CODE_LOG_END);
}

void spaces__read_log(struct spaces *spaces, const struct code_log *log)
{
	pthread_mutex_lock(&spaces->lock);
	spaces->log = *log;
	pthread_mutex_unlock(&spaces->lock);
}

void spaces__leave_log(struct spaces *spaces)
{
	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	spaces->log = (struct code_log){0};
	pthread_mutex_unlock(&spaces->lock);
}

/* --- processes come and go */

static void begin(struct space *space, pid_t pid)
{
	space->pid = pid;
	space->has_begun = true;
	space->end_ns = 0;
}

int spaces__add(struct spaces *spaces, uint32_t process, pid_t pid)
{
	struct space *space;

	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	space = need_space(spaces, process);
	if (space && !space->has_begun)
		begin(space, pid);
	pthread_mutex_unlock(&spaces->lock);
	return space ? 0 : -ENOMEM;
}

static int copy_ranges(const code_ranges *from, code_ranges *to)
{
	if (!from->size)
		return 0;
	if (vec_reserve(to, from->size))
		return -ENOMEM;
	memcpy(to->data, from->data, from->size * sizeof(*from->data));
	to->size = from->size;
	return 0;
}

int spaces__fork(
	struct spaces *spaces, uint32_t parent, uint32_t process, pid_t pid, uint32_t epoch)
{
	struct space *from, *space;
	int err = -ENOMEM;

	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	space = need_space(spaces, process);
	from = find_space(spaces, parent);
	if (space && space->has_begun) {
		err = 0;
	} else if (space) {
		begin(space, pid);
		err = from ? copy_ranges(&from->ranges, &space->ranges) : 0;
		if (from && !err)
			err = code_history__fork(&space->history, &from->history, epoch);
		if (!err)
			err = jit_places__fork(&spaces->jit, parent, process, epoch);
	}
	pthread_mutex_unlock(&spaces->lock);
	return err;
}

static void forget_space(struct spaces *spaces, uint32_t process)
{
	struct space *space = find_space(spaces, process);

	if (!space)
		return;
	space_map__remove(&spaces->map, process, NULL);
	jit_places__forget(&spaces->jit, process);
	free_space(space);
}

/* Notes an end. A space is needed until it is retired and finished: both threads know it. */
static void end_space(struct spaces *spaces, uint32_t process, bool retired, bool finished)
{
	struct space *space;

	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	space = find_space(spaces, process);
	if (space) {
		if (retired && !space->end_ns)
			space->end_ns = clock__now_ns();
		space->finished |= finished;
		if (space->end_ns && space->finished)
			forget_space(spaces, process);
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

void spaces__pass(struct spaces *spaces, uint64_t time_ns)
{
	VEC(uint32_t) ended = {0};
	uint64_t horizon;

	pthread_mutex_lock(&spaces->lock);
	if (time_ns < spaces->forgot_ns + FORGET_INTERVAL_NS || time_ns < MEMORY_NS)
		goto out;
	spaces->forgot_ns = time_ns;
	horizon = time_ns - MEMORY_NS;
	read_changes(spaces);
	hash_for_each (slot, &spaces->map) {
		code_history__forget(&slot->value->history, horizon);
		if (slot->value->end_ns && slot->value->end_ns < horizon &&
			vec_push(&ended, slot->key))
			break; /* the next time */
	}
	vec_for_each (process, &ended)
		forget_space(spaces, *process);
	vec_free(&ended);
out:
	pthread_mutex_unlock(&spaces->lock);
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

/* --- looks */

static bool is_made(const struct mapping *mapping)
{
	return !mapping->path[0] || !strncmp(mapping->path, "/memfd:", 7);
}

/* Code that is in no file: from now on it is looked at what names it gets. */
static int note_jit(struct spaces *spaces, uint32_t process)
{
	if (spaces->log.makes_code)
		__atomic_store_n(spaces->log.makes_code, 1, __ATOMIC_RELAXED);
	return jit_places__add(&spaces->jit, process);
}

static int read_ranges(struct spaces *spaces, uint32_t process, const struct space *space,
	code_ranges *ranges, struct error *error)
{
	struct error why;
	struct maps maps;
	int result;

	result = maps__read(space->pid, &maps, error);
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
			result = error__set(error, why.code, "%s", why.message);
		if (range.module && !module__bias(range.module, m, &range.bias))
			range.module = NULL;
		if (!result)
			result = vec_push(ranges, range);
		if (!result && !range.module && is_made(m))
			result = note_jit(spaces, process);
	}
	maps__free(&maps);
	if (!result && ranges->size == 0)
		result = error__set(error, -ESRCH, "process %d has exited", space->pid);
	return result;
}

static bool are_equal(const code_ranges *a, const code_ranges *b)
{
	if (a->size != b->size)
		return false;
	for (size_t i = 0; i < a->size; i++)
		if (a->data[i].start != b->data[i].start || a->data[i].end != b->data[i].end ||
			a->data[i].module != b->data[i].module ||
			a->data[i].bias != b->data[i].bias)
			return false;
	return true;
}

/* What went without a change that tells of it: the end of the call is near, or there is none. */
static int log_missed(
	struct spaces *spaces, uint32_t process, struct space *space, const code_ranges *fresh)
{
	code_ranges regions = {0};
	int err = code_history__missed(&space->history, fresh, &regions);

	vec_for_each (region, &regions) {
		struct code_event event = {
			.start = region->start,
			.end = region->end,
			.time_ns = clock__now_ns(),
		};

		if (spaces->log.entries)
			code_log__add(&spaces->log, process, region->start, region->end);
		else if (!err) /* too early for stacks of before */
			err = code_history__change(&space->history, &event);
	}
	read_changes(spaces);
	vec_free(&regions);
	return err;
}

/* Takes over what is in @fresh, which was read when the code's epoch was @since or later. */
static int take_look(struct spaces *spaces, uint32_t process, struct space *space,
	code_ranges *fresh, uint32_t since)
{
	int err = log_missed(spaces, process, space, fresh);

	if (!err)
		err = code_history__look(&space->history, fresh, since, clock__now_ns());
	if (!are_equal(fresh, &space->ranges))
		space->generation++;
	vec_free(&space->ranges);
	space->ranges = *fresh;
	*fresh = (code_ranges){0};
	return err;
}

static int refresh_space(
	struct spaces *spaces, uint32_t process, struct space *space, struct error *error)
{
	code_ranges fresh = {0};
	uint32_t since;
	int result;

	if (space->end_ns || !space->has_begun)
		return error__set(error, -ESRCH, "process %d has exited", space->pid);
	for (int i = 0; i < LOOK_ATTEMPTS; i++) {
		fresh.size = 0;
		since = code_log__epoch(&spaces->log, process);
		read_changes(spaces);
		space->last_refresh_ns = clock__now_ns();
		space->looked_epoch = since;
		result = read_ranges(spaces, process, space, &fresh, error);
		if (result) {
			vec_free(&fresh);
			return result;
		}
		if (code_log__epoch(&spaces->log, process) == since)
			break;
	}
	read_changes(spaces);
	if (take_look(spaces, process, space, &fresh, since))
		return error__set(error, -ENOMEM, "out of memory");
	return 0;
}

int spaces__refresh(struct spaces *spaces, uint32_t process, struct error *error)
{
	struct space *space;
	int result;

	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	result = space ? refresh_space(spaces, process, space, error)
		       : error__set(error, -ESRCH, "unknown process image %u", process);
	pthread_mutex_unlock(&spaces->lock);
	return result;
}

/* --- answers */

static bool may_look(struct spaces *spaces, uint32_t process, const struct space *space)
{
	return !space->end_ns &&
	       (space->looked_epoch != code_log__epoch(&spaces->log, process) ||
		       clock__now_ns() - space->last_refresh_ns > REFRESH_INTERVAL_NS);
}

static enum code_answer find_range(struct spaces *spaces, const struct space *space, uint32_t epoch,
	uint64_t address, const struct code_range **range)
{
	*range = NULL;
	/* The change that began this epoch could not be read yet. */
	if (spaces->log.entries && (int32_t)(epoch - spaces->log.read) > 0)
		return CODE_NONE;
	return code_history__find(&space->history, epoch, address, range);
}

struct resolved_address spaces__resolve(
	struct spaces *spaces, uint32_t process, uint32_t epoch, uint64_t address)
{
	struct resolved_address resolved = {.offset = address};
	const struct code_range *range = NULL;
	enum code_answer answer = CODE_NONE;
	struct space *space;

	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	space = find_space(spaces, process);
	if (space)
		answer = find_range(spaces, space, epoch, address, &range);
	if (space && answer != CODE_FOUND && may_look(spaces, process, space) &&
		!refresh_space(spaces, process, space, NULL))
		answer = find_range(spaces, space, epoch, address, &range);
	if (answer == CODE_FOUND && range->module) {
		resolved.module = range->module;
		resolved.offset = address - range->bias;
	} else if (answer == CODE_NONE || answer == CODE_FOUND) {
		resolved.jit = jit_places__at(&spaces->jit, process, epoch, address);
	}
	resolved.is_lost = answer == CODE_LOST;
	pthread_mutex_unlock(&spaces->lock);
	return resolved;
}

bool spaces__jit_place(
	struct spaces *spaces, uint32_t number, unsigned int generation, struct jit_place *place)
{
	bool found;

	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	found = jit_places__get(&spaces->jit, number, generation, place);
	pthread_mutex_unlock(&spaces->lock);
	return found;
}

uint64_t spaces__jit_base(struct spaces *spaces, uint32_t process, uint64_t inode)
{
	uint64_t base;

	pthread_mutex_lock(&spaces->lock);
	read_changes(spaces);
	base = jit_places__base(&spaces->jit, process, inode);
	pthread_mutex_unlock(&spaces->lock);
	return base;
}

int spaces__view(struct spaces *spaces, uint32_t process, struct space_view *view)
{
	code_ranges copy = {0};
	struct space *space;
	int err = -ESRCH;

	*view = (struct space_view){0};
	pthread_mutex_lock(&spaces->lock);
	space = find_space(spaces, process);
	if (!space)
		goto out;
	err = copy_ranges(&space->ranges, &copy);
	view->ranges = copy.data;
	view->count = copy.size;
	view->generation = space->generation;
out:
	pthread_mutex_unlock(&spaces->lock);
	return err;
}

void space_view__free(struct space_view *view)
{
	free(view->ranges);
	*view = (struct space_view){0};
}
