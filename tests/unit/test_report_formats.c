/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Folded stacks, speedscope and pprof: each read back by another reader than its writer. */
#include <jansson.h>
#include <unistd.h>
#include <zlib.h>

#include "profile.pb-c.h"
#include "report/folded.h"
#include "report/pprof.h"
#include "report/speedscope.h"
#include "report_sample.h"

struct sample {
	struct report report;
	char *text;
	size_t size;
};

static struct sample collect(void)
{
	struct feed feed = sample_feed();
	struct sample sample = {0};

	sample_collect(&sample.report, &feed, (struct report_options){0});
	feed_stop(&feed);
	return sample;
}

static void free_sample(struct sample *sample)
{
	report__free(&sample->report);
	free(sample->text);
}

/* --- folded */

static void write_folded(struct sample *sample, enum report_weight weight)
{
	FILE *file;

	free(sample->text);
	file = open_memstream(&sample->text, &sample->size);
	folded__write_report(&sample->report, weight, file);
	fclose(file);
}

static void test_folded_stack_goes_from_root_to_the_allocation(void **state)
{
	struct sample sample = collect();

	write_folded(&sample, WEIGHT_LIVE_BYTES);
	assert_non_null(strstr(sample.text, "balanced(std::string const&);leak_here 102400\n"));
	assert_int_equal(strncmp(sample.text, "balanced", 8), 0);
	write_folded(&sample, WEIGHT_TEMPORARY_COUNT);
	assert_string_equal(sample.text,
		"balanced(std::string const&);balanced(std::string const&);"
		"balanced(std::string const&);std::vector<int>::push_back(int const&)_[i] 50\n");
	free_sample(&sample);
	sample = collect();
	write_folded(&sample, WEIGHT_MAPPED_BYTES);
	assert_string_equal(
		sample.text, "balanced(std::string const&);balanced(std::string const&) 65536\n");
	free_sample(&sample);
}

static void test_folded_names_cannot_break_the_format(void **state)
{
	struct report_frame frames[] = {
		{.function = "a;b\nc\u202ed"},
		{.module = "/lib/x;y.so", .offset = 0x10},
		{.address = 0x7000},
	};
	struct report_site site = {.live_bytes = 7, .frames = frames, .frame_count = 3};
	struct sample sample = {0};

	assert_int_equal(vec_push(&sample.report.sites, site), 0);
	write_folded(&sample, WEIGHT_LIVE_BYTES);
	assert_string_equal(sample.text, "0x7000;[x:y.so+0x10];a:b?c?d 7\n");
	free_sample(&sample);
}

static void test_weight_names_are_parsed_back(void **state)
{
	for (int weight = 0; weight < WEIGHT_COUNT; weight++)
		assert_int_equal(weight__parse(weight__words(weight)->name), weight);
	assert_int_equal(weight__parse("nonsense"), -EINVAL);
}

/* --- speedscope */

static json_int_t sum_weights(json_t *profile, size_t frame_count)
{
	json_t *samples = json_object_get(profile, "samples"), *stack, *number;
	json_t *weights = json_object_get(profile, "weights");
	json_int_t sum = 0;
	size_t i, j;

	assert_int_equal(json_array_size(samples), json_array_size(weights));
	json_array_foreach(samples, i, stack)
	{
		assert_true(json_array_size(stack) > 0);
		json_array_foreach(stack, j, number)
			assert_in_range(json_integer_value(number), 0, frame_count - 1);
		sum += json_integer_value(json_array_get(weights, i));
	}
	assert_int_equal(sum, json_integer_value(json_object_get(profile, "endValue")));
	return sum;
}

static void test_speedscope_profiles_share_frames_and_add_up(void **state)
{
	struct sample sample = collect();
	FILE *file = open_memstream(&sample.text, &sample.size);
	json_t *root, *profiles, *frames, *stack;

	assert_int_equal(speedscope__write_report(&sample.report, file), 0);
	fclose(file);
	root = json_loadb(sample.text, sample.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	profiles = json_object_get(root, "profiles");
	frames = json_object_get(json_object_get(root, "shared"), "frames");
	/* No process has ended: nothing was left. */
	assert_int_equal(json_array_size(profiles), WEIGHT_LEFT_BYTES);
	assert_int_equal(sum_weights(json_array_get(profiles, 0), json_array_size(frames)), 102400);
	assert_int_equal(
		sum_weights(json_array_get(profiles, WEIGHT_ALLOC_COUNT), json_array_size(frames)),
		150);
	assert_int_equal(
		sum_weights(json_array_get(profiles, WEIGHT_MAPPED_BYTES), json_array_size(frames)),
		SAMPLE_MAPPED_BYTES);
	stack = json_array_get(json_object_get(json_array_get(profiles, 0), "samples"), 0);
	assert_int_equal(json_array_size(stack), 12);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(frames, json_integer_value(json_array_get(stack, 11))),
			"name")),
		"leak_here");
	json_decref(root);
	free_sample(&sample);
}

/* --- pprof */

