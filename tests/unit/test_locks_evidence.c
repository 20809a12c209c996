/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Holders of locks that name none, by what threads' frames and their code know of the lock. */
#include "locks_fixture.h"

#define CODE 0x401000
#define STACK 0x8000

/* The names of functions by their addresses: what a call in made-up code calls. */
static const char *name_called(void *context, pid_t pid, uint64_t return_address)
{
	struct world *world = context;
	uint8_t call[5];
	int32_t distance;

	if (read_region(world, pid, return_address - 5, call, 5) || call[0] != 0xe8)
		return NULL;
	memcpy(&distance, call + 1, sizeof(distance));
	switch (return_address + distance) {
	case 0x500000:
		return "pthread_rwlock_rdlock";
	case 0x500100:
		return "pthread_rwlock_unlock";
	case 0x500200:
		return "pthread_rwlock_init";
	case 0x500300:
		return "pthread_rwlock_wrlock";
	}
	return NULL;
}

static void put32(uint8_t *at, int64_t value)
{
	int32_t narrow = (int32_t)value;

	memcpy(at, &narrow, sizeof(narrow));
}

/* lea @lock(%rip), %rdi; call @function: 12 bytes at @address. */
static void write_call(uint8_t *code, uint64_t address, uint64_t lock, uint64_t function)
{
	code[0] = 0x48;
	code[1] = 0x8d;
	code[2] = 0x3d;
	put32(code + 3, (int64_t)(lock - (address + 7)));
	code[7] = 0xe8;
	put32(code + 8, (int64_t)(function - (address + 12)));
}

#define CALL_BYTES 12

/* A writer (101) that waits for readers of LOCK_A with the mutex LOCK_B in hand, which 102 wants;
 * 103 is in read(2) where it is to be. @words are those of 102's stack, @code that of its frame. */
static struct lock_frame write_stack[] = {
	{.pc = 0x1010, .slot = 0x7000, .module = "libc.so.6"},
	{.pc = 0x402010,
		.slot = 0x7020,
		.function = "write",
		.function_offset = 0x10,
		.called = "pthread_rwlock_wrlock@plt",
		.module = "app"},
};
static struct lock_frame reader_stack[] = {
	{.pc = 0x1110, .slot = STACK, .function = "pthread_mutex_lock", .module = "libc.so.6"},
	{.pc = CODE + 0x80,
		.slot = STACK + 0x20,
		.function = "read_table",
		.function_offset = 0x80,
		.called = "pthread_mutex_lock@plt",
		.module = "app"},
	{.pc = 0x403010, .slot = STACK + 0x60, .function = "run", .module = "app"},
};
static struct lock_frame idle_stack[] = {
	{.pc = 0x1210, .slot = 0x9000, .function = "read", .module = "libc.so.6"},
	{.pc = 0x404010, .slot = 0x9040, .function = "idle", .module = "app"},
};

struct scene {
	struct world *world;
	uint8_t *code;	 /* of 102's frame, 128 bytes up to its pc */
	uint64_t *stack; /* of 102: word 4 is the first of its frame */
};

static struct scene new_scene(bool idle)
{
	struct scene scene = {.world = new_world(8, 1)};
	struct world *world = scene.world;
	struct lock_thread *thread;

	world->memory.called = name_called;
	add_process(world, 100, LIBC_GLIBC);
	thread = add_thread(world, 100, 101);
	block(thread, LOCK_A + 8, WAIT_PRIVATE, 2);
	set_stack(thread, write_stack, 2);
	thread->asleep_ns = 5000000000;
	thread = add_thread(world, 100, 102);
	block(thread, LOCK_B, WAIT_PRIVATE, 2);
	set_stack(thread, reader_stack, 3);
	thread->asleep_ns = 5000000000;
	if (idle) {
		thread = add_thread(world, 100, 103);
		thread->state = 'S';
		thread->syscall = SYS_read;
		set_stack(thread, idle_stack, 2);
		add_region(world, 100, 0x9000, 64);
	}
	((uint32_t *)add_region(world, 100, LOCK_A, 56))[0] = 1 << 3 | 2;
	add_mutex(world, 100, LOCK_B, 2, 101, 0);
	scene.code = add_region(world, 100, CODE, 128);
	scene.stack = (uint64_t *)add_region(world, 100, STACK, 96);
	return scene;
}

