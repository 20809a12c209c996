/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A report as OTLP profiles. A profile has one type of value, so there is one for each type;
 * stacks, functions and texts are in the dictionary that they share.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "report/otlp_private.h"
#include "report/string_table.h"

#define PROFILES 5
#define PROFILE_ID_BYTES 16

DEFINE_HASH_PAIR(otlp_indices, uint32_t);

struct otlp_profiles {
	struct arena arena;
	struct string_table strings;
	struct otlp_indices function_indices; /* (name, file) */
	struct otlp_indices location_indices; /* (mapping, address), Python: (~function, line) */
	struct otlp_indices mapping_indices;  /* (path, build id) */
	VEC(Otlp__Function *) functions;
	VEC(Otlp__Location *) locations;
	VEC(Otlp__Mapping *) mappings;
	VEC(Otlp__KeyValueAndUnit *) attributes;
	VEC(Otlp__Stack *) stacks;
	VEC(Otlp__Sample *) samples[PROFILES];
	bool no_memory; /* sticky: whatever failed, nothing is sent */
};

enum profile_value { INUSE_SPACE, INUSE_OBJECTS, ALLOC_SPACE, ALLOC_OBJECTS, MAPPED_SPACE };

static const struct {
	const char *type, *unit;
} value_types[PROFILES] = {
	[INUSE_SPACE] = {"inuse_space", "bytes"},
	[INUSE_OBJECTS] = {"inuse_objects", "count"},
	[ALLOC_SPACE] = {"alloc_space", "bytes"},
	[ALLOC_OBJECTS] = {"alloc_objects", "count"},
	[MAPPED_SPACE] = {"mapped_space", "bytes"},
};

static int32_t text(struct otlp_profiles *out, const char *string)
{
	int64_t number = string_table__add(&out->strings, string);

	out->no_memory |= number < 0;
	return number < 0 ? 0 : number;
}

/* A new message at the end of @list: its index, 0 without memory, which is the empty one's. */
#define add_message(out, list, message_type, init)                                 \
	({                                                                         \
		message_type *added = otlp_new(&(out)->arena, message_type, init); \
		int32_t place = (list)->size;                                      \
		if (!added || vec_push((list), added)) {                           \
			(out)->no_memory = true;                                   \
			place = 0;                                                 \
		}                                                                  \
		place;                                                             \
	})

/* Where the index of @key is kept: 0 in it if it is new. NULL without memory. */
static uint32_t *find_index(
	struct otlp_profiles *out, struct otlp_indices *indices, struct hash_pair key)
{
	uint32_t *index = otlp_indices__insert(indices, key);

	out->no_memory |= !index;
	return index;
}

/* A function that has no name is called by its place, so that one is not taken for another. */
static int32_t function_name(struct otlp_profiles *out, const struct report_frame *frame)
{
	char name[NAME_MAX + 32];

	if (frame->function)
		return text(out, frame->function);
	if (frame->module)
		snprintf(name, sizeof(name), "[%.*s+0x%" PRIx64 "]", NAME_MAX,
			text__base_name(frame->module), frame->offset);
	else
		snprintf(name, sizeof(name), "0x%" PRIx64, frame->address);
	return text(out, arena__copy(&out->arena, name));
}

static int32_t function_index(struct otlp_profiles *out, const struct report_frame *frame)
{
	struct hash_pair key = {function_name(out, frame), text(out, frame->file)};
	uint32_t *index = find_index(out, &out->function_indices, key);
	Otlp__Function *function;

	if (!index || *index)
		return index ? *index : 0;
	*index = add_message(out, &out->functions, Otlp__Function, otlp__function__init);
	if (!*index)
		return 0;
	function = out->functions.data[*index];
	function->name_strindex = function->system_name_strindex = key.a;
	function->filename_strindex = key.b;
	return *index;
}

static void add_build_id(struct otlp_profiles *out, Otlp__Mapping *mapping, const char *build_id)
{
	int32_t index = add_message(
		out, &out->attributes, Otlp__KeyValueAndUnit, otlp__key_value_and_unit__init);
	Otlp__KeyValueAndUnit *attribute = out->attributes.data[index];
	Otlp__KeyValue *value = otlp__attribute(&out->arena, "", build_id);

	mapping->attribute_indices = arena__alloc(&out->arena, 1, sizeof(int32_t));
	if (!index || !value || !mapping->attribute_indices) {
		out->no_memory = true;
		return;
	}
	attribute->key_strindex = text(out, "process.executable.build_id.gnu");
	attribute->value = value->value;
	mapping->attribute_indices[0] = index;
	mapping->n_attribute_indices = 1;
}

