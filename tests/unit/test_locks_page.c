/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* How the page about locks is set: what is alike is one block, names keep to their columns. */
#include "locks_fixture.h"
#include "report/locks_phrases.h"
#include "report/locks_text.h"

static char *write_text(const struct lock_findings *findings, bool full)
{
	struct locks_text_options options = {.full_stacks = full, .advises = true};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	locks_text__write(file, findings, &options);
	fclose(file);
	return text;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void assert_fits_the_page(char *text)
{
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strlen(line) > 80)
			fail_msg("%zu columns: %s", strlen(line), line);
}

static size_t count_lines(const char *text)
{
	return count_of(text, "\n");
}

static struct lock_frame waiting[] = {
	{.pc = 0x1010, .slot = 0x7000, .function = "futex_wait", .module = "libc.so.6"},
	{.pc = 0x1110, .slot = 0x7010, .function = "sem_wait", .module = "libc.so.6"},
	{.pc = 0x401010,
		.slot = 0x7020,
		.function = "serve",
		.called = "sem_wait@plt",
		.module = "app"},
};

/* Waits for a semaphore. */
static void add_waiter(struct world *world, pid_t tid, uint64_t semaphore)
{
	struct lock_thread *thread = add_thread(world, 100, tid);

	block(thread, semaphore, WAIT_PRIVATE, 0);
	set_stack(thread, waiting, 3);
	snprintf(thread->comm, LOCK_COMM_SIZE, "pool");
	thread->asleep_ns = 2000000000;
}

static void test_two_thousand_equal_waits_are_one_block(void **state)
{
	struct world *world = new_world(2000, 1);
	char *text;

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 2000; i++)
		add_waiter(world, 100 + i, LOCK_A);
	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "STALL: 2,000 threads, pool (PID 100, TID 100) and others"));
	assert_null(strstr(text, "more waits"));
	assert_true(count_lines(text) < 12);
	free(text);
	free_world(world);
}

static void test_equal_waits_for_semaphores_of_their_own_are_one_block(void **state)
{
	struct world *world = new_world(8, 1);
	char *text;

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 8; i++)
		add_waiter(world, 100 + i, LOCK_A + 256 * i);
	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "8 threads, pool (PID 100, TID 100) and others"));
	assert_non_null(strstr(text, "each for its own"));
	free(text);
	free_world(world);
}

static void test_waits_from_another_place_are_a_block_of_their_own(void **state)
{
	static struct lock_frame other[3];
	struct world *world = new_world(3, 1);
	char *text;

	memcpy(other, waiting, sizeof(other));
	other[2].pc = 0x402020;
	other[2].function = "drain";
	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 3; i++)
		add_waiter(world, 100 + i, LOCK_A);
	set_stack(&world->snapshot.threads[1], other, 3);
	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "2 threads, pool (PID 100, TID 100) and others"));
	assert_non_null(strstr(text, "STALL: pool (PID 100, TID 101) has waited"));
	assert_non_null(strstr(text, "drain"));
	free(text);
	free_world(world);
}

static void test_idle_threads_of_a_runtime_are_one_line_at_the_end(void **state)
{
	static struct lock_frame idle[3];
	struct world *world = new_world(5, 1);
	char *text;

	memcpy(idle, waiting, sizeof(idle));
	idle[2].pc = 0x403030;
	idle[2].function = "CompileBroker::compiler_thread_loop()";
	idle[2].module = "libjvm.so";
	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 5; i++)
		add_waiter(world, 100 + i, LOCK_A);
	for (int i = 0; i < 4; i++)
		set_stack(&world->snapshot.threads[i], idle, 3);
	judge(world);
	text = write_text(&world->findings, false);
	assert_int_equal(strncmp(text, "STALL: pool (PID 100, TID 104)", 30), 0);
	assert_non_null(strstr(text, "Idle: 4 threads of the JVM.\n"));
	assert_non_null(strstr(text, "jcmd 100 Thread.print"));
	free(text);
	text = write_text(&world->findings, true);
	assert_non_null(strstr(text, "compiler_thread_loop"));
	free(text);
	free_world(world);
}

/* The waiter's chain ends in a thread that reads. */
static struct world *new_reader(void)
{
	static struct lock_frame reading[] = {
		{.pc = 0x1200,
			.slot = 0x8000,
			.function = "__GI___libc_read",
			.module = "libc.so.6"},
		{.pc = 0x403010,
			.slot = 0x8010,
			.function = "fetch",
			.called = "read@plt",
			.module = "app",
			.file = "/src/fetch.c",
			.line = 12},
	};
	static const struct lock_activity of_pipe = {.fd = 3, .link = "pipe:[17]"};
	struct world *world = new_world(4, 1);
	struct lock_thread *holder;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
	holder = add_thread(world, 100, 102);
	holder->state = 'S';
	holder->syscall = SYS_read;
	holder->activity = &of_pipe;
	snprintf(holder->comm, LOCK_COMM_SIZE, "fetcher");
	set_stack(holder, reading, 2);
	add_mutex(world, 100, LOCK_A, 2, 102, 0);
	return world;
}