static void expect_reader(struct scene *scene, enum certainty certainty, const char *reason)
{
	judge(scene->world);
	assert_non_null(wait_of(scene->world, 101)->owner);
	assert_int_equal(wait_of(scene->world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(scene->world, 101)->certainty, certainty);
	assert_non_null(strstr(wait_of(scene->world, 101)->reason, reason));
	assert_int_equal(scene->world->findings.graph.cycles[0].count, 2);
	free_world(scene->world);
}

static void test_address_in_the_frames_of_a_thread_beside_idle_ones_is_a_suspicion(void **state)
{
	struct scene scene = new_scene(true);

	scene.stack[6] = LOCK_A;
	expect_reader(
		&scene, CERTAINTY_SUSPECTED, "suspected, the lock's address is in its frames");
}

static void test_address_in_a_saved_register_counts_as_one_on_the_stack(void **state)
{
	struct scene scene = new_scene(true);

	scene.world->snapshot.threads[1].saved[0] = LOCK_A;
	scene.world->snapshot.threads[1].saved_count = 1;
	expect_reader(&scene, CERTAINTY_SUSPECTED, "the lock's address is in its frames");
}

static void test_code_that_takes_the_lock_counts_where_the_stack_shows_nothing(void **state)
{
	struct scene scene = new_scene(true);

	write_call(scene.code, CODE, LOCK_A, 0x500000);
	expect_reader(&scene, CERTAINTY_SUSPECTED, "whose code takes it: read_table");
}

static void test_what_is_known_in_a_process_that_waits_whole_is_inferred(void **state)
{
	struct scene scene = new_scene(false);

	scene.stack[6] = LOCK_A;
	expect_reader(&scene, CERTAINTY_INFERRED, "the lock's address is in its frames");
}

static void test_only_thread_that_waits_for_the_writer_is_its_reader(void **state)
{
	struct scene scene = new_scene(false);

	expect_reader(
		&scene, CERTAINTY_INFERRED, "only this one waits for this lock by way of others");
}

static void expect_unknown(struct scene *scene)
{
	judge(scene->world);
	assert_null(wait_of(scene->world, 101)->owner);
	assert_int_equal(verdict_of(scene->world, 101), VERDICT_OWNER_UNKNOWN);
	assert_int_equal(scene->world->findings.graph.cycle_count, 0);
	free_world(scene->world);
}

static void test_without_evidence_nobody_is_suspected(void **state)
{
	struct scene scene = new_scene(true);

	expect_unknown(&scene);
}

static void test_lock_that_the_code_has_let_go_is_no_evidence(void **state)
{
	struct scene scene = new_scene(true);

	write_call(scene.code, CODE, LOCK_A, 0x500000);
	write_call(scene.code + CALL_BYTES, CODE + CALL_BYTES, LOCK_A, 0x500100);
	expect_unknown(&scene);
}

static void test_code_that_initializes_the_lock_is_no_evidence(void **state)
{
	struct scene scene = new_scene(true);

	write_call(scene.code, CODE, LOCK_A, 0x500200);
	expect_unknown(&scene);
}

/* It may read, and come back. */
static void test_thread_that_could_go_on_and_knows_the_lock_makes_it_no_cycle(void **state)
{
	struct scene scene = new_scene(true);

	scene.stack[6] = LOCK_A;
	((uint64_t *)scene.world->regions[0].bytes)[3] = LOCK_A;
	judge(scene.world);
	assert_null(wait_of(scene.world, 101)->owner);
	assert_non_null(strstr(wait_of(scene.world, 101)->reason, "one of:"));
	assert_int_equal(scene.world->findings.graph.cycle_count, 0);
	free_world(scene.world);
}

/* Whose frames are not known may hold anything. */
static void test_thread_that_runs_makes_it_no_cycle(void **state)
{
	struct scene scene = new_scene(true);

	add_thread(scene.world, 100, 104);
	scene.stack[6] = LOCK_A;
	judge(scene.world);
	assert_null(wait_of(scene.world, 101)->owner);
	free_world(scene.world);
}

static void test_suspicion_is_confirmed_only_when_it_is_old(void **state)
{
	for (int young = 0; young < 2; young++) {
		struct scene before = new_scene(true), now = new_scene(true);

		before.stack[6] = now.stack[6] = LOCK_A;
		if (young)
			now.world->snapshot.threads[1].asleep_ns = 100000000;
		judge(before.world);
		judge(now.world);
		findings__confirm(&now.world->findings, &before.world->findings, false);
		assert_int_equal(now.world->findings.deadlocks, !young);
		assert_int_equal(verdict_of(now.world, 101),
			young ? VERDICT_OWNER_UNKNOWN : VERDICT_DEADLOCK);
		free_world(before.world);
		free_world(now.world);
	}
}

/* --- a thread that has the lock itself: its code takes it again */

#define UPGRADE 0x407000
#define UPGRADE_PC (UPGRADE + 0x40)

static struct lock_frame upgrade_stack[] = {
	{.pc = 0x1010, .slot = 0x7000, .module = "libc.so.6"},
	{.pc = UPGRADE_PC,
		.slot = 0x7020,
		.function = "upgrade",
		.function_offset = UPGRADE_PC - UPGRADE,
		.called = "pthread_rwlock_wrlock@plt",
		.module = "app"},
};

/* lea @lock(%rip), %rbx: 7 bytes at @offset of the code. */
static void hold_address(uint8_t *code, size_t offset, uint64_t lock)
{
	memcpy(code + offset, "\x48\x8d\x1d", 3);
	put32(code + offset + 3, (int64_t)(lock - (UPGRADE + offset + 7)));
}

/* mov %rbx, %rdi; call @function: 8 bytes. */
static void hand_on(uint8_t *code, size_t offset, uint64_t function)
{
	memcpy(code + offset, "\x48\x89\xdf\xe8", 4);
	put32(code + offset + 4, (int64_t)(function - (UPGRADE + offset + 8)));
}

/* The writer of the scene upgrades: what its code does before it waits is in *code. */
static struct scene new_upgrade(uint8_t **code)
{
	struct scene scene = new_scene(true);

	set_stack(&scene.world->snapshot.threads[0], upgrade_stack, 2);
	*code = add_region(scene.world, 100, UPGRADE, 0x60);
	hold_address(*code, 0, LOCK_A);
	hand_on(*code, 8, 0x500000);
	return scene;
}

static void expect_self(struct scene *scene)
{
	judge(scene->world);
	assert_ptr_equal(wait_of(scene->world, 101)->owner, &scene->world->snapshot.threads[0]);
	assert_int_equal(wait_of(scene->world, 101)->certainty, CERTAINTY_SUSPECTED);
	assert_non_null(strstr(wait_of(scene->world, 101)->reason, "takes the lock twice"));
	free_world(scene->world);
}

static void test_thread_whose_code_takes_the_lock_twice_waits_for_itself(void **state)
{
	uint8_t *code;
	struct scene scene = new_upgrade(&code);

	hand_on(code, 0x38, 0x500300);
	expect_self(&scene);
}

static void test_lock_that_was_let_go_in_between_is_not_taken_twice(void **state)
{
	uint8_t *code;
	struct scene scene = new_upgrade(&code);

	hand_on(code, 0x20, 0x500100);
	hand_on(code, 0x38, 0x500300);
	expect_unknown(&scene);
}

static void test_register_that_holds_another_address_hands_no_lock_on(void **state)
{
	uint8_t *code;
	struct scene scene = new_upgrade(&code);

	hold_address(code, 0x20, LOCK_A + 0x1000);
	hand_on(code, 0x38, 0x500300);
	expect_unknown(&scene);
}

static void test_nobody_waits_for_himself_where_another_thread_knows_the_lock(void **state)
{
	uint8_t *code;
	struct scene scene = new_upgrade(&code);

	hand_on(code, 0x38, 0x500300);
	((uint64_t *)scene.world->regions[0].bytes)[3] = LOCK_A;
	expect_unknown(&scene);
}

/* The call that waits stands behind the code that lets go, and jumps back before it. */
static void test_code_that_is_jumped_back_before_has_not_run_yet(void **state)
{
	uint8_t *code;
	struct scene scene = new_upgrade(&code);

	hand_on(code, 0x18, 0x500300);
	hand_on(code, 0x28, 0x500100);
	code[0x40] = 0xeb;
	code[0x41] = (uint8_t)(0x20 - 0x42);
	expect_self(&scene);
}

/* --- Rust's rwlock: a state that readers wait on, and behind it a count that writers do */

static void test_rust_rwlock_is_one_lock_with_its_readers(void **state)
{
	static struct lock_frame reads[] = {
		{.pc = 0x1010, .slot = 0x7000, .function = "syscall", .module = "libc.so.6"},
		{.pc = 0x405010,
			.slot = 0x7020,
			.function = "<std::sys::sync::rwlock::futex::RwLock>::read_contended",
			.module = "app"},
		{.pc = 0x406010, .slot = 0x7040, .function = "app::get", .module = "app"},
	};
	static struct lock_frame writes[] = {
		{.pc = 0x1010, .slot = 0x7000, .function = "syscall", .module = "libc.so.6"},
		{.pc = 0x405110,
			.slot = 0x7020,
			.function = "<std::sys::sync::rwlock::futex::RwLock>::write_contended",
			.module = "app"},
		{.pc = 0x406110, .slot = 0x7040, .function = "app::set", .module = "app"},
	};
	struct world *world = new_world(4, 1);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_A, WAIT_PRIVATE, 0xc0000001);
	block(add_thread(world, 100, 102), LOCK_A + 4, WAIT_PRIVATE, 0);
	set_stack(&world->snapshot.threads[0], reads, 3);
	set_stack(&world->snapshot.threads[1], writes, 3);
	((uint32_t *)add_region(world, 100, LOCK_A, 8))[0] = 0xc0000001;
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_READ_LOCK);
	assert_int_equal(wait_of(world, 102)->kind, WAIT_WRITE_LOCK);
	assert_int_equal(wait_of(world, 102)->address, LOCK_A);
	assert_int_equal(wait_of(world, 102)->state.readers, 1);
	assert_int_equal(wait_of(world, 101)->owner->tid, 102);
	assert_int_equal(wait_of(world, 102)->owner->tid, 101);
	free_world(world);
}

