/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What is written of waits: the keys of the JSON that stay, the picture, the graph. */
#include <jansson.h>

#include "locks_fixture.h"
#include "report/locks_dot.h"
#include "report/locks_json.h"
#include "report/locks_text.h"

/* A confirmed AB-BA with a third thread queued behind it. */
struct story {
	struct world *before;
	struct world *now;
};

static struct world *new_queued(void)
{
	struct world *world = new_abba();

	block(add_thread(world, 100, 103), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[2], mutex_stack, MUTEX_FRAMES);
	for (int i = 0; i < 3; i++) {
		snprintf(world->snapshot.threads[i].comm, LOCK_COMM_SIZE, "worker%d", i);
		world->snapshot.threads[i].asleep_ns = 12000000000ull;
	}
	return world;
}

static struct story tell(void)
{
	struct story story = {new_queued(), new_queued()};

	judge(story.before);
	judge(story.now);
	findings__confirm(&story.now->findings, &story.before->findings, false);
	snprintf(story.now->findings.waits.data[0].name, WAIT_NAME_SIZE, "cache_lock");
	return story;
}

static void end(struct story *story)
{
	free_world(story->before);
	free_world(story->now);
}

static json_t *write_json(const struct lock_findings *findings, bool compact)
{
	struct locks_json_head head = {.looks = 2, .took_ns = 70000000};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	json_error_t error;
	json_t *root;

	locks_json__write(file, findings, &head, compact);
	fclose(file);
	if (compact)
		assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	root = json_loads(text, 0, &error);
	assert_non_null(root);
	free(text);
	return root;
}

static char *write_text(const struct lock_findings *findings, bool full)
{
	struct locks_text_options options = {.full_stacks = full};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	locks_text__write(file, findings, &options);
	fclose(file);
	return text;
}

static void assert_has(json_t *object, const char *const *keys)
{
	for (; *keys; keys++)
		if (!json_object_get(object, *keys))
			fail_msg("no key %s", *keys);
}

static void test_json_has_the_keys_that_stay(void **state)
{
	static const char *const wait_keys[] = {"pid", "tid", "ns_tid", "comm", "kind", "uaddr",
		"lock", "timed", "age_ns", "owner", "stack", NULL};
	static const char *const lock_keys[] = {"address", "name", "shared", NULL};
	static const char *const owner_keys[] = {"tid", "certainty", NULL};
	static const char *const member_keys[] = {"tid", "waits_for", "held_by", NULL};
	struct story story = tell();
	json_t *root = write_json(&story.now->findings, false);
	json_t *wait = json_array_get(json_object_get(root, "waits"), 0);
	json_t *deadlock = json_array_get(json_object_get(root, "deadlocks"), 0);
	json_t *cycle = json_object_get(deadlock, "cycle");

	assert_has(wait, wait_keys);
	assert_has(json_object_get(wait, "lock"), lock_keys);
	assert_has(json_object_get(wait, "owner"), owner_keys);
	assert_int_equal(json_array_size(json_object_get(wait, "stack")), MUTEX_FRAMES);
	assert_string_equal(json_string_value(json_object_get(deadlock, "verdict")), "DEADLOCK");
	assert_int_equal(json_array_size(cycle), 2);
	assert_has(json_array_get(cycle, 0), member_keys);
	assert_int_equal(json_array_size(json_object_get(deadlock, "victims")), 1);
	json_decref(root);
	end(&story);
}

static void test_json_of_a_stream_is_one_line(void **state)
{
	struct story story = tell();

	json_decref(write_json(&story.now->findings, true));
	end(&story);
}

static void test_what_is_not_known_is_absent_from_json(void **state)
{
	struct world *world = new_abba();
	json_t *root, *wait;

	world->region_count = 0;
	judge(world);
	root = write_json(&world->findings, false);
	wait = json_array_get(json_object_get(root, "waits"), 0);
	assert_null(json_object_get(wait, "age_ns"));
	assert_null(json_object_get(json_object_get(wait, "lock"), "name"));
	assert_null(json_object_get(json_object_get(wait, "owner"), "tid"));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(wait, "owner"), "certainty")),
		"unknown");
	json_decref(root);
	free_world(world);
}

