/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Recordings: what was put comes back, into the same heap model; windows of it; limits. */
#include <signal.h>
#include <sys/resource.h>

#include "recording_sample.h"
#include "stream/recording_codec.h"
#include "stream/recording_frame.h"

static uint64_t state = 88172645463325252ull;

static uint64_t random_number(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Of any magnitude: as many random bits as a random number says. */
static uint64_t random_magnitude(void)
{
	return random_number() >> random_number() % 64;
}

static union codec_record random_record(void)
{
	static const uint8_t kinds[] = {EVENT_ALLOC, EVENT_ALLOC_FAILED, EVENT_FREE,
		EVENT_REALLOC_BEGIN, EVENT_REALLOC_END};
	static uint64_t stacks[5000], time_ns;
	union codec_record record;
	uint8_t kind = kinds[random_number() % 5];

	memset(&record, 0, sizeof(record));
	time_ns += random_number() % 8 ? random_number() % 5000 : random_magnitude();
	record.header = (struct event_header){
		.kind = kind,
		.function = random_number() % 16 ? kind : random_number(),
		.flags = random_number() % 16 ? 0 : random_number(),
		.tid = random_number() % 16 ? 100 : random_magnitude(),
		.process = random_number() % 16 ? 1 : random_magnitude(),
		.thread_sequence = random_magnitude(),
		.time_ns = time_ns,
	};
	record.free.address = random_magnitude();
	if (codec__record_size(kind) >= sizeof(struct event_alloc)) {
		uint64_t *stack = &stacks[random_number() % 5000];

		*stack = *stack ? *stack : random_number();
		record.alloc.size = random_magnitude();
		record.alloc.stack = *stack;
	}
	if (kind == EVENT_REALLOC_END)
		record.realloc_end.old_address = random_magnitude();
	return record;
}

static void test_every_heap_record_comes_back_to_the_bit(void **test)
{
	enum { COUNT = 200000 };
	static struct codec_state encoder, decoder;
	union codec_record *records = calloc(COUNT, sizeof(*records)), got;
	uint8_t *bytes = malloc(COUNT * CODEC_MAX_RECORD), *out = bytes;
	const uint8_t *in = bytes;

	for (size_t i = 0; i < COUNT; i++) {
		size_t size;

		records[i] = random_record();
		size = codec__encode(&encoder, &records[i].header,
			codec__record_size(records[i].header.kind), out);
		assert_in_range(size, 1, CODEC_MAX_RECORD);
		out += size;
	}
	for (size_t i = 0; i < COUNT; i++) {
		struct codec_result result = codec__decode(&decoder, in, &got);

		assert_int_equal(result.item, 0);
		assert_in_range(result.size, 1, CODEC_MAX_RECORD);
		assert_memory_equal(&got, &records[i], codec__record_size(records[i].header.kind));
		in += result.size;
	}
	assert_ptr_equal(in, out);
	free(records);
	free(bytes);
}

/* Records as a program makes them, and just beyond what is usual, come back and are small. */
static void test_usual_records_take_few_bytes(void **test)
{
	static const struct {
		int64_t time, address;
		uint64_t size;
		uint32_t tid;
		size_t coded; /* 0: in the long form */
	} steps[] = {
		{200, 0x20, 64, 70, 9},
		{200, 0x20, 64, 71, 9}, /* another thread */
		{-16384, -0x20, (1 << 20) - 1, 70, 9},
		{1 << 18, 0x7f0, 1, 70, 9},
		{1, 0x800, 1, 70, 10},
		{1, 0x80000, 1, 70, 11},
		{1, -(int64_t)0x80000000, 1, 70, 12},
		{-16385, 0, 1, 70, 0},
		{(1 << 19) - 16384, 0, 1, 70, 0},
		{1, 8, 1, 70, 0},
		{1, 1ll << 36, 1, 70, 0},
		{1, 0, 1 << 20, 70, 0},
	};
	static struct codec_state encoder, decoder;
	struct event_alloc alloc = {.header = {.kind = EVENT_ALLOC, .function = FUNCTION_MALLOC},
		.address = 0x7f0000000000,
		.size = 64,
		.stack = 77};
	uint32_t sequences[2] = {0};
	uint64_t addresses[2] = {0x7f0000000000, 0x7f0000100000};
	uint8_t out[2 * CODEC_MAX_RECORD] = {0};
	union codec_record got;

	alloc.header.time_ns = START_NS;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) + 2; i++) {
		size_t usual = i < 2 ? 0 : steps[i - 2].coded, size;
		uint32_t thread = i < 2 ? i : steps[i - 2].tid - 70;

		alloc.header.tid = 70 + thread;
		alloc.header.thread_sequence = ++sequences[thread];
		if (i >= 2) {
			alloc.header.time_ns += steps[i - 2].time;
			addresses[thread] += steps[i - 2].address;
			alloc.size = steps[i - 2].size;
		}
		alloc.address = addresses[thread];
		size = codec__encode(&encoder, &alloc.header, sizeof(alloc), out);
		if (usual)
			assert_int_equal(size, usual);
		else
			assert_int_equal(out[0] & 7, EVENT_ALLOC);
		assert_int_equal(codec__decode(&decoder, out, &got).size, size);
		assert_memory_equal(&got, &alloc, sizeof(alloc));
	}
}

