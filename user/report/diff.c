/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/diff.h"

#include "report/string_table.h"

/* Two hashes, so that two different stacks in a million share a key practically never. */
struct diff_key {
	uint64_t first;
	uint64_t second;
};

static inline uint64_t diff_key_hash(struct diff_key key)
{
	return key.first;
}

static inline bool diff_key_equal(struct diff_key a, struct diff_key b)
{
	return a.first == b.first && a.second == b.second;
}

DEFINE_HASH(diff_index, struct diff_key, uint32_t, diff_key_hash, diff_key_equal);
DEFINE_HASH(build_ids, const char *, const char *, string_table_hash, string_table_equal);

/* Which build of each module path a side has; a path with two builds counts as rebuilt. */
static int collect_builds(struct build_ids *builds, const struct report *report)
{
	vec_for_each (site, &report->sites) {
		for (size_t i = 0; i < site->frame_count; i++) {
			const struct report_frame *frame = &site->frames[i];
			const char **build;

			if (!frame->module || build_ids__find(builds, frame->module))
				continue;
			build = build_ids__insert(builds, frame->module);
			if (!build)
				return -ENOMEM;
			*build = frame->build_id ? frame->build_id : "";
		}
	}
	return 0;
}

static bool is_rebuilt(struct build_ids *others, const struct report_frame *frame)
{
	const char **other = build_ids__find(others, frame->module);

	return other && strcmp(*other, frame->build_id ? frame->build_id : "");
}

static void add_number(struct diff_key *key, uint64_t number)
{
	key->first = hash_combine(key->first, number);
	key->second = hash_combine(key->second ^ 0x5bd1e9955bd1e995ull, number);
}

static void add_text(struct diff_key *key, const char *text)
{
	add_number(key, string_table_hash(text));
}

static void add_frame(
	struct diff_key *key, const struct report_frame *frame, struct build_ids *others)
{
	bool by_name = !frame->module || is_rebuilt(others, frame);

	if (frame->module)
		add_text(key, frame->module);
	if (by_name && frame->function) {
		add_text(key, frame->function);
		return;
	}
	add_number(key, frame->module ? frame->offset : frame->address);
	/* Calls inlined at one address differ by their function only. */
	if (frame->inlined && frame->function)
		add_text(key, frame->function);
}

static struct diff_key key_of(const struct report_site *site, struct build_ids *others)
{
	struct diff_key key = {1, 2};

	if (site->special)
		add_text(&key, site->special);
	for (size_t i = 0; i < site->frame_count; i++)
		add_frame(&key, &site->frames[i], others);
	return key;
}

static void add_side(
	struct diff_side *side, const struct report *report, const struct report_site *site)
{
	side->live_count += report__held_count(report, site);
	side->live_bytes += report__held_bytes(report, site);
	side->alloc_count += site->alloc_count;
	side->alloc_bytes += site->alloc_bytes;
	side->temporary_count += site->temporary_count;
}

static int add_report(struct diff *diff, struct diff_index *index, const struct report *report,
	struct build_ids *others)
{
	bool is_after = report == diff->after;

	vec_for_each (site, &report->sites) {
		struct diff_key key = key_of(site, others);
		uint32_t *number = diff_index__find(index, key);
		struct diff_site *entry;

		if (!number) {
			if (vec_push(&diff->sites, (struct diff_site){.site = site}))
				return -ENOMEM;
			number = diff_index__insert(index, key);
			if (!number)
				return -ENOMEM;
			*number = diff->sites.size - 1;
		}
		entry = &diff->sites.data[*number];
		if (is_after)
			entry->site = site;
		add_side(is_after ? &entry->after : &entry->before, report, site);
	}
	return 0;
}

static enum diff_change change_of(const struct diff_site *site)
{
	const struct diff_side *before = &site->before, *after = &site->after;

	if (!before->alloc_count && !before->live_count &&
		(after->alloc_count || after->live_count))
		return DIFF_APPEARED;
	if (!after->alloc_count && !after->live_count &&
		(before->alloc_count || before->live_count))
		return DIFF_VANISHED;
	if (after->live_bytes != before->live_bytes)
		return after->live_bytes > before->live_bytes ? DIFF_GREW : DIFF_SHRANK;
	if (after->live_count != before->live_count)
		return after->live_count > before->live_count ? DIFF_GREW : DIFF_SHRANK;
	return DIFF_SAME;
}

static uint64_t distance(const struct diff_site *site)
{
	uint64_t before = site->before.live_bytes, after = site->after.live_bytes;

	return after > before ? after - before : before - after;
}

static int compare_changes(const void *left, const void *right)
{
	const struct diff_site *a = left, *b = right;
	uint64_t x = distance(a), y = distance(b);

	if (x != y)
		return x > y ? -1 : 1;
	if (a->change != b->change)
		return a->change == DIFF_SAME	? 1
		       : b->change == DIFF_SAME ? -1
						: (int)a->change - (int)b->change;
	return (a->site->id > b->site->id) - (a->site->id < b->site->id);
}

int diff__compute(struct diff *diff, const struct report *before, const struct report *after)
{
	struct build_ids builds_before = {0}, builds_after = {0};
	struct diff_index index = {0};
	int err;

	*diff = (struct diff){.before = before, .after = after};
	err = collect_builds(&builds_before, before);
	if (!err)
		err = collect_builds(&builds_after, after);
	if (!err)
		err = add_report(diff, &index, before, &builds_after);
	if (!err)
		err = add_report(diff, &index, after, &builds_before);
	vec_for_each (site, &diff->sites) {
		site->change = change_of(site);
		diff->counts[site->change]++;
	}
	if (diff->sites.size)
		qsort(diff->sites.data, diff->sites.size, sizeof(*diff->sites.data),
			compare_changes);
	build_ids__free(&builds_before);
	build_ids__free(&builds_after);
	diff_index__free(&index);
	return err;
}

void diff__free(struct diff *diff)
{
	vec_free(&diff->sites);
}

const char *diff__change_name(enum diff_change change)
{
	static const char *const names[] = {
		[DIFF_SAME] = "same",
		[DIFF_GREW] = "grew",
		[DIFF_SHRANK] = "shrank",
		[DIFF_APPEARED] = "appeared",
		[DIFF_VANISHED] = "vanished",
	};

	return names[change];
}