static void test_unconfirmed_cycle_is_in_no_report(void **state)
{
	struct world *world = new_abba();
	json_t *root;
	char *text;

	judge(world);
	root = write_json(&world->findings, false);
	assert_int_equal(json_array_size(json_object_get(root, "deadlocks")), 0);
	text = write_text(&world->findings, false);
	assert_null(strstr(text, "DEADLOCK:"));
	assert_non_null(strstr(text, "No deadlock."));
	free(text);
	json_decref(root);
	free_world(world);
}

static void test_text_begins_with_the_cycle_and_names_the_victims(void **state)
{
	struct story story = tell();
	char *text = write_text(&story.now->findings, false);

	assert_int_equal(strncmp(text, "DEADLOCK: 2 threads", 19), 0);
	assert_non_null(strstr(text, "mutex cache_lock"));
	assert_non_null(strstr(text, "held by worker1 (PID 100, TID 102), exact"));
	assert_non_null(strstr(text, "1 thread queues behind it"));
	assert_non_null(strstr(text, "worker2 (PID 100, TID 103)"));
	free(text);
	end(&story);
}

static void test_folded_stack_leaves_out_helpers_below_the_wait(void **state)
{
	struct story story = tell();
	char *folded = write_text(&story.now->findings, false);
	char *full = write_text(&story.now->findings, true);

	assert_null(strstr(folded, "__lll_lock_wait"));
	assert_non_null(strstr(folded, "work"));
	assert_non_null(strstr(full, "__lll_lock_wait"));
	free(folded);
	free(full);
	end(&story);
}

static void test_victims_that_are_alike_are_one_line(void **state)
{
	struct story story = {new_world(40, 1), new_world(40, 1)};
	struct world *both[] = {story.before, story.now};
	char *text;

	for (int w = 0; w < 2; w++) {
		add_process(both[w], 100, LIBC_GLIBC);
		for (int i = 0; i < 40; i++) {
			block(add_thread(both[w], 100, 100 + i), LOCK_A, WAIT_PRIVATE, 2);
			set_stack(&both[w]->snapshot.threads[i], mutex_stack, MUTEX_FRAMES);
		}
		add_mutex(both[w], 100, LOCK_A, 2, 100, 0);
		judge(both[w]);
	}
	findings__confirm(&story.now->findings, &story.before->findings, false);
	text = write_text(&story.now->findings, false);
	assert_non_null(strstr(text, "39 threads, "));
	assert_non_null(strstr(text, "CONVOY: 40 threads"));
	free(text);
	end(&story);
}

static void test_dot_escapes_what_a_target_may_call_itself(void **state)
{
	struct story story = tell();
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	snprintf((char *)story.now->findings.waits.data[0].thread->comm, LOCK_COMM_SIZE, "a\"b\\c");
	locks_dot__write(file, &story.now->findings);
	fclose(file);
	assert_non_null(strstr(text, "a\\\"b\\\\c"));
	assert_non_null(strstr(text, "color=red"));
	free(text);
	end(&story);
}

/* 101 waits for a lock of a thread that is no more, 100 for a condition. */
/* A file may have any name. */
static void test_text_has_no_control_characters_of_a_modules_name(void **state)
{
	static struct lock_frame stack[] = {
		{.pc = 0x1010,
			.slot = 0x7000,
			.function = "pthread_mutex_lock",
			.module = "libc.so.6"},
		{.pc = 0x2010, .slot = 0x7020, .module = "li\nb\033[32m.so"},
		{.pc = 0x401010, .slot = 0x7040, .function = "main", .module = "a\rpp"},
	};
	struct story story = tell();
	char *text;

	set_stack(&story.now->snapshot.threads[0], stack, 3);
	text = write_text(&story.now->findings, true);
	assert_non_null(strstr(text, "li?b?[32m.so+0x"));
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\r'));
	free(text);
	end(&story);
}

static void test_reasons_are_broken_into_lines_of_the_page(void **state)
{
	struct story story = tell();
	struct lock_wait *wait = &story.now->findings.waits.data[0];
	char *text, *line;

	wait__explain(wait, "%s",
		"each of the 12 threads that could hold one waits, in the end, for "
		"this lock, and so on and on and on, to the end of the last line");
	text = write_text(&story.now->findings, false);
	assert_non_null(strstr(text, "(each of the 12"));
	assert_non_null(strstr(text, "last line)\n"));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
	free(text);
	end(&story);
}

