/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/pprof.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "profile.pb-c.h"
#include "report/gzip.h"
#include "report/string_table.h"
#include "report/text.h"

typedef Perftools__Profiles__Profile Profile;
typedef Perftools__Profiles__ValueType ValueType;
typedef Perftools__Profiles__Sample Sample;
typedef Perftools__Profiles__Mapping Mapping;
typedef Perftools__Profiles__Location Location;
typedef Perftools__Profiles__Line Line;
typedef Perftools__Profiles__Function Function;

#define SAMPLE_TYPES 7
#define WAIT_TYPES 2

DEFINE_HASH_PAIR(pair_map, uint32_t); /* → index in a list */

struct pprof {
	struct arena arena;
	struct string_table strings;
	struct pair_map function_ids; /* (name, file) */
	struct pair_map location_ids; /* (mapping, address in it) */
	struct pair_map mapping_ids;  /* (path, build id) */
	VEC(Function *) functions;
	VEC(Location *) locations;
	VEC(Mapping *) mappings;
	VEC(uint64_t) biases; /* of the mappings: address - ELF address, as first seen */
	VEC(Sample *) samples;
	bool is_waits;	/* of waits, not of a heap */
	bool is_allocs; /* readers show first what was allocated, not what is live */
	bool no_memory; /* sticky: whatever failed, nothing is written */
};

/* The number of a text in the profile's table. */
static int64_t text(struct pprof *pprof, const char *string)
{
	int64_t number = string_table__add(&pprof->strings, string);

	if (number < 0)
		pprof->no_memory = true;
	return number < 0 ? 0 : number;
}

/* A new message in @list, from the arena and initialized; NULL without memory. */
#define new_message(pprof, list, init)                                      \
	({                                                                  \
		__typeof__(*(list)->data) message =                         \
			arena__alloc(&(pprof)->arena, 1, sizeof(*message)); \
		if (!message || vec_push((list), message)) {                \
			(pprof)->no_memory = true;                          \
			message = NULL;                                     \
		}                                                           \
		if (message)                                                \
			init(message);                                      \
		message;                                                    \
	})

/* The entry for @key: its index in a list, @next if it is new. NULL without memory. */
static uint32_t *find_or_add(
	struct pprof *pprof, struct pair_map *map, struct hash_pair key, size_t next, bool *is_new)
{
	uint32_t *index = pair_map__find(map, key);

	*is_new = !index;
	if (!index) {
		index = pair_map__insert(map, key);
		if (index)
			*index = next;
		else
			pprof->no_memory = true;
	}
	return index;
}

/* Readers take all frames of a module that have no name for one function: so each has one. */
static int64_t function_name(struct pprof *pprof, const struct report_frame *frame)
{
	char name[NAME_MAX + 32], *copy;

	if (frame->function)
		return text(pprof, frame->function);
	if (frame->module)
		snprintf(name, sizeof(name), "[%.*s+0x%" PRIx64 "]", NAME_MAX,
			text__base_name(frame->module), frame->offset);
	else
		snprintf(name, sizeof(name), "0x%" PRIx64, frame->address);
	copy = arena__copy(&pprof->arena, name);
	return text(pprof, copy);
}

static uint64_t function_id(struct pprof *pprof, const struct report_frame *frame)
{
	struct hash_pair key = {function_name(pprof, frame), text(pprof, frame->file)};
	Function *function;
	uint32_t *index;
	bool is_new;

	index = find_or_add(pprof, &pprof->function_ids, key, pprof->functions.size, &is_new);
	if (!index || !is_new)
		return index ? *index + 1 : 0;
	function = new_message(pprof, &pprof->functions, perftools__profiles__function__init);
	if (!function)
		return 0;
	function->id = pprof->functions.size;
	function->name = function->system_name = key.a;
	function->filename = key.b;
	return function->id;
}

/* The index of the frame's mapping, grown so that it holds the frame; -1 if it is in none. */
static int64_t mapping_index(struct pprof *pprof, const struct report_frame *frame)
{
	struct hash_pair key = {text(pprof, frame->module), text(pprof, frame->build_id)};
	uint64_t address;
	Mapping *mapping;
	uint32_t *index;
	bool is_new;

	if (!frame->module)
		return -1;
	index = find_or_add(pprof, &pprof->mapping_ids, key, pprof->mappings.size, &is_new);
	if (!index)
		return -1;
	if (is_new) {
		mapping = new_message(pprof, &pprof->mappings, perftools__profiles__mapping__init);
		if (!mapping || vec_push(&pprof->biases, frame->address - frame->offset)) {
			pprof->no_memory = true;
			return -1;
		}
		mapping->id = pprof->mappings.size;
		mapping->filename = key.a;
		mapping->build_id = key.b;
		mapping->memory_start = UINT64_MAX;
		/* All that can be named is; without this pprof looks for the binaries. */
		mapping->has_functions = mapping->has_filenames = true;
		mapping->has_line_numbers = mapping->has_inline_frames = true;
	}
	mapping = pprof->mappings.data[*index];
	address = pprof->biases.data[*index] + frame->offset;
	if (address < mapping->memory_start)
		mapping->memory_start = address;
	if (address >= mapping->memory_limit)
		mapping->memory_limit = address + 1;
	return *index;
}