static void test_the_end_of_a_chain_has_its_descriptor_and_its_stack(void **state)
{
	struct world *world = new_reader();
	char *text;

	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "the chain ends in fetcher (PID 100, TID 102): read of fd 3 "
				     "(pipe:[17])"));
	assert_non_null(strstr(text, "        read\n        fetch  fetch.c:12\n"));
	free(text);
	free_world(world);
}

static void test_a_stack_that_ends_several_chains_is_printed_once(void **state)
{
	struct world *world = new_reader();
	char *text;

	block(add_thread(world, 100, 103), LOCK_B, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[2], mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_B, 2, 102, 0);
	judge(world);
	text = write_text(&world->findings, false);
	assert_int_equal(count_of(text, "fetch  fetch.c:12"), 1);
	assert_non_null(strstr(text, "its stack is above"));
	free(text);
	free_world(world);
}

static void test_samples_of_a_thread_that_runs_are_labelled(void **state)
{
	static struct lock_frame one[] = {
		{.pc = 0x403010, .function = "compute", .module = "app", .file = "c.c", .line = 4}};
	static struct lock_frame two[] = {
		{.pc = 0x403110, .function = "encode", .module = "app", .file = "c.c", .line = 9}};
	struct world *world = new_reader();
	struct lock_thread *holder = &world->snapshot.threads[1];
	char *text;

	holder->state = 'R';
	holder->syscall = -1;
	holder->activity = NULL;
	holder->samples[0] = holder->samples[1] = one;
	holder->sample_counts[0] = holder->sample_counts[1] = 1;
	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(
		strstr(text, "runs\n        two samples, alike:\n        compute  c.c:4\n"));
	free(text);
	holder->samples[1] = two;
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "sample 1:\n        compute  c.c:4\n        sample 2:\n"));
	assert_non_null(strstr(text, "encode  c.c:9"));
	free(text);
	free_world(world);
}

static void test_the_called_function_is_named_and_not_the_librarys_own(void **state)
{
	static struct lock_frame joining[] = {
		{.pc = 0x1010,
			.slot = 0x7000,
			.function = "__futex_abstimed_wait_common64",
			.module = "libc.so.6"},
		{.pc = 0x1110,
			.slot = 0x7010,
			.function = "__pthread_clockjoin_ex",
			.module = "libc.so.6"},
		{.pc = 0x401010, .slot = 0x7020, .function = "finish", .module = "app"},
	};
	struct world *world = new_world(1, 1);
	char *text;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_SHARED, 102);
	set_stack(&world->snapshot.threads[0], joining, 3);
	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "        pthread_join\n        finish\n"));
	free(text);
	free_world(world);
}

static void test_stack_that_goes_on_elsewhere_says_so(void **state)
{
	struct world *world = new_reader();
	char *text;

	world->snapshot.threads[1].is_cut = true;
	judge(world);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "fetch  fetch.c:12\n        (its caller is on a goroutine's"));
	assert_int_equal(count_of(text, "goroutine's"), 1);
	free(text);
	free_world(world);
}

/* The one that holds the lock is no thread of the crowd that waits for it: first the cause. */
static void test_causes_come_before_what_waits_for_them(void **state)
{
	struct world *world = new_world(3, 1);
	char *text;

	add_process(world, 100, LIBC_GLIBC);
	for (int i = 0; i < 2; i++) {
		block(add_thread(world, 100, 101 + i), i ? LOCK_B : LOCK_A, WAIT_PRIVATE, 2);
		set_stack(&world->snapshot.threads[i], mutex_stack, MUTEX_FRAMES);
		snprintf(world->snapshot.threads[i].comm, LOCK_COMM_SIZE, "w%d", i);
	}
	add_thread(world, 100, 103)->state = 'S';
	world->snapshot.threads[2].syscall = SYS_read;
	add_mutex(world, 100, LOCK_A, 2, 102, 0);
	add_mutex(world, 100, LOCK_B, 2, 103, 0);
	judge(world);
	text = write_text(&world->findings, false);
	assert_int_equal(strncmp(text, "OWNER BLOCKED ELSEWHERE: w1 (PID 100, TID 102)", 46), 0);
	free(text);
	free_world(world);
}

