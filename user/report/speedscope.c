/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/speedscope.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/function_name.h"
#include "report/json_writer.h"
#include "report/string_table.h"
#include "report/weight.h"

/* What makes a frame one of its own: function, file and line; unnamed ones have a label made up. */
struct label_key {
	int64_t name;
	int64_t file;
	uint32_t line;
};

static inline uint64_t label_key_hash(struct label_key key)
{
	return hash_combine(hash_combine(key.name, key.file), key.line);
}

static inline bool label_key_equal(struct label_key a, struct label_key b)
{
	return a.name == b.name && a.file == b.file && a.line == b.line;
}

DEFINE_HASH(label_numbers, struct label_key, uint32_t, label_key_hash, label_key_equal);

struct speedscope {
	bool is_waits; /* the sites are waits: speedscope__write_waits */
	struct string_table strings;
	struct label_numbers numbers;
	VEC(struct label_key) frames;
	VEC(uint32_t) stacks; /* numbers of all sites' frames, root first, site after site */
	size_t mapped_start;  /* of the mapped sites' frames in `stacks` */
	struct arena labels;
};

static const char *label_of(struct speedscope *speedscope, const struct report_frame *frame)
{
	char label[NAME_SIZE];

	if (frame->function)
		return frame->function;
	if (frame->module)
		snprintf(label, sizeof(label), "[%s+0x%" PRIx64 "]", text__base_name(frame->module),
			frame->offset);
	else
		snprintf(label, sizeof(label), "0x%" PRIx64, frame->address);
	return arena__copy(&speedscope->labels, label);
}

static int add_frame(
	struct speedscope *speedscope, const char *label, const char *file, uint32_t line)
{
	struct label_key key = {.line = line};
	uint32_t *number;

	if (!label)
		return -ENOMEM;
	key.name = string_table__add(&speedscope->strings, label);
	key.file = string_table__add(&speedscope->strings, file);
	if (key.name < 0 || key.file < 0)
		return -ENOMEM;
	number = label_numbers__find(&speedscope->numbers, key);
	if (number)
		return vec_push(&speedscope->stacks, *number);
	number = label_numbers__insert(&speedscope->numbers, key);
	if (!number || vec_push(&speedscope->frames, key))
		return -ENOMEM;
	*number = speedscope->frames.size - 1;
	return vec_push(&speedscope->stacks, *number);
}

static size_t depth_of(const struct report_site *site)
{
	return site->frame_count ? site->frame_count : 1;
}

static int add_site(struct speedscope *speedscope, const struct report_site *site)
{
	int err = 0;

	if (!site->frame_count)
		return add_frame(
			speedscope, site->special ? site->special : "(no frames)", NULL, 0);
	for (size_t i = site->frame_count; i-- > 0 && !err;) {
		const struct report_frame *frame = &site->frames[i];

		err = add_frame(speedscope, label_of(speedscope, frame), frame->file, frame->line);
	}
	return err;
}

static void write_frames(struct json_writer *json, const struct speedscope *speedscope)
{
	json__key(json, "shared");
	json__begin_object(json);
	json__key(json, "frames");
	json__begin_array(json);
	vec_for_each (frame, &speedscope->frames) {
		const char *file = speedscope->strings.list.data[frame->file];

		json__begin_object(json);
		json__put_string(json, "name", speedscope->strings.list.data[frame->name]);
		if (*file)
			json__put_string(json, "file", file);
		if (frame->line)
			json__put_integer(json, "line", frame->line);
		json__end_object(json);
	}
	json__end_array(json);
	json__end_object(json);
}