static void test_records_of_other_sizes_are_not_coded(void **test)
{
	struct codec_state codec = {0};
	struct event_mapping mapping = {.header.kind = EVENT_MAPPING};
	struct event_alloc alloc = {.header.kind = EVENT_ALLOC};
	uint8_t out[CODEC_MAX_RECORD];

	assert_int_equal(codec__encode(&codec, &mapping.header, sizeof(mapping), out), 0);
	assert_int_equal(codec__encode(&codec, &alloc.header, sizeof(alloc) + 8, out), 0);
}

static void test_a_recording_replays_to_what_was_put(void **test)
{
	struct content content = sample_recording(1000);
	struct replay replay;
	struct heap_totals totals;
	struct error err = {0};
	size_t count;
	const struct replay_name_frame *names;

	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		0);
	heap__totals(replay.heap, &totals);
	assert_int_equal(totals.counts.alloc_count, 1000);
	assert_int_equal(totals.counts.alloc_bytes, 100000);
	assert_int_equal(totals.counts.free_count, 500);
	assert_int_equal(totals.live_count, 500);
	assert_int_equal(replay.duration_ns, 2003 * STEP_NS);
	assert_int_equal(replay.losses[LOSS_RING_FULL], 7);
	assert_int_equal(replay.stack_stops[STACK_COMPLETE], 1);
	assert_int_equal(replay.missing, 0);
	assert_true(replay.problems.has_end);
	assert_string_equal(replay.version, "v1");
	assert_string_equal(replay.targets.data[0].command, "leaky --fast");
	assert_string_equal(replay.notes.data[0], "All is well.");
	assert_string_equal(replay__module(&replay, 1)->path, "/usr/bin/leaky");
	assert_string_equal(replay__module(&replay, 1)->build_id, "c0ffee");
	names = replay__names(&replay, 1, 0x10, &count);
	assert_int_equal(count, 2);
	assert_string_equal(names[0].function, "inner");
	assert_true(names[0].inlined);
	assert_int_equal(names[1].line, 9);
	assert_non_null(replay__names(&replay, 1, 0x20, &count));
	assert_int_equal(count, 0);
	assert_null(replay__names(&replay, 1, 0x30, &count));
	replay__free(&replay);
	free(content.data);
}

static struct heap_totals totals_of_window(
	const struct content *content, uint64_t from_ns, uint64_t to_ns)
{
	struct replay_options options = {.from_ns = from_ns, .to_ns = to_ns};
	struct replay replay;
	struct heap_totals totals;
	struct error err = {0};

	assert_int_equal(sample_replay(&replay, content->data, content->size, options, &err), 0);
	heap__totals(replay.heap, &totals);
	if (to_ns)
		assert_int_equal(replay.duration_ns, to_ns - from_ns);
	replay__free(&replay);
	return totals;
}

static void test_a_window_counts_what_happened_in_it(void **test)
{
	struct content content = sample_recording(1000);
	struct heap_totals early = totals_of_window(&content, 0, 1000 * STEP_NS);
	struct heap_totals late = totals_of_window(&content, 1001 * STEP_NS, 0);

	assert_int_equal(early.counts.alloc_count, 500);
	assert_int_equal(early.counts.free_count, 250);
	assert_int_equal(late.counts.alloc_count, 500);
	assert_int_equal(late.counts.free_count, 250);
	assert_int_equal(late.counts.untracked_free_count, 0);
	free(content.data);
}