static void test_lock_of_a_dead_owner_is_told_before_what_merely_sleeps(void **state)
{
	static struct lock_frame asleep[] = {
		{.pc = 0x1010, .slot = 0x7000, .function = "sem_wait", .module = "libc.so.6"},
		{.pc = 0x401010, .slot = 0x7020, .function = "idle", .module = "app"},
	};
	struct story story = {new_world(3, 1), new_world(3, 1)};
	struct world *both[] = {story.before, story.now};
	char *text;

	for (int w = 0; w < 2; w++) {
		add_process(both[w], 100, LIBC_GLIBC);
		block(add_thread(both[w], 100, 100), LOCK_B, WAIT_PRIVATE, 0);
		block(add_thread(both[w], 100, 101), LOCK_A, WAIT_PRIVATE, 2);
		add_thread(both[w], 100, 102); /* runs */
		set_stack(&both[w]->snapshot.threads[0], asleep, 2);
		set_stack(&both[w]->snapshot.threads[1], mutex_stack, MUTEX_FRAMES);
		add_mutex(both[w], 100, LOCK_A, 2, 99, 0);
		judge(both[w]);
	}
	findings__confirm(&story.now->findings, &story.before->findings, false);
	text = write_text(&story.now->findings, false);
	assert_int_equal(strncmp(text, "OWNER DEAD", 10), 0);
	assert_non_null(strstr(text, "STALL"));
	assert_null(strstr(text, "No deadlock"));
	assert_non_null(strstr(text, "\n1 thread waits forever"));
	free(text);
	end(&story);
}

static void test_folded_stack_keeps_the_frames_of_the_program(void **state)
{
	struct story story = tell();
	struct lock_frame deep[24];
	char *text;

	for (size_t i = 0; i < 24; i++)
		deep[i] = i < 3 ? mutex_stack[i]
				: (struct lock_frame){.pc = 0x401000 + i,
					  .slot = 0x7100 + i,
					  .function = i == 23 ? "main" : "inner",
					  .module = "app"};
	set_stack(&story.now->snapshot.threads[0], deep, 24);
	text = write_text(&story.now->findings, false);
	assert_non_null(strstr(text, " main\n"));
	assert_non_null(strstr(text, "... 13 more frames"));
	free(text);
	end(&story);
}

/* As the function of a C++ library that starts a thread. */
static void test_outermost_frames_without_names_are_counted(void **state)
{
	struct story story = tell();
	struct lock_frame frames[] = {mutex_stack[0], mutex_stack[1], mutex_stack[2],
		{.pc = 0x401000, .slot = 0x7100, .function = "save", .module = "app"},
		{.pc = 0x402000, .slot = 0x7110, .module = "lib.so", .module_offset = 0x2000},
		{.pc = 0x402010, .slot = 0x7120, .module = "lib.so", .module_offset = 0x2010}};
	char *text;

	set_stack(&story.now->snapshot.threads[0], frames, 6);
	text = write_text(&story.now->findings, false);
	assert_non_null(strstr(text, "... 2 more frames"));
	assert_null(strstr(text, "lib.so+0x"));
	free(text);
	end(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_has_the_keys_that_stay),
		cmocka_unit_test(test_json_of_a_stream_is_one_line),
		cmocka_unit_test(test_what_is_not_known_is_absent_from_json),
		cmocka_unit_test(test_unconfirmed_cycle_is_in_no_report),
		cmocka_unit_test(test_text_begins_with_the_cycle_and_names_the_victims),
		cmocka_unit_test(test_folded_stack_leaves_out_helpers_below_the_wait),
		cmocka_unit_test(test_victims_that_are_alike_are_one_line),
		cmocka_unit_test(test_dot_escapes_what_a_target_may_call_itself),
		cmocka_unit_test(test_text_has_no_control_characters_of_a_modules_name),
		cmocka_unit_test(test_reasons_are_broken_into_lines_of_the_page),
		cmocka_unit_test(test_lock_of_a_dead_owner_is_told_before_what_merely_sleeps),
		cmocka_unit_test(test_folded_stack_keeps_the_frames_of_the_program),
		cmocka_unit_test(test_outermost_frames_without_names_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