static void test_long_names_keep_to_the_page(void **state)
{
	static const char endless[] =
		"very::long::name::space::of::a::library::that::nests::Templates<with, many, of, "
		"them>::and::members::of::members::whose::last::part::is::take_the_lock(int, long)";
	static struct lock_frame frames[] = {
		{.pc = 0x1110,
			.slot = 0x7010,
			.function = "pthread_mutex_lock",
			.module = "libc.so.6"},
		{.pc = 0x401010,
			.slot = 0x7020,
			.function = endless,
			.module = "app",
			.file = "/a/file_of_a_name_that_is_itself_longer_than_most_lines_are.cpp",
			.line = 123456},
		{.pc = 0x401110, .slot = 0x7040, .function = endless, .module = "app"},
	};
	struct world *world = new_world(1, 1);
	struct lock_wait *wait;
	char *text;

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], frames, 3);
	add_mutex(world, 100, LOCK_A, 2, 0x5ca1ab, 0);
	judge(world);
	wait = wait_of(world, 101);
	snprintf(wait->name, sizeof(wait->name), "%s", endless);
	snprintf(wait->module, sizeof(wait->module), "_multiarray.cpython-311-x86_64-linux-gnu.so");
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "take_the_lock"));
	assert_non_null(strstr(text, "(_multiarray"));
	assert_fits_the_page(text);
	free(text);
	free_world(world);
}

/* A cycle with a victim, all of names as long as the kernel lets them be. */
static void test_long_names_of_threads_keep_to_the_page(void **state)
{
	struct world *both[2];
	char *text;

	for (int w = 0; w < 2; w++) {
		both[w] = new_world(3, 1);
		add_process(both[w], 4000000, LIBC_GLIBC);
		for (int i = 0; i < 3; i++) {
			struct lock_thread *thread = add_thread(both[w], 4000000, 4100000 + i);

			block(thread, i == 1 ? LOCK_A : LOCK_B, WAIT_PRIVATE, 2);
			set_stack(thread, mutex_stack, MUTEX_FRAMES);
			snprintf(thread->comm, LOCK_COMM_SIZE, "a-name-as-long-");
			thread->asleep_ns = 1000000000ull * 123456;
		}
		add_mutex(both[w], 4000000, LOCK_A, 2, 4100000, 0);
		add_mutex(both[w], 4000000, LOCK_B, 2, 4100001, 0);
		judge(both[w]);
	}
	findings__confirm(&both[1]->findings, &both[0]->findings, false);
	text = write_text(&both[1]->findings, false);
	assert_non_null(strstr(text, "DEADLOCK: 2 threads"));
	assert_fits_the_page(text);
	free(text);
	free_world(both[0]);
	free_world(both[1]);
}

static void test_a_cut_module_keeps_its_beginning_and_its_ending(void **state)
{
	char out[64];

	phrase__module("_multiarray_umath.cpython-311-x86_64-linux-gnu.so", 24, out, sizeof(out));
	assert_string_equal(out, "_multiarray_umath....so");
	phrase__module("libstdc++.so.6", 24, out, sizeof(out));
	assert_string_equal(out, "libstdc++.so.6");
	phrase__module("a_program_whose_name_is_very_long", 16, out, sizeof(out));
	assert_string_equal(out, "a_program_who...");
}

static void test_a_timed_wait_tells_how_long_it_still_takes(void **state)
{
	struct world *world = new_world(1, 1);
	struct lock_thread *thread;
	int64_t *until;
	char *text;

	add_process(world, 100, LIBC_GLIBC);
	/* FUTEX_WAIT_BITSET of the monotonic clock */
	thread = add_thread(world, 100, 101);
	block(thread, LOCK_A, WAIT_PRIVATE | 9, 2);
	thread->args[3] = 0x9000;
	set_stack(thread, mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_A, 2, 0x5ca1ab, 0);
	until = (int64_t *)add_region(world, 100, 0x9000, 16);
	until[0] = 105;
	world->snapshot.taken_ns = 100 * 1000000000ull;
	judge(world);
	assert_int_equal(wait_of(world, 101)->left_ns, 5000000000);
	text = write_text(&world->findings, false);
	assert_non_null(strstr(text, "with a timeout (5.00 s left)"));
	free(text);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_thousand_equal_waits_are_one_block),
		cmocka_unit_test(test_equal_waits_for_semaphores_of_their_own_are_one_block),
		cmocka_unit_test(test_waits_from_another_place_are_a_block_of_their_own),
		cmocka_unit_test(test_idle_threads_of_a_runtime_are_one_line_at_the_end),
		cmocka_unit_test(test_the_end_of_a_chain_has_its_descriptor_and_its_stack),
		cmocka_unit_test(test_a_stack_that_ends_several_chains_is_printed_once),
		cmocka_unit_test(test_samples_of_a_thread_that_runs_are_labelled),
		cmocka_unit_test(test_the_called_function_is_named_and_not_the_librarys_own),
		cmocka_unit_test(test_stack_that_goes_on_elsewhere_says_so),
		cmocka_unit_test(test_causes_come_before_what_waits_for_them),
		cmocka_unit_test(test_long_names_keep_to_the_page),
		cmocka_unit_test(test_long_names_of_threads_keep_to_the_page),
		cmocka_unit_test(test_a_cut_module_keeps_its_beginning_and_its_ending),
		cmocka_unit_test(test_a_timed_wait_tells_how_long_it_still_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