static void test_a_free_in_a_window_of_a_block_from_before_is_untracked(void **test)
{
	struct content content = sample_recording(2);
	/* The second block is allocated in step 3 and freed in step 4. */
	struct heap_totals totals = totals_of_window(&content, 4 * STEP_NS, 0);

	assert_int_equal(totals.counts.alloc_count, 0);
	assert_int_equal(totals.counts.free_count, 0);
	assert_int_equal(totals.counts.untracked_free_count, 1);
	free(content.data);
}

static void test_other_records_come_back_too(void **test)
{
	const char *path = sample_path();
	struct error err = {0};
	struct recorder *recorder = recorder__open(path, &err);
	struct event_mapping mapping = {.address = 0x10000, .length = 8192, .protection = 3};
	struct event_process child = {.pid = 72, .parent_process = 1, .comm = "child"};
	struct replay replay;
	struct heap_process process;
	struct heap_totals totals;
	struct content content;

	assert_int_equal(recorder__appear(recorder, &err), 0);
	sample_put_start(recorder);
	mapping.header = sample_header(EVENT_MAPPING, 0, 1);
	mapping.header.function = FUNCTION_MMAP;
	recorder__put_record(recorder, &mapping.header, sizeof(mapping));
	child.header = sample_header(EVENT_FORK, 0, 2);
	child.header.process = 2;
	recorder__put_record(recorder, &child.header, sizeof(child));
	assert_int_equal(recorder__close(recorder, &err), 0);
	content = sample_read_file(path);
	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		0);
	heap__totals(replay.heap, &totals);
	assert_int_equal(totals.counts.mappings.mmap_bytes, 8192);
	assert_int_equal(heap__process_count(replay.heap), 2);
	heap__process(replay.heap, 1, &process);
	assert_int_equal(process.pid, 72);
	assert_string_equal(process.comm, "child");
	assert_false(replay.problems.has_end);
	replay__free(&replay);
	free(content.data);
	unlink(path);
}

/* A limit on the file's size is what a test can have of a full disk. */
static void test_what_a_full_disk_leaves_out_is_counted(void **test)
{
	struct rlimit before, limit;
	const char *path = sample_path();
	struct error err = {0};
	struct recorder *recorder;
	struct recorder_state state;
	struct replay replay;
	struct content content;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	recorder = recorder__open(path, &err);
	assert_non_null(recorder);
	assert_int_equal(recorder__appear(recorder, &err), 0);
	sample_put_start(recorder);
	for (int i = 0; i < 100; i++) {
		sample_put_events(recorder, 1000);
		recorder__drain(recorder);
	}
	state = recorder__drain(recorder);
	assert_int_equal(state.records, 1 + 100 * 1500);
	assert_in_range(state.missing, 1, state.records - 1);
	assert_int_equal(state.error, -EFBIG);
	assert_true(recorder__close(recorder, &err) < 0);
	assert_non_null(strstr(err.message, "incomplete"));
	setrlimit(RLIMIT_FSIZE, &before);

	content = sample_read_file(path);
	assert_true(content.size <= 100000);
	assert_int_equal(sample_replay(&replay, content.data, content.size,
				 (struct replay_options){0}, &err),
		0);
	assert_int_equal(replay.records, state.records - state.missing);
	assert_false(replay.problems.is_cut);
	assert_false(replay.problems.is_broken);
	replay__free(&replay);
	free(content.data);
	unlink(path);
}

static void test_recording_where_nothing_can_be_written_fails_at_once(void **test)
{
	struct error err = {0};

	assert_null(recorder__open("/dev/full", &err));
	assert_int_equal(err.code, -ENOSPC);
	assert_null(recorder__open("/no/such/folder/file", &err));
	assert_int_equal(err.code, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_heap_record_comes_back_to_the_bit),
		cmocka_unit_test(test_usual_records_take_few_bytes),
		cmocka_unit_test(test_records_of_other_sizes_are_not_coded),
		cmocka_unit_test(test_a_recording_replays_to_what_was_put),
		cmocka_unit_test(test_a_window_counts_what_happened_in_it),
		cmocka_unit_test(test_a_free_in_a_window_of_a_block_from_before_is_untracked),
		cmocka_unit_test(test_other_records_come_back_too),
		cmocka_unit_test(test_what_a_full_disk_leaves_out_is_counted),
		cmocka_unit_test(test_recording_where_nothing_can_be_written_fails_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