/* The lines of a location: one for each of @frames. */
static void add_lines(
	struct pprof *pprof, Location *location, const struct report_frame *frames, size_t count)
{
	location->line = arena__alloc(&pprof->arena, count, sizeof(*location->line));
	if (!location->line) {
		pprof->no_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		Line *line = arena__alloc(&pprof->arena, 1, sizeof(*line));

		if (!line) {
			pprof->no_memory = true;
			return;
		}
		perftools__profiles__line__init(line);
		line->function_id = function_id(pprof, &frames[i]);
		line->line = frames[i].line;
		location->line[location->n_line++] = line;
	}
}

/*
 * What tells a location apart: mapping and address. A Python frame has no address in which each of
 * its lines lies: function and line do, as in no mapping (-1, or any in the list).
 */
static struct hash_pair location_key(
	struct pprof *pprof, const struct report_frame *frame, int64_t mapping, uint64_t address)
{
	if (frame->is_python)
		return (struct hash_pair){~function_id(pprof, frame) - 1, frame->line};
	return (struct hash_pair){mapping, address};
}

/* The location of @count frames at one address: calls inlined there, then the function. */
static uint64_t location_id(struct pprof *pprof, const struct report_frame *frames, size_t count)
{
	const struct report_frame *frame = &frames[count - 1];
	int64_t mapping = mapping_index(pprof, frame);
	uint64_t address =
		mapping < 0 ? frame->address : pprof->biases.data[mapping] + frame->offset;
	struct hash_pair key = location_key(pprof, frame, mapping, address);
	Location *location;
	uint32_t *index;
	bool is_new;

	index = find_or_add(pprof, &pprof->location_ids, key, pprof->locations.size, &is_new);
	if (!index || !is_new)
		return index ? *index + 1 : 0;
	location = new_message(pprof, &pprof->locations, perftools__profiles__location__init);
	if (!location)
		return 0;
	location->id = pprof->locations.size;
	location->mapping_id = mapping + 1;
	location->address = frame->is_python ? 0 : address;
	add_lines(pprof, location, frames, count);
	return location->id;
}

/* A stack that is not known becomes one frame that says so. */
static void add_special(struct pprof *pprof, const struct report_site *site, Sample *sample)
{
	struct report_frame frame = {
		.function = site->special ? site->special : "(no frames)",
		.address = site->id,
	};

	sample->location_id[sample->n_location_id++] = location_id(pprof, &frame, 1);
}

static void add_sample(struct pprof *pprof, const struct report_site *site, bool is_mapped)
{
	Sample *sample = new_message(pprof, &pprof->samples, perftools__profiles__sample__init);
	size_t first = 0;

	if (!sample)
		return;
	sample->value = arena__alloc(&pprof->arena, SAMPLE_TYPES, sizeof(*sample->value));
	sample->location_id =
		arena__alloc(&pprof->arena, site->frame_count + 1, sizeof(*sample->location_id));
	if (!sample->value || !sample->location_id) {
		pprof->no_memory = true;
		return;
	}
	sample->n_value = SAMPLE_TYPES;
	if (pprof->is_waits) {
		sample->n_value = WAIT_TYPES;
		sample->value[0] = site->alloc_count;
		sample->value[1] = site->alloc_bytes;
	} else if (is_mapped) {
		sample->value[4] = site->live_bytes;
	} else {
		sample->value[0] = site->alloc_count;
		sample->value[1] = site->alloc_bytes;
		sample->value[2] = site->live_count;
		sample->value[3] = site->live_bytes;
		sample->value[5] = site->at_exit_count;
		sample->value[6] = site->at_exit_bytes;
	}
	for (size_t i = 0; i < site->frame_count; i++) {
		if (site->frames[i].inlined && i + 1 < site->frame_count)
			continue; /* belongs to the same address as the frame after it */
		sample->location_id[sample->n_location_id++] =
			location_id(pprof, &site->frames[first], i + 1 - first);
		first = i + 1;
	}
	if (!site->frame_count)
		add_special(pprof, site, sample);
}

/* Readers take the first mapping for the program: that whose _start the first such stack begins in.
 */
static void add_program(struct pprof *pprof, const struct report *report)
{
	vec_for_each (site, &report->sites) {
		const struct report_frame *base = site->frames + site->frame_count - 1;

		if (!site->frame_count || !base->function || strcmp(base->function, "_start") != 0)
			continue;
		mapping_index(pprof, base);
		return;
	}
}

static void set_type(struct pprof *pprof, ValueType *type, const char *name, const char *unit)
{
	perftools__profiles__value_type__init(type);
	type->type = text(pprof, name);
	type->unit = text(pprof, unit);
}

/* Where protobuf-c puts the packed bytes. */
struct gzip_sink {
	ProtobufCBuffer buffer; /* first: protobuf-c hands out a pointer to it */
	struct gzip gzip;
};