static int32_t mapping_index(struct otlp_profiles *out, const struct report_frame *frame)
{
	struct hash_pair key = {text(out, frame->module), text(out, frame->build_id)};
	uint32_t *index;

	if (!frame->module)
		return 0;
	index = find_index(out, &out->mapping_indices, key);
	if (!index || *index)
		return index ? *index : 0;
	*index = add_message(out, &out->mappings, Otlp__Mapping, otlp__mapping__init);
	if (!*index)
		return 0;
	out->mappings.data[*index]->filename_strindex = key.a;
	if (frame->build_id)
		add_build_id(out, out->mappings.data[*index], frame->build_id);
	return *index;
}

static void add_lines(struct otlp_profiles *out, Otlp__Location *location,
	const struct report_frame *frames, size_t count)
{
	location->lines = arena__alloc(&out->arena, count, sizeof(*location->lines));
	for (size_t i = 0; location->lines && i < count; i++) {
		Otlp__Line *line = otlp_new(&out->arena, Otlp__Line, otlp__line__init);

		if (!line)
			break;
		line->function_index = function_index(out, &frames[i]);
		line->line = frames[i].line;
		location->lines[location->n_lines++] = line;
	}
	out->no_memory |= location->n_lines < count;
}

/* Of @count frames at one address. An address is that in the file: the processes' may differ. */
static int32_t location_index(
	struct otlp_profiles *out, const struct report_frame *frames, size_t count)
{
	const struct report_frame *frame = &frames[count - 1];
	int32_t mapping = mapping_index(out, frame);
	uint64_t address = mapping ? frame->offset : frame->address;
	struct hash_pair key = {mapping, address};
	Otlp__Location *location;
	uint32_t *index;

	if (frame->is_python)
		key = (struct hash_pair){~(uint64_t)function_index(out, frame), frame->line};
	index = find_index(out, &out->location_indices, key);
	if (!index || *index)
		return index ? *index : 0;
	*index = add_message(out, &out->locations, Otlp__Location, otlp__location__init);
	if (!*index)
		return 0;
	location = out->locations.data[*index];
	location->mapping_index = mapping;
	location->address = frame->is_python ? 0 : address;
	add_lines(out, location, frames, count);
	return *index;
}

static int32_t add_stack(struct otlp_profiles *out, const struct report_site *site)
{
	struct report_frame unknown = {
		.function = site->special ? site->special : "(no frames)", .address = site->id};
	int32_t index = add_message(out, &out->stacks, Otlp__Stack, otlp__stack__init), *places;
	size_t first = 0, count = 0;

	places = arena__alloc(&out->arena, site->frame_count + 1, sizeof(*places));
	if (!index || !places) {
		out->no_memory = true;
		return 0;
	}
	for (size_t i = 0; i < site->frame_count; i++) {
		if (site->frames[i].inlined && i + 1 < site->frame_count)
			continue; /* belongs to the same address as the frame after it */
		places[count++] = location_index(out, &site->frames[first], i + 1 - first);
		first = i + 1;
	}
	if (!count)
		places[count++] = location_index(out, &unknown, 1);
	out->stacks.data[index]->location_indices = places;
	out->stacks.data[index]->n_location_indices = count;
	return index;
}

static void add_sample(
	struct otlp_profiles *out, enum profile_value type, int32_t stack, int64_t value)
{
	Otlp__Sample *sample;

	if (!value)
		return;
	sample = otlp_new(&out->arena, Otlp__Sample, otlp__sample__init);
	if (sample)
		sample->values = arena__alloc(&out->arena, 1, sizeof(*sample->values));
	if (!sample || !sample->values || vec_push(&out->samples[type], sample)) {
		out->no_memory = true;
		return;
	}
	sample->stack_index = stack;
	sample->values[0] = value;
	sample->n_values = 1;
}

static void add_sites(struct otlp_profiles *out, const struct report *report)
{
	vec_for_each (site, &report->sites) {
		int32_t stack = add_stack(out, site);

		add_sample(out, INUSE_SPACE, stack, site->live_bytes);
		add_sample(out, INUSE_OBJECTS, stack, site->live_count);
		add_sample(out, ALLOC_SPACE, stack, site->alloc_bytes);
		add_sample(out, ALLOC_OBJECTS, stack, site->alloc_count);
	}
	vec_for_each (site, &report->mapped_sites)
		add_sample(out, MAPPED_SPACE, add_stack(out, site), site->live_bytes);
}

/* What is live is so now; what was allocated, since the latest profiles. */
static Otlp__Profile *make_profile(
	struct otlp_profiles *out, enum profile_value type, const struct otlp_head *head)
{
	Otlp__Profile *profile = otlp_new(&out->arena, Otlp__Profile, otlp__profile__init);
	Otlp__ValueType *value = otlp_new(&out->arena, Otlp__ValueType, otlp__value_type__init);
	bool is_since = type == ALLOC_SPACE || type == ALLOC_OBJECTS;