/* A mutex that thread 101 waits for, of a process with so many threads. */
static void expect_rust_mutex(size_t threads, bool forked, bool self)
{
	struct lock_frame takes[] = {
		{.pc = 0x405010,
			.slot = 0x7000,
			.function = "<std::sys::sync::mutex::futex::Mutex>::lock_contended",
			.module = "app"},
		{.pc = 0x406010, .slot = 0x7020, .function = "app::add", .module = "app"},
	};
	struct world *world = new_world(4, 1);

	add_process(world, 100, LIBC_GLIBC);
	world->snapshot.processes[0].forked = forked;
	world->snapshot.processes[0].parent_threads = 2;
	for (size_t i = 0; i < threads; i++) {
		block(add_thread(world, 100, 101 + i), i ? LOCK_B : LOCK_A, WAIT_PRIVATE, 2);
		set_stack(&world->snapshot.threads[i], takes, 2);
	}
	((uint32_t *)add_region(world, 100, LOCK_A, 8))[0] = 2;
	((uint32_t *)add_region(world, 100, LOCK_B, 8))[0] = 2;
	judge(world);
	assert_int_equal(wait_of(world, 101)->kind, WAIT_RUNTIME);
	assert_int_equal(wait_of(world, 101)->owner == &world->snapshot.threads[0], self);
	free_world(world);
}

