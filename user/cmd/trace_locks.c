#include "cmd/trace_locks.h"

#include "attach/locks_look.h"
#include "base/log.h"
#include "cmd/watch_changed.h"
#include "cmd/watch_known.h"
#include "report/locks_json.h"
#include "report/locks_text.h"

#include <errno.h>
#include <stdlib.h>

struct trace_locks {
	struct looker *looker;
	struct subjects *subjects;
	struct changed changed;
	struct known_deadlocks known;
	struct locks_look *kept; /* what the report shows: the last with a deadlock, or the last */
};

struct trace_locks *trace_locks__new(struct error *err)
{
	struct trace_locks *locks = calloc(1, sizeof(*locks));

	if (!locks) {
		error__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (!looker__new(false, &locks->looker, err))
		locks->subjects = subjects__new(true, err);
	if (locks->subjects)
		return locks;
	trace_locks__free(locks);
	return NULL;
}

static void drop_kept(struct trace_locks *locks)
{
	if (locks->kept)
		locks_look__free(locks->kept);
	free(locks->kept);
	locks->kept = NULL;
}

void trace_locks__free(struct trace_locks *locks)
{
	if (!locks)
		return;
	drop_kept(locks);
	known__free(&locks->known);
	changed__free(&locks->changed);
	subjects__free(locks->subjects);
	looker__free(locks->looker);
	free(locks);
}

static void say_new(struct trace_locks *locks, const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->graph.cycle_count; i++) {
		const struct known_deadlock *added;

		if (!findings->confirmed[i] ||
			!verdict__is_deadlock(findings->graph.cycles[i].verdict))
			continue;
		added = known__add(&locks->known, findings, i);
		if (added)
			log__warn("%s", added->headline);
	}
}

/* Judges @pids, and keeps the answer if it is worth more than the one that is kept. */
static void judge(struct trace_locks *locks, const struct look *first, const pid_t *pids,
	size_t count, bool final)
{
	struct locks_look_options options = {
		.pids = pids,
		.pid_count = count,
		.looker = locks->looker,
		.subjects = locks->subjects,
		.first = first,
	};
	struct locks_look *look = calloc(1, sizeof(*look));
	struct error err = {0};

	if (!look || locks__look_at(&options, look, &err)) {
		log__debug("no look at locks: %s", err.message);
		free(look);
		return;
	}
	say_new(locks, &look->findings);
	if (!look->findings.deadlocks && (!final || trace_locks__found(locks))) {
		locks_look__free(look);
		free(look);
		return;
	}
	drop_kept(locks);
	locks->kept = look;
}

void trace_locks__look(struct trace_locks *locks, const pid_t *pids, size_t count, bool final)
{
	struct watch_filter filter = {0};
	changed_pids changed = {0};
	struct error err = {0};
	struct look look;

	if (!locks || !count)
		return;
	if (final) {
		judge(locks, NULL, pids, count, true);
		return;
	}
	if (looker__look(locks->looker, pids, count, &look, &err)) {
		log__debug("no look at threads: %s", err.message);
		return;
	}
	for (size_t i = 0; i < count; i++)
		vec_push(&filter.pids, pids[i]);
	if (!changed__list(&locks->changed, &look, &filter, &changed) && changed.size)
		judge(locks, &look, changed.data, changed.size, false);
	vec_free(&changed);
	watch_filter__free(&filter);
	look__free(&look);
}

bool trace_locks__found(const struct trace_locks *locks)
{
	return locks && locks->kept && locks->kept->findings.deadlocks;
}

void trace_locks__write_json(struct json_writer *json, const void *context)
{
	const struct trace_locks *locks = context;
	static const char *const keys[] = {"deadlocks", "warnings", "convoys", "waits"};

	if (locks && locks->kept) {
		locks_json__put(json, &locks->kept->findings);
		return;
	}
	/* Nobody waited, or all had exited: empty, not absent. */
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json__key(json, keys[i]);
		json__begin_array(json);
		json__end_array(json);
	}
}

void trace_locks__write_text(const struct trace_locks *locks, bool full_stacks, FILE *file)
{
	struct locks_text_options options = {.full_stacks = full_stacks};

	if (!trace_locks__found(locks))
		return;
	fputc('\n', file);
	for (size_t i = 0; i < locks->kept->findings.graph.cycle_count; i++)
		if (locks->kept->findings.confirmed[i])
			locks_text__write_cycle(file, &locks->kept->findings, i, &options);
}