	if (!profile || !value)
		return NULL;
	profile->profile_id.data = arena__alloc(&out->arena, PROFILE_ID_BYTES, 1);
	if (!profile->profile_id.data ||
		getrandom(profile->profile_id.data, PROFILE_ID_BYTES, 0) != PROFILE_ID_BYTES)
		return NULL;
	profile->profile_id.len = PROFILE_ID_BYTES;
	value->type_strindex = text(out, value_types[type].type);
	value->unit_strindex = text(out, value_types[type].unit);
	profile->sample_type = value;
	profile->time_unix_nano = is_since ? head->since_unix_ns : head->now_unix_ns;
	profile->duration_nano = is_since ? head->now_unix_ns - head->since_unix_ns : 0;
	profile->n_samples = out->samples[type].size;
	profile->samples = out->samples[type].data;
	return profile;
}

/* proto3 strings are UTF-8, which a target's names need not be. */
static void make_texts_valid(struct otlp_profiles *out)
{
	vec_for_each (string, &out->strings.list) {
		char *copy = otlp__text(&out->arena, *string);

		out->no_memory |= !copy;
		*string = copy;
	}
}

/* Index 0 of each table stands for none. */
static void begin_tables(struct otlp_profiles *out)
{
	text(out, "");
	add_message(out, &out->mappings, Otlp__Mapping, otlp__mapping__init);
	add_message(out, &out->locations, Otlp__Location, otlp__location__init);
	add_message(out, &out->functions, Otlp__Function, otlp__function__init);
	add_message(out, &out->attributes, Otlp__KeyValueAndUnit, otlp__key_value_and_unit__init);
	add_message(out, &out->stacks, Otlp__Stack, otlp__stack__init);
}

static void fill_dictionary(struct otlp_profiles *out, Otlp__ProfilesDictionary *dictionary)
{
	dictionary->n_mapping_table = out->mappings.size;
	dictionary->mapping_table = out->mappings.data;
	dictionary->n_location_table = out->locations.size;
	dictionary->location_table = out->locations.data;
	dictionary->n_function_table = out->functions.size;
	dictionary->function_table = out->functions.data;
	dictionary->n_attribute_table = out->attributes.size;
	dictionary->attribute_table = out->attributes.data;
	dictionary->n_stack_table = out->stacks.size;
	dictionary->stack_table = out->stacks.data;
	dictionary->n_string_table = out->strings.list.size;
	dictionary->string_table = (char **)out->strings.list.data;
}

static int pack(
	struct otlp_profiles *out, const struct otlp_head *head, struct otlp_message *message)
{
	Otlp__ExportProfilesServiceRequest request = OTLP__EXPORT_PROFILES_SERVICE_REQUEST__INIT;
	Otlp__ProfilesDictionary dictionary = OTLP__PROFILES_DICTIONARY__INIT;
	Otlp__ResourceProfiles resource = OTLP__RESOURCE_PROFILES__INIT, *resources[] = {&resource};
	Otlp__ScopeProfiles scope = OTLP__SCOPE_PROFILES__INIT, *scopes[] = {&scope};
	Otlp__Link no_link = OTLP__LINK__INIT, *links[] = {&no_link};
	Otlp__Profile *profiles[PROFILES];

	for (int type = 0; type < PROFILES; type++) {
		profiles[type] = make_profile(out, type, head);
		out->no_memory |= !profiles[type];
	}
	resource.resource = otlp__resource(&out->arena, head);
	scope.scope = otlp__scope(&out->arena, head);
	make_texts_valid(out);
	if (out->no_memory || !resource.resource || !scope.scope)
		return -ENOMEM;
	fill_dictionary(out, &dictionary);
	dictionary.n_link_table = 1;
	dictionary.link_table = links;
	scope.n_profiles = PROFILES;
	scope.profiles = profiles;
	resource.n_scope_profiles = 1;
	resource.scope_profiles = scopes;
	request.n_resource_profiles = 1;
	request.resource_profiles = resources;
	request.dictionary = &dictionary;
	return otlp__pack(&request.base, message);
}

int otlp__pack_profiles(
	const struct report *report, const struct otlp_head *head, struct otlp_message *message)
{
	struct otlp_profiles out = {0};
	int err;

	begin_tables(&out);
	if (!out.no_memory)
		add_sites(&out, report);
	err = out.no_memory ? -ENOMEM : pack(&out, head, message);
	string_table__free(&out.strings);
	otlp_indices__free(&out.function_indices);
	otlp_indices__free(&out.location_indices);
	otlp_indices__free(&out.mapping_indices);
	vec_free(&out.functions);
	vec_free(&out.locations);
	vec_free(&out.mappings);
	vec_free(&out.attributes);
	vec_free(&out.stacks);
	for (int type = 0; type < PROFILES; type++)
		vec_free(&out.samples[type]);
	arena__free(&out.arena);
	return err;
}