static void write_samples(struct json_writer *json, const struct report *report,
	const struct speedscope *speedscope, enum report_weight weight)
{
	const uint32_t *number = speedscope->stacks.data;
	size_t count;
	const struct report_site *sites = weight__sites(weight, report, &count);

	if (weight == WEIGHT_MAPPED_BYTES)
		number += speedscope->mapped_start;
	json__key(json, "samples");
	json__begin_array(json);
	for (size_t site = 0; site < count; site++) {
		size_t depth = depth_of(&sites[site]);

		if (weight__of(weight, &sites[site])) {
			json__begin_array(json);
			for (size_t i = 0; i < depth; i++)
				json__integer(json, number[i]);
			json__end_array(json);
		}
		number += depth;
	}
	json__end_array(json);
}

static void write_weights(
	struct json_writer *json, const struct report *report, enum report_weight weight)
{
	size_t count;
	const struct report_site *sites = weight__sites(weight, report, &count);

	json__key(json, "weights");
	json__begin_array(json);
	for (size_t i = 0; i < count; i++) {
		uint64_t value = weight__of(weight, &sites[i]);

		if (value)
			json__integer(json, value);
	}
	json__end_array(json);
}

static uint64_t sum_of(const struct report *report, enum report_weight weight)
{
	size_t count;
	const struct report_site *sites = weight__sites(weight, report, &count);
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += weight__of(weight, &sites[i]);
	return sum;
}

static void write_profile(struct json_writer *json, const struct report *report,
	const struct speedscope *speedscope, enum report_weight weight, uint64_t sum)
{
	const struct weight_words *words = weight__words(weight);
	const char *title = words->title, *unit = words->is_bytes ? "bytes" : "none";

	if (speedscope->is_waits) {
		title = words->is_bytes ? "time waited" : "waits";
		unit = words->is_bytes ? "nanoseconds" : "none";
	}
	json__begin_object(json);
	json__put_string(json, "type", "sampled");
	json__put_string(json, "name", title);
	json__put_string(json, "unit", unit);
	json__put_integer(json, "startValue", 0);
	json__put_integer(json, "endValue", sum);
	write_samples(json, report, speedscope, weight);
	write_weights(json, report, weight);
	json__end_object(json);
}

static void write_document(
	FILE *file, const struct report *report, const struct speedscope *speedscope)
{
	const struct report_run *run = &report->run;
	struct json_writer json;

	json__start(&json, file, 3);
	json__begin_object(&json);
	json__put_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
	json__put_string(&json, "name",
		run->target_count && run->targets[0].command ? run->targets[0].command
							     : "memtrace");
	json__put_string(&json, "exporter", "memtrace");
	json__put_integer(&json, "activeProfileIndex", 0);
	write_frames(&json, speedscope);
	json__key(&json, "profiles");
	json__begin_array(&json);
	for (enum report_weight weight = 0; weight < WEIGHT_COUNT; weight++) {
		uint64_t sum = sum_of(report, weight);

		/* What was left is then what was live. */
		if (report->live_at_exit &&
			(weight == WEIGHT_LEFT_BYTES || weight == WEIGHT_LEFT_COUNT))
			continue;
		if (sum)
			write_profile(&json, report, speedscope, weight, sum);
	}
	json__end_array(&json);
	json__end_object(&json);
	json__finish(&json);
}

static int write_sites(const struct report *report, bool is_waits, FILE *file)
{
	struct speedscope speedscope = {.is_waits = is_waits};
	int err = 0;

	vec_for_each (site, &report->sites)
		if (!err)
			err = add_site(&speedscope, site);
	speedscope.mapped_start = speedscope.stacks.size;
	vec_for_each (site, &report->mapped_sites)
		if (!err)
			err = add_site(&speedscope, site);
	if (!err)
		write_document(file, report, &speedscope);
	string_table__free(&speedscope.strings);
	label_numbers__free(&speedscope.numbers);
	vec_free(&speedscope.frames);
	vec_free(&speedscope.stacks);
	arena__free(&speedscope.labels);
	return err;
}

int speedscope__write_report(const struct report *report, FILE *file)
{
	return write_sites(report, false, file);
}

int speedscope__write_waits(const struct report *report, FILE *file)
{
	return write_sites(report, true, file);
}