static void append_to_gzip(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
	gzip__write(&((struct gzip_sink *)buffer)->gzip, data, size);
}

static int write_packed(const Profile *profile, FILE *file)
{
	struct gzip_sink sink = {.buffer.append = append_to_gzip};
	int err = gzip__start(&sink.gzip, file);

	if (err)
		return err;
	perftools__profiles__profile__pack_to_buffer(profile, &sink.buffer);
	return gzip__finish(&sink.gzip);
}

/* proto3 strings are UTF-8, which a target's names need not be. */
static void make_texts_valid(struct pprof *pprof)
{
	vec_for_each (string, &pprof->strings.list) {
		char *copy = arena__copy(&pprof->arena, *string);

		if (!copy) {
			pprof->no_memory = true;
			return;
		}
		text__make_printable(copy);
		*string = copy;
	}
}

/* The types of a sample's values; returns how many. */
static size_t set_types(struct pprof *pprof, ValueType *types)
{
	if (pprof->is_waits) {
		set_type(pprof, &types[0], "contentions", "count");
		set_type(pprof, &types[1], "delay", "nanoseconds");
		return WAIT_TYPES;
	}
	set_type(pprof, &types[0], "alloc_objects", "count");
	set_type(pprof, &types[1], "alloc_space", "bytes");
	set_type(pprof, &types[2], "inuse_objects", "count");
	set_type(pprof, &types[3], "inuse_space", "bytes");
	set_type(pprof, &types[4], "mapped_space", "bytes");
	set_type(pprof, &types[5], "left_objects", "count");
	set_type(pprof, &types[6], "left_space", "bytes");
	return SAMPLE_TYPES;
}

static size_t default_type(const struct pprof *pprof, const struct report *report)
{
	if (pprof->is_waits || pprof->is_allocs)
		return 1;
	return report__shows_left(report) ? 6 : 3;
}

static int write_profile(struct pprof *pprof, const struct report *report, FILE *file)
{
	ValueType types[SAMPLE_TYPES], period, *type_list[SAMPLE_TYPES];
	Profile profile = PERFTOOLS__PROFILES__PROFILE__INIT;
	int64_t comments[1];
	char loss[1024];
	size_t type_count = set_types(pprof, types);

	if (pprof->is_waits)
		set_type(pprof, &period, "contentions", "count");
	else
		set_type(pprof, &period, "space", "bytes");
	for (size_t i = 0; i < type_count; i++)
		type_list[i] = &types[i];
	text__describe_loss(report, loss, sizeof(loss));
	comments[0] = text(pprof, loss);
	make_texts_valid(pprof);
	profile.n_sample_type = type_count;
	profile.sample_type = type_list;
	profile.default_sample_type = types[default_type(pprof, report)].type;
	profile.period_type = &period;
	profile.period = 1; /* every allocation, not samples */
	profile.time_nanos = report->run.start_unix_ns;
	profile.duration_nanos = report->run.duration_ns;
	profile.n_comment = 1;
	profile.comment = comments;
	profile.n_sample = pprof->samples.size;
	profile.sample = pprof->samples.data;
	profile.n_mapping = pprof->mappings.size;
	profile.mapping = pprof->mappings.data;
	profile.n_location = pprof->locations.size;
	profile.location = pprof->locations.data;
	profile.n_function = pprof->functions.size;
	profile.function = pprof->functions.data;
	profile.n_string_table = pprof->strings.list.size;
	profile.string_table = (char **)pprof->strings.list.data;
	return pprof->no_memory ? -ENOMEM : write_packed(&profile, file);
}

enum profile_kind { PROFILE_HEAP, PROFILE_ALLOCS, PROFILE_WAITS };

static int write_report(const struct report *report, enum profile_kind kind, FILE *file)
{
	struct pprof pprof = {
		.is_waits = kind == PROFILE_WAITS, .is_allocs = kind == PROFILE_ALLOCS};
	int err;

	text(&pprof, ""); /* the format wants it first */
	add_program(&pprof, report);
	vec_for_each (site, &report->sites)
		add_sample(&pprof, site, false);
	vec_for_each (site, &report->mapped_sites)
		add_sample(&pprof, site, true);
	err = write_profile(&pprof, report, file);
	string_table__free(&pprof.strings);
	pair_map__free(&pprof.function_ids);
	pair_map__free(&pprof.location_ids);
	pair_map__free(&pprof.mapping_ids);
	vec_free(&pprof.functions);
	vec_free(&pprof.locations);
	vec_free(&pprof.mappings);
	vec_free(&pprof.biases);
	vec_free(&pprof.samples);
	arena__free(&pprof.arena);
	return err;
}

int pprof__write_report(const struct report *report, FILE *file)
{
	return write_report(report, PROFILE_HEAP, file);
}

int pprof__write_allocs(const struct report *report, FILE *file)
{
	return write_report(report, PROFILE_ALLOCS, file);
}

int pprof__write_waits(const struct report *report, FILE *file)
{
	return write_report(report, PROFILE_WAITS, file);
}