static void test_the_only_thread_of_a_process_has_what_it_waits_for(void **state)
{
	(void)state;
	expect_rust_mutex(1, false, true);
	expect_rust_mutex(2, false, false);
	expect_rust_mutex(1, true, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_address_in_the_frames_of_a_thread_beside_idle_ones_is_a_suspicion),
		cmocka_unit_test(test_address_in_a_saved_register_counts_as_one_on_the_stack),
#if defined(__x86_64__)
		cmocka_unit_test(
			test_code_that_takes_the_lock_counts_where_the_stack_shows_nothing),
#endif
		cmocka_unit_test(test_what_is_known_in_a_process_that_waits_whole_is_inferred),
		cmocka_unit_test(test_only_thread_that_waits_for_the_writer_is_its_reader),
		cmocka_unit_test(test_without_evidence_nobody_is_suspected),
		cmocka_unit_test(test_lock_that_the_code_has_let_go_is_no_evidence),
		cmocka_unit_test(test_code_that_initializes_the_lock_is_no_evidence),
		cmocka_unit_test(test_thread_that_could_go_on_and_knows_the_lock_makes_it_no_cycle),
		cmocka_unit_test(test_thread_that_runs_makes_it_no_cycle),
		cmocka_unit_test(test_suspicion_is_confirmed_only_when_it_is_old),
#if defined(__x86_64__)
		cmocka_unit_test(test_thread_whose_code_takes_the_lock_twice_waits_for_itself),
		cmocka_unit_test(test_lock_that_was_let_go_in_between_is_not_taken_twice),
		cmocka_unit_test(test_register_that_holds_another_address_hands_no_lock_on),
		cmocka_unit_test(test_nobody_waits_for_himself_where_another_thread_knows_the_lock),
		cmocka_unit_test(test_code_that_is_jumped_back_before_has_not_run_yet),
#endif
		cmocka_unit_test(test_rust_rwlock_is_one_lock_with_its_readers),
		cmocka_unit_test(test_the_only_thread_of_a_process_has_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
