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

/* One of the two lists of sites that a diff compares. */
struct compared {
	diff_sites *out;
	struct diff_index index;
	bool is_mapped;
};

static int add_site(struct compared *compared, const struct report *report,
	const struct report_site *site, bool is_after, struct build_ids *others)
{
	struct diff_key key = key_of(site, others);
	uint32_t *number = diff_index__find(&compared->index, key);
	struct diff_site *entry;
	struct diff_side *side;

	if (!number) {
		if (vec_push(compared->out, (struct diff_site){.site = site}))
			return -ENOMEM;
		number = diff_index__insert(&compared->index, key);
		if (!number)
			return -ENOMEM;
		*number = compared->out->size - 1;
	}
	entry = &compared->out->data[*number];
	if (is_after)
		entry->site = site;
	side = is_after ? &entry->after : &entry->before;
	add_side(side, report, site);
	/* What is mapped and what ended processes left mapped are one figure. */
	if (compared->is_mapped && report__shows_left(report))
		side->live_bytes += site->live_bytes - site->at_exit_bytes;
	return 0;
}

static int add_report(struct compared *compared, const struct report *report, bool is_after,
	struct build_ids *others)
{
	const struct report_site *sites =
		compared->is_mapped ? report->mapped_sites.data : report->sites.data;
	size_t count = compared->is_mapped ? report->mapped_sites.size : report->sites.size;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = add_site(compared, report, &sites[i], is_after, others);
	return err;
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

static int compare_lists(struct diff *diff, bool is_mapped, struct build_ids *builds_before,
	struct build_ids *builds_after)
{
	struct compared compared = {
		.out = is_mapped ? &diff->mapped : &diff->sites, .is_mapped = is_mapped};
	int err = add_report(&compared, diff->before, false, builds_after);

	if (!err)
		err = add_report(&compared, diff->after, true, builds_before);
	vec_for_each (site, compared.out) {
		site->change = change_of(site);
		diff->counts[site->change] += !is_mapped;
	}
	if (compared.out->size)
		qsort(compared.out->data, compared.out->size, sizeof(*compared.out->data),
			compare_changes);
	diff_index__free(&compared.index);
	return err;
}

int diff__compute(struct diff *diff, const struct report *before, const struct report *after)
{
	struct build_ids builds_before = {0}, builds_after = {0};
	int err;

	*diff = (struct diff){.before = before, .after = after};
	err = collect_builds(&builds_before, before);
	if (!err)
		err = collect_builds(&builds_after, after);
	if (!err)
		err = compare_lists(diff, false, &builds_before, &builds_after);
	if (!err)
		err = compare_lists(diff, true, &builds_before, &builds_after);
	build_ids__free(&builds_before);
	build_ids__free(&builds_after);
	return err;
}

void diff__free(struct diff *diff)
{
	vec_free(&diff->sites);
	vec_free(&diff->mapped);
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