static Perftools__Profiles__Profile *unpack(const char *data, size_t size)
{
	z_stream stream = {.next_in = (unsigned char *)data, .avail_in = size};
	size_t room = 1 << 20;
	unsigned char *raw = malloc(room);
	Perftools__Profiles__Profile *profile;

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = raw;
	stream.avail_out = room;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	profile = perftools__profiles__profile__unpack(NULL, stream.total_out, raw);
	inflateEnd(&stream);
	free(raw);
	assert_non_null(profile);
	return profile;
}

static void write_pprof(struct sample *sample)
{
	FILE *file = open_memstream(&sample->text, &sample->size);

	assert_int_equal(pprof__write_report(&sample->report, file), 0);
	fclose(file);
}

static void test_pprof_values_add_up_to_the_totals(void **state)
{
	struct sample sample = collect();
	Perftools__Profiles__Profile *profile;
	int64_t sums[7] = {0};

	write_pprof(&sample);
	profile = unpack(sample.text, sample.size);
	assert_string_equal(profile->string_table[0], "");
	assert_string_equal(profile->string_table[profile->default_sample_type], "inuse_space");
	assert_int_equal(profile->n_sample_type, 7);
	for (size_t i = 0; i < profile->n_sample; i++)
		for (int type = 0; type < 7; type++)
			sums[type] += profile->sample[i]->value[type];
	assert_int_equal(sums[0], 150);
	assert_int_equal(sums[1], 102900);
	assert_int_equal(sums[2], 100);
	assert_int_equal(sums[3], 102400);
	assert_int_equal(sums[4], SAMPLE_MAPPED_BYTES);
	assert_int_equal(sums[5] + sums[6], 0);
	perftools__profiles__profile__free_unpacked(profile, NULL);
	free_sample(&sample);
}

static void test_pprof_location_holds_the_calls_inlined_there(void **state)
{
	struct sample sample = collect();
	Perftools__Profiles__Profile *profile;
	Perftools__Profiles__Location *location;
	size_t inlined = 0;

	write_pprof(&sample);
	profile = unpack(sample.text, sample.size);
	assert_int_equal(profile->n_mapping, 1);
	assert_string_equal(profile->string_table[profile->mapping[0]->build_id], "0123abcd");
	for (size_t i = 0; i < profile->n_location; i++) {
		location = profile->location[i];
		assert_in_range(location->address, profile->mapping[0]->memory_start,
			profile->mapping[0]->memory_limit - 1);
		assert_int_equal(location->id, i + 1);
		if (location->n_line < 2)
			continue;
		inlined++;
		assert_string_equal(
			profile->string_table[profile->function[location->line[0]->function_id - 1]
						      ->name],
			"std::vector<int>::push_back(int const&)");
	}
	assert_int_equal(inlined, 1);
	perftools__profiles__profile__free_unpacked(profile, NULL);
	free_sample(&sample);
}

/* Readers add up by function: without one, all of a library would be a single row. */
static void test_pprof_keeps_nameless_functions_apart(void **state)
{
	struct report_frame frames[] = {
		{.module = "/lib/x.so", .offset = 0x10, .address = 0x7010},
		{.module = "/lib/x.so", .offset = 0x20, .address = 0x7020},
		{.address = 0x9000},
	};
	const char *wanted[] = {"[x.so+0x10]", "[x.so+0x20]", "0x9000"};
	struct report_site site = {.live_bytes = 7, .frames = frames, .frame_count = 3};
	Perftools__Profiles__Profile *profile;
	struct sample sample = {0};

	assert_int_equal(vec_push(&sample.report.sites, site), 0);
	write_pprof(&sample);
	profile = unpack(sample.text, sample.size);
	assert_int_equal(profile->n_function, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(profile->location[i]->n_line, 1);
		assert_string_equal(profile->string_table[profile->function[i]->name], wanted[i]);
	}
	perftools__profiles__profile__free_unpacked(profile, NULL);
	free_sample(&sample);
}

static void test_go_tool_pprof_shows_our_numbers(void **state)
{
	char path[] = "/tmp/memtrace-test-XXXXXX", command[256], line[256];
	struct sample sample = collect();
	int fd = mkstemp(path);
	bool found = false;
	FILE *out;

	write_pprof(&sample);
	assert_int_equal(write(fd, sample.text, sample.size), sample.size);
	close(fd);
	snprintf(command, sizeof(command), "timeout 60 go tool pprof -top -unit=B %s 2>/dev/null",
		path);
	out = popen(command, "r");
	while (fgets(line, sizeof(line), out))
		found |= strstr(line, "102400B") && strstr(line, "leak_here");
	pclose(out);
	unlink(path);
	free_sample(&sample);
	if (system("command -v go >/dev/null"))
		skip();
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folded_stack_goes_from_root_to_the_allocation),
		cmocka_unit_test(test_folded_names_cannot_break_the_format),
		cmocka_unit_test(test_weight_names_are_parsed_back),
		cmocka_unit_test(test_speedscope_profiles_share_frames_and_add_up),
		cmocka_unit_test(test_pprof_values_add_up_to_the_totals),
		cmocka_unit_test(test_pprof_location_holds_the_calls_inlined_there),
		cmocka_unit_test(test_pprof_keeps_nameless_functions_apart),
		cmocka_unit_test(test_go_tool_pprof_shows_our_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
